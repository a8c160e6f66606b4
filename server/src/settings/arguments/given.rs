//! What was given for one setting, with the names that an error calls it by.

use crate::settings::{NotAllowed, Secret, SettingError};

/// One setting's text with its names.
#[derive(Debug, Clone, Copy)]
pub(in crate::settings) struct Setting<'a> {
    pub(in crate::settings) variable: &'static str,
    pub(in crate::settings) flag: &'static str,
    pub(in crate::settings) given: Option<&'a str>,
    pub(in crate::settings) default: &'static str,
}

/// The longest value that an error repeats: one line on a screen, and enough to find it again.
const SHOWN_CHARS_MAX: usize = 100;

impl<'a> Setting<'a> {
    /// What was given, if it is anything.
    pub(in crate::settings) fn given(self) -> Option<&'a str> {
        self.given.map(str::trim).filter(|text| !text.is_empty())
    }

    pub(in crate::settings) fn or_default(self) -> &'a str {
        self.given().unwrap_or(self.default)
    }

    pub(in crate::settings) fn parse<T>(
        self,
        parse: impl FnOnce(&str) -> Result<T, NotAllowed>,
    ) -> Result<T, SettingError> {
        let text = self.or_default();
        parse(text).map_err(|allowed| self.error(text, allowed))
    }

    pub(in crate::settings) fn parse_if_set<T>(
        self,
        parse: impl FnOnce(&str) -> Result<T, NotAllowed>,
    ) -> Result<Option<T>, SettingError> {
        self.given()
            .map(|text| parse(text).map_err(|allowed| self.error(text, allowed)))
            .transpose()
    }

    pub(in crate::settings) fn error(self, text: &str, allowed: NotAllowed) -> SettingError {
        SettingError {
            variable: self.variable,
            flag: self.flag,
            value: Self::shown(text),
            allowed: allowed.0,
        }
    }

    /// A value fit for one line: quoted, escaped, cut.
    pub(in crate::settings) fn shown(text: &str) -> String {
        if text.chars().count() > SHOWN_CHARS_MAX {
            let cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            format!("is {cut:?}…")
        } else {
            format!("is {text:?}")
        }
    }
}

/// One secret setting with its names.
#[derive(Debug, Clone, Copy)]
pub(in crate::settings) struct SecretSetting<'a> {
    pub(in crate::settings) variable: &'static str,
    pub(in crate::settings) flag: &'static str,
    pub(in crate::settings) given: Option<&'a Secret>,
}

impl SecretSetting<'_> {
    pub(in crate::settings) fn parse_if_set(
        self,
        check: impl FnOnce(&str) -> Result<(), NotAllowed>,
    ) -> Result<Option<Secret>, SettingError> {
        let Some(secret) = self.given.filter(|secret| !secret.expose().is_empty()) else {
            return Ok(None);
        };
        check(secret.expose()).map_err(|allowed| SettingError {
            variable: self.variable,
            flag: self.flag,
            value: "is a secret that is not shown".to_owned(),
            allowed: allowed.0,
        })?;
        Ok(Some(secret.clone()))
    }
}
