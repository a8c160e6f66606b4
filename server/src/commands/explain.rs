//! `rollcall explain`: why has somebody this message, or why not?

mod shown;
mod stored;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use chat_core::UserId;
use chat_core::explain::{Explanation, Status};
use rollcall_client::{Rest, RestError};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use self::stored::StoredError;
use super::CommandError;
use super::user::token_of;
use crate::settings::{Address, Database, ExplainArgs, JWT_SECRET_FILE, SettingError, Storage};

/// How long a token lives that is made here to ask with.
const OWN_TOKEN: Duration = Duration::from_mins(1);

/// What to print, and what the exit status is to say.
#[derive(Debug)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// For standard error: what to know about where the answer comes from.
    pub note: Option<String>,
    /// The verdict is delivered, read or sent.
    pub arrived: bool,
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// `--url`.
    #[error("--url: {0}")]
    Url(#[from] rollcall_client::InvalidUrl),
    /// A token could not be made here.
    #[error("a token to ask with could not be made: {0}")]
    Token(#[from] CommandError),
    /// No token, no password, and nobody to ask for one.
    #[error("who asks? Set ROLLCALL_TOKEN, or ROLLCALL_USERNAME and ROLLCALL_PASSWORD, of an admin or observer")]
    NoToken,
    /// The same, of a server that `--url` named.
    #[error(
        "who asks? Set ROLLCALL_TOKEN, or ROLLCALL_USERNAME and ROLLCALL_PASSWORD, of an admin or observer of {url}: a server that \
         --url names may be another machine's, so nothing of --data-dir is used for it (without --url, --port or --bind says \
         where the server of this machine listens)"
    )]
    NoTokenFor {
        /// Which server.
        url: String,
    },
    /// The terminal.
    #[error("the password could not be read: {0}")]
    Prompt(io::Error),
    /// The server's answer, or that there is none.
    #[error("{url}: {error}{}", hint(.error))]
    Asked {
        /// Which server.
        url: String,
        /// What it said.
        error: RestError,
    },
    /// Neither the server nor its database answers.
    #[error("{url}: {error}; and its database cannot be read instead: {stored}")]
    Nobody {
        /// Which server.
        url: String,
        /// What it said.
        error: RestError,
        /// Why not the database.
        stored: Box<StoredError>,
    },
    /// The answer could not be written as JSON.
    #[error("the answer cannot be written: {0}")]
    Encode(#[from] serde_json::Error),
}

fn hint(error: &RestError) -> String {
    match error {
        RestError::Refused { error, .. } => error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default(),
        RestError::Unreachable(_) | RestError::BadAnswer { .. } => String::new(),
    }
}

/// `rollcall explain`.
pub async fn explain(args: &ExplainArgs) -> Result<Answer, ExplainError> {
    let address = args.address()?;
    let rest = Rest::new(&address.rest)?;
    let (told, note) = match rest.alive().await {
        Ok(()) => (ask(args, &address, &rest).await?, None),
        // Another machine's database is not here.
        Err(error) if address.named => {
            let url = address.rest;
            return Err(ExplainError::Asked { url, error });
        }
        Err(error) => from_store(args, &address, error).await?,
    };
    Ok(Answer {
        text: if args.json {
            serde_json::to_string_pretty(&told)?
        } else {
            shown::Shown(&told).to_string()
        },
        note,
        arrived: matches!(told.verdict, Status::Delivered | Status::Read | Status::Sent),
    })
}

async fn from_store(
    args: &ExplainArgs,
    address: &Address,
    error: RestError,
) -> Result<(Explanation, Option<String>), ExplainError> {
    let url = address.rest.clone();
    match stored::explain(args).await {
        Ok((told, path)) => {
            let path = path.display();
            let note = format!(
                "no server answers at {url} ({error}); this is what its database {path} says, and the server being down is part of it"
            );
            Ok((told, Some(note)))
        }
        Err(stored) => Err(ExplainError::Nobody {
            url,
            error,
            stored: Box::new(stored),
        }),
    }
}

