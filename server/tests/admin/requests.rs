//! Asking the admin as a browser or a program does.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use crate::stage::{PASSWORD, Stage};

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A refusal as problem+json, of this status and code.
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.json()["code"], code);
        assert!(!self.json()["hint"].as_str().unwrap().is_empty());
    }
}

/// Somebody who asks.
pub(crate) struct Client<'a> {
    router: &'a Router,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    /// Somebody unknown.
    pub(crate) fn stranger(stage: &'a Stage) -> Self {
        Self {
            router: &stage.router,
            headers: Vec::new(),
        }
    }

    /// A program with a token.
    pub(crate) async fn with_token(stage: &'a Stage, username: &str) -> Self {
        let signed_in = stage.authority.login(username, PASSWORD).await.unwrap();
        let authorization = format!("Bearer {}", signed_in.token.token);
        Self {
            router: &stage.router,
            headers: vec![("authorization", authorization)],
        }
    }

    /// A browser that signed in.
    pub(crate) async fn signed_in(stage: &'a Stage, username: &str) -> Self {
        let stranger = Self::stranger(stage);
        let answer = stranger
            .post_form("/admin/login", &[("username", username), ("password", PASSWORD)])
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Self {
            router: &stage.router,
            headers: vec![("cookie", cookie)],
        }
    }

    /// The same, saying this as well.
    pub(crate) fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", Body::empty()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", Body::from(body.to_string()))
            .await
    }

    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.send(
            Method::POST,
            path,
            "application/x-www-form-urlencoded",
            Body::from(body),
        )
        .await
    }

    /// The token that the pages carry.
    pub(crate) async fn csrf(&self) -> String {
        let page = self.get("/admin").await.text;
        let meta = page.split("name=\"csrf-token\" content=\"").nth(1).unwrap();
        meta.split('"').next().unwrap().to_owned()
    }

    async fn send(&self, method: Method, path: &str, content_type: &str, body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}
