//! Tracing: what is logged (`ROLLCALL_LOG`) and how it looks (`ROLLCALL_LOG_FORMAT`). Everything goes to standard error,
//! so that standard output belongs to the commands.

use std::io::IsTerminal;

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object per line, for collectors.
    Json,
}

/// A text that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("allowed are pretty and json")]
pub struct UnknownLogFormat;

impl LogFormat {
    /// What is right for where standard error goes: pretty on a terminal, else JSON.
    pub fn detected() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Pretty
        } else {
            Self::Json
        }
    }
}

impl std::str::FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLogFormat),
        }
    }
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// `ROLLCALL_LOG` is no filter.
    #[error(
        "{filter:?} is no log filter ({source}); allowed is a level (error, warn, info, debug, trace, off) or directives as in info,rollcall_server::store=debug"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Something else logs already.
    #[error("logging was begun twice")]
    Begun(#[from] TryInitError),
}

/// Checks a filter without beginning to log.
pub fn parse_filter(filter: &str) -> Result<EnvFilter, LogError> {
    EnvFilter::builder().parse(filter).map_err(|source| LogError::Filter {
        filter: filter.to_owned(),
        source,
    })
}

/// Begins to log. Once per process, from `main`.
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let registry = tracing_subscriber::registry().with(parse_filter(filter)?);
    let lines = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => registry
            .with(lines.with_ansi(std::io::stderr().is_terminal()).with_target(false))
            .try_init()?,
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_or_directives() {
        for good in [
            "info",
            "off",
            "warn,rollcall_server=trace",
            "info,rollcall_server::store=debug",
            "",
        ] {
            assert!(parse_filter(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_bad_filter_says_what_is_allowed() {
        let error = parse_filter("info,rollcall=loud").unwrap_err().to_string();
        assert!(error.contains("loud") && error.contains("allowed is"), "{error}");
    }

    #[test]
    fn formats() {
        assert_eq!("json".parse(), Ok(LogFormat::Json));
        assert_eq!("pretty".parse(), Ok(LogFormat::Pretty));
        assert_eq!("JSONL".parse::<LogFormat>(), Err(UnknownLogFormat));
    }
}
