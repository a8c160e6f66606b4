//! The same description as a page for people, made on the server; it needs no script and nothing from elsewhere.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;
use rollcall_protocol::ErrorCode;

use super::examples;
use super::operations::{self, Body, Operation, Place, TAGS};
use crate::api::problem::Problem;

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    version: &'static str,
    groups: Vec<Group>,
}

struct Group {
    name: &'static str,
    about: &'static str,
    operations: Vec<Shown>,
}

struct Shown {
    method: String,
    path: String,
    operation: &'static Operation,
    parameters: Vec<(&'static str, &'static str, &'static str)>,
    asked: Option<String>,
    answers: Vec<(u16, &'static str, Option<String>)>,
}

fn pretty(body: &Body) -> String {
    serde_json::to_string_pretty(&examples::of(body.example)).unwrap_or_default()
}

fn shown(operation: &'static Operation) -> Shown {
    let parameters = operation.parameters.iter().map(|parameter| {
        let place = match parameter.place {
            Place::Path => "in the path",
            Place::Query if parameter.required => "in the query",
            Place::Query => "in the query, optional",
        };
        (parameter.name, place, parameter.about)
    });
    Shown {
        method: operation.method.to_uppercase(),
        path: format!("/api/v1{}", operation.path),
        operation,
        parameters: parameters.collect(),
        asked: operation.body.as_ref().map(pretty),
        answers: operation
            .answers
            .iter()
            .map(|(status, about, body)| (*status, *about, body.as_ref().map(pretty)))
            .collect(),
    }
}

/// `GET docs`: for anybody.
pub(crate) async fn page() -> Response {
    let groups = TAGS.iter().map(|(name, about)| Group {
        name,
        about,
        operations: operations::all()
            .filter(|operation| operation.tag == *name)
            .map(shown)
            .collect(),
    });
    let page = ApiPage {
        version: env!("CARGO_PKG_VERSION"),
        groups: groups.collect(),
    };
    match page.render() {
        Ok(html) => {
            let mut response = Html(html).into_response();
            let policy =
                HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            response
        }
        Err(error) => {
            tracing::error!(%error, "the page of the API could not be made");
            Problem::new(ErrorCode::Internal, "the page could not be made").into_response()
        }
    }
}
