//! The command line, as clap sees it: text only. What the text means is decided by [`super::Settings::parse`], so that a
//! wrong value is reported the same way whether a flag or the environment brought it.

mod given;
mod user;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

pub(super) use self::given::{SecretSetting, Setting};
pub use self::user::{PasswordArgs, TokenArgs, TokenCommand, UserArgs, UserCommand};
use super::{ExplainArgs, Secret};

/// Rollcall: a chat server that takes a roll call of every message.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Command,
}

/// What `rollcall` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve chat. This is what `rollcall` alone does
    Serve(Box<ServeArgs>),
    /// Make, list and change accounts, and issue tokens
    User(Box<UserArgs>),
    /// Bring the database to this version's schema and stop
    Migrate(MigrateArgs),
    /// Copy the whole database into a new file, beside a running server
    Backup(BackupArgs),
    /// Write conversations with their messages as lines of JSON to standard output
    Export(ExportArgs),
    /// Read what `export` wrote from standard input
    Import(StorageArgs),
    /// Check configuration, secrets, origins and the database; the exit status says whether all is well
    Check(Box<SettingArgs>),
    /// Say why somebody has, or has not, a message; the exit status says whether they have it
    Explain(Box<ExplainArgs>),
}

/// `rollcall serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Fill an empty database with alice, bob and carol (password `demo`) and some conversations
    #[arg(long)]
    pub demo: bool,
    /// Everything else.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// `rollcall migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The database was restored from a copy that `rollcall backup` did not make: begin a new epoch, so that clients that hold newer
    /// messages reload
    #[arg(long)]
    pub new_epoch: bool,
    /// Where the database is.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// `rollcall backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make; it must not exist
    pub file: std::path::PathBuf,
    /// Where the database is.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// `rollcall export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Only this conversation
    #[arg(long, value_name = "ID")]
    pub conversation: Option<String>,
    /// Where the database is.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Declares a struct of arguments, each a flag with its variable, and for each a method that gives the [`Setting`]: the
