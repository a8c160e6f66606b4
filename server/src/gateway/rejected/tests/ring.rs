//! What is kept.

use super::*;

fn parts(uri: &str, headers: &[(&str, &str)]) -> http::request::Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn path_fault(gate: &Gate, path: &str) {
    gate.ring
        .note(Rejection::of(&parts(path, &[]), None, Fault::Path(path.to_owned())));
}

#[tokio::test]
async fn the_shape_is_the_contract_s() {
    let gate = Gate::new();
    let nowhere = parts("/x", &[]);
    let parts = parts(
        "/socket.io/?EIO=4&transport=polling&token=abc",
        &[("origin", GOOD_ORIGIN)],
    );
    let address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    gate.ring
        .note(Rejection::of(&parts, address, Fault::TokenExpired).by(UserId::parse("u1").unwrap()));
    assert_eq!(
        serde_json::to_value(gate.only().as_ref()).unwrap(),
        json!({
            "at": "2026-09-21T14:13:20.000Z",
            "reason": "token",
            "detail": "the token was good, but has expired",
            "remedy": Fault::TokenExpired.remedy(),
            "address": "192.0.2.1",
            "origin": GOOD_ORIGIN,
            "path": "/socket.io/?EIO=4&transport=polling&…",
            "user_id": "u1",
        })
    );
    gate.ring
        .note(Rejection::of(&nowhere, None, Fault::Namespace("/chat".to_owned())));
    let nobody = serde_json::to_value(gate.kept()[0].as_ref()).unwrap();
    assert!(nobody.get("user_id").is_none() && nobody["address"].is_null() && nobody["origin"].is_null());
}

#[tokio::test]
async fn newest_first_in_pages_and_bounded() {
    let gate = Gate::new();
    for n in 0..1_005 {
        path_fault(&gate, &format!("/{n}"));
    }
    let first = gate.ring.page(1, 50, |_| true);
    assert_eq!((first.total, first.items.len()), (1_000, 50));
    assert_eq!(first.items[0].path, "/1004");
    assert_eq!(gate.ring.page(2, 50, |_| true).items[0].path, "/954");
    assert_eq!(gate.ring.page(20, 50, |_| true).items[49].path, "/5");
    assert!(gate.ring.page(21, 50, |_| true).items.is_empty());
    assert!(gate.ring.page(usize::MAX, usize::MAX, |_| true).items.is_empty());
    assert_eq!(gate.ring.page(0, 50, |_| true).items[0].path, "/1004");
    let some = gate.ring.page(2, 2, |rejected| rejected.path.ends_with("00"));
    assert_eq!(some.total, 10);
    assert_eq!(some.items[0].path, "/800");
    assert_eq!(gate.counted("path"), 1_005);
}

#[tokio::test]
async fn a_user_s_own_are_found() {
    let gate = Gate::new();
    let user = UserId::parse("u1").unwrap();
    for id in ["u1", "u2", "u1"] {
        let rejection = Rejection::of(&parts("/socket.io/", &[]), None, Fault::UserDisabled);
        gate.ring.note(rejection.by(UserId::parse(id).unwrap()));
    }
    assert_eq!(gate.ring.of_user(&user, 10).len(), 2);
    assert_eq!(gate.ring.of_user(&user, 1).len(), 1);
}

#[tokio::test]
async fn live_pages_hear_of_it() {
    let gate = Gate::new();
    path_fault(&gate, "/before");
    let mut live = gate.ring.subscribe();
    path_fault(&gate, "/after");
    assert_eq!(live.try_recv().unwrap().path, "/after");
}

#[tokio::test]
async fn nothing_secret_is_kept_or_answered() {
    let gate = Gate::new();
    let authorization = format!("Bearer {JWT}");
    let uris = [
        format!("/socket.io/?EIO=3&transport=polling&token={JWT}&sid=SESSION"),
        format!("/socket.io/{JWT}?EIO=4"),
        format!("/elsewhere/{}?EIO=4", "hunter2".repeat(8)),
        format!("/socket.io/?EIO={JWT}"),
        format!("/socket.io/?EIO=4&transport={JWT}"),
        format!("/socket.io/?token={JWT}"),
    ];
    for uri in &uris {
        let answer = gate
            .get(uri, &[("authorization", &authorization), ("cookie", "session=hunter2")])
            .await;
        assert!(answer.status.is_client_error());
        assert!(
            !answer.body.contains("eyJ") && !answer.body.contains("hunter2"),
            "{}",
            answer.body
        );
    }
    gate.get(HANDSHAKE, &[("origin", "https://user:hunter2@evil.example")])
        .await;
    let why = format!("cannot decode {JWT}");
    gate.ring.note(Rejection::of(
        &parts("/socket.io/", &[]),
        None,
        Fault::TokenInvalid(why),
    ));
    let kept = serde_json::to_string(&gate.kept().iter().map(AsRef::as_ref).collect::<Vec<_>>()).unwrap();
    assert_eq!(gate.kept().len(), uris.len() + 2);
    for secret in ["eyJ", "hunter2", "SESSION", "c2VjcmV0"] {
        assert!(!kept.contains(secret), "{secret} in {kept}");
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_printable() {
    let gate = Gate::new();
    let long = "a/".repeat(4_000);
    let uri = format!("/{long}?EIO=4&transport={long}&transport={long}");
    let origin = format!("https://{}", "ä".repeat(4_000));
    let mut parts = parts(&uri, &[]);
    parts.headers.insert(
        header::ORIGIN,
        http::HeaderValue::from_bytes(origin.as_bytes()).unwrap(),
    );
    gate.ring.note(Rejection::of(
        &parts,
        None,
        Fault::Namespace(format!("/\u{1b}[31m\n{long}")),
    ));
    let kept = gate.only();
    let bytes = serde_json::to_vec(kept.as_ref()).unwrap();
    assert!(bytes.len() < 2_048, "{} bytes", bytes.len());
    assert!(!kept.detail.contains(char::is_control), "{:?}", kept.detail);
}

#[test]
fn every_fault_says_what_came_and_what_to_do() {
    for fault in [
        Fault::TokenMissing,
        Fault::TokenInvalid("its signature is not ours".to_owned()),
        Fault::TokenExpired,
        Fault::UserUnknown,
        Fault::UserDisabled,
        Fault::Origin(BAD_ORIGIN.to_owned()),
        Fault::Path("/ws".to_owned()),
        Fault::ProtocolMissing,
        Fault::Protocol("3".to_owned()),
        Fault::Transport(None),
        Fault::Transport(Some("webtransport".to_owned())),
        Fault::UpgradeMissing,
        Fault::Namespace("/chat".to_owned()),
        Fault::Rate(Duration::from_millis(20)),
    ] {
        let (detail, remedy) = (fault.detail(), fault.remedy());
        assert!(detail.len() > 20 && remedy.len() > 20, "{fault:?}");
        assert!(
            !detail.ends_with('.') && !remedy.ends_with('.') && !remedy.contains("  "),
            "{fault:?}: {remedy}"
        );
    }
}
