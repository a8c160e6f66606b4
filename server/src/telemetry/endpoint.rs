//! `GET /metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Metrics;

/// What Prometheus expects of the text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The bearer token that a scraper must show (`ROLLCALL_METRICS_TOKEN`). Never printed.
#[derive(Clone)]
pub struct MetricsToken(Box<str>);

impl MetricsToken {
    /// From the settings.
    pub fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// Compares in constant time, so that the time it takes tells nothing about how much was right.
    fn matches(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

impl std::fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsToken(…)")
    }
}

#[derive(Clone)]
struct Endpoint {
    metrics: Metrics,
    token: Option<MetricsToken>,
}

/// The router with `/metrics`, to be merged into the main one or served by a listener of its own.
pub fn router<S: Clone + Send + Sync + 'static>(metrics: Metrics, token: Option<MetricsToken>) -> Router<S> {
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(Endpoint { metrics, token })
}

async fn scrape(State(endpoint): State<Endpoint>, headers: HeaderMap) -> Response {
    if let Some(token) = &endpoint.token
        && !bearer(&headers).is_some_and(|shown| token.matches(shown))
    {
        return unauthorized();
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], endpoint.metrics.render()).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized() -> Response {
    let problem = json!({
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "code": "unauthorized",
        "detail": "the metrics are guarded by a token, and none or another one was sent",
        "hint": "send Authorization: Bearer with the value of ROLLCALL_METRICS_TOKEN",
    });
    let headers = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::WWW_AUTHENTICATE, r#"Bearer realm="metrics""#),
    ];
    (StatusCode::UNAUTHORIZED, headers, problem.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn scrape_with(token: Option<&str>, authorization: Option<&str>) -> (StatusCode, HeaderMap, String) {
        let app: Router = router(Metrics::new().unwrap(), token.map(MetricsToken::new));
        let mut request = Request::builder().uri("/metrics");
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn open_without_a_token() {
        let (status, headers, body) = scrape_with(None, None).await;
        assert_eq!(status, StatusCode::OK);
        let content_type = headers[header::CONTENT_TYPE].to_str().unwrap();
        assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
        assert!(body.contains("rollcall_build_info{"));
    }

    #[tokio::test]
    async fn guarded_with_one() {
        for shown in [
            None,
            Some("Bearer wrong"),
            Some("Basic right"),
            Some("right"),
            Some("Bearer "),
            Some("Bearer righ"),
        ] {
            let (status, headers, body) = scrape_with(Some("right"), shown).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{shown:?}");
            assert!(headers.contains_key(header::WWW_AUTHENTICATE));
            assert!(
                !body.contains("rollcall_build_info") && !body.contains("right"),
                "{body}"
            );
        }
        for shown in ["Bearer right", "bearer right"] {
            assert_eq!(
                scrape_with(Some("right"), Some(shown)).await.0,
                StatusCode::OK,
                "{shown}"
            );
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        assert_eq!(format!("{:?}", MetricsToken::new("s3cret")), "MetricsToken(…)");
    }
}
