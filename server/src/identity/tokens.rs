//! Tokens: JWTs of our own (HS256), and those of one other issuer (RS256, ES256 or `EdDSA`).
//!
//! Which key a token is checked with follows from its header's `alg`, and each key takes one algorithm only, which follows
//! from the key. So there is no `none`, and a public key is never taken for an HMAC secret.

mod session;

use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::Clock;
use chat_core::{Role, Timestamp, User, UserId};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Map, Value};

use crate::limits::{NOT_BEFORE_LEEWAY, TOKEN_BYTES_MAX};
use crate::settings::{Secret, hex};

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The `jti` of a token that can be taken back.
    pub kept: Option<String>,
    /// `sub`: the user's id.
    pub user_id: UserId,
    /// `name`, if any.
    pub name: Option<String>,
    /// `role`, if any: at most this is claimed.
    pub role: Option<Role>,
    /// `exp`.
    pub expires_at: Timestamp,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was good until its `exp`.
    #[error("the token has expired")]
    Expired,
    /// It never was, or not here.
    #[error("the token is not accepted: {0}")]
    Refused(&'static str),
}

/// A token of our own.
#[derive(Clone)]
pub struct IssuedToken {
    /// Its `jti`.
    pub id: String,
    /// The JWT.
    pub token: String,
    /// Its `exp`.
    pub expires_at: Timestamp,
}

/// The claim of tokens that can be taken back.
const KEPT: &str = "kept";

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IssuedToken(until {})", self.expires_at)
    }
}

/// Why a public key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// The file holds the other half.
    #[error("it holds a private key; the public half belongs here, and the private one nowhere near this server")]
    Private,
    /// It is no PEM of a public key that JWTs are signed with.
    #[error("it must be a PEM file that begins with -----BEGIN PUBLIC KEY----- and holds an RSA, P-256 or Ed25519 key")]
    Unusable,
}

/// Issues and verifies tokens.
pub struct Tokens {
    signing: EncodingKey,
    own: (DecodingKey, Validation),
    other: Option<(DecodingKey, Validation)>,
    clock: Arc<dyn Clock>,
}

impl Tokens {
    /// With our own key.
    pub fn new(secret: &Secret, clock: Arc<dyn Clock>) -> Self {
        let secret = secret.expose().as_bytes();
        Self {
            signing: EncodingKey::from_secret(secret),
            own: (DecodingKey::from_secret(secret), signature_only(Algorithm::HS256)),
            other: None,
            clock,
        }
    }

    /// Accepts the tokens of another issuer as well.
    pub fn with_public_key(mut self, pem: &[u8]) -> Result<Self, PublicKeyError> {
        let (key, algorithm) = public_key(pem)?;
        self.other = Some((key, signature_only(algorithm)));
        Ok(self)
    }

    /// A token for `user`, that claims `role`.
    pub fn issue(&self, user: &User, role: Role, lifetime: Duration) -> Result<IssuedToken, TokenError> {
        self.sign(user, role, lifetime, false)
    }

    /// The same for one that can be taken back: it counts only while it is written down as good.
    pub fn issue_kept(&self, user: &User, role: Role, lifetime: Duration) -> Result<IssuedToken, TokenError> {
        self.sign(user, role, lifetime, true)
    }

