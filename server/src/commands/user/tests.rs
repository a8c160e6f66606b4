//! The commands on a real file, as the command line gives them.

use std::ffi::OsString;

use chat_core::ports::Vitals as _;

use super::*;
use crate::commands::{Report, check, migrate, open_store};
use crate::settings::{Cli, Command, command_line};

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The arguments, in this directory whatever the environment says.
    fn parse(&self, line: &[&str]) -> Cli {
        let dir = self.0.path().join("data");
        let place = [
            OsString::from("--data-dir"),
            dir.clone().into(),
            OsString::from("--database-url"),
            format!("sqlite://{}/rollcall.db", dir.display()).into(),
            OsString::from("--redis-url="),
        ];
        command_line(["rollcall"].iter().chain(line).map(OsString::from).chain(place)).unwrap()
    }

    async fn user(&self, line: &[&str]) -> Result<String, String> {
        let Command::User(args) = self.parse(&[&["user"], line].concat()).command else {
            panic!()
        };
        user(args.command).await.map_err(|error| error.to_string())
    }

    async fn check(&self, flags: &[&str]) -> Report {
        let Command::Check(args) = self.parse(&[&["check"], flags].concat()).command else {
            panic!()
        };
        check(&args).await
    }

    async fn migrate(&self) -> Result<String, CommandError> {
        let Command::Migrate(args) = self.parse(&["migrate"]).command else {
            panic!()
        };
        migrate(&args).await
    }
}

