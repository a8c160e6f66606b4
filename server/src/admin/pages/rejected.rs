//! Rejected connections: who was turned away at the door, why, and what would let them in.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::UserId;
use chat_core::ports::Accounts;

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, FilterForm, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted, visible};
use crate::gateway::rejected::{Rejected, RejectedRing};

/// A rejection that is younger than this is news.
const NEWS_MILLIS: u64 = 10 * 60 * 1_000;

/// The page.
#[derive(Debug, Template)]
#[template(path = "rejected.html")]
pub(crate) struct RejectedPage {
    chrome: Chrome,
    sentence: Sentence,
    reasons: Vec<Reason>,
    rows: Vec<Row>,
    pager: Option<Pager>,
    form: FilterForm,
    reason: String,
}

#[derive(Debug)]
struct Reason {
    name: &'static str,
    count: String,
    href: String,
    current: bool,
}

#[derive(Debug)]
struct Row {
    key: String,
    at: Stamp,
    reason: &'static str,
    detail: String,
    remedy: &'static str,
    address: String,
    origin: String,
    path: String,
    user: Option<Whom>,
}

/// Whom the token named, and what they are called, if they have an account.
#[derive(Debug)]
struct Whom {
    name: Option<String>,
    href: String,
    id: Id,
}

/// Usernames, by id.
type Names = HashMap<UserId, String>;

/// All that are kept, the newest first: the ring is bounded.
fn all(ring: &RejectedRing) -> Vec<Arc<Rejected>> {
    ring.page(1, usize::MAX, |_| true).items
}

fn address_words(address: Option<IpAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}

/// Those that were asked for; they come the newest first and stay so.
fn select(mut all: Vec<Arc<Rejected>>, asked: &Asked) -> Result<Vec<Arc<Rejected>>, Refusal> {
    if let Some(reason) = asked.get("reason") {
        all.retain(|rejected| rejected.reason == reason);
    }
    if let Some(text) = asked.filter("q")? {
        all.retain(|rejected| {
            let user = rejected.user_id.as_ref().map(UserId::as_str).unwrap_or_default();
            let origin = rejected.origin.as_deref().unwrap_or_default();
            let address = address_words(rejected.address);
            let fields = [&*rejected.detail, &*address, origin, &*rejected.path, user];
            fields.iter().any(|field| field.to_lowercase().contains(&text))
        });
    }
    Ok(all)
}

/// The page of those that were asked for.
fn asked_for(asked: &Asked, all: &[Arc<Rejected>]) -> Result<Paged<Arc<Rejected>>, Refusal> {
    Ok(asked.paging()?.cut(select(all.to_vec(), asked)?))
}

