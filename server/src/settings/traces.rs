//! Where traces go. The names are OpenTelemetry's own, so that a platform that sets them for every program sets them for this one too.

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::arguments::SettingArgs;
use super::{NotAllowed, SettingError};
use crate::telemetry::traces::TraceSettings;

/// Enough for every name that somebody wants to read in a list.
const SERVICE_CHARS_MAX: usize = 100;

pub(super) fn from_args(args: &SettingArgs) -> Result<Option<TraceSettings>, SettingError> {
    let ratio = args.trace_ratio().parse(ratio)?;
    let service = args.trace_service().parse(service)?;
    let headers = args.otlp_headers().parse_if_set(|text| {
        otlp_headers(text)
            .map(|_| ())
            .ok_or_else(|| NotAllowed::new("write a comma list of name=value"))
    })?;
    let endpoint = args.otlp_endpoint();
    let Some(text) = endpoint.given() else { return Ok(None) };
    // It may hold a password, which is not shown.
    let base = base(text).map_err(|allowed| endpoint.error(without_credentials(text), allowed))?;
    Ok(Some(TraceSettings {
        endpoint: traces_below(base),
        headers,
        ratio,
        service,
    }))
}

fn base(text: &str) -> Result<Url, NotAllowed> {
    let parsed = Url::parse(text).ok();
    let url = parsed
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| NotAllowed::new("write an address as in http://localhost:4318 (OTLP over HTTP, not gRPC)"))?;
    if url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(NotAllowed::new(
            "a name and a password are not taken here; set OTEL_EXPORTER_OTLP_HEADERS, as in authorization=Basic%20…",
        ))
    }
}

/// What is wrong with it stands between the credentials and the query.
fn without_credentials(text: &str) -> &str {
    let behind = text.rsplit('@').next().unwrap_or_default();
    behind.split('?').next().unwrap_or_default()
}

/// As OpenTelemetry's specification has it: the signal's path is put behind that of the base.
fn traces_below(mut base: Url) -> Url {
    let path = format!("{}/v1/traces", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base
}

fn ratio(text: &str) -> Result<f64, NotAllowed> {
    text.parse()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| NotAllowed::new("write a number from 0 to 1, as in 0.05 for every twentieth"))
}

fn service(text: &str) -> Result<String, NotAllowed> {
    let fits = text.chars().count() <= SERVICE_CHARS_MAX && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| NotAllowed::new(format!("write a name of up to {SERVICE_CHARS_MAX} characters")))
}

/// Reads `name=value,name=value`, the values percent-encoded. `None`: it is something else.
pub(crate) fn otlp_headers(text: &str) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        let mut value = HeaderValue::from_bytes(&decoded(value.trim())?).ok()?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Some(headers)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digit(bytes.next()?)? * 16 + digit(bytes.next()?)?
        } else {
            byte
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_is_put_behind_the_base() {
        for (given, asked) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://host/otlp/?key=1", "https://host/otlp/v1/traces?key=1"),
        ] {
            assert_eq!(traces_below(base(given).unwrap()).as_str(), asked);
        }
    }

    #[test]
    fn what_is_no_collector_is_refused_and_no_password_is_shown() {
        for wrong in ["localhost:4318", "grpc://localhost:4317", "http://", "4318"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
        let refused = base("http://me:secret@host").unwrap_err().to_string();
        assert!(refused.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{refused}");
        for with in ["http://me:secret@host:1/x", "grpc:me:secret@host", "host?key=secret"] {
            assert!(!without_credentials(with).contains("secret"), "{with}");
        }
    }

    #[test]
    fn headers_are_pairs_with_encoded_values() {
        let headers = otlp_headers("api-key=a%2Cb%3D, Authorization=Basic%20eA==,").unwrap();
        assert_eq!((headers["api-key"].as_bytes(), headers.len()), (b"a,b=".as_slice(), 2));
        assert_eq!(headers["authorization"], "Basic eA==");
        assert!(!format!("{headers:?}").contains("eA"), "they are keys");
        for wrong in ["key", "a b=c", "a=%zz", "a=%2", "a=%0a"] {
            assert!(otlp_headers(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_ratio_is_a_share() {
        assert_eq!(
            (ratio("0").ok(), ratio("0.25").ok(), ratio("1").ok()),
            (Some(0.0), Some(0.25), Some(1.0))
        );
        for wrong in ["-0.1", "1.1", "NaN", "half", "5%"] {
            assert!(ratio(wrong).is_err(), "{wrong}");
        }
    }
}
