//! Tokens against their forgeries. Keys and tokens of the other issuer were made with openssl.

use chat_core::ports::Clock;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RSA_PRIVATE: &[u8] = include_bytes!("fixtures/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("fixtures/rsa.pub.pem");
const EC_PRIVATE: &[u8] = include_bytes!("fixtures/p256.pem");
const EC_PUBLIC: &[u8] = include_bytes!("fixtures/p256.pub.pem");
const ED_PRIVATE: &[u8] = include_bytes!("fixtures/ed25519.pem");
const ED_PUBLIC: &[u8] = include_bytes!("fixtures/ed25519.pub.pem");
const P384_PUBLIC: &[u8] = include_bytes!("fixtures/p384.pub.pem");

const NOW: i64 = 1_800_000_000;

struct Stopped;
impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOW * 1000 + 500)
    }
}

fn tokens() -> Tokens {
    Tokens::new(&Secret::new(SECRET), Arc::new(Stopped))
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, &EncodingKey::from_secret(SECRET.as_bytes()), claims)
}

fn signed(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, key).unwrap()
}

fn good() -> Value {
    json!({ "sub": "alice", "name": "Alice", "role": "admin", "exp": NOW + 60 })
}

fn with(changes: &Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn user() -> User {
    User {
        id: UserId::parse("alice").unwrap(),
        username: "alice".into(),
        display_name: "Alice".into(),
        role: Role::Admin,
        created_at: Timestamp::from_millis(0),
        disabled_at: None,
        last_seen: None,
    }
}

#[test]
fn what_is_issued_is_accepted() {
    let issued = tokens().issue(&user(), Role::Observer, Duration::from_mins(1)).unwrap();
    let claims = tokens().verify(&issued.token).unwrap();
    assert_eq!(claims.user_id.as_str(), "alice");
    assert_eq!(claims.name.as_deref(), Some("Alice"));
    assert_eq!(claims.role, Some(Role::Observer));
    assert_eq!(claims.expires_at, issued.expires_at);
    assert_eq!(claims.expires_at.as_secs(), NOW + 60);
    assert!(!format!("{issued:?}").contains(&issued.token));
    let again = tokens().issue(&user(), Role::Observer, Duration::from_mins(1)).unwrap();
    assert_ne!(issued.token, again.token, "each has its own jti");
}

#[test]
fn claims_in_the_shapes_that_issuers_write() {
    let verify = |changes| tokens().verify(&hs256(&with(&changes)));
    assert_eq!(verify(json!({ "sub": 42 })).unwrap().user_id.as_str(), "42");
    assert_eq!(verify(json!({ "role": null, "name": null })).unwrap().role, None);
    for foreign in [json!("authenticated"), json!("Admin"), json!(["admin"]), json!(1)] {
        let role = verify(json!({ "role": foreign.clone() })).unwrap().role;
        assert_eq!(role, Some(Role::User), "{foreign}");
    }
    let fraction = verify(json!({ "exp": 1_800_000_060.75 })).unwrap();
    assert_eq!(fraction.expires_at.as_millis(), 1_800_000_060_750);
    assert!(verify(json!({ "aud": "somebody else", "iss": "x", "extra": {"a": [1]} })).is_ok());
    assert!(verify(json!({ "nbf": NOW + 30 })).is_ok(), "within the leeway");
    assert!(verify(json!({ "exp": u64::MAX })).is_ok());
}

#[test]
fn wrong_claims_are_refused_with_a_reason() {
    for (changes, reason) in [
        (json!({ "sub": null }), "sub"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "sub": "a b" }), "sub"),
        (json!({ "sub": 1.5 }), "sub"),
        (json!({ "sub": ["alice"] }), "sub"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": "tomorrow" }), "exp"),
        (json!({ "nbf": NOW + 120 }), "nbf"),
    ] {
        match tokens().verify(&hs256(&with(&changes))) {
            Err(TokenError::Refused(why)) => assert!(why.contains(reason), "{changes}: {why}"),
            other => panic!("{changes}: {other:?}"),
        }
    }
}

