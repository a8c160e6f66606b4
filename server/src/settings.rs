//! What the operator decides: flags, each with an environment variable, parsed once into types that cannot be wrong.
//!
//! In: the command line and the environment. Out: [`Settings`]. Guarantee: a wrong value ends the start with one line that
//! names the variable, the value (never a secret's) and what is allowed; no part of the server reads the environment
//! itself; and showing settings with `{:?}` shows no secret.
//!
//! A variable that is set to nothing at all (`REDIS_URL=`, as compose files write it) counts as not set.

use std::net::SocketAddr;
use std::path::PathBuf;

mod arguments;
mod asking;
mod database;
mod listen;
mod origins;
mod proxies;
mod secrets;
mod traces;
mod values;
mod webhook;

pub use arguments::{
    BackupArgs, Cli, Command, ExportArgs, MigrateArgs, PasswordArgs, ServeArgs, SettingArgs, StorageArgs, TokenArgs,
    TokenCommand, TokenKeyArgs, UserArgs, UserCommand, command_line,
};
pub use asking::{Address, ExplainArgs};
pub use database::Database;
pub use origins::{AllowedOrigins, Origin};
pub use proxies::{TrustedProxies, client_address};
pub(crate) use secrets::hex;
pub use secrets::{DataDirError, JWT_SECRET_FILE, Secret, jwt_secret, open_data_dir};
pub(crate) use traces::otlp_headers;
pub use values::{AdminUi, AdminUiMode, Per, Rate, Rates, Registration};

use arguments::Setting;

use crate::faults::Faults;
use crate::telemetry::logs::LogFormat;
use crate::telemetry::traces::TraceSettings;
use crate::webhook::WebhookSettings;

/// Everything that the operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients connect.
    pub bind: SocketAddr,
    /// Database and generated secrets.
    pub storage: Storage,
    /// How tokens are verified.
    pub token_keys: TokenKeys,
    /// Which pages of browsers may connect.
    pub allowed_origins: AllowedOrigins,
    /// Make an account on first sight of a valid foreign token.
    pub auto_provision: bool,
    /// Who may make accounts.
    pub registration: Registration,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// The password of user `admin`; generated when there is none.
    pub admin_password: Option<Secret>,
    /// A listener of its own for `/admin` and `/metrics`.
    pub admin_bind: Option<SocketAddr>,
    /// What `/metrics` asks for as a bearer token.
    pub metrics_token: Option<Secret>,
    /// The two probe users.
    pub canary: bool,
    /// The protocol of the official Admin UI.
    pub admin_ui: AdminUi,
    /// How often something may be done.
    pub rates: Rates,
    /// A message's content at most, in bytes of UTF-8.
    pub max_message_bytes: usize,
    /// Another server that is told what happens.
    pub webhook: Option<WebhookSettings>,
    /// After this a message's content is emptied; `None`: never.
    pub retention: Option<std::time::Duration>,
    /// A collector that is told the ways of messages; `None`: nothing is traced.
    pub traces: Option<TraceSettings>,
    /// The filter of the log, as `tracing` reads it.
    pub log: String,
    /// How a line of the log looks.
    pub log_format: LogFormat,
    /// Fill an empty database with the demo's people.
    pub demo: bool,
    /// What fails on purpose, for tests.
    pub faults: Faults,
}

/// Where facts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Holds the SQLite file and the generated secrets.
    pub data_dir: PathBuf,
    /// The database.
    pub database: Database,
}

/// What tokens are verified with.
#[derive(Debug, Clone)]
pub struct TokenKeys {
    /// The HS256 key; generated into the data directory when there is none.
    pub jwt_secret: Option<Secret>,
    /// The public key of another issuer, a PEM file.
    pub jwt_public_key_file: Option<PathBuf>,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} (--{flag}) {value}: {allowed}")]
pub struct SettingError {
    /// The environment variable.
    pub variable: &'static str,
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// What was given, fit to be printed.
    pub value: String,
    /// What is allowed instead.
    pub allowed: String,
}

/// Why a value was refused: what is allowed, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAllowed(pub String);

impl NotAllowed {
    fn new(allowed: impl Into<String>) -> Self {
        Self(allowed.into())
    }
}

impl Settings {
    /// Parses what was given; the first value that is wrong is the error.
    pub fn parse(args: &SettingArgs) -> Result<Self, SettingError> {
        let bind = listen::bind(args)?;
        Ok(Self {
            bind,
            storage: Storage::parse(&args.storage)?,
            token_keys: TokenKeys::parse(&args.token_keys)?,
            allowed_origins: origins::from_args(args, bind)?,
            auto_provision: args.auto_provision().parse(values::switch)?,
            registration: args.registration().parse(Registration::parse)?,
            trusted_proxies: args
                .trusted_proxies()
                .parse_if_set(TrustedProxies::parse)?
                .unwrap_or_default(),
            admin_password: secrets::admin_password(args)?,
            admin_bind: listen::admin_bind(args, bind)?,
            metrics_token: secrets::metrics_token(args)?,
            canary: args.canary().parse(values::switch)?,
            admin_ui: args.admin_ui().parse(AdminUi::parse)?,
            rates: Rates {
                messages: args.rate_messages().parse(Rate::parse)?,
                connects: args.rate_connects().parse(Rate::parse)?,
                logins: args.rate_logins().parse(Rate::parse)?,
            },
            max_message_bytes: args.max_message_bytes().parse(values::message_bytes)?,
            webhook: webhook::from_args(args)?,
            retention: args.retention_days().parse_if_set(values::days)?,
            traces: traces::from_args(args)?,
            log: args.log().parse(values::log_filter)?,
            log_format: args
                .log_format()
                .parse_if_set(values::log_format)?
                .unwrap_or_else(LogFormat::detected),
            demo: false,
            faults: Faults::default(),
        })
    }
}

impl Storage {
    /// Parses where facts are kept.
    pub fn parse(args: &StorageArgs) -> Result<Self, SettingError> {
        let data_dir = PathBuf::from(args.data_dir().or_default());
        let database = args
            .database_url()
            .parse_if_set(Database::parse)
            .map_err(|error| SettingError {
                value: Setting::shown(&database::without_password(args.database_url().or_default())),
                ..error
            })?
            .unwrap_or_else(|| Database::in_data_dir(&data_dir));
        database::refuse_bus(args)?;
        Ok(Self { data_dir, database })
    }
}

impl TokenKeys {
    /// Parses what tokens are verified with.
    pub fn parse(args: &TokenKeyArgs) -> Result<Self, SettingError> {
        Ok(Self {
            jwt_secret: secrets::given_jwt_secret(args)?,
            jwt_public_key_file: args
                .jwt_public_key_file()
                .parse_if_set(|path| Ok(PathBuf::from(path)))?,
        })
    }
}

#[cfg(test)]
mod tests;
