//! Each check against a server that is broken in exactly that place.

use clap::Parser;

use super::broken::{Broken, Fault, ORIGIN, SIGNATURE};
use super::*;
use crate::args::{Args, Command};

/// Whom to look at, and how.
pub(super) async fn patient(url: &str, more: &[&str]) -> (Patient, DoctorArgs) {
    let claims = crate::jwt::encode(br#"{"sub":"u1","exp":4102444800}"#);
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{SIGNATURE}");
    let mut line = vec!["rollcall-tui", "doctor", url, "--timeout", "1500ms", "--origin", ORIGIN];
    if !more.contains(&"--token") {
        line.extend(["--token", &token]);
    }
    line.extend(more);
    let args = Args::try_parse_from(line).unwrap();
    let Some(Command::Doctor(doctor)) = args.command else {
        panic!()
    };
    (Patient::new(&args.server, &doctor).await.unwrap(), doctor)
}

async fn examined(url: &str, more: &[&str]) -> Vec<Finding> {
    let (patient, args) = patient(url, more).await;
    patient.examined(args).await
}

pub(super) fn of(found: &[Finding], check: Check) -> &Finding {
    found.iter().find(|finding| finding.check == check).unwrap()
}

pub(super) fn failed(found: &[Finding]) -> Vec<Check> {
    let bad = found
        .iter()
        .filter(|finding| matches!(finding.state, State::Failed | State::Warning));
    bad.map(|finding| finding.check).collect()
}

/// A server with `fault` fails `check` and no other, and `words` stand in what was found or in the remedy.
async fn fails(fault: Fault, check: Check, words: &str) {
    let broken = Broken::start(fault).await;
    let found = examined(&broken.url, &[]).await;
    assert_eq!(failed(&found), [check], "{found:#?}");
    let finding = of(&found, check);
    let said = format!("{} → {}", finding.found, finding.remedy.clone().unwrap_or_default());
    assert!(said.contains(words), "{said}");
}

#[tokio::test]
async fn a_whole_server_passes_every_check() {
    let broken = Broken::start(Fault::None).await;
    let found = examined(&broken.url, &[]).await;
    let others: Vec<_> = found.iter().filter(|finding| finding.state != State::Good).collect();
    // There is no TLS on a bare test server.
    assert!(others.iter().all(|finding| finding.check == Check::Tls), "{others:#?}");
}

#[test]
fn an_address_is_read_as_people_type_it() {
    assert_eq!(with_scheme("chat.example.org".into()), "https://chat.example.org");
    assert_eq!(with_scheme("localhost:4600".into()), "https://localhost:4600");
    assert_eq!(with_scheme("ws://h:1/x".into()), "ws://h:1/x");
}

#[tokio::test]
async fn nonsense_is_answered_with_what_an_address_looks_like() {
    for nonsense in ["htp:/x", "htp://x", "mailto:x", "http://", "http:/:80"] {
        let line = ["rollcall-tui", "doctor", nonsense];
        let Args { command, server, .. } = Args::try_parse_from(line).unwrap();
        let Some(Command::Doctor(doctor)) = command else {
            panic!()
        };
        let Err(error) = Patient::new(&server, &doctor).await else {
            panic!("{nonsense} was taken")
        };
        let said = format!("{error:#}");
        assert!(
            said.contains("is not a server's address") && said.contains("(expected http://host:port"),
            "{nonsense}: {said}"
        );
    }
}

#[tokio::test]
async fn a_name_that_nobody_knows() {
    let found = examined("http://no-such-host.invalid", &[]).await;
    assert_eq!(failed(&found), [Check::Dns], "{found:#?}");
    assert_eq!(of(&found, Check::Heartbeat).state, State::Blocked);
}

#[tokio::test]
async fn a_port_where_nothing_listens() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let found = examined(&format!("http://{port}"), &[]).await;
    assert_eq!(failed(&found), [Check::Tcp], "{found:#?}");
    assert!(
        of(&found, Check::Tcp)
            .remedy
            .as_deref()
            .unwrap()
            .contains("nothing listens")
    );
}

