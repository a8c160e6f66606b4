//! Namespaces: where sockets are, and where they should not be looking for messages.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Paged};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Sentence, Status, count, counted};
use crate::hub::view::NamespaceView;

/// The page.
#[derive(Debug, Template)]
#[template(path = "namespaces.html")]
pub(crate) struct NamespacesPage {
    chrome: Chrome,
    sentence: Sentence,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    purpose: &'static str,
    sockets: String,
    rooms: String,
    rooms_href: String,
    sockets_href: String,
}

fn compose(scene: &Scene, mut namespaces: Vec<NamespaceView>) -> NamespacesPage {
    namespaces.sort_by(|a, b| a.name.cmp(&b.name));
    let chat = namespaces
        .iter()
        .find(|namespace| namespace.name == "/")
        .map_or(0, |namespace| namespace.sockets);
    let names = counted(namespaces.len(), "namespace is", "namespaces are");
    let sentence = match chat {
        0 => Sentence::new(Status::Offline, "Nobody is connected to chat.").and(format!("{names} served.")),
        _ => Sentence::new(
            Status::Healthy,
            format!("{} in chat, namespace /.", counted(chat, "socket is", "sockets are")),
        )
        .and(format!("{names} served; every other one is refused with a remedy.")),
    };
    let row = |namespace: NamespaceView| Row {
        purpose: match namespace.name.as_str() {
            "/" => "chat",
            "/admin" => "the official Socket.IO Admin UI",
            _ => "",
        },
        sockets: count(namespace.sockets),
        rooms: count(namespace.rooms),
        rooms_href: link("/admin/rooms", &namespace.name, "&all=1"),
        sockets_href: link("/admin/sockets", &namespace.name, ""),
        name: namespace.name,
    };
    NamespacesPage {
        chrome: scene.chrome(Some(Tab::Namespaces), "Namespaces"),
        sentence,
        rows: namespaces.into_iter().map(row).collect(),
    }
}

fn link(path: &str, namespace: &str, more: &str) -> String {
    format!("{path}?namespace={}{more}", super::segment(namespace))
}

/// `GET /admin/namespaces`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene, deps.inspect.namespaces()))
}

/// `GET /admin/api/namespaces`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<NamespaceView>>, Refusal> {
    let mut namespaces = deps.inspect.namespaces();
    namespaces.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(asked.paging()?.cut(namespaces)))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> NamespacesPage {
    let namespace = |name: &str, sockets, rooms| NamespaceView {
        name: name.to_owned(),
        sockets,
        rooms,
    };
    let scene = Scene::sample("/admin/namespaces", role);
    compose(&scene, vec![namespace("/admin", 1, 0), namespace("/", 1402, 2096)])
}
