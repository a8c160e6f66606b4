//! The page that says what went wrong, why, and what to do now.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use crate::admin::AdminDeps;
use crate::admin::assets;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, html};
use crate::admin::viewer::Viewer;
use crate::admin::words::{Id, Sentence, Status, visible};

/// The page for somebody who is signed in.
#[derive(Debug, Template)]
#[template(path = "trouble.html")]
pub(crate) struct TroublePage {
    chrome: Chrome,
    sentence: Sentence,
    hint: String,
    similar: Vec<Similar>,
}

/// A name that may have been meant.
#[derive(Debug)]
struct Similar {
    id: Id,
    href: String,
}

/// The page for somebody who is not.
#[derive(Debug, Template)]
#[template(path = "trouble_signed_out.html")]
struct SignedOutPage {
    sentence: Sentence,
    hint: String,
    assets: assets::Urls,
}

fn sentence(refusal: &Refusal) -> Sentence {
    let status = match refusal {
        Refusal::NotFound { .. } => Status::Offline,
        Refusal::Store(_) | Refusal::Internal => Status::Failed,
        _ => Status::Late,
    };
    let text = refusal.to_string();
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|first| first.to_uppercase().collect::<String>())
        .unwrap_or_default();
    Sentence::new(status, format!("{first}{}.", chars.as_str()))
}

/// Shows a refusal to somebody who is signed in.
pub(crate) fn page(deps: &AdminDeps, viewer: Viewer, parts: &Parts, refusal: &Refusal) -> Response {
    let scene = Scene::new(deps, viewer, parts);
    let similar = refusal.similar().iter().map(|name| Similar {
        id: Id::new(name),
        href: super::room_href("/", name),
    });
    let page = TroublePage {
        chrome: scene.chrome(None, refusal.status().canonical_reason().unwrap_or("Trouble")),
        sentence: sentence(refusal),
        hint: visible(&refusal.hint()).into_owned(),
        similar: similar.collect(),
    };
    dressed(html(&page), refusal)
}

/// Shows a refusal to somebody who is not signed in.
pub(crate) fn signed_out_page(refusal: &Refusal) -> Response {
    let page = SignedOutPage {
        sentence: sentence(refusal),
        hint: refusal.hint(),
        assets: assets::Urls::ADMIN,
    };
    dressed(html(&page), refusal)
}

fn dressed(page: Result<Response, Refusal>, refusal: &Refusal) -> Response {
    match page {
        Ok(mut response) => {
            refusal.dress(&mut response);
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> TroublePage {
    let refusal = Refusal::NotFound {
        what: "room",
        name: super::tests::HOSTILE.to_owned(),
        hint: "No socket is in it, and it is no conversation's.".to_owned(),
        similar: vec!["conversation:42".to_owned()],
    };
    let scene = Scene::sample("/admin/rooms/%2F/x", role);
    TroublePage {
        chrome: scene.chrome(None, "Not Found"),
        sentence: sentence(&refusal),
        hint: refusal.hint(),
        similar: refusal
            .similar()
            .iter()
            .map(|name| Similar {
                id: Id::new(name),
                href: super::room_href("/", name),
            })
            .collect(),
    }
}
