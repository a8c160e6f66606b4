//! Tables of good and bad values. They go through the command line, without the environment: the variables are tried
//! against the real binary, in `server/tests/command_line.rs`.

use std::ffi::OsString;
use std::net::IpAddr;

use clap::{CommandFactory as _, FromArgMatches as _};
use http::{HeaderMap, HeaderValue};

use super::*;

fn args(flags: &[&str]) -> SettingArgs {
    // Whoever runs the tests may have PORT or DATABASE_URL set for other reasons.
    let deaf = |command: clap::Command| command.mut_args(|arg| arg.env(None::<&str>));
    let matches = Cli::command()
        .mut_subcommand("serve", deaf)
        .try_get_matches_from(["rollcall", "serve"].iter().chain(flags));
    match Cli::from_arg_matches(&matches.unwrap()).unwrap().command {
        Command::Serve(serve) => serve.settings,
        other => panic!("{other:?}"),
    }
}

fn settings(flags: &[&str]) -> Result<Settings, SettingError> {
    Settings::parse(&args(flags))
}

fn refusal(flag: &str, value: &str) -> String {
    let line = settings(&[flag, value]).expect_err(value).to_string();
    assert!(!line.contains('\n'), "one line: {line}");
    line
}

#[test]
fn nothing_said_is_the_contracts_defaults() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.bind.to_string(), "127.0.0.1:4600");
    assert_eq!(
        settings.storage.database,
        Database::Sqlite("./rollcall-data/rollcall.db".into())
    );
    assert_eq!(
        settings.allowed_origins.to_list(),
        ["http://localhost:4600", "http://127.0.0.1:4600"]
    );
    assert_eq!(settings.max_message_bytes, 16_384);
    assert_eq!(settings.registration, Registration::Open);
    assert!(settings.canary && !settings.auto_provision && !settings.demo);
    assert_eq!(
        settings.admin_ui,
        AdminUi {
            mode: AdminUiMode::Production,
            readonly: false
        }
    );
    assert_eq!(settings.rates.messages, Rate::parse("20/s").unwrap());
    assert_eq!(settings.rates.connects, Rate::parse("50/s").unwrap());
    assert_eq!(settings.rates.logins, Rate::parse("10/m").unwrap());
}

#[test]
fn alone_it_serves() {
    let serves = |line: &[&str]| {
        let cli = command_line(line.iter().map(OsString::from)).unwrap();
        matches!(cli.command, Command::Serve(_))
    };
    assert!(serves(&["rollcall"]));
    assert!(serves(&["rollcall", "--demo"]));
    assert!(serves(&["rollcall", "--bind", "127.0.0.1:1"]));
    assert!(!serves(&["rollcall", "migrate"]));
}

#[test]
fn set_to_nothing_is_not_set() {
    for flag in [
        "--redis-url=",
        "--allowed-origins= ",
        "--bind=",
        "--rate-logins=",
        "--jwt-secret=",
        "--admin-bind=",
    ] {
        assert!(settings(&[flag]).is_ok(), "{flag}");
    }
}

#[test]
fn bind_wins_over_port() {
    let bind = |flags: &[&str]| settings(flags).unwrap().bind.to_string();
    assert_eq!(bind(&["--port", "80"]), "0.0.0.0:80");
    assert_eq!(bind(&["--port", "80", "--bind", "127.0.0.1:90"]), "127.0.0.1:90");
    assert_eq!(bind(&["--bind", "localhost:90"]), "127.0.0.1:90");
    assert_eq!(bind(&["--bind", "[::]:90"]), "[::]:90");
}

#[test]
fn its_own_pages_are_allowed_at_another_port() {
    let origins = settings(&["--port", "5000"]).unwrap().allowed_origins;
    assert!(origins.allows("http://localhost:5000") && origins.allows("http://localhost:4600"));
    assert!(!origins.allows("http://localhost:5001"));
}

#[test]
fn wrong_values_are_named_with_what_is_allowed() {
    let mut lines = String::new();
    for (flag, value) in [
        ("--bind", "4600"),
        ("--bind", "example.com:80"),
        ("--port", "70000"),
        ("--allowed-origins", "http://a/chat"),
        ("--allowed-origins", "a.example"),
        ("--allowed-origins", "[http://a]"),
        ("--auto-provision", "maybe"),
        ("--registration", "shut"),
        ("--trusted-proxies", "10.0.0.0/8,proxy"),
        ("--canary", "2"),
        ("--admin-bind", "127.0.0.1:4600"),
        ("--admin-ui", "production,write"),
        ("--rate-messages", "20"),
        ("--rate-messages", "0/s"),
        ("--rate-connects", "5/day"),
        ("--rate-logins", "-1/m"),
        ("--max-message-bytes", "16k"),
        ("--max-message-bytes", "0"),
        ("--log", "a=b=c"),
        ("--log-format", "xml"),
        ("--database-url", "mysql://root:hunter2@db/chat"),
        ("--database-url", "postgres://root:hunter2@db/chat"),
        ("--database-url", "sqlite::memory:"),
        ("--database-url", "chat.db"),
        ("--redis-url", "redis://:hunter2@bus:6379"),
        ("--jwt-secret", "hunter2"),
        ("--admin-password", "hunter2"),
        ("--metrics-token", "hunter2 hunter2"),
    ] {
        lines.push_str(&refusal(flag, value));
        lines.push('\n');
    }
    assert!(!lines.contains("hunter2"), "a secret is shown: {lines}");
    insta::assert_snapshot!(lines);
}

#[test]
fn a_long_value_is_cut() {
    assert!(refusal("--registration", &"x".repeat(10_000)).len() < 300);
}

