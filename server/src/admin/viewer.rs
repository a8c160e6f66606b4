//! Who is looking: the guard in front of every page and every JSON answer, and what a viewer may do.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use chat_core::Role;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use tokio::time::Duration;

use super::AdminDeps;
use super::login::login_path;
use super::pages::trouble;
use super::refusal::Refusal;
use super::session::{Account, Secret};
use crate::chat::Actor;
use crate::telemetry::labels;
use rollcall_protocol::UserView;

/// The name of the session's cookie.
pub(crate) const SESSION_COOKIE: &str = "rollcall_admin";
/// The header that brings the CSRF token.
const CSRF_HEADER: &str = "x-csrf-token";
/// How long a page waits for the store to say whether the session's role is still right. When the store is down these
/// pages are needed most, so the role that was known last holds.
const STANDING_WAIT: Duration = Duration::from_millis(500);

/// Somebody who may look.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) account: Account,
    pub(crate) via: Via,
}

/// How they showed who they are.
#[derive(Debug, Clone)]
pub(crate) enum Via {
    /// A browser sends its cookie with forged requests too, so that changes need the token.
    Cookie { session_id: String, csrf: Secret },
    /// No other site can make a browser send this.
    Bearer,
}

impl Viewer {
    pub(crate) fn csrf(&self) -> Option<&str> {
        match &self.via {
            Via::Cookie { csrf, .. } => Some(csrf.as_str()),
            Via::Bearer => None,
        }
    }

    /// Them, for a use case of the chat.
    pub(crate) fn actor(&self) -> Actor {
        let Account {
            user_id,
            username,
            role,
        } = self.account.clone();
        let user = UserView {
            id: user_id,
            display_name: username.clone(),
            username,
            role,
        };
        Actor {
            user,
            role,
            via: labels::Via::Rest,
        }
    }

    pub(crate) fn may_change(&self) -> bool {
        self.account.role == Role::Admin
    }

    /// Refuses a change that this viewer did not make on purpose.
    pub(crate) fn check_csrf(&self, headers: &HeaderMap, field: Option<&str>) -> Result<(), Refusal> {
        let Via::Cookie { csrf, .. } = &self.via else {
            return Ok(());
        };
        refuse_cross_site(headers)?;
        let header = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        match header.or(field) {
            Some(given) if csrf.is(given) => Ok(()),
            _ => Err(Refusal::Csrf),
        }
    }

    /// Refuses a change that this viewer may not make.
    pub(crate) fn check_role(&self) -> Result<(), Refusal> {
        if self.may_change() {
            Ok(())
        } else {
            Err(Refusal::ObserverChanges)
        }
    }
}

/// What the browser itself says about where a request comes from; a second lock beside the token.
pub(crate) fn refuse_cross_site(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Refusal::CrossSite),
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        // The guard put it there; a route outside the guard has nobody to show anything to.
        parts.extensions.get::<Viewer>().cloned().ok_or(Refusal::SignedOut)
    }
}

/// Lets viewers pass to the JSON.
pub(crate) async fn guard_api(State(deps): State<AdminDeps>, mut request: Request, next: Next) -> Response {
    match identify(&deps, request.headers()).await {
        Ok(viewer) => {
            request.extensions_mut().insert(viewer);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Lets viewers pass to the pages, leads others to the sign-in, and shows refusals as pages.
pub(crate) async fn guard_pages(State(deps): State<AdminDeps>, mut request: Request, next: Next) -> Response {
    let wanted = (request.method() == Method::GET).then(|| request.uri().to_string());
    let viewer = match identify(&deps, request.headers()).await {
        Ok(viewer) => viewer,
        Err(Refusal::SignedOut | Refusal::TokenExpired | Refusal::BadToken(_)) => {
            return Redirect::to(&login_path(wanted.as_deref())).into_response();
        }
        Err(refusal) => return trouble::signed_out_page(&refusal),
    };
    request.extensions_mut().insert(viewer.clone());
    let (parts, body) = request.into_parts();
    let scene_parts = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    match response.extensions().get::<Refusal>().cloned() {
        Some(refusal) => trouble::page(&deps, viewer, &scene_parts, &refusal),
        None => response,
    }
}

async fn identify(deps: &AdminDeps, headers: &HeaderMap) -> Result<Viewer, Refusal> {
    let viewer = match bearer(headers) {
        Some(token) => {
            let identity = deps.authority.authenticate(token).await?;
            Viewer {
                account: Account::new(identity.user, identity.role),
                via: Via::Bearer,
            }
        }
        None => by_cookie(deps, headers).await?,
    };
    if viewer.account.role.sees_admin() {
        Ok(viewer)
    } else {
        Err(Refusal::NotAllowedIn)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The id in the request's cookie, whether or not it is a session's.
pub(crate) fn session_id(headers: &HeaderMap) -> Option<String> {
    CookieJar::from_headers(headers)
        .get(SESSION_COOKIE)
        .map(|cookie| cookie.value().to_owned())
}

async fn by_cookie(deps: &AdminDeps, headers: &HeaderMap) -> Result<Viewer, Refusal> {
    let session_id = session_id(headers).ok_or(Refusal::SignedOut)?;
    let mut signed = deps.sessions.touch(&session_id).ok_or(Refusal::SignedOut)?;
    if signed.stale {
        let standing = tokio::time::timeout(STANDING_WAIT, deps.accounts.user(&signed.account.user_id)).await;
        match standing {
            Ok(Ok(Some(user))) if user.disabled_at.is_none() => {
                deps.sessions.confirm(&session_id, user.role);
                signed.account.role = user.role;
            }
            Ok(Ok(_)) => {
                deps.sessions.end(&session_id);
                return Err(Refusal::SignedOut);
            }
            Ok(Err(error)) => tracing::warn!(%error, "a session's role could not be checked; the last known one holds"),
            Err(_) => tracing::warn!("a session's role could not be checked in time; the last known one holds"),
        }
    }
    Ok(Viewer {
        account: signed.account,
        via: Via::Cookie {
            session_id,
            csrf: signed.csrf,
        },
    })
}
