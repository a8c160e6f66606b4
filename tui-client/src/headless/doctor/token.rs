//! The token: its shape, whether it is taken, and whether its signature is looked at.

use jiff::{Timestamp, Zoned};
use serde_json::Value;

use super::chat::{Connected, connect};
use super::check::{Check, Finding};
use super::patient::Patient;
use crate::jwt;
use crate::sign_in::SignInError;

/// Clocks that differ by this much are no clocks that are wrong.
const LEEWAY_SECONDS: i64 = 5;

pub(super) fn shape(patient: &Patient) -> Finding {
    if let Some(why) = &patient.no_token {
        let remedy = match why.downcast_ref::<SignInError>() {
            Some(SignInError::Refused { .. }) => "check the name and the password, or give --token",
            Some(SignInError::NotThere { .. }) => {
                "no password was looked at: mend the URL's path, or give --token where the server is no Rollcall"
            }
            _ => {
                "no password was looked at: see the checks before this one, wait a moment if it was too often, or give --token"
            }
        };
        return Finding::failed(Check::Token, format!("there is none: {why:#}"), remedy);
    }
    let Some(token) = &patient.token else {
        return Finding::skipped(Check::Token, "none was given (--token, --as or --auth)");
    };
    judge(token, Zoned::now().timestamp().as_second())
}

fn judge(token: &str, now: i64) -> Finding {
    let failed = |found: String, remedy: &str| Finding::failed(Check::Token, found, remedy);
    if token.trim() != token || token.to_ascii_lowercase().starts_with("bearer ") || token.starts_with('"') {
        return failed(
            "it begins or ends with what is none of it (Bearer, quotes, spaces)".into(),
            "auth.token is the bare token: auth: { token } and not \"Bearer …\"",
        );
    }
    let (Some(header), Some(claims)) = (jwt::header(token), jwt::claims(token)) else {
        return Finding::warning(
            Check::Token,
            "it is no JWT",
            "fine if this server's tokens are none; Rollcall's have three parts with dots between",
        );
    };
    let algorithm = header["alg"].as_str().unwrap_or("none").to_owned();
    if algorithm.eq_ignore_ascii_case("none") {
        return failed(
            "it is not signed (alg none)".into(),
            "no server should take it: have it signed",
        );
    }
    let seconds = |name: &str| claims[name].as_i64();
    if let Some(exp) = seconds("exp").filter(|exp| exp + LEEWAY_SECONDS < now) {
        return failed(
            format!("it expired {} s ago, at {}", now - exp, at(exp)),
            "get a fresh one; a client needs a function that fetches one: auth: (cb) => cb({ token: … })",
        );
    }
    for name in ["nbf", "iat"] {
        if let Some(begins) = seconds(name).filter(|begins| *begins > now + LEEWAY_SECONDS) {
            return failed(
                format!("it begins only in {} s ({name} {})", begins - now, at(begins)),
                "the issuer's clock is ahead of this one: set both by NTP",
            );
        }
    }
    let subject = match &claims["sub"] {
        Value::String(subject) => format!("for {subject}"),
        Value::Null => "without sub".into(),
        other => format!("for {other}"),
    };
    let until = seconds("exp").map_or_else(|| "for ever".into(), |exp| format!("until {}", at(exp)));
    Finding::good(Check::Token, format!("{algorithm}, {subject}, {until}"))
}

fn at(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

pub(super) async fn accepted(patient: &mut Patient) -> Finding {
    let token = patient.token.clone();
    match connect(patient, token.as_deref()).await {
        Ok(Connected::Yes { sid, .. }) => {
            let how = if token.is_some() {
                "with the token"
            } else {
                "without a token"
            };
            Finding::good(Check::Accepted, format!("connected {how}, SID {sid}"))
        }
        Ok(Connected::No(message)) => {
            let lower = message.to_ascii_lowercase();
            let remedy = if lower.contains("expired") {
                "fetch a fresh token"
            } else if token.is_none() {
                "the server wants to know who this is: --as, --token or --auth"
            } else if lower.contains("signature") || lower.starts_with("unauthorized") {
                "the server's key is not the issuer's (JWT_SECRET, JWT_PUBLIC_KEY_FILE), or the user is not known there"
            } else {
                "the server's own rule; its words say which"
            };
            Finding::failed(Check::Accepted, format!("refused: {message}"), remedy)
        }
        Err(words) => Finding::failed(
            Check::Accepted,
            format!("CONNECT was not answered: {words}"),
            "a middleware that never calls next() does this",
        ),
    }
}

/// The same token with another signature.
fn spoiled(token: &str) -> Option<String> {
    let (signed, signature) = token.rsplit_once('.')?;
    let turned: String = signature.chars().rev().collect();
    let other = if turned == signature {
        format!("x{signature}")
    } else {
        turned
    };
    Some(format!("{signed}.{other}"))
}

pub(super) async fn signature(patient: &mut Patient) -> Finding {
    let Some(spoiled) = patient
        .token
        .as_deref()
        .filter(|token| jwt::claims(token).is_some())
        .and_then(spoiled)
    else {
        return Finding::skipped(Check::Signature, "no JWT was given");
    };
    match connect(patient, Some(&spoiled)).await {
        Ok(Connected::No(message)) => {
            Finding::good(Check::Signature, format!("a spoiled signature is refused: {message}"))
        }
        Ok(Connected::Yes { .. }) => Finding::failed(
            Check::Signature,
            "the server lets in a token whose signature is spoiled",
            "anybody can be anybody there: verify the token in the server's middleware (and not only decode it)",
        ),
        Err(words) => Finding::warning(
            Check::Signature,
            format!("a spoiled signature got no answer: {words}"),
            "say no in words: next(new Error(\"unauthorized\"))",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    /// {"alg":"HS256"} and these claims, in base64url.
    fn token(claims: &str) -> String {
        format!("eyJhbGciOiJIUzI1NiJ9.{}.c2ln", crate::jwt::encode(claims.as_bytes()))
    }

    #[test]
    fn tokens_are_judged_by_their_shape_and_the_clock() {
        let states = |claims: &str| judge(&token(claims), 1_000).state;
        assert_eq!(states(r#"{"sub":"u","exp":2000}"#), State::Good);
        assert_eq!(states(r#"{"sub":"u","exp":900}"#), State::Failed);
        assert_eq!(states(r#"{"sub":"u","iat":1100,"exp":2000}"#), State::Failed);
        assert_eq!(judge("opaque", 0).state, State::Warning);
        assert_eq!(judge("Bearer a.b.c", 0).state, State::Failed);
        assert_eq!(judge("eyJhbGciOiJub25lIn0.e30.", 0).state, State::Failed);
    }

    #[test]
    fn a_spoiled_token_is_another_one() {
        assert_eq!(spoiled("a.b.xyz").unwrap(), "a.b.zyx");
        assert_eq!(spoiled("a.b.xx").unwrap(), "a.b.xxx");
    }
}
