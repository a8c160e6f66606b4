//! What a command that asks a running server is told: whom to ask, as whom, and about what.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

use super::{Secret, SettingArgs, SettingError, StorageArgs, TokenKeyArgs, listen};

/// `rollcall explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
The exit status: 0 when the verdict is delivered, read or sent; 1 when it is any other; 2 when nobody could be asked.

Whoever asks is an admin or an observer: by ROLLCALL_TOKEN; else by ROLLCALL_USERNAME (admin) and ROLLCALL_PASSWORD; else, \
where the server's data directory can be read, by a token made here for a minute; else the password is asked for.

A server that does not answer is not asked: then its database is read here.

--url may name another machine's server: then --data-dir is not used, neither for a token nor to read the database.")]
pub struct ExplainArgs {
    /// The message, by its id
    #[arg(long, value_name = "ID", conflicts_with_all = ["conversation", "client_message_id"])]
    pub message: Option<String>,
    /// The conversation: would a message of it reach the user now?
    #[arg(long, value_name = "ID", required_unless_present = "message")]
    pub conversation: Option<String>,
    /// The sender's own id of a message of the conversation: what became of it, was it saved at all?
    #[arg(long, value_name = "ID", requires = "conversation")]
    pub client_message_id: Option<String>,
    /// Who should have it: a username or a user's id [default with --client-message-id: its sender]
    #[arg(long, value_name = "USER", required_unless_present = "client_message_id")]
    pub user: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    /// The server [default: where the settings of this machine say that it listens]
    #[arg(long, env = "ROLLCALL_URL", value_name = "URL")]
    pub url: Option<String>,
    /// An admin's or observer's token. Prefer the variable: other users of the machine can read flags
    #[arg(long, env = "ROLLCALL_TOKEN", value_name = "SECRET", hide_env_values = true)]
    pub token: Option<Secret>,
    /// Who asks, when there is no token
    #[arg(long, env = "ROLLCALL_USERNAME", default_value = "admin")]
    pub username: String,
    /// Their password. Prefer the variable
    #[arg(long, env = "ROLLCALL_PASSWORD", value_name = "SECRET", hide_env_values = true)]
    pub password: Option<Secret>,
    #[arg(long, env = "ROLLCALL_BIND", hide = true)]
    bind: Option<String>,
    #[arg(long, env = "PORT", hide = true)]
    port: Option<String>,
    #[arg(long, env = "ROLLCALL_ADMIN_BIND", hide = true)]
    admin_bind: Option<String>,
    /// Where the facts are, for a server that does not answer.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// What signs a token that is made here.
    #[command(flatten)]
    pub keys: TokenKeyArgs,
}

/// Where a server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Where its REST is.
    pub rest: String,
    /// Where its admin is.
    pub admin: String,
    /// Somebody said so: it may be another machine's, and this machine's database is not its.
    pub named: bool,
}

impl ExplainArgs {
    /// Whom to ask.
    pub fn address(&self) -> Result<Address, SettingError> {
        if let Some(url) = self.url.as_deref().map(str::trim).filter(|url| !url.is_empty()) {
            return Ok(Address {
                rest: url.to_owned(),
                admin: url.to_owned(),
                named: true,
            });
        }
        let settings = SettingArgs {
            bind: self.bind.clone(),
            port: self.port.clone(),
            admin_bind: self.admin_bind.clone(),
            ..SettingArgs::default()
        };
        let bind = listen::bind(&settings)?;
        let admin = listen::admin_bind(&settings, bind)?.unwrap_or(bind);
        Ok(Address {
            rest: url_of(bind),
            admin: url_of(admin),
            named: false,
        })
    }
}

/// Whoever listens everywhere is reached here at the loopback address.
fn url_of(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let here = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port());
        return format!("http://{here}");
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::settings::{Cli, Command};

    fn parsed(line: &str) -> Result<ExplainArgs, clap::Error> {
        let words = ["rollcall", "explain"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words)?.command {
            Command::Explain(args) => Ok(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_three_forms_and_nothing_else() {
        for right in [
            "--message m --user u",
            "--conversation c --user u",
            "--client-message-id x --conversation c",
            "--client-message-id x --conversation c --user u",
        ] {
            assert!(parsed(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "--user u",
            "--message m",
            "--conversation c",
            "--client-message-id x --user u",
            "--message m --conversation c --user u",
            "--message m --client-message-id x --user u",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_server_is_where_the_settings_say() {
        let address = |line: &str| {
            let args = parsed(&format!("--message m --user u {line}")).unwrap();
            let address = args.address().unwrap();
            (address.rest, address.admin, address.named)
        };
        let here = |rest: &str, admin: &str| (rest.to_owned(), admin.to_owned(), false);
        assert_eq!(
            address("--bind 10.0.0.1:80"),
            here("http://10.0.0.1:80", "http://10.0.0.1:80")
        );
        assert_eq!(address("--port 81"), here("http://127.0.0.1:81", "http://127.0.0.1:81"));
        assert_eq!(
            address("--bind [::]:82 --admin-bind [::1]:83"),
            here("http://127.0.0.1:82", "http://[::1]:83")
        );
        let named = "https://chat.example.org".to_owned();
        assert_eq!(
            address("--bind [::]:82 --url https://chat.example.org"),
            (named.clone(), named, true)
        );
        assert!(
            parsed("--message m --user u --bind nowhere")
                .unwrap()
                .address()
                .is_err()
        );
    }
}
