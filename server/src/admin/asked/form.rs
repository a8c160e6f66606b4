//! What a filter form says again.

use super::Asked;

/// What a list's filter form says again, so that a new search keeps order and length.
#[derive(Debug, Clone)]
pub(crate) struct FilterForm {
    /// What was typed.
    pub(crate) text: String,
    pub(crate) sort: String,
    pub(crate) page_size: String,
    /// Some filter is set.
    pub(crate) set: bool,
    /// The list without any filter.
    pub(crate) clear: String,
}

impl FilterForm {
    /// `fields` are the parameters that filter.
    pub(crate) fn new(asked: &Asked, fields: &[&str]) -> Self {
        let cleared: Vec<(&str, &str)> = fields.iter().chain(&["page"]).map(|field| (*field, "")).collect();
        Self {
            text: asked.shown("q"),
            sort: asked.shown("sort"),
            page_size: asked.shown("page_size"),
            set: fields.iter().any(|field| asked.get(field).is_some()),
            clear: asked.link(&cleared),
        }
    }
}
