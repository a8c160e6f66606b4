//! Text from outside, made fit to be kept and shown: bounded, without control characters, without secrets.

use http::{HeaderMap, Uri, header};

/// An origin, a version or a namespace is shorter when it is meant well.
const TEXT_CHARS_MAX: usize = 200;

/// A path segment above this is more likely a token than a name.
const SEGMENT_CHARS_MAX: usize = 48;

/// How a JWT begins: `{"` in base64url.
const JWT_PREFIX: &str = "eyJ";

const CUT: char = '…';

/// Bounded and without control characters. Words that look like a token are left out.
pub(super) fn shown(text: &str) -> String {
    if text.contains(JWT_PREFIX) {
        return CUT.into();
    }
    let mut characters = text.chars();
    let mut out: String = characters.by_ref().take(TEXT_CHARS_MAX).map(printable).collect();
    if characters.next().is_some() {
        out.push(CUT);
    }
    out
}

fn printable(character: char) -> char {
    if character.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        character
    }
}

/// The path, and of the query only what says which protocol was meant: the rest may hold tokens and session ids.
pub(super) fn path(uri: &Uri) -> String {
    let mut out = bare_path(uri);
    let Some(query) = uri.query() else {
        return out;
    };
    let mut separator = '?';
    let mut hidden = false;
    for pair in query.split('&') {
        if ["EIO=", "transport="].iter().any(|known| pair.starts_with(known)) && out.len() < 2 * TEXT_CHARS_MAX {
            out.push(separator);
            out.push_str(&segment(&shown(pair)));
            separator = '&';
        } else {
            hidden = true;
        }
    }
    if hidden {
        out.push(separator);
        out.push(CUT);
    }
    out
}

/// The path without the query; what looks like a token is left out.
pub(super) fn bare_path(uri: &Uri) -> String {
    let segments: Vec<_> = uri.path().split('/').map(segment).collect();
    shown(&segments.join("/"))
}

fn segment(text: &str) -> String {
    if text.chars().count() > SEGMENT_CHARS_MAX || text.contains(JWT_PREFIX) {
        CUT.into()
    } else {
        text.to_owned()
    }
}

/// The header `Origin`, as it came. One that is no text is still an origin, and none that is allowed.
pub(super) fn origin(headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?;
    Some(String::from_utf8_lossy(origin.as_bytes()).into_owned())
}

/// The same, fit to be kept. Whatever stands before an `@` may be a password.
pub(super) fn shown_origin(origin: &str) -> String {
    match origin.rsplit_once('@') {
        Some((_, host)) => format!("{CUT}@{}", shown(host)),
        None => shown(origin),
    }
}
