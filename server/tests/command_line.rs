//! The binary itself: that each variable reaches its setting, and how a start that cannot be ends.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn rollcall(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    // Whoever runs the tests may have PORT or DATABASE_URL set for other reasons.
    command.env_clear().env("ROLLCALL_DATA_DIR", dir).stdin(Stdio::null());
    command
}

#[expect(clippy::unwrap_used, reason = "in a test it is the assertion")]
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[expect(clippy::unwrap_used, reason = "in a test it is the assertion")]
fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

#[test]
fn every_variable_is_read_and_a_wrong_one_ends_the_start_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    for variable in [
        "ROLLCALL_BIND",
        "PORT",
        "DATABASE_URL",
        "REDIS_URL",
        "JWT_SECRET",
        "ALLOWED_ORIGINS",
        "ROLLCALL_AUTO_PROVISION",
        "ROLLCALL_REGISTRATION",
        "ROLLCALL_TRUSTED_PROXIES",
        "ROLLCALL_ADMIN_PASSWORD",
        "ROLLCALL_ADMIN_BIND",
        "ROLLCALL_METRICS_TOKEN",
        "ROLLCALL_CANARY",
        "ROLLCALL_ADMIN_UI",
        "ROLLCALL_RATE_MESSAGES",
        "ROLLCALL_RATE_CONNECTS",
        "ROLLCALL_RATE_LOGINS",
        "ROLLCALL_MAX_MESSAGE_BYTES",
        "ROLLCALL_LOG",
        "ROLLCALL_LOG_FORMAT",
    ] {
        // Wrong for each of them: too short for the secrets, with a space for the token, a filter with two signs.
        let (code, out, error) = run(rollcall(dir.path()).env(variable, "a =b"));
        assert_eq!(code, 1, "{variable}: {error}");
        assert_eq!((out.as_str(), error.lines().count()), ("", 1), "{variable}: {error}");
        assert!(error.starts_with(&format!("rollcall: {variable} (--")), "{error}");
        let is_secret = ["JWT_SECRET", "ROLLCALL_ADMIN_PASSWORD", "ROLLCALL_METRICS_TOKEN"].contains(&variable);
        assert_eq!(error.contains("a =b"), !is_secret, "{error}");
    }
}

#[test]
fn a_public_key_that_cannot_be_read_ends_the_start_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let (code, _, error) = run(rollcall(dir.path()).env("JWT_PUBLIC_KEY_FILE", "/nonexistent.pem"));
    assert_eq!((code, error.lines().count()), (1, 1), "{error}");
    assert!(
        error.starts_with("rollcall: JWT_PUBLIC_KEY_FILE /nonexistent.pem: "),
        "{error}"
    );
}

#[test]
fn a_reason_is_given_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data");
    for command in [&["serve"][..], &["migrate"], &["user", "add", "alice"]] {
        let (code, _, error) = run(rollcall(&below).args(command));
        assert_eq!((code, error.matches("Not a directory").count()), (1, 1), "{error}");
    }
    let (code, _, error) = run(rollcall(dir.path()).args(["user", "add", "x"]));
    assert_eq!((code, error.matches("a username is").count()), (1, 1), "{error}");
}

#[test]
fn who_names_a_server_learns_that_the_data_directory_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    // Something answers there: that is all that is asked before the token is looked for.
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut line, _) = server.accept().unwrap();
        let _ = std::io::Read::read(&mut line, &mut [0; 4096]);
        let _ = line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    });
    let explain = ["explain", "--url", &url, "--message", "m", "--user", "u"];
    let (code, _, error) = run(rollcall(dir.path()).args(explain));
    answering.join().unwrap();
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("nothing of --data-dir is used"), "{error}");
}

#[test]
fn check_tells_by_its_status() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, _) = run(rollcall(dir.path()).arg("check"));
    assert_eq!(code, 0, "{out}");
    assert!(out.ends_with("all is well\n"), "{out}");
    let (code, out, _) = run(rollcall(dir.path()).arg("check").env("ALLOWED_ORIGINS", "null"));
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("failed   settings"), "{out}");
}

#[test]
fn a_password_can_come_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = rollcall(dir.path());
    command.args(["user", "add", "alice", "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse\r\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let out = text(&output.stdout);
    assert!(
        out.starts_with("user alice is made") && !out.contains("password"),
        "{out}"
    );
    let (code, out, _) = run(rollcall(dir.path()).args(["user", "token", "alice"]));
    assert_eq!((code, out.trim().split('.').count()), (0, 3), "{out}");
    let (code, _, error) = run(rollcall(dir.path()).args(["user", "passwd", "alice", "--password-stdin"]));
    assert_eq!((code, error.as_str()), (1, "rollcall: a password is 8 to 256 bytes\n"));
}

#[expect(clippy::unwrap_used, reason = "in a test it is the assertion")]
fn run_with_input(command: &mut Command, input: &str) -> (i32, String, String) {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

#[test]
fn a_hash_of_another_system_can_come_from_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    // By libxcrypt.
    let hash = "$2y$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u";
    let add = ["user", "add", "alice", "--password-hash-stdin"];
    let (code, out, error) = run_with_input(rollcall(dir.path()).args(add), &format!("{hash}\n"));
    assert_eq!(code, 0, "{error}");
    assert!(
        out.starts_with("user alice is made") && !out.contains("password"),
        "{out}"
    );
    let passwd = ["user", "passwd", "alice", "--password-hash-stdin"];
    for (given, words) in [
        (
            "correct horse",
            "the password's hash: this is no hash that is known here",
        ),
        (
            &hash.replace("$05$", "$20$"),
            "the password's hash: a bcrypt hash of cost 20 is not taken",
        ),
    ] {
        let (code, _, error) = run_with_input(rollcall(dir.path()).args(passwd), given);
        assert_eq!((code, error.lines().count()), (1, 1), "{error}");
        assert!(error.contains(words) && !error.contains(given), "{error}");
    }
    let both = rollcall(dir.path()).args(add).arg("--password-stdin").output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn people_are_imported_with_their_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let line = |hash: &str| {
        format!(
            r#"{{"type":"export","version":1,"epoch":"other"}}
{{"type":"user","id":"u1","username":"dora","display_name":"Dora","role":"user","created_at":0,"disabled_at":null,"password_hash":"{hash}"}}"#
        )
    };
    let hash = "$2y$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u";
    let (code, _, error) = run_with_input(rollcall(dir.path()).arg("import"), &line("$1$md5"));
    assert_eq!(code, 1);
    assert!(
        error.starts_with("rollcall: line 2: password_hash: this is no hash"),
        "{error}"
    );
    let (code, _, error) = run_with_input(rollcall(dir.path()).arg("import"), &line(hash));
    assert_eq!(code, 0, "{error}");
    let (code, out, _) = run(rollcall(dir.path()).args(["user", "list"]));
    assert_eq!((code, out.contains("dora")), (0, true), "{out}");
    let (_, out, _) = run(rollcall(dir.path()).arg("export"));
    assert!(!out.contains("$2y$"), "{out}");
}

#[test]
fn what_it_cannot_parse_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    for line in [&["--nonsense"][..], &["fly"][..], &["user"][..], &["user", "add"][..]] {
        let (code, out, error) = run(rollcall(dir.path()).args(line));
        assert_eq!((code, out.as_str()), (2, ""), "{line:?}: {error}");
    }
    let (code, out, _) = run(rollcall(dir.path()).arg("--version"));
    assert_eq!(
        (code, out.as_str()),
        (0, concat!("rollcall ", env!("CARGO_PKG_VERSION"), "\n"))
    );
}
