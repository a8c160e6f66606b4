//! Signing in and out.

use std::net::IpAddr;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, Uri, header};
use serde::Deserialize;
use url::form_urlencoded;

use super::AdminDeps;
use super::asked::Asked;
use super::assets;
use super::peer::ByHttps;
use super::refusal::Refusal;
use super::scene::html;
use super::session::Account;
use super::viewer::{SESSION_COOKIE, Via, Viewer, refuse_cross_site, session_id};
use crate::api::ClientAddress;
use crate::identity::RetryAfter;
use crate::telemetry::labels::Limit;

/// The sign-in form.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage {
    error: Option<String>,
    username: String,
    next: String,
    assets: assets::Urls,
}

/// What the form sends.
#[derive(Deserialize)]
pub(crate) struct LoginForm {
    username: String,
    password: String,
    next: Option<String>,
}

/// Where the sign-in is, leading back to `wanted`.
pub(crate) fn login_path(wanted: Option<&str>) -> String {
    match wanted.and_then(safe_next) {
        Some(next) if next != "/admin" => {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("next", next)
                .finish();
            format!("/admin/login?{query}")
        }
        _ => "/admin/login".to_owned(),
    }
}

/// `next` when it is a page of the admin. Everything else could lead off the site, or to something that is no page.
fn safe_next(next: &str) -> Option<&str> {
    let inside = next == "/admin" || next.starts_with("/admin/") || next.starts_with("/admin?");
    let plain = next.len() <= 2_048
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !next.contains("//")
        && !next.contains("..");
    let page = !["/admin/api", "/admin/login", "/admin/logout", "/admin/assets"]
        .iter()
        .any(|other| next.starts_with(other));
    (inside && plain && page).then_some(next)
}

/// `GET /admin/login`
pub(crate) async fn form(State(deps): State<AdminDeps>, headers: HeaderMap, uri: Uri) -> Result<Response, Refusal> {
    let asked = Asked::of(&uri);
    // A link from elsewhere comes without the cookie (it is SameSite=Strict) and ends here; this is a second look.
    if session_id(&headers).is_some_and(|id| deps.sessions.touch(&id).is_some()) {
        let next = asked.get("next").and_then(safe_next).unwrap_or("/admin");
        return Ok(Redirect::to(next).into_response());
    }
    html(&LoginPage {
        error: None,
        username: String::new(),
        next: asked.get("next").and_then(safe_next).unwrap_or_default().to_owned(),
        assets: assets::Urls::ADMIN,
    })
}

/// `POST /admin/login`
pub(crate) async fn sign_in(
    State(deps): State<AdminDeps>,
    ClientAddress(address): ClientAddress,
    ByHttps(https): ByHttps,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Result<Response, Refusal> {
    refuse_cross_site(&headers)?;
    let Ok(Form(form)) = form else {
        return Err(Refusal::BadRequest(
            "expected are the form fields `username` and `password`".to_owned(),
        ));
    };
    let next = form.next.as_deref().and_then(safe_next).unwrap_or("/admin").to_owned();
    let account = match check(&deps, address, &form).await {
        Ok(account) => account,
        Err(refusal) => return refused(&refusal, form.username, next),
    };
    tracing::info!(user.name = %account.username, "signed in to the admin");
    // A session that was there before ends: its id may be known to somebody else.
    if let Some(old) = session_id(&headers) {
        deps.sessions.end(&old);
    }
    let id = deps.sessions.begin(account);
    let cookie = session_cookie(id.as_str().to_owned(), https);
    with_cookie(Redirect::to(&next).into_response(), &cookie)
}

async fn check(deps: &AdminDeps, address: IpAddr, form: &LoginForm) -> Result<Account, Refusal> {
    deps.limits.check_login(address).map_err(|RetryAfter(wait)| {
        deps.metrics.rate_limited.increment(Limit::Logins);
        Refusal::TooManyAttempts(wait)
    })?;
    let user = deps
        .authority
        .check_password(form.username.trim(), &form.password)
        .await?;
    let role = user.role;
    if role.sees_admin() {
        Ok(Account::new(user, role))
    } else {
        Err(Refusal::NotAllowedIn)
    }
}

fn refused(refusal: &Refusal, username: String, next: String) -> Result<Response, Refusal> {
    let error = match refusal {
        Refusal::WrongCredentials => "Username or password is wrong.".to_owned(),
        other => format!("{}. {}", capitalised(&other.to_string()), other.hint()),
    };
    let mut response = html(&LoginPage {
        error: Some(error),
        username,
        next,
        assets: assets::Urls::ADMIN,
    })?;
    refusal.dress(&mut response);
    Ok(response)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + chars.as_str())
        .unwrap_or_default()
}

