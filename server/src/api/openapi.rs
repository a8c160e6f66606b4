//! `openapi.json`: the whole of REST for programs, and a page of the same for people.
//!
//! One table of operations ([`operations`]) and one of shapes ([`shapes`]) make both. They are JSON, as they will be read, and pass
//! through utoipa's types, which know what a document may hold. Tests hold the table to the routes, and a fuzzer holds the
//! server to the document.

mod examples;
mod operations;
mod page;
mod shapes;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use rollcall_protocol::ErrorCode;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use self::operations::{Body, Operation, Place};
use super::problem::Problem;

pub(super) use page::page;

/// The document, made once.
static DOCUMENT: LazyLock<Option<String>> = LazyLock::new(|| {
    typed()
        .and_then(|typed| typed.to_json())
        .inspect_err(|error| tracing::error!(%error, "openapi.json could not be made"))
        .ok()
});

/// `GET openapi.json`: for anybody.
pub(super) async fn json() -> Response {
    match &*DOCUMENT {
        Some(text) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
            ];
            (StatusCode::OK, headers, text.as_str()).into_response()
        }
        None => Problem::new(ErrorCode::Internal, "the description could not be made").into_response(),
    }
}

fn typed() -> Result<OpenApi, serde_json::Error> {
    serde_json::from_value(document())
}

fn document() -> Value {
    let mut paths = Map::new();
    for operation in operations::all() {
        let path = paths
            .entry(format!("/api/v1{}", operation.path))
            .or_insert_with(|| json!({}));
        path[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rollcall",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Chat over REST, beside Socket.IO and plain WebSockets. Every error is application/problem+json with a \
                            `code` for programs and a `hint` for people. A trailing slash is ignored.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": shapes::all(),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The token of auth/register, auth/login, `rollcall user token` or another issuer.",
                },
            },
        },
        "tags": operations::TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })).collect::<Vec<_>>(),
    })
}

fn described(operation: &Operation) -> Value {
    let mut said = json!({
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.about,
        "operationId": operation.id,
        "responses": answers(operation),
    });
    if operation.signed_in {
        said["security"] = json!([{ "bearer": [] }]);
    }
    let parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    if !parameters.is_empty() {
        said["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = &operation.body {
        said["requestBody"] = json!({
            "required": true,
            "content": { "application/json": content(body) },
        });
    }
    said
}

fn parameter(parameter: &operations::Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": match parameter.place { Place::Path => "path", Place::Query => "query" },
        "required": parameter.required,
        "description": parameter.about,
        "schema": shapes::of_parameter(parameter.kind),
    })
}

fn content(body: &Body) -> Value {
    json!({
        "schema": { "$ref": format!("#/components/schemas/{}", body.shape) },
        "example": examples::of(body.example),
    })
}

fn answers(operation: &Operation) -> Value {
    let mut answers = Map::new();
    for (status, about, body) in operation.answers {
        let mut answer = json!({ "description": about });
        if let Some(body) = body {
            answer["content"] = json!({ "application/json": content(body) });
        }
        answers.insert(status.to_string(), answer);
    }
    for status in operation.refusals.iter().chain(operations::ANYWHERE) {
        answers.entry(status.to_string()).or_insert_with(|| {
            let problem = Body {
                shape: "Problem",
                example: "problem",
            };
            json!({
                "description": operations::refusal(*status),
                "content": { "application/problem+json": content(&problem) },
            })
        });
    }
    Value::Object(answers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::telemetry::routes::routes_of;

    #[test]
    fn nothing_is_lost_on_the_way_through_the_types() {
        let typed = serde_json::to_value(typed().unwrap()).unwrap();
        assert_eq!(typed, document());
    }

    #[test]
    fn every_route_is_described_and_every_description_has_its_route() {
        let routes: BTreeSet<(String, String)> = routes_of("/api/v1/")
            .filter(|(template, _)| !["/api/v1/ws/chat", "/api/v1/docs"].contains(template))
            .map(|(template, method)| (positions(template), method.to_lowercase()))
            .collect();
        let described: BTreeSet<(String, String)> = operations::all()
            .map(|operation| {
                (
                    positions(&format!("/api/v1{}", operation.path)),
                    operation.method.to_owned(),
                )
            })
            .collect();
        assert_eq!(described, routes);
    }

    /// Placeholders are compared by their place.
    fn positions(template: &str) -> String {
        let part = |part: &str| {
            if part.starts_with('{') {
                "{}".to_owned()
            } else {
                part.to_owned()
            }
        };
        template.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn every_shape_and_example_that_is_named_exists() {
        let document = document();
        let shapes = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        for named in text.split("#/components/schemas/").skip(1) {
            let name = named.split('"').next().unwrap();
            assert!(shapes.contains_key(name), "{name}");
        }
        assert!(!text.contains("\"example\":null"));
        let ids: BTreeSet<&str> = operations::all().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), operations::all().count(), "an operation's id is given twice");
    }
}
