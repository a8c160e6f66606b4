//! What stands at `/` until there is more: that the server runs, and where to go.

use askama::Template;
use axum::response::Response;

use crate::admin::assets;
use crate::admin::refusal::Refusal;
use crate::admin::scene::html;

/// The page at `/`.
#[derive(Debug, Template)]
#[template(path = "landing.html")]
pub(crate) struct LandingPage {
    version: &'static str,
    assets: assets::Urls,
}

fn gather() -> LandingPage {
    LandingPage {
        version: env!("CARGO_PKG_VERSION"),
        assets: assets::Urls::SITE,
    }
}

/// `GET /`
pub(crate) async fn page() -> Result<Response, Refusal> {
    html(&gather())
}

#[cfg(test)]
pub(crate) fn sample() -> LandingPage {
    LandingPage {
        version: "0.1.0",
        ..gather()
    }
}