/// What those of one page are called; whoever has no account has no name. Names are a nicety: this page needs no database.
async fn names(accounts: &dyn Accounts, rows: &[Arc<Rejected>]) -> Names {
    let mut names = Names::new();
    for id in rows.iter().filter_map(|rejected| rejected.user_id.as_ref()) {
        if names.contains_key(id) {
            continue;
        }
        match accounts.user(id).await {
            Ok(Some(user)) => drop(names.insert(id.clone(), user.username)),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    names
}

fn compose(scene: &Scene, all: &[Arc<Rejected>], paged: &Paged<Arc<Rejected>>, names: &Names) -> RejectedPage {
    let asked = &scene.asked;
    let chosen = asked.get("reason").unwrap_or_default();
    let by_reason = count_reasons(all);
    let sentence = sentence(scene, all, &by_reason);
    let reasons = by_reason.iter().map(|(name, number)| Reason {
        name,
        count: count(*number),
        current: *name == chosen,
        href: asked.link(&[("reason", if *name == chosen { "" } else { name }), ("page", "")]),
    });
    let reasons = reasons.collect();
    RejectedPage {
        chrome: scene.chrome(Some(Tab::Rejected), "Rejected connections"),
        sentence,
        reasons,
        rows: paged.items.iter().map(|rejected| row(scene, rejected, names)).collect(),
        pager: Pager::new(asked, paged),
        form: FilterForm::new(asked, &["q", "reason"]),
        reason: chosen.to_owned(),
    }
}

fn count_reasons(all: &[Arc<Rejected>]) -> BTreeMap<&'static str, usize> {
    let mut by_reason = BTreeMap::new();
    for rejected in all {
        *by_reason.entry(rejected.reason).or_default() += 1;
    }
    by_reason
}

fn row(scene: &Scene, rejected: &Rejected, names: &Names) -> Row {
    let text = |text: &str| visible(text).into_owned();
    Row {
        key: format!(
            "{} {} {}",
            rejected.at.as_millis(),
            address_words(rejected.address),
            rejected.reason
        ),
        at: scene.stamp(rejected.at),
        reason: rejected.reason,
        detail: text(&rejected.detail),
        remedy: rejected.remedy,
        address: address_words(rejected.address),
        origin: text(rejected.origin.as_deref().unwrap_or_default()),
        path: text(&rejected.path),
        user: rejected.user_id.as_ref().map(|id| Whom {
            name: names.get(id).map(|name| visible(name).into_owned()),
            href: super::user_href(id),
            id: Id::new(id),
        }),
    }
}

fn sentence(scene: &Scene, all: &[Arc<Rejected>], by_reason: &BTreeMap<&'static str, usize>) -> Sentence {
    let Some(newest) = all.first() else {
        return Sentence::new(
            Status::Healthy,
            "No connection was turned away since this server started.",
        );
    };
    let lead = format!(
        "{} turned away, the last one {} ago.",
        counted(all.len(), "connection was", "connections were"),
        scene.stamp(newest.at).ago
    );
    let reasons: Vec<String> = by_reason
        .iter()
        .map(|(reason, number)| format!("{reason} {}", count(*number)))
        .collect();
    let status = if scene.now.millis_since(newest.at) < NEWS_MILLIS {
        Status::Late
    } else {
        Status::Healthy
    };
    Sentence::new(status, lead).and(format!("By reason: {}.", reasons.join(", ")))
}

/// `GET /admin/rejected`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    let all = all(&deps.rejected);
    let paged = asked_for(&scene.asked, &all)?;
    let names = names(&*deps.accounts, &paged.items).await;
    html(&compose(&scene, &all, &paged, &names))
}

/// `GET /admin/api/rejected`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<Arc<Rejected>>>, Refusal> {
    Ok(Json(asked_for(&asked, &all(&deps.rejected))?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> RejectedPage {
    tests::page(&Scene::sample("/admin/rejected", role))
}

#[cfg(test)]
mod tests {
    use super::super::tests::HOSTILE;
    use super::*;
    use crate::admin::scene::sample_time;

    fn bob() -> UserId {
        UserId::parse("01a200e0-bob").unwrap()
    }

    pub(super) fn page(scene: &Scene) -> RejectedPage {
        let all = all();
        let names = Names::from([(bob(), "bob".to_owned())]);
        compose(scene, &all, &asked_for(&scene.asked, &all).unwrap(), &names)
    }

    fn all() -> Vec<Arc<Rejected>> {
        let rejected = |seconds, reason, detail: &str, remedy: &'static str| Rejected {
            at: sample_time(seconds),
            reason,
            detail: detail.to_owned(),
            remedy,
            address: Some("192.0.2.7".parse().unwrap()),
            origin: Some("https://app.example".to_owned()),
            path: "/socket.io/".to_owned(),
            user_id: None,
        };
        let all = vec![
            rejected(
                40,
                "origin",
                "the origin https://app.example is not allowed",
                "add it to ALLOWED_ORIGINS",
            ),
            Rejected {
                user_id: Some(bob()),
                ..rejected(80, "token", "the token expired at 03:10", "ask for a fresh token")
            },
            Rejected {
                origin: Some(HOSTILE.to_owned()),
                path: HOSTILE.to_owned(),
                ..rejected(7_000, "path", HOSTILE, "connect to /socket.io/")
            },
        ];
        all.into_iter().map(Arc::new).collect()
    }

    #[test]
    fn they_are_counted_and_filtered_by_reason() {
        let scene = Scene::sample("/admin/rejected?reason=token", chat_core::Role::Admin);
        let page = page(&scene);
        assert_eq!(page.rows.len(), 1);
        let user = page.rows[0].user.as_ref().unwrap();
        assert_eq!(
            (user.id.whole.as_str(), user.name.as_deref()),
            ("01a200e0-bob", Some("bob"))
        );
        assert_eq!(page.sentence.rest, "By reason: origin 1, path 1, token 1.");
        assert_eq!(page.sentence.status, Status::Late);
    }

    #[test]
    fn origin_and_path_are_searched() {
        let asked = Asked::of(&"/x?q=ONERROR".parse().unwrap());
        assert_eq!(select(all(), &asked).unwrap().len(), 1);
    }
}