async fn ask(args: &ExplainArgs, address: &Address, rest: &Rest) -> Result<Explanation, ExplainError> {
    let refused = |url: &str| {
        let url = url.to_owned();
        move |error| ExplainError::Asked { url, error }
    };
    let token = token(args, address, rest).await?;
    let user = match args.user.as_deref() {
        Some(named) => id_of(rest, &token, named).await.map_err(refused(&address.rest))?,
        None => None,
    };
    let mut about = Vec::new();
    for (field, value) in [
        ("message_id", args.message.as_deref()),
        ("conversation_id", args.conversation.as_deref()),
        ("client_message_id", args.client_message_id.as_deref()),
        ("user_id", user.as_ref().map(UserId::as_str).or(args.user.as_deref())),
    ] {
        about.extend(value.map(|value| (field, value)));
    }
    let admin = Rest::new(&address.admin)?;
    admin.explain(&token, &about).await.map_err(refused(&address.admin))
}

/// People know usernames; the server wants ids. What is no username goes through as it is, and the server judges it.
async fn id_of(rest: &Rest, token: &str, named: &str) -> Result<Option<UserId>, RestError> {
    let username = named.to_lowercase();
    match rest.users(token, &username).await {
        Ok(users) => Ok(users
            .into_iter()
            .find(|user| user.username == username)
            .map(|user| user.id)),
        // An address that serves only the admin.
        Err(RestError::Refused { status: 404, .. } | RestError::BadAnswer { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn token(args: &ExplainArgs, address: &Address, rest: &Rest) -> Result<String, ExplainError> {
    if let Some(token) = args.token.as_ref().filter(|token| !token.expose().is_empty()) {
        return Ok(token.expose().to_owned());
    }
    let given = args.password.as_ref().filter(|password| !password.expose().is_empty());
    let password = match given {
        Some(password) => password.expose().to_owned(),
        None if !address.named && is_of_this_machine(args)? => {
            return Ok(token_of(&args.storage, &args.keys, &args.username, OWN_TOKEN).await?);
        }
        None => asked_password(&args.username)?.ok_or_else(|| nobody_asks(address))?,
    };
    let login = rest.login(&args.username, &password).await;
    let url = address.rest.clone();
    Ok(login.map_err(|error| ExplainError::Asked { url, error })?.token)
}

fn nobody_asks(address: &Address) -> ExplainError {
    if address.named {
        let url = address.rest.clone();
        return ExplainError::NoTokenFor { url };
    }
    ExplainError::NoToken
}

/// Are the database and the key of tokens here, and readable? Then whoever asks could make any token anyway. Nothing is made that
/// is not there.
fn is_of_this_machine(args: &ExplainArgs) -> Result<bool, ExplainError> {
    let storage = Storage::parse(&args.storage)?;
    let Database::Sqlite(database) = &storage.database;
    let readable = |path: &std::path::Path| std::fs::File::open(path).is_ok();
    let key = args.keys.jwt_secret.is_some() || readable(&storage.data_dir.join(JWT_SECRET_FILE));
    Ok(key && readable(database))
}

/// Asks whoever sits at the terminal; `None` when nobody does.
fn asked_password(username: &str) -> Result<Option<String>, ExplainError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    hidden_line(&stdin, &format!("password of {username}: "))
        .map(Some)
        .map_err(ExplainError::Prompt)
}

/// A line that the terminal does not show. Its signals are off meanwhile, as in getpass(3): a Ctrl-C would leave the terminal
/// without its echo.
fn hidden_line(stdin: &io::Stdin, prompt: &str) -> io::Result<String> {
    let mut error = io::stderr();
    error.write_all(prompt.as_bytes())?;
    error.flush()?;
    let before = tcgetattr(stdin)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    tcsetattr(stdin, OptionalActions::Flush, &quiet)?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(stdin, OptionalActions::Flush, &before)?;
    error.write_all(b"\n")?;
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