    fn sign(&self, user: &User, role: Role, lifetime: Duration, kept: bool) -> Result<IssuedToken, TokenError> {
        let now = self.clock.now().as_secs();
        let expires = now.saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2000));
        let id = hex(&rand::random::<[u8; 16]>());
        let mut claims = serde_json::json!({
            "sub": user.id,
            "name": user.display_name,
            "role": role,
            "iat": now,
            "exp": expires,
            "jti": id,
        });
        if kept {
            claims[KEPT] = true.into();
        }
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|_| TokenError::Refused("it could not be signed"))?;
        Ok(IssuedToken {
            id,
            token,
            expires_at: Timestamp::from_millis(expires.saturating_mul(1000)),
        })
    }

    /// What the token says, if it is good now. `exp` has no leeway, since a socket is disconnected at that very moment;
    /// `nbf` has [`NOT_BEFORE_LEEWAY`], since two machines' clocks differ.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.read(&self.signed_claims(token)?)
    }

    /// Whose token it is by a good signature, also after its end: for telling an operator who was refused.
    pub fn owner(&self, token: &str) -> Option<UserId> {
        owner_of(&self.signed_claims(token).ok()?)
    }

    fn signed_claims(&self, token: &str) -> Result<Map<String, Value>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Refused("it is longer than any token of ours"));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| {
            TokenError::Refused("it is no JWT (three parts with dots between them), or its algorithm is not known")
        })?;
        if header.crit.is_some() {
            return Err(TokenError::Refused(
                "its header demands an extension (crit) that is not known here",
            ));
        }
        let keys = std::iter::once(&self.own).chain(&self.other);
        let (key, validation) = keys
            .into_iter()
            .find(|(_, validation)| validation.algorithms.contains(&header.alg))
            .ok_or(TokenError::Refused("its algorithm is not one that this server accepts"))?;
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, key, validation);
        let claims = decoded.map_err(|error| match error.kind() {
            // The signature is checked first, so this tells a forger nothing.
            ErrorKind::Json(_) => TokenError::Refused("its claims are no JSON object, or its sub is no text"),
            _ => TokenError::Refused("its signature is wrong"),
        })?;
        Ok(claims.claims)
    }

    fn read(&self, claims: &Map<String, Value>) -> Result<Claims, TokenError> {
        let user_id = owner_of(claims).ok_or(TokenError::Refused(
            "its sub is no id (1 to 64 characters of A-Z a-z 0-9 _ . : -)",
        ))?;
        // Issuers have roles of their own, which mean nothing here: their bearer is a plain user.
        let role = claims.get("role").filter(|role| !role.is_null());
        let role = role.map(|role| role.as_str().and_then(|role| role.parse().ok()).unwrap_or(Role::User));
        let now = self.clock.now();
        let expires_at = time_claim(claims, "exp")?.ok_or(TokenError::Refused("it has no exp"))?;
        if expires_at <= now {
            return Err(TokenError::Expired);
        }
        let leeway = i64::try_from(NOT_BEFORE_LEEWAY.as_millis()).unwrap_or(0);
        if time_claim(claims, "nbf")?.is_some_and(|from| from > now.plus_millis(leeway)) {
            return Err(TokenError::Refused("its nbf lies in the future"));
        }
        let name = claims.get("name").and_then(Value::as_str).map(str::to_owned);
        let kept = claims.get(KEPT).and_then(Value::as_bool).unwrap_or(false);
        let kept = kept.then(|| claims.get("jti").and_then(Value::as_str).unwrap_or_default().to_owned());
        Ok(Claims {
            kept,
            user_id,
            name,
            role,
            expires_at,
        })
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let other = self.other.as_ref().map(|(_, validation)| &validation.algorithms);
        f.debug_struct("Tokens").field("other", &other).finish_non_exhaustive()
    }
}

fn owner_of(claims: &Map<String, Value>) -> Option<UserId> {
    match claims.get("sub") {
        Some(Value::String(sub)) => UserId::parse(sub).ok(),
        // Issuers with numeric user ids write them as they are.
        Some(Value::Number(sub)) if sub.is_u64() || sub.is_i64() => UserId::parse(sub.to_string()).ok(),
        _ => None,
    }
}

/// Times are checked here against our Clock, and not by the library against its own. `aud` is not checked: there is no
/// setting that says who we are to the other issuer.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

/// An uncompressed point of P-256. Other curves have longer ones, and ES256 is for this one.
const P256_POINT_BYTES: usize = 65;

/// The key and the one algorithm that it verifies.
fn public_key(pem: &[u8]) -> Result<(DecodingKey, Algorithm), PublicKeyError> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("PRIVATE KEY-----") {
        return Err(PublicKeyError::Private);
    }
    if !text.contains("-----BEGIN PUBLIC KEY-----") && !text.contains("-----BEGIN RSA PUBLIC KEY-----") {
        return Err(PublicKeyError::Unusable);
    }
    let candidates = [
        (DecodingKey::from_rsa_pem(pem), Algorithm::RS256),
        (DecodingKey::from_ec_pem(pem), Algorithm::ES256),
        (DecodingKey::from_ed_pem(pem), Algorithm::EdDSA),
    ];
    candidates
        .into_iter()
        .find_map(|(key, algorithm)| key.ok().map(|key| (key, algorithm)))
        .filter(|(key, algorithm)| {
            *algorithm != Algorithm::ES256
                || key
                    .try_get_as_bytes()
                    .is_ok_and(|point| point.len() == P256_POINT_BYTES)
        })
        .ok_or(PublicKeyError::Unusable)
}

/// Seconds since 1970, with or without a fraction (RFC 7519, `NumericDate`).
fn time_claim(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
    let Some(value) = claims.get(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let whole = value.as_i64().map(|seconds| seconds.saturating_mul(1000));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and the timestamp clamps"
    )]
    let millis = whole.or_else(|| value.as_f64().map(|seconds| (seconds * 1000.0) as i64));
    match millis {
        Some(millis) => Ok(Some(Timestamp::from_millis(millis))),
        None => Err(TokenError::Refused("its exp or nbf is no number of seconds")),
    }
}

#[cfg(test)]
mod tests;