/// names stand in one place only.
macro_rules! settings {
    (
        $(#[$struct_doc:meta])* $name:ident {
            $($(#[$doc:meta])* $field:ident: $env:literal, $flag:literal, $value_name:literal $(, default $default:literal)?;)*
        }
        secrets { $($(#[$secret_doc:meta])* $secret:ident: $secret_env:literal, $secret_flag:literal;)* }
        flattened { $($(#[$part_doc:meta])* $part:ident: $part_type:ty;)* }
    ) => {
        $(#[$struct_doc])*
        #[derive(Debug, Clone, Default, Args)]
        pub struct $name {
            $(
                $(#[$doc])*
                #[arg(long = $flag, env = $env, value_name = $value_name, hide_env_values = true, allow_hyphen_values = true
                      $(, default_value = $default)?)]
                pub $field: Option<String>,
            )*
            $(
                $(#[$secret_doc])*
                #[arg(long = $secret_flag, env = $secret_env, value_name = "SECRET", hide_env_values = true)]
                pub $secret: Option<Secret>,
            )*
            $(
                $(#[$part_doc])*
                #[command(flatten)]
                pub $part: $part_type,
            )*
        }

        impl $name {
            $(
                pub(super) fn $field(&self) -> Setting<'_> {
                    let default = [$($default)?].first().copied().unwrap_or_default();
                    Setting { variable: $env, flag: $flag, given: self.$field.as_deref(), default }
                }
            )*
            $(
                pub(super) fn $secret(&self) -> SecretSetting<'_> {
                    SecretSetting { variable: $secret_env, flag: $secret_flag, given: self.$secret.as_ref() }
                }
            )*
        }
    };
}

settings! {
    /// Where facts are kept.
    StorageArgs {
        /// The directory of the SQLite file and of generated secrets
        data_dir: "ROLLCALL_DATA_DIR", "data-dir", "DIR", default "./rollcall-data";
        /// `sqlite://path` [default: rollcall.db in the data directory]
        database_url: "DATABASE_URL", "database-url", "URL";
        /// The bus between nodes; needs PostgreSQL
        redis_url: "REDIS_URL", "redis-url", "URL";
    }
    secrets {}
    flattened {}
}

settings! {
    /// What tokens are verified with.
    TokenKeyArgs {
        /// The public key of another issuer of tokens (RS256, ES256 or `EdDSA`), a PEM file
        jwt_public_key_file: "JWT_PUBLIC_KEY_FILE", "jwt-public-key-file", "FILE";
    }
    secrets {
        /// The HS256 key, at least 32 bytes [default: generated once into the data directory]. Prefer the
        /// variable: other users of the machine can read flags
        jwt_secret: "JWT_SECRET", "jwt-secret";
    }
    flattened {}
}

settings! {
    /// Every setting of the server.
    SettingArgs {
        /// The address to listen on [default: 127.0.0.1:4600]
        bind: "ROLLCALL_BIND", "bind", "ADDRESS:PORT";
        /// Listen on this port of every address; --bind wins over it
        port: "PORT", "port", "PORT";
        /// The origins of pages that may connect: a comma list, a JSON list, or * [default:
        /// http://localhost:4600,http://127.0.0.1:4600, and the same with the port that is listened on]
        allowed_origins: "ALLOWED_ORIGINS", "allowed-origins", "ORIGINS";
        /// Make an account on first sight of a valid foreign token
        auto_provision: "ROLLCALL_AUTO_PROVISION", "auto-provision", "true|false", default "false";
        /// closed: only `rollcall user add` and provisioning make accounts
        registration: "ROLLCALL_REGISTRATION", "registration", "open|closed", default "open";
        /// Addresses or CIDRs, a comma list, whose X-Forwarded-For is believed
        trusted_proxies: "ROLLCALL_TRUSTED_PROXIES", "trusted-proxies", "ADDRESSES";
        /// A listener of its own for /admin and /metrics
        admin_bind: "ROLLCALL_ADMIN_BIND", "admin-bind", "ADDRESS:PORT";
        /// The two built-in users that probe the way of a message
        canary: "ROLLCALL_CANARY", "canary", "on|off", default "on";
        /// The protocol of the official Socket.IO Admin UI: off, production or development; with ,readonly no
        /// command is accepted
        admin_ui: "ROLLCALL_ADMIN_UI", "admin-ui", "MODE", default "production";
        /// Messages per user, as in 20/s, 100/m, 1000/h, or off
        rate_messages: "ROLLCALL_RATE_MESSAGES", "rate-messages", "RATE", default "20/s";
        /// Connects per address
        rate_connects: "ROLLCALL_RATE_CONNECTS", "rate-connects", "RATE", default "50/s";
        /// Sign-ins and registrations per address
        rate_logins: "ROLLCALL_RATE_LOGINS", "rate-logins", "RATE", default "10/m";
        /// A message's content at most, in bytes of UTF-8
        max_message_bytes: "ROLLCALL_MAX_MESSAGE_BYTES", "max-message-bytes", "BYTES", default "16384";
        /// Messages are emptied after so many days; their numbers stay [default: never]
        retention_days: "ROLLCALL_RETENTION_DAYS", "retention-days", "DAYS";
        /// Another server that is told what happens, by signed requests
        webhook_url: "ROLLCALL_WEBHOOK_URL", "webhook-url", "URL";
        /// What it is told
        webhook_events: "ROLLCALL_WEBHOOK_EVENTS", "webhook-events", "KINDS", default "message,message_updated,receipts,presence,undelivered";
        /// Traces are sent to this collector by OTLP over HTTP, to /v1/traces below it [default: none are made]
        otlp_endpoint: "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp-endpoint", "URL";
        /// The share of messages that is traced, 0 to 1; a request with a `traceparent` is as that says
        trace_ratio: "OTEL_TRACES_SAMPLER_ARG", "trace-ratio", "RATIO", default "1";
        /// The name of this service among the traces
        trace_service: "OTEL_SERVICE_NAME", "trace-service", "NAME", default "rollcall";
        /// What is logged, as in `info` or `rollcall_server=debug,info`
        log: "ROLLCALL_LOG", "log", "FILTER", default "info";
        /// How a line of the log looks [default: pretty on a terminal, else json]
        log_format: "ROLLCALL_LOG_FORMAT", "log-format", "pretty|json";
    }
    secrets {
        /// The password of user `admin` [default: generated and printed once]
        admin_password: "ROLLCALL_ADMIN_PASSWORD", "admin-password";
        /// The bearer token that /metrics asks for
        metrics_token: "ROLLCALL_METRICS_TOKEN", "metrics-token";
        /// Headers of the requests to the collector, as in api-key=…,other=…
        otlp_headers: "OTEL_EXPORTER_OTLP_HEADERS", "otlp-headers";
        /// What requests of the webhook are signed with, at least 16 bytes
        webhook_secret: "ROLLCALL_WEBHOOK_SECRET", "webhook-secret";
    }
    flattened {
        /// Where facts are kept.
        storage: StorageArgs;
        /// What tokens are verified with.
        token_keys: TokenKeyArgs;
    }
}

/// Reads the command line. `rollcall` alone, and `rollcall --some-flag`, mean `rollcall serve`.
pub fn command_line(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let means_serve = args.get(1).is_none_or(|first| {
        let text = first.to_string_lossy();
        text.starts_with('-') && !matches!(&*text, "-h" | "--help" | "-V" | "--version")
    });
    if means_serve {
        let at = args.len().min(1);
        args.insert(at, OsString::from("serve"));
    }
    Cli::try_parse_from(args)
}