#[test]
fn expired_is_said_only_of_tokens_that_were_good() {
    for exp in [json!(NOW), json!(NOW - 1), json!(0), json!(-5), json!(i64::MIN)] {
        assert_eq!(
            tokens().verify(&hs256(&with(&json!({ "exp": exp })))),
            Err(TokenError::Expired),
            "{exp}"
        );
    }
    let forged = signed(
        Algorithm::HS256,
        &EncodingKey::from_secret(b"another"),
        &with(&json!({ "exp": 0 })),
    );
    assert!(matches!(tokens().verify(&forged), Err(TokenError::Refused(_))));
}

#[test]
fn forgeries_are_refused() {
    let token = hs256(&good());
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!()
    };
    let admin = hs256(&with(&json!({ "sub": "eve" })));
    let other_payload = admin.split('.').nth(1).unwrap();
    // {"typ":"JWT","alg":"none"} and {"typ":"JWT","alg":"HS256","crit":["b64"]}
    let none = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0";
    let critical = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImNyaXQiOlsiYjY0Il19";
    for forged in [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{signature}x"),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{other_payload}.{signature}"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{critical}.{payload}.{signature}"),
        signed(Algorithm::HS384, &EncodingKey::from_secret(SECRET.as_bytes()), &good()),
        signed(Algorithm::HS256, &EncodingKey::from_secret(b"another"), &good()),
        hs256(&json!("no object")),
        "a".repeat(1_000_000),
        "é.ü.ß".to_owned(),
    ] {
        let outcome = tokens().verify(&forged);
        assert!(
            matches!(outcome, Err(TokenError::Refused(_))),
            "{forged:.80}: {outcome:?}"
        );
    }
}

#[test]
fn another_issuers_tokens_by_the_kind_of_key() {
    let rsa = EncodingKey::from_rsa_pem(RSA_PRIVATE).unwrap();
    let ec = EncodingKey::from_ec_pem(EC_PRIVATE).unwrap();
    let ed = EncodingKey::from_ed_pem(ED_PRIVATE).unwrap();
    let from_rsa = signed(Algorithm::RS256, &rsa, &good());
    let from_p256 = signed(Algorithm::ES256, &ec, &good());
    let from_ed25519 = signed(Algorithm::EdDSA, &ed, &good());
    for (key, accepted) in [
        (RSA_PUBLIC, &from_rsa),
        (EC_PUBLIC, &from_p256),
        (ED_PUBLIC, &from_ed25519),
    ] {
        let tokens = tokens().with_public_key(key).unwrap();
        for token in [&from_rsa, &from_p256, &from_ed25519] {
            assert_eq!(tokens.verify(token).is_ok(), token == accepted);
        }
        assert!(tokens.verify(&hs256(&good())).is_ok(), "ours stay good");
        // The public key is public: as an HMAC secret it must open nothing.
        let confused = signed(Algorithm::HS256, &EncodingKey::from_secret(key), &good());
        assert!(tokens.verify(&confused).is_err());
        // The same key with another algorithm of its family.
        assert!(tokens.verify(&signed(Algorithm::PS256, &rsa, &good())).is_err());
        assert!(tokens.verify(&signed(Algorithm::RS512, &rsa, &good())).is_err());
    }
}

#[test]
fn only_public_keys_that_can_be_used() {
    for (pem, error) in [
        (RSA_PRIVATE, PublicKeyError::Private),
        (ED_PRIVATE, PublicKeyError::Private),
        (P384_PUBLIC, PublicKeyError::Unusable),
        (b"", PublicKeyError::Unusable),
        (
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            PublicKeyError::Unusable,
        ),
        (b"\xff\xfe", PublicKeyError::Unusable),
    ] {
        assert_eq!(tokens().with_public_key(pem).unwrap_err(), error);
    }
}
