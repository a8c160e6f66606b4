//! Traffic: events in and out of sockets as they happen. The page is a frame; `traffic.js` fills it from the stream.

use askama::Template;
use axum::response::Response;

use crate::admin::asked::Asked;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Sentence, Status};

/// What the stream is filtered by.
const FILTERS: [&str; 5] = ["room", "user", "sid", "event", "direction"];

/// The page.
#[derive(Debug, Template)]
#[template(path = "traffic.html")]
pub(crate) struct TrafficPage {
    chrome: Chrome,
    sentence: Sentence,
    room: String,
    user: String,
    sid: String,
    event: String,
    direction: String,
    stream: String,
    filtered: bool,
}

/// The stream with the same filters.
fn stream(asked: &Asked) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for name in FILTERS {
        if let Some(value) = asked.get(name) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() {
        "/admin/api/traffic".to_owned()
    } else {
        format!("/admin/api/traffic?{query}")
    }
}

fn compose(scene: &Scene) -> TrafficPage {
    let asked = &scene.asked;
    let filtered = FILTERS.iter().any(|name| asked.get(name).is_some());
    let lead = if filtered {
        "Events that pass the filter, as they happen."
    } else {
        "Every event in and out, as it happens."
    };
    TrafficPage {
        chrome: scene.chrome(Some(Tab::Traffic), "Traffic"),
        sentence: Sentence::new(Status::Healthy, lead)
            .and("Bounded: what comes faster than it can be read is counted and left out."),
        room: asked.shown("room"),
        user: asked.shown("user"),
        sid: asked.shown("sid"),
        event: asked.shown("event"),
        direction: asked.shown("direction"),
        stream: stream(asked),
        filtered,
    }
}

/// `GET /admin/traffic`
pub(crate) async fn page(scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> TrafficPage {
    let hostile: String = url::form_urlencoded::byte_serialize(super::tests::HOSTILE.as_bytes()).collect();
    compose(&Scene::sample(
        &format!("/admin/traffic?user={hostile}&direction=in"),
        role,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_has_the_filters_of_the_page_and_nothing_else() {
        let of = |uri: &str| stream(&Asked::of(&uri.parse().unwrap()));
        assert_eq!(of("/x"), "/admin/api/traffic");
        assert_eq!(of("/x?sid=&done=1&user=a%26b"), "/admin/api/traffic?user=a%26b");
    }
}