#[tokio::test]
async fn tls_where_there_is_none() {
    let broken = Broken::start(Fault::None).await;
    let found = examined(&broken.url.replace("http:", "https:"), &[]).await;
    assert_eq!(failed(&found), [Check::Tls], "{found:#?}");
}

#[tokio::test]
async fn http() {
    fails(Fault::BadGateway, Check::Http, "no server behind it").await;
    fails(Fault::Redirect, Check::Http, "elsewhere.example.org").await;
}

#[tokio::test]
async fn path() {
    fails(Fault::OtherPath, Check::Path, "Socket.IO is at /ws/socket.io/").await;
}

#[tokio::test]
async fn path_with_a_web_page_in_its_place() {
    let broken = Broken::start(Fault::WebPage).await;
    let found = examined(&broken.url, &[]).await;
    assert!(of(&found, Check::Path).found.contains("a web page"), "{found:#?}");
}

#[tokio::test]
async fn engine_io() {
    fails(Fault::OldEngine, Check::EngineIo, "Socket.IO 2").await;
}

#[tokio::test]
async fn polling() {
    fails(Fault::NoPolling, Check::Polling, "transports: [\"websocket\"]").await;
    fails(Fault::NoPost, Check::Polling, "HTTP 405").await;
}

#[tokio::test]
async fn sticky() {
    fails(Fault::ManyProcesses, Check::Sticky, "sticky sessions").await;
}

#[tokio::test]
async fn websocket() {
    fails(Fault::NoWebSocket, Check::WebSocket, "proxy_set_header Upgrade").await;
}

#[tokio::test]
async fn upgrade() {
    fails(Fault::SilentUpgrade, Check::Upgrade, "the probe was not answered").await;
}

#[tokio::test]
async fn cors() {
    fails(Fault::NoOrigin, Check::Cors, "ALLOWED_ORIGINS=https://chat.example.org").await;
}

#[tokio::test]
async fn namespace() {
    fails(Fault::NoNamespace, Check::Namespace, "Invalid namespace").await;
}

#[tokio::test]
async fn a_connect_that_nobody_answers() {
    let broken = Broken::start(Fault::SilentConnect).await;
    let found = examined(&broken.url, &[]).await;
    assert!(
        of(&found, Check::Namespace)
            .remedy
            .as_deref()
            .unwrap()
            .contains("next()"),
        "{found:#?}"
    );
}

