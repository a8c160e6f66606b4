//! Styles and scripts: embedded in the binary, served under the hash of their content, cached for ever.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// An embedded file and the name that it is served by.
struct Asset {
    file: EmbeddedFile,
    media_type: &'static str,
}

/// Everything that is embedded, by the name with the hash in it. Made once from what the binary holds.
static BY_HASHED_NAME: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let file = |name: &str| {
        let file = Files::get(name)?;
        let media_type = media_type(name);
        Some((hashed_name(name, &file), Asset { file, media_type }))
    };
    Files::iter().filter_map(|name| file(&name)).collect()
});

/// `admin.css` becomes `admin.3fa08b12c4d5e6f7.css`: 64 bits tell all versions that will ever be apart.
fn hashed_name(name: &str, file: &EmbeddedFile) -> String {
    let mut hash = String::new();
    for byte in &file.metadata.sha256_hash()[..8] {
        // Writing to a String cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{hash}.{extension}"),
        None => format!("{name}.{hash}"),
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// Where a page finds its files: below `/admin` for the admin, which may have a listener of its own.
#[derive(Debug, Clone, Copy)]
pub struct Urls {
    prefix: &'static str,
}

impl Urls {
    /// The admin's.
    pub const ADMIN: Urls = Urls {
        prefix: "/admin/assets",
    };

    /// The address of the file that is called `name` in `assets/`.
    pub fn url(&self, name: &'static str) -> AssetUrl {
        AssetUrl {
            prefix: self.prefix,
            name,
        }
    }

    /// Serves the files at these addresses.
    pub fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new().route(&format!("{}/{{file}}", self.prefix), get(serve))
    }
}

/// An address that is written when the page is.
#[derive(Debug, Clone, Copy)]
pub struct AssetUrl {
    prefix: &'static str,
    name: &'static str,
}

impl fmt::Display for AssetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Files::get(self.name) {
            Some(file) => write!(f, "{}/{}", self.prefix, hashed_name(self.name, &file)),
            // A page without its style is better than no page; a test asks for every name.
            None => write!(f, "{}/{}", self.prefix, self.name),
        }
    }
}

async fn serve(Path(name): Path<String>) -> Response {
    match BY_HASHED_NAME.get(&name) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.media_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.file.data.clone()).into_response()
        }
        None => (
            StatusCode::NOT_FOUND,
            "there is no such file; reload the page that asked for it",
        )
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_file_that_pages_name_is_served_under_its_hash() {
        for name in ["admin.css", "live.js", "icon.svg"] {
            let url = Urls::ADMIN.url(name).to_string();
            let hashed = url.strip_prefix("/admin/assets/").unwrap();
            assert_ne!(hashed, name, "it is not embedded");
            let response = serve(Path(hashed.to_owned())).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert!(
                response.headers()[header::CACHE_CONTROL]
                    .to_str()
                    .unwrap()
                    .contains("immutable")
            );
            assert_eq!(serve(Path(name.to_owned())).await.status(), StatusCode::NOT_FOUND);
        }
    }
}
