use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::SystemClock;

const SHARE: Share = Share {
    per_second: 10,
    burst: 3,
    waiting_max: 8,
};

struct Stage {
    tap: Arc<Tap>,
    sid: Sid,
    user_id: UserId,
}

impl Stage {
    fn set() -> Self {
        Self {
            tap: Arc::new(Tap::new(Arc::new(SystemClock))),
            sid: Sid::parse("sid-1").unwrap(),
            user_id: UserId::parse("u-1").unwrap(),
        }
    }

    fn out(&self, event: &str, data: &Value) {
        let text = data.to_string();
        let whose = Whose {
            sid: &self.sid,
            user_id: &self.user_id,
            username: "alice",
        };
        self.tap
            .pass(whose, Direction::Out, event, text.len(), Payload::Text(&text));
    }

    fn listen(&self, filter: Filter) -> TrafficReader {
        self.tap.listen(
            filter,
            Share {
                burst: 100,
                waiting_max: 100,
                ..SHARE
            },
        )
    }
}

fn events(reader: &mut TrafficReader) -> Vec<String> {
    std::iter::from_fn(|| reader.try_next())
        .map(|event| event.event.clone())
        .collect()
}

#[tokio::test]
async fn the_tap_is_open_while_somebody_listens() {
    let stage = Stage::set();
    assert!(!stage.tap.is_open());
    let (first, second) = (stage.listen(Filter::default()), stage.listen(Filter::default()));
    drop(first);
    assert!(stage.tap.is_open());
    drop(second);
    assert!(!stage.tap.is_open());
}

#[tokio::test]
async fn a_listener_gets_what_it_asked_for_and_no_more() {
    let stage = Stage::set();
    let some = |text: &str| Some(text.to_owned());
    let mut about = stage.listen(Filter {
        room: some("conversation:42"),
        ..Filter::default()
    });
    let mut own_room = stage.listen(Filter {
        room: some("user:u-1"),
        ..Filter::default()
    });
    let mut by_name = stage.listen(Filter {
        user: some("alice"),
        event: some("typing"),
        ..Filter::default()
    });
    let mut others = [
        stage.listen(Filter {
            user: some("bob"),
            ..Filter::default()
        }),
        stage.listen(Filter {
            sid: some("sid-2"),
            ..Filter::default()
        }),
        stage.listen(Filter {
            direction: Some(Direction::In),
            ..Filter::default()
        }),
        stage.listen(Filter {
            room: some("user:u-2"),
            ..Filter::default()
        }),
    ];
    stage.out("typing", &json!({"conversation_id": "42", "typing": true}));
    stage.out("typing", &json!({"conversation_id": "43", "typing": true}));
    stage.out("probe", &json!({"probe_id": "p", "room": "conversation:42"}));
    stage.out("heads", &json!({"42": 7}));
    assert_eq!(events(&mut about), ["typing", "probe"]);
    assert_eq!(events(&mut own_room), ["typing", "typing", "probe", "heads"]);
    assert_eq!(events(&mut by_name), ["typing", "typing"]);
    for other in &mut others {
        assert_eq!(events(other), [""; 0]);
        assert_eq!(other.take_dropped(), 0, "what was not asked for is not dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_beyond_the_share_is_counted() {
    let stage = Stage::set();
    let mut reader = stage.tap.listen(Filter::default(), SHARE);
    let mut slow = stage.tap.listen(
        Filter::default(),
        Share {
            burst: 100,
            waiting_max: 2,
            ..SHARE
        },
    );
    for _ in 0..10 {
        stage.out("heads", &json!({}));
    }
    assert_eq!((events(&mut reader).len(), reader.take_dropped()), (3, 7));
    assert_eq!((events(&mut slow).len(), slow.take_dropped()), (2, 8));
    tokio::time::advance(Duration::from_millis(200)).await;
    for _ in 0..10 {
        stage.out("heads", &json!({}));
    }
    assert_eq!((events(&mut reader).len(), reader.take_dropped()), (2, 8));
    assert_eq!(reader.take_dropped(), 0, "told once");
}

#[tokio::test]
async fn no_secret_goes_past_and_nothing_long() {
    let stage = Stage::set();
    let mut reader = stage.listen(Filter::default());
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";
    stage.out(
        "refresh_token",
        &json!({"token": "T0P", "auth": {"token": "T0P"}, "Password": "T0P", "nested": [{"access_token": "T0P"}],
            "headers": {"Authorization": "Bearer T0P", "Set-Cookie": "T0P", "x-api-key": "T0P"},
            "content": format!("look: {jwt}!"), "author": "shown"}),
    );
    let event = reader.try_next().unwrap();
    let line = serde_json::to_string(&event.line(None)).unwrap();
    assert!(!line.contains("T0P") && !line.contains("c2lnbmF0dXJl"), "{line}");
    assert!(line.contains("shown"), "{line}");

    let many: Vec<Value> = (0..10_000)
        .map(|n| json!({"text": "x".repeat(1_000), "n": n}))
        .collect();
    for data in [json!(many), json!("é".repeat(60_000)), json!({"a": "é".repeat(500)})] {
        stage.out("session", &data);
        let event = reader.try_next().unwrap();
        assert_eq!(event.bytes, data.to_string().len(), "the true size");
        assert!(event.data.to_string().len() < 8_000);
        assert!(event.line(None).preview.chars().count() <= 401);
    }
}