#[test]
fn origins_are_cleaned() {
    for (given, expected) in [
        ("http://a", "http://a"),
        (
            " HTTP://A.Example/ , https://b:8443// ",
            "http://a.example https://b:8443",
        ),
        (
            "http://a:80,https://b:443,http://c:443",
            "http://a https://b http://c:443",
        ),
        (r#"["http://a", "http://b/"]"#, "http://a http://b"),
        ("http://a,http://a/,", "http://a"),
        (
            "http://[::1]:4600,http://127.0.0.1",
            "http://[::1]:4600 http://127.0.0.1",
        ),
        ("http://müller.example", "http://xn--mller-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("[]", ""),
        ("*", "*"),
        (r#"["*"]"#, "*"),
    ] {
        let origins = AllowedOrigins::parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(origins.to_list().join(" "), expected, "{given}");
    }
    for bad in [
        "null",
        "a",
        "//a",
        "://a",
        "http://",
        "http:///",
        "http://a/b",
        "http://a?b",
        "http://a#b",
        "http://u@a",
        "http://a:0",
        "http://a:x",
        "http://a:99999",
        "http://a b",
        "http://*.a.example",
        "*,http://a",
        "ws://a",
        "[1]",
        "{}",
        "javascript:alert(1)",
        "http://a\\b",
        "http://a:+80",
        "http://a:",
    ] {
        assert!(AllowedOrigins::parse(bad).is_err(), "{bad:?} should be refused");
    }
}

#[test]
fn only_the_listed_origins_are_allowed() {
    let origins = AllowedOrigins::parse("https://chat.example,http://localhost:3000").unwrap();
    for good in [
        "https://chat.example",
        "https://CHAT.example",
        "https://chat.example:443",
        "http://localhost:3000",
    ] {
        assert!(origins.allows(good), "{good}");
    }
    for bad in [
        "",
        "null",
        "http://chat.example",
        "https://chat.example.evil",
        "https://xchat.example",
        "http://localhost",
        "https://chat.example:444",
    ] {
        assert!(!origins.allows(bad), "{bad}");
    }
    let any = AllowedOrigins::parse("*").unwrap();
    assert!(any.allows("null") && any.allows("https://anywhere"));
}

#[test]
fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
    let proxies = TrustedProxies::parse("10.0.0.0/8, 192.168.1.7,::1").unwrap();
    for (peer, forwarded, expected) in [
        ("203.0.113.9", &["1.2.3.4"][..], "203.0.113.9"),
        ("10.0.0.1", &[][..], "10.0.0.1"),
        ("10.0.0.1", &["1.2.3.4"][..], "1.2.3.4"),
        // The client wrote the left one itself.
        ("10.0.0.1", &["6.6.6.6, 1.2.3.4"][..], "1.2.3.4"),
        ("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.9.9.9"][..], "1.2.3.4"),
        ("10.0.0.1", &["6.6.6.6", "1.2.3.4, 192.168.1.7"][..], "1.2.3.4"),
        ("10.0.0.1", &["1.2.3.4, nonsense"][..], "10.0.0.1"),
        ("10.0.0.1", &["10.1.1.1, 10.2.2.2"][..], "10.1.1.1"),
        ("::1", &["[2001:db8::1]:55"][..], "2001:db8::1"),
        ("::1", &["1.2.3.4:55"][..], "1.2.3.4"),
        ("::ffff:10.0.0.1", &["::ffff:1.2.3.4"][..], "1.2.3.4"),
    ] {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        let peer: IpAddr = peer.parse().unwrap();
        let expected: IpAddr = expected.parse().unwrap();
        assert_eq!(
            client_address(peer, &headers, &proxies),
            expected,
            "{peer} {forwarded:?}"
        );
    }
}

#[test]
fn debug_shows_no_secret() {
    let settings = settings(&[
        "--jwt-secret=hunter2hunter2hunter2hunter2hunter2",
        "--admin-password=hunter2hunter2",
        "--metrics-token=hunter2",
    ])
    .unwrap();
    let shown = format!("{settings:#?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(settings.metrics_token.unwrap().expose(), "hunter2");
}

mod secret_files {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NONE_GIVEN: TokenKeys = TokenKeys {
        jwt_secret: None,
        jwt_public_key_file: None,
    };

    fn mode(path: &std::path::Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_secret_is_generated_once_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        open_data_dir(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        let first = jwt_secret(&NONE_GIVEN, &dir).unwrap();
        assert_eq!(first.expose().len(), 64);
        assert_eq!(mode(&dir.join(JWT_SECRET_FILE)), 0o600);
        assert_eq!(jwt_secret(&NONE_GIVEN, &dir).unwrap(), first);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "the draft is gone");
    }

    #[test]
    fn many_at_once_agree_on_one() {
        let dir = tempfile::tempdir().unwrap();
        let secrets: Vec<Secret> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| jwt_secret(&NONE_GIVEN, dir.path()).unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_file_that_others_read_or_that_is_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(JWT_SECRET_FILE);
        std::fs::write(&file, "short\n").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(matches!(
            jwt_secret(&NONE_GIVEN, dir.path()),
            Err(DataDirError::TooShort { .. })
        ));
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        assert!(matches!(
            jwt_secret(&NONE_GIVEN, dir.path()),
            Err(DataDirError::TooOpen { mode: 0o644, .. })
        ));
    }
}

#[test]
fn help_lists_every_setting() {
    let help = |line: &[&str]| {
        command_line(line.iter().map(OsString::from))
            .unwrap_err()
            .render()
            .to_string()
    };
    insta::assert_snapshot!("help", help(&["rollcall", "--help"]));
    insta::assert_snapshot!("help_serve", help(&["rollcall", "serve", "--help"]));
}
