//! The operator's collector, over HTTP.

use async_trait::async_trait;
use http::{Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use parking_lot::Mutex;
use std::sync::Arc;
use url::Url;

use crate::limits::{TRACE_ANSWER_BYTES_MAX, TRACE_EXPORT_TIMEOUT};
use crate::settings::{Secret, otlp_headers};

/// Takes spans.
#[derive(Debug, Clone)]
pub(super) struct Collector {
    client: reqwest::Client,
    shown: Arc<str>,
    /// Why the last request failed, in words; the exporter keeps only that it did.
    trouble: Arc<Mutex<Option<String>>>,
}

impl Collector {
    pub(super) fn new(endpoint: &Url, headers: Option<&Secret>) -> Result<Self, reqwest::Error> {
        let headers = headers.and_then(|headers| otlp_headers(headers.expose()));
        let client = reqwest::Client::builder()
            .timeout(TRACE_EXPORT_TIMEOUT)
            // A redirect would take the headers' keys elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers.unwrap_or_default())
            .build()?;
        let mut shown = endpoint.clone();
        shown.set_query(None);
        Ok(Self {
            client,
            shown: Arc::from(shown.as_str()),
            trouble: Arc::default(),
        })
    }

    /// Where it is, without what may be a key.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Why the last request failed.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().take()
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.client.execute(request.try_into()?).await?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = std::mem::take(answer.headers_mut());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > TRACE_ANSWER_BYTES_MAX {
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(Bytes::from(body))?)
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answered = self.send(request).await;
        *self.trouble.lock() = match &answered {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(words(error)),
        };
        answered
    }
}

/// The last cause, which is the one that says something ("Connection refused"), without the address.
fn words(error: &HttpError) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = &**error;
    if error
        .downcast_ref::<reqwest::Error>()
        .is_some_and(reqwest::Error::is_timeout)
    {
        return "it took too long to answer".to_owned();
    }
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
