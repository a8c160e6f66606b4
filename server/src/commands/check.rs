//! `rollcall check`: would this configuration serve?

use std::fmt;
use std::sync::Arc;

use chat_core::ports::Vitals;

use super::open_store;
use crate::clock::SystemClock;
use crate::identity::Tokens;
use crate::settings::{AllowedOrigins, Database, SettingArgs, Settings, TokenKeys, jwt_secret, open_data_dir};

/// What was found, in order.
#[derive(Debug, Default)]
pub struct Report(Vec<(&'static str, Finding)>);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Good(String),
    /// It works, but is seldom what is wanted.
    Doubtful(String),
    /// The server would not start, or not serve.
    Bad(String),
}

impl Report {
    /// Nothing that was looked at is bad.
    pub fn is_good(&self) -> bool {
        !self.0.iter().any(|(_, finding)| matches!(finding, Finding::Bad(_)))
    }

    fn note(&mut self, what: &'static str, finding: Finding) {
        self.0.push((what, finding));
    }

    fn result<E: fmt::Display>(&mut self, what: &'static str, outcome: Result<String, E>) {
        self.note(
            what,
            outcome.map_or_else(|error| Finding::Bad(error.to_string()), Finding::Good),
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, finding) in &self.0 {
            let (word, text) = match finding {
                Finding::Good(text) => ("ok", text),
                Finding::Doubtful(text) => ("warning", text),
                Finding::Bad(text) => ("failed", text),
            };
            writeln!(f, "{word:8} {what:15} {text}")?;
        }
        let verdict = if self.is_good() {
            "all is well"
        } else {
            "this would not serve"
        };
        f.write_str(verdict)
    }
}

/// `rollcall check`: looks at everything that a start needs, and goes on after the first fault. Like a start, it makes what
/// is not there yet: the data directory, the secret, the database with this version's schema.
pub async fn check(args: &SettingArgs) -> Report {
    let mut report = Report::default();
    let settings = match Settings::parse(args) {
        Ok(settings) => settings,
        Err(error) => {
            report.note("settings", Finding::Bad(error.to_string()));
            return report;
        }
    };
    report.note(
        "settings",
        Finding::Good(format!("every value can be read; listens on {}", settings.bind)),
    );
    report.note("origins", origins(&settings));
    let dir = &settings.storage.data_dir;
    report.result("data directory", open_data_dir(dir).map(|()| dir.display().to_string()));
    tokens(&mut report, &settings);
    report.result("database", database(&settings).await);
    report
}

fn origins(settings: &Settings) -> Finding {
    let list = settings.allowed_origins.to_list().join(", ");
    match &settings.allowed_origins {
        AllowedOrigins::Any => {
            Finding::Doubtful("* lets every page of the web connect with its visitor's token".to_owned())
        }
        AllowedOrigins::These(origins) if origins.is_empty() => {
            Finding::Doubtful("none: no page can connect, only programs".to_owned())
        }
        AllowedOrigins::These(_) => Finding::Good(list),
    }
}

fn tokens(report: &mut Report, settings: &Settings) {
    let TokenKeys {
        jwt_secret: given,
        jwt_public_key_file,
    } = &settings.token_keys;
    let secret = jwt_secret(&settings.token_keys, &settings.storage.data_dir);
    let origin = if given.is_some() {
        "from JWT_SECRET"
    } else {
        "generated, in the data directory"
    };
    report.result("token key", secret.as_ref().map(|_| origin.to_owned()));
    let (Some(path), Ok(secret)) = (jwt_public_key_file, secret) else {
        return;
    };
    let usable = std::fs::read(path).map_err(|error| error.to_string()).and_then(|pem| {
        let tokens = Tokens::new(&secret, Arc::new(SystemClock));
        tokens
            .with_public_key(&pem)
            .map(drop)
            .map_err(|error| error.to_string())
    });
    let shown = path.display();
    let outcome = usable
        .map(|()| shown.to_string())
        .map_err(|why| format!("JWT_PUBLIC_KEY_FILE {shown}: {why}"));
    report.result("public key", outcome);
}

async fn database(settings: &Settings) -> Result<String, String> {
    let Database::Sqlite(path) = &settings.storage.database;
    let store = open_store(&settings.storage).await.map_err(|error| error.to_string())?;
    let writable = store.check().await.map_err(|error| error.to_string());
    let closed = store.close().await.map_err(|error| error.to_string());
    writable
        .and(closed)
        .map(|()| format!("{} takes writes, epoch {}", path.display(), store.epoch()))
}
