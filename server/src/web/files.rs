//! The page and its files: embedded in the binary, compressed once, served under one hash of all of them, cached for ever.
//!
//! One hash in the path and not one per file: the modules name each other by relative addresses, and a page is made of
//! one version of all of them or does not load.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "chat-page/"]
struct Files;

/// The official client, as `build.rs` fetched it.
const SOCKET_IO_CLIENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/socket.io-client.js"));
const SOCKET_IO_CLIENT_NAME: &str = "socket.io-client.js";
const INDEX: &str = "index.html";

/// What the page is told with the markup, so that it need not ask.
#[derive(Debug, Clone, Copy)]
pub struct PageSettings {
    /// A message's content at most, in bytes.
    pub max_message_bytes: usize,
    /// Whether people may make accounts for themselves.
    pub registration_open: bool,
    /// Whether the admin is on this listener, to be linked to.
    pub admin_here: bool,
}

/// A file as it is sent.
#[derive(Clone)]
struct Served {
    plain: Bytes,
    /// `None` where it gains nothing.
    gzipped: Option<Bytes>,
    media_type: &'static str,
}

impl Served {
    fn new(name: &str, plain: Vec<u8>) -> Self {
        let media_type = media_type(name);
        let gzipped =
            gzipped(&plain).filter(|packed| !media_type.starts_with("image/png") && packed.len() < plain.len());
        Self {
            plain: plain.into(),
            gzipped: gzipped.map(Bytes::from),
            media_type,
        }
    }

    fn answer(&self, asked: &HeaderMap, caching: HeaderValue) -> Response {
        let accepts = asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let packed = self.gzipped.as_ref().filter(|_| accepts.is_some_and(takes_gzip));
        let body = packed.unwrap_or(&self.plain).clone();
        let mut response = body.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(CACHE_CONTROL, caching);
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        if packed.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn takes_gzip(accepts: &str) -> bool {
    accepts.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn gzipped(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

/// Everything but the page itself, by its name. Made once from what the binary holds.
static BY_NAME: LazyLock<HashMap<String, Served>> = LazyLock::new(|| {
    let embedded = Files::iter().filter(|name| name != INDEX).filter_map(|name| {
        let data = Files::get(&name)?.data.into_owned();
        Some((name.to_string(), Served::new(&name, data)))
    });
    let client = Served::new(SOCKET_IO_CLIENT_NAME, SOCKET_IO_CLIENT.to_vec());
    embedded.chain([(SOCKET_IO_CLIENT_NAME.to_owned(), client)]).collect()
});

/// 64 bits tell all versions that will ever be apart.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut names: Vec<&String> = BY_NAME.keys().collect();
    names.sort();
    let mut hasher = DefaultHasher::new();
    for name in names {
        hasher.write(name.as_bytes());
        hasher.write(&BY_NAME[name].plain);
    }
    format!("{:016x}", hasher.finish())
});

/// The page with what it is told written into it.
pub(super) struct Page {
    served: Served,
    etag: HeaderValue,
}

impl Page {
    pub(super) fn new(settings: &PageSettings) -> Self {
        let markup = Files::get(INDEX).map(|file| file.data.into_owned()).unwrap_or_default();
        let answer = |yes: bool| if yes { "yes" } else { "no" };
        let markup = String::from_utf8_lossy(&markup)
            .replace("{{assets}}", &format!("/assets/{}", *VERSION))
            .replace("{{version}}", env!("CARGO_PKG_VERSION"))
            .replace("{{max_message_bytes}}", &settings.max_message_bytes.to_string())
            .replace("{{registration_open}}", answer(settings.registration_open))
            .replace("{{admin_here}}", answer(settings.admin_here));
        let mut hasher = DefaultHasher::new();
        hasher.write(markup.as_bytes());
        let etag = HeaderValue::from_str(&format!("\"{:016x}\"", hasher.finish()));
        Self {
            served: Served::new(INDEX, markup.into_bytes()),
            etag: etag.unwrap_or(HeaderValue::from_static("\"0\"")),
        }
    }
}

/// `GET /`: asked for again every time, and not sent again while it is the same.
pub(super) async fn page(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let mut response = if headers.get(IF_NONE_MATCH) == Some(&page.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        page.served.answer(&headers, HeaderValue::from_static("no-cache"))
    };
    response.headers_mut().insert(ETAG, page.etag.clone());
    response
}

/// `GET /assets/{version}/{name}`
pub(super) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let found = path
        .split_once('/')
        .filter(|(version, _)| *version == *VERSION)
        .and_then(|(_, name)| BY_NAME.get(name));
    match found {
        Some(served) => served.answer(
            &headers,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
        None => (
            StatusCode::NOT_FOUND,
            "there is no such file in this version; reload the page that asked for it",
        )
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        assert!(takes_gzip("gzip, deflate, br"));
        assert!(takes_gzip("br;q=1.0, gzip;q=0.5"));
        assert!(!takes_gzip("br, gzip;q=0"));
        assert!(!takes_gzip("identity"));
    }

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let settings = PageSettings {
            max_message_bytes: 16_384,
            registration_open: true,
            admin_here: true,
        };
        let page = Page::new(&settings);
        let markup = String::from_utf8(page.served.plain.to_vec()).unwrap();
        assert!(!markup.contains("{{"), "a place that nothing was written into");
        let prefix = format!("/assets/{}/", *VERSION);
        let named: Vec<&str> = markup
            .split('"')
            .filter_map(|part| part.strip_prefix(prefix.as_str()))
            .collect();
        assert!(named.len() > 3, "{named:?}");
        for name in named {
            assert!(BY_NAME.contains_key(name), "{name}");
        }
    }

    #[test]
    fn every_module_that_a_module_imports_is_there_and_loaded_ahead() {
        let markup = String::from_utf8(Files::get(INDEX).unwrap().data.into_owned()).unwrap();
        for (name, served) in BY_NAME
            .iter()
            .filter(|(name, _)| media_type(name).starts_with("text/javascript"))
        {
            let text = String::from_utf8(served.plain.to_vec()).unwrap();
            assert!(
                text.lines().count() < 350 || name == SOCKET_IO_CLIENT_NAME,
                "{name} is long"
            );
            assert!(
                markup.contains(&format!("/{name}\"")),
                "{name} is not in the page's list of modules"
            );
            let imports = text.lines().filter_map(|line| line.split_once(" from \"./"));
            for (_, rest) in imports {
                let imported = rest.split('"').next().unwrap();
                assert!(BY_NAME.contains_key(imported), "{name} imports {imported}");
            }
        }
    }

    #[test]
    fn the_first_load_is_small() {
        let size = |served: &Served| served.gzipped.as_ref().unwrap_or(&served.plain).len();
        let own: usize = BY_NAME
            .iter()
            .filter(|(name, _)| *name != SOCKET_IO_CLIENT_NAME && media_type(name) != "image/png")
            .map(|(_, served)| size(served))
            .sum();
        assert!(own < 100_000, "{own} bytes");
    }
}