#[tokio::test]
async fn add_list_passwd_disable() {
    let dir = Dir::new();
    let made = dir
        .user(&["add", "Alice", "--role", "service", "--display-name", "Ali\u{1b}[31mce"])
        .await
        .unwrap();
    assert!(made.starts_with("user alice is made: role service, id "), "{made}");
    assert!(made.contains("\npassword, shown this once: "), "{made}");
    assert_eq!(dir.user(&["add", "alice"]).await.unwrap_err(), "this username is taken");
    assert!(dir.user(&["add", "x"]).await.unwrap_err().starts_with("username: "));
    assert!(
        dir.user(&["add", "bob", "--role", "root"])
            .await
            .unwrap_err()
            .starts_with("--role: a role is one of")
    );

    let other = dir.user(&["passwd", "alice"]).await.unwrap();
    assert!(
        other.starts_with("the password of alice is set\npassword, shown this once: "),
        "{other}"
    );
    assert_ne!(made.lines().last(), other.lines().last());
    assert_eq!(
        dir.user(&["passwd", "nobody"]).await.unwrap_err(),
        "there is no such account"
    );

    let done = dir.user(&["disable", "alice"]).await.unwrap();
    assert_eq!(done, "user alice is disabled: no sign-in, no new connection");
    let list = dir.user(&["list"]).await.unwrap();
    let row = list.lines().nth(1).unwrap();
    assert!(
        row.starts_with("alice     service   disabled  ") && row.ends_with("  Ali[31mce"),
        "{row:?}"
    );
    assert_eq!(
        dir.user(&["disable", "alice", "--undo"]).await.unwrap(),
        "user alice is enabled"
    );
    assert_eq!(dir.user(&["list", "nobody"]).await.unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_token_is_good_for_the_server_and_claims_no_more_than_the_account() {
    let dir = Dir::new();
    dir.user(&["add", "alice", "--role", "admin"]).await.unwrap();
    dir.user(&["add", "bob"]).await.unwrap();
    let token = dir
        .user(&["token", "alice", "--role", "observer", "--seconds", "60"])
        .await
        .unwrap();
    let keys = TokenKeys {
        jwt_secret: None,
        jwt_public_key_file: None,
    };
    let secret = jwt_secret(&keys, &dir.0.path().join("data")).unwrap();
    let claims = Tokens::new(&secret, Arc::new(SystemClock)).verify(&token).unwrap();
    assert_eq!(claims.role, Some(Role::Observer));
    let beyond = dir.user(&["token", "bob", "--role", "admin"]).await.unwrap_err();
    assert_eq!(beyond, "--role: the account is user, and a token claims at most that");
    assert!(dir.user(&["token", "nobody"]).await.is_err());
}

#[tokio::test]
async fn they_work_beside_a_running_server() {
    let dir = Dir::new();
    dir.user(&["add", "alice"]).await.unwrap();
    let Command::Migrate(args) = dir.parse(&["migrate"]).command else {
        panic!()
    };
    let serving = open_store(&Storage::parse(&args.storage).unwrap()).await.unwrap();
    dir.user(&["add", "bob"]).await.unwrap();
    dir.migrate().await.unwrap();
    assert!(dir.check(&[]).await.is_good());
    serving.check().await.unwrap();
    assert!(serving.credentials("bob").await.unwrap().is_some(), "seen at once");
    serving.close().await.unwrap();
}

#[tokio::test]
async fn check_names_what_is_wrong() {
    let dir = Dir::new();
    let good = dir
        .check(&["--allowed-origins", "http://a.example", "--jwt-secret="])
        .await;
    let text = good.to_string();
    assert!(good.is_good(), "{text}");
    assert!(
        text.contains("ok       origins         http://a.example\n") && text.ends_with("\nall is well"),
        "{text}"
    );

    let any = dir.check(&["--allowed-origins", "*"]).await;
    assert!(any.is_good() && any.to_string().contains("warning  origins"), "{any}");

    let wrong = dir.check(&["--canary", "maybe"]).await;
    assert!(
        !wrong.is_good() && wrong.to_string().contains("failed   settings        ROLLCALL_CANARY"),
        "{wrong}"
    );

    let key = dir.check(&["--jwt-public-key-file", "/nonexistent.pem"]).await;
    assert!(
        !key.is_good() && key.to_string().contains("JWT_PUBLIC_KEY_FILE /nonexistent.pem: "),
        "{key}"
    );

    std::fs::write(dir.0.path().join("data/rollcall.db"), "no database").unwrap();
    let broken = dir.check(&[]).await;
    assert!(
        !broken.is_good() && broken.to_string().contains("failed   database"),
        "{broken}"
    );
    assert!(broken.to_string().ends_with("\nthis would not serve"), "{broken}");
}

#[tokio::test]
async fn tokens_of_services_are_made_listed_and_taken_back() {
    let dir = Dir::new();
    dir.user(&["add", "shop", "--role", "service"]).await.unwrap();
    let made = dir
        .user(&["token", "make", "shop", "--name", "the web\u{1b} shop"])
        .await
        .unwrap();
    let (said, token) = made.split_once('\n').unwrap();
    let id = said.split(' ').nth(1).unwrap();
    assert!(
        said.ends_with("shown this once:") && token.split('.').count() == 3,
        "{made}"
    );
    let listed = dir.user(&["token", "list"]).await.unwrap();
    let line = listed.lines().nth(1).unwrap();
    assert!(
        line.starts_with(id) && line.contains("good") && line.ends_with("the web shop"),
        "{listed}"
    );
    assert!(!listed.contains(token));
    assert!(dir.user(&["token", "revoke", id]).await.unwrap().contains("taken back"));
    assert!(dir.user(&["token", "list"]).await.unwrap().contains("revoked"));
    let again = dir.user(&["token", "revoke", id]).await.unwrap_err();
    assert!(again.starts_with("there is no such token"), "{again}");
    let nobody = dir.user(&["token", "make", "nobody", "--name", "x"]).await.unwrap_err();
    assert_eq!(nobody, "there is no such account");
    // The plain one is as it was.
    assert_eq!(dir.user(&["token", "shop"]).await.unwrap().split('.').count(), 3);
}

#[test]
fn a_token_is_good_until_its_time_is_over() {
    let token = KeptToken {
        id: "id".to_owned(),
        user_id: chat_core::UserId::parse("u").unwrap(),
        username: "shop".to_owned(),
        name: "the web shop".to_owned(),
        role: Role::Service,
        created_at: Timestamp::from_millis(0),
        expires_at: Timestamp::from_millis(1_000),
        revoked_at: None,
    };
    let listed = Listed {
        items: vec![token],
        total: 1,
    };
    let at = |millis| table_of_tokens(&listed, Timestamp::from_millis(millis));
    assert!(at(999).contains(" good "), "{}", at(999));
    assert!(at(1_000).contains(" expired "), "{}", at(1_000));
}