#[tokio::test]
async fn token() {
    let broken = Broken::start(Fault::None).await;
    let claims = crate::jwt::encode(br#"{"sub":"u1","exp":100}"#);
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{SIGNATURE}");
    let found = examined(&broken.url, &["--token", &token]).await;
    assert_eq!(failed(&found), [Check::Token], "{found:#?}");
    assert!(of(&found, Check::Token).found.contains("expired"));
}

#[tokio::test]
async fn a_password_that_nobody_looked_at_is_not_called_wrong() {
    // A whole Socket.IO server, which signs nobody in: HTTP 404, as of a wrong path.
    let broken = Broken::start(Fault::None).await;
    let line = [
        "rollcall-tui",
        "doctor",
        &broken.url,
        "--as",
        "alice",
        "--password",
        "demo",
    ];
    let Args { command, server, .. } = Args::try_parse_from(line).unwrap();
    let Some(Command::Doctor(doctor)) = command else {
        panic!()
    };
    let finding = token::shape(&Patient::new(&server, &doctor).await.unwrap());
    assert!(finding.found.contains("HTTP 404"), "{finding:?}");
    let remedy = finding.remedy.unwrap();
    assert!(
        remedy.contains("no password was looked at") && remedy.contains("path"),
        "{remedy}"
    );
}

#[tokio::test]
async fn accepted() {
    fails(Fault::RefusesAll, Check::Accepted, "unauthorized: no such user").await;
}

#[tokio::test]
async fn signature() {
    fails(Fault::LetsAllIn, Check::Signature, "anybody can be anybody").await;
}

#[tokio::test]
async fn clock() {
    fails(Fault::WrongClock, Check::Clock, "ahead of this one").await;
}

#[tokio::test]
async fn auto_join() {
    fails(Fault::NotJoined, Check::AutoJoin, "not in the room of c1").await;
}

#[tokio::test]
async fn echo() {
    let broken = Broken::start(Fault::NoAck).await;
    let found = examined(&broken.url, &[]).await;
    // `auto_join` asks, too.
    assert_eq!(failed(&found), [Check::AutoJoin, Check::Echo], "{found:#?}");
    assert!(of(&found, Check::Echo).found.contains("whoami was not acknowledged"));
}

#[tokio::test]
async fn heartbeat() {
    fails(Fault::NoPing, Check::Heartbeat, "no ping came").await;
    fails(
        Fault::NoSecondPing,
        Check::Heartbeat,
        "after the first ping no ping came",
    )
    .await;
    fails(Fault::ClosesAfterPong, Check::Heartbeat, "after the pong").await;
}

/// The first ping comes at once: only the interval after it shows what is cut in between.
#[tokio::test]
async fn what_cuts_idle_connections_is_named() {
    fails(Fault::CutsIdle, Check::Heartbeat, "proxy_read_timeout").await;
}

#[tokio::test]
async fn an_idle_interval_is_told_with_its_length() {
    let broken = Broken::start(Fault::None).await;
    let found = examined(&broken.url, &[]).await;
    let words = &of(&found, Check::Heartbeat).found;
    assert!(words.contains("stood idle for") && !words.contains("never"), "{words}");
    let broken = Broken::start(Fault::Talks).await;
    let found = examined(&broken.url, &[]).await;
    let words = &of(&found, Check::Heartbeat).found;
    assert!(words.contains("never stood idle"), "{words}");
}

/// Servers end what they did not let in: that is no proxy's doing.
#[tokio::test]
async fn who_is_not_let_in_learns_nothing_of_idle_timeouts() {
    let broken = Broken::start(Fault::EndsStrangers).await;
    let found = examined(&broken.url, &[]).await;
    assert_eq!(failed(&found), [Check::Accepted, Check::Heartbeat], "{found:#?}");
    let heartbeat = of(&found, Check::Heartbeat);
    assert_eq!(heartbeat.state, State::Warning);
    assert!(heartbeat.found.contains("no such user"), "{heartbeat:?}");
    assert!(
        !heartbeat.found.contains("after 0."),
        "the goodbye itself is no traffic: {heartbeat:?}"
    );
}

#[tokio::test]
async fn quick_says_what_it_did_not_look_at() {
    let quick = async |fault| {
        let broken = Broken::start(fault).await;
        let found = examined(&broken.url, &["--quick"]).await;
        of(&found, Check::Heartbeat).clone()
    };
    let first = quick(Fault::CutsIdle).await;
    assert_eq!(first.state, State::Skipped);
    assert!(first.found.starts_with("only the first ping was seen"), "{first:?}");
    let none = quick(Fault::NoPing).await;
    assert_eq!(none.state, State::Skipped);
    assert!(none.found.starts_with("no ping was seen"), "{none:?}");
    assert_eq!(quick(Fault::ClosesAfterPong).await.state, State::Failed);
}

#[tokio::test]
async fn each_check_can_be_made_by_itself() {
    let broken = Broken::start(Fault::None).await;
    for wanted in Check::ALL {
        let (patient, args) = patient(&broken.url, &["--quick"]).await;
        let mut examination = Examination::new(patient, args);
        for check in Check::ALL.into_iter().filter(|check| is_needed(*check, &[wanted])) {
            let finding = examination.check(check).await;
            assert!(
                matches!(finding.state, State::Good | State::Skipped),
                "{wanted:?} alone: {finding:?}"
            );
        }
    }
}

#[test]
fn every_check_has_a_name_and_needs_only_earlier_ones() {
    for check in Check::ALL {
        assert_eq!(Check::named(check.name()), Some(check));
        assert!(check.needs().iter().all(|need| *need < check));
    }
    assert!(is_needed(Check::Dns, &[Check::Echo]) && !is_needed(Check::Cors, &[Check::Echo]));
}
