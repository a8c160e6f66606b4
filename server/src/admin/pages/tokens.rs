//! Tokens of services: which there are, and one that was just made, shown this once.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::ports::KeptToken;
use chat_core::{Role, Timestamp, UserId};
use serde::Serialize;

use super::user_href;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, FilterForm, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, counted, visible};

/// A token as the JSON has it; never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) user_id: UserId,
    pub(crate) username: String,
    /// What it is for, in its maker's words.
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

impl From<KeptToken> for TokenRow {
    fn from(token: KeptToken) -> Self {
        Self {
            id: token.id,
            user_id: token.user_id,
            username: token.username,
            name: token.name,
            role: token.role,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

impl TokenRow {
    fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }
}

/// A token that was just made.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) token: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "tokens.html")]
pub(crate) struct TokensPage {
    chrome: Chrome,
    sentence: Sentence,
    rows: Vec<Row>,
    pager: Option<Pager>,
    form: FilterForm,
    fresh: Option<Fresh>,
}

/// Whose it is.
#[derive(Debug)]
struct Service {
    name: String,
    href: String,
}

#[derive(Debug)]
struct Row {
    id: Id,
    user: Service,
    name: String,
    state: (Status, String),
    made: Stamp,
    until: Stamp,
    /// Where it is taken back, while it is good.
    revoke: Option<String>,
}

fn row(scene: &Scene, token: &TokenRow) -> Row {
    let good = token.is_good(scene.now);
    let state = match token.revoked_at {
        Some(at) => (Status::Failed, format!("taken back {} ago", scene.stamp(at).ago)),
        None if good => (Status::Healthy, "good".to_owned()),
        None => (Status::Offline, "expired".to_owned()),
    };
    Row {
        id: Id::new(&token.id),
        user: Service {
            name: visible(&token.username).into_owned(),
            href: user_href(&token.user_id),
        },
        name: visible(&token.name).into_owned(),
        state,
        made: scene.stamp(token.created_at),
        until: scene.stamp(token.expires_at),
        revoke: good.then(|| format!("/admin/tokens/{}/revoke", super::segment(&token.id))),
    }
}

fn compose(scene: &Scene, (all, good): (u64, u64), paged: &Paged<TokenRow>, fresh: Option<Fresh>) -> TokensPage {
    let shown = |rows| usize::try_from(rows).unwrap_or(usize::MAX);
    let sentence = match (shown(all), shown(good)) {
        (0, _) => Sentence::new(Status::Healthy, "No service has a token."),
        (_, 0) => Sentence::new(Status::Offline, "No token of a service is good any more."),
        (total, good) => Sentence::new(
            Status::Healthy,
            format!(
                "{} good.",
                counted(good, "token of a service is", "tokens of services are")
            ),
        )
        .and(if total > good {
            format!("{} taken back or expired.", counted(total - good, "is", "are"))
        } else {
            String::new()
        }),
    };
    TokensPage {
        chrome: scene.chrome(Some(Tab::Tokens), "Tokens"),
        sentence,
        rows: paged.items.iter().map(|token| row(scene, token)).collect(),
        pager: Pager::new(&scene.asked, paged),
        form: FilterForm::new(&scene.asked, &["q"]),
        fresh,
    }
}

/// Those that were asked for, the newest first.
async fn gather(deps: &AdminDeps, asked: &Asked) -> Result<((u64, u64), Paged<TokenRow>), Refusal> {
    let (paging, text) = (asked.paging()?, asked.filter("q")?);
    let now = deps.clock.now();
    let kept = deps.accounts.kept_tokens(text.as_deref(), now, paging.slice()).await?;
    let counts = (kept.all, kept.good);
    Ok((counts, paging.listed(kept.listed).map(TokenRow::from)))
}

/// The page, with a token that was just made.
pub(crate) async fn with(deps: &AdminDeps, scene: &Scene, fresh: Option<Fresh>) -> Result<Response, Refusal> {
    let (counts, paged) = gather(deps, &scene.asked).await?;
    html(&compose(scene, counts, &paged, fresh))
}

/// `GET /admin/tokens`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    with(&deps, &scene, None).await
}

/// `GET /admin/api/tokens`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<TokenRow>>, Refusal> {
    Ok(Json(gather(&deps, &asked).await?.1))
}

#[cfg(test)]
pub(crate) fn sample(role: Role) -> TokensPage {
    use crate::admin::scene::sample_time;
    let scene = Scene::sample("/admin/tokens", role);
    let token = |id: &str, name: &str, seconds: i64, revoked: Option<i64>| TokenRow {
        id: id.to_owned(),
        user_id: UserId::parse("shop").unwrap(),
        username: "shop".to_owned(),
        name: name.to_owned(),
        role: Role::Service,
        created_at: sample_time(seconds),
        expires_at: sample_time(seconds - 86_400),
        revoked_at: revoked.map(sample_time),
    };
    let all = vec![
        token("01a1b5a06f2e7c119d8e0c5b2f1aa6d3", "orders", 60, None),
        token(
            "01a1b5a06f2e7c119d8e0c5b2f1aa6d2",
            super::tests::HOSTILE,
            3_600,
            Some(30),
        ),
        token("01a1b5a06f2e7c119d8e0c5b2f1aa6d1", "old", 172_800, None),
    ];
    let fresh = (role == Role::Admin).then(|| Fresh {
        id: "01a1b5a06f2e7c119d8e0c5b2f1aa6d3".to_owned(),
        username: "shop".to_owned(),
        token: "eyJ0eXAiOiJKV1QifQ.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl".to_owned(),
    });
    let good = all.iter().filter(|token| token.is_good(scene.now)).count();
    let counts = (all.len() as u64, good as u64);
    let paged = scene.asked.paging().unwrap().cut(all);
    compose(&scene, counts, &paged, fresh)
}