/// What the form of `POST /admin/logout` sends.
#[derive(Deserialize)]
pub(crate) struct LogoutForm {
    csrf_token: Option<String>,
}

/// `POST /admin/logout`
pub(crate) async fn sign_out(
    State(deps): State<AdminDeps>,
    viewer: Viewer,
    headers: HeaderMap,
    form: Result<Form<LogoutForm>, FormRejection>,
) -> Result<Response, Refusal> {
    let field = form.ok().and_then(|Form(form)| form.csrf_token);
    viewer.check_csrf(&headers, field.as_deref())?;
    if let Via::Cookie { session_id, .. } = &viewer.via {
        deps.sessions.end(session_id);
    }
    let mut gone = session_cookie(String::new(), false);
    gone.make_removal();
    with_cookie(Redirect::to("/admin/login").into_response(), &gone)
}

fn session_cookie(id: String, https: bool) -> Cookie<'static> {
    // No Max-Age: it ends with the browser, or when the server says so.
    Cookie::build((SESSION_COOKIE, id))
        .path("/admin")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(https)
        .build()
}

fn with_cookie(mut response: Response, cookie: &Cookie<'_>) -> Result<Response, Refusal> {
    let value = HeaderValue::from_str(&cookie.to_string()).map_err(|_| Refusal::Internal)?;
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(response)
}

#[cfg(test)]
pub(crate) fn sample() -> LoginPage {
    LoginPage {
        error: Some("Username or password is wrong.".to_owned()),
        username: "<script>alert(1)</script>".to_owned(),
        next: "/admin/rooms?q=a".to_owned(),
        assets: assets::Urls::ADMIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_stays_on_the_site_and_on_a_page() {
        for good in [
            "/admin",
            "/admin/rooms",
            "/admin/rooms/%2F/conversation:42?page=2",
            "/admin?x=1",
        ] {
            assert_eq!(safe_next(good), Some(good));
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/admin//evil.example",
            "/adminevil.example",
            "/admin/../..//evil.example",
            "/admin/\\evil",
            "/admin/\r\nset-cookie:x",
            "javascript:alert(1)",
            "/admin/api/sockets",
            "/admin/logout",
            "/admin@evil.example",
            "/admin/ä",
        ] {
            assert_eq!(safe_next(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_wanted_page_is_kept() {
        assert_eq!(
            login_path(Some("/admin/rooms?q=a&page=2")),
            "/admin/login?next=%2Fadmin%2Frooms%3Fq%3Da%26page%3D2"
        );
        assert_eq!(login_path(Some("//evil.example")), "/admin/login");
        assert_eq!(login_path(None), "/admin/login");
    }

    #[test]
    fn the_cookie_is_closed_to_scripts_and_other_sites() {
        let plain = session_cookie("x".to_owned(), false).to_string();
        assert!(
            plain.contains("HttpOnly") && plain.contains("SameSite=Strict") && plain.contains("Path=/admin"),
            "{plain}"
        );
        assert!(!plain.contains("Secure"));
        assert!(session_cookie("x".to_owned(), true).to_string().contains("Secure"));
    }
}
