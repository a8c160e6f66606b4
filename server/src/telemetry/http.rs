//! Counts HTTP requests by route, method and status, in closed sets.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use metrics::{Counter, Histogram, Label as Pair};
use parking_lot::RwLock;
use tokio::time::Instant;

use super::catalogue::{HTTP_REQUEST_SECONDS, HTTP_REQUESTS};
use super::label::Label;
use super::registrar::Registrar;
use super::routes::{Method, Route, status_value};

/// What HTTP reports. The routes' successes and likely failures are there from the start; an unlikely status appears
/// when it first happens. Route, method and status come from closed tables, so the number of series is bounded.
#[derive(Clone)]
pub struct HttpMetrics {
    registrar: Registrar,
    series: Arc<Series>,
}

#[derive(Default)]
struct Series {
    /// Guards the table only; a handle is cloned out of it. Written when a series is first seen.
    requests: RwLock<HashMap<(Route, Method, &'static str), Counter>>,
    /// As above.
    seconds: RwLock<HashMap<(Route, Method), Histogram>>,
}

impl std::fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpMetrics").finish_non_exhaustive()
    }
}

impl HttpMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        let this = Self {
            registrar: registrar.clone(),
            series: Arc::default(),
        };
        for route in Route::all() {
            for (method, successes) in route.row().methods {
                for status in successes.iter().chain(route.row().failures) {
                    let _ = this.requests(route, *method, status_value(*status));
                }
                if route.is_timed() {
                    let _ = this.seconds(route, *method);
                }
            }
        }
        this
    }

    /// One request was answered. `matched` is the router's template, if one matched.
    pub fn answered(
        &self,
        matched: Option<&str>,
        path: &str,
        method: &http::Method,
        status: StatusCode,
        took: Duration,
    ) {
        let route = Route::of(matched, path);
        let method = route.method(method);
        self.requests(route, method, status_value(status.as_u16())).increment(1);
        if route.is_timed() {
            self.seconds(route, method).record(took.as_secs_f64());
        }
    }

    fn requests(&self, route: Route, method: Method, status: &'static str) -> Counter {
        let key = (route, method, status);
        if let Some(counter) = self.series.requests.read().get(&key) {
            return counter.clone();
        }
        let mut labels = labels_of(route, method);
        labels.push(Pair::from_static_parts("status", status));
        let counter = self.registrar.counter_with(&HTTP_REQUESTS, labels);
        self.series.requests.write().insert(key, counter.clone());
        counter
    }

    fn seconds(&self, route: Route, method: Method) -> Histogram {
        let key = (route, method);
        if let Some(histogram) = self.series.seconds.read().get(&key) {
            return histogram.clone();
        }
        let histogram = self
            .registrar
            .histogram_with(&HTTP_REQUEST_SECONDS, labels_of(route, method));
        self.series.seconds.write().insert(key, histogram.clone());
        histogram
    }
}

fn labels_of(route: Route, method: Method) -> Vec<Pair> {
    vec![
        Pair::from_static_parts("route", route.row().template),
        Pair::from_static_parts(Method::NAME, method.as_str()),
    ]
}

/// Middleware that counts every request: the last `.layer(axum::middleware::from_fn_with_state(metrics, track))` of the
/// router, so that it sees the answers of all the others and still knows the route.
pub async fn track(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let path = request.uri().clone();
    let response = next.run(request).await;
    let matched = matched.as_ref().map(MatchedPath::as_str);
    metrics.answered(matched, path.path(), &method, response.status(), began.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;
    use crate::telemetry::Metrics;

    #[tokio::test]
    async fn requests_are_counted_by_template() {
        let metrics = Metrics::new().unwrap();
        let app = Router::new()
            .route("/api/v1/messages/{message_id}/delivery", get(|| async { "" }))
            .layer(axum::middleware::from_fn_with_state(metrics.http.clone(), track));
        for path in [
            "/api/v1/messages/secret-id/delivery",
            "/etc/passwd",
            "/socket.io/?EIO=4",
        ] {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            app.clone().oneshot(request).await.unwrap();
        }
        let text = metrics.render();
        let series = |labels: &str| format!("rollcall_http_requests_total{{{labels}}} 1\n");
        assert!(text.contains(&series(
            r#"route="/api/v1/messages/{id}/delivery",method="GET",status="200""#
        )));
        assert!(text.contains(&series(r#"route="other",method="other",status="404""#)));
        assert!(text.contains(&series(r#"route="/socket.io/",method="GET",status="404""#)));
        assert!(!text.contains("secret-id") && !text.contains("passwd"));
        assert!(!text.contains(r#"rollcall_http_request_seconds_count{route="/socket.io/""#));
    }
}
