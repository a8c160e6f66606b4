//! Probe: a test broadcast to a room. The page is a form; `probe.js` sends it and shows who answered.

use askama::Template;
use axum::response::Response;

use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Sentence, Status};

/// The page.
#[derive(Debug, Template)]
#[template(path = "probe.html")]
pub(crate) struct ProbePage {
    chrome: Chrome,
    sentence: Sentence,
    room: String,
    namespace: String,
}

fn compose(scene: &Scene) -> ProbePage {
    ProbePage {
        chrome: scene.chrome(Some(Tab::Probe), "Probe"),
        sentence: Sentence::new(Status::Unknown, "Who in a room can be reached at this moment?")
            .and("A test broadcast asks every socket in it for an answer, and says who gave one and in how many ms."),
        room: scene.asked.shown("room"),
        namespace: scene.asked.get("namespace").unwrap_or("/").to_owned(),
    }
}

/// `GET /admin/probe`
pub(crate) async fn page(scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> ProbePage {
    compose(&Scene::sample("/admin/probe?room=conversation:42", role))
}
