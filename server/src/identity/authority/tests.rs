use std::time::Duration;

use chat_core::ports::StoreTrouble;
use serde_json::{Value, json};

use super::*;
use crate::identity::NewPassword;
use crate::identity::fake::{HandClock, OPEN, SECRET, authority};
use crate::limits::TOKEN_LIFETIME;
use crate::store::memory::MemoryStore;

const NOW: i64 = 1_800_000_000;
const DAY: Duration = TOKEN_LIFETIME;

fn foreign(claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
}

#[tokio::test]
async fn registered_is_signed_in_and_can_sign_in_again() {
    let clock = HandClock::at(NOW);
    let authority = authority(&Arc::new(MemoryStore::new()), &clock, OPEN);
    let first = authority.register("Alice".into(), "correct horse", None).await.unwrap();
    assert_eq!(
        (first.user.username.as_str(), first.user.display_name.as_str()),
        ("alice", "alice")
    );
    assert_eq!(first.user.role, Role::User);
    let identity = authority.authenticate(&first.token.token).await.unwrap();
    assert_eq!((identity.user.id, identity.role), (first.user.id.clone(), Role::User));
    assert_eq!(identity.expires_at.as_secs(), NOW + 86_400);
    let second = authority.login("ALICE", "correct horse").await.unwrap();
    assert_eq!(second.user.id, first.user.id);
    clock.advance_secs(86_400);
    let late = authority.authenticate(&second.token.token).await;
    assert!(matches!(late, Err(AuthError::Token(TokenError::Expired))), "{late:?}");
}

#[tokio::test]
async fn what_register_refuses() {
    let store = Arc::new(MemoryStore::new());
    let authority_open = authority(&store, &HandClock::at(NOW), OPEN);
    authority_open
        .register("alice".into(), "correct horse", None)
        .await
        .unwrap();
    for (name, password, shown, code) in [
        ("alice", "correct horse", None, "conflict: "),
        ("ALICE", "correct horse", None, "conflict: "),
        ("a", "correct horse", None, "bad_request: username: "),
        ("a b", "correct horse", None, "bad_request: username: "),
        ("bob", "short", None, "bad_request: password: "),
        ("bob", "correct horse", Some("  "), "bad_request: display_name: "),
    ] {
        let refused = authority_open
            .register(name.into(), password, shown.map(str::to_owned))
            .await
            .unwrap_err();
        let words = rollcall_protocol::WireError::from(refused).to_string();
        assert!(words.starts_with(code), "{name} {password}: {words}");
    }
    let closed = AccountPolicy {
        registration: Registration::Closed,
        ..OPEN
    };
    let refused = authority(&store, &HandClock::at(NOW), closed)
        .register("bob".into(), "correct horse", None)
        .await;
    assert!(matches!(refused, Err(AccountError::RegistrationClosed)));
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_sound_alike() {
    let authority = authority(&Arc::new(MemoryStore::new()), &HandClock::at(NOW), OPEN);
    authority.register("alice".into(), "correct horse", None).await.unwrap();
    for (name, password) in [
        ("alice", "wrong horse"),
        ("nobody", "correct horse"),
        ("no name", "x"),
        ("", ""),
    ] {
        let refused = authority.login(name, password).await.unwrap_err();
        assert_eq!(refused.to_string(), "wrong username or password", "{name}");
    }
}

#[tokio::test]
async fn disabled_is_out_by_token_and_by_password() {
    let authority = authority(&Arc::new(MemoryStore::new()), &HandClock::at(NOW), OPEN);
    let alice = authority.register("alice".into(), "correct horse", None).await.unwrap();
    authority.set_disabled(&alice.user, true).await.unwrap();
    assert!(matches!(
        authority.authenticate(&alice.token.token).await,
        Err(AuthError::Disabled)
    ));
    assert!(matches!(
        authority.login("alice", "correct horse").await,
        Err(LoginError::Disabled)
    ));
    assert!(matches!(
        authority.login("alice", "wrong horse").await,
        Err(LoginError::WrongCredentials)
    ));
    authority.set_disabled(&alice.user, false).await.unwrap();
    assert!(authority.authenticate(&alice.token.token).await.is_ok());
}

#[tokio::test]
async fn a_token_claims_less_but_never_more() {
    let authority = authority(&Arc::new(MemoryStore::new()), &HandClock::at(NOW), OPEN);
    for (stored, claimed, effective) in [
        (Role::User, Role::Admin, Role::User),
        (Role::User, Role::Service, Role::User),
        (Role::Admin, Role::Observer, Role::Observer),
        (Role::Admin, Role::Admin, Role::Admin),
        (Role::Observer, Role::Service, Role::Observer),
        (Role::Service, Role::User, Role::User),
    ] {
        let username = format!("{}-{}", stored.as_str(), claimed.as_str());
        let password = NewPassword::generate();
        let user = authority
            .add(NewAccount {
                username,
                display_name: None,
                password: password.into(),
                role: stored,
            })
            .await
            .unwrap();
        let token = authority.issue(&user, claimed, DAY).unwrap();
        assert_eq!(
            authority.authenticate(&token.token).await.unwrap().role,
            effective,
            "{stored:?} {claimed:?}"
        );
    }
}

#[tokio::test]
async fn a_foreign_token_makes_its_account_where_that_is_allowed() {
    let store = Arc::new(MemoryStore::new());
    let clock = HandClock::at(NOW);
    let token = foreign(&json!({ "sub": "ext-7", "name": " Zoë\u{0} Müller ", "role": "observer", "exp": NOW + 60 }));
    let strict = authority(&store, &clock, OPEN);
    assert!(matches!(
        strict.authenticate(&token).await,
        Err(AuthError::UnknownAccount)
    ));

    let lenient = authority(
        &store,
        &clock,
        AccountPolicy {
            auto_provision: true,
            ..OPEN
        },
    );
    let identity = lenient.authenticate(&token).await.unwrap();
    assert_eq!(identity.user.id.as_str(), "ext-7");
    assert_eq!(identity.role, Role::Observer);
    assert!(
        chat_core::user::parse_username(&identity.user.username).is_ok(),
        "{}",
        identity.user.username
    );
    assert_eq!(
        identity.user.display_name, identity.user.username,
        "a name with NUL in it cannot be shown"
    );
    // Afterwards the stored role wins.
    let more = foreign(&json!({ "sub": "ext-7", "role": "admin", "exp": NOW + 60 }));
    assert_eq!(lenient.authenticate(&more).await.unwrap().role, Role::Observer);
    assert!(strict.authenticate(&token).await.is_ok(), "known by now");
    // Nothing but a sub.
    let bare = lenient
        .authenticate(&foreign(&json!({ "sub": "x", "exp": NOW + 60 })))
        .await
        .unwrap();
    assert_eq!((bare.user.username.as_str(), bare.role), ("x-user", Role::User));
}

#[tokio::test]
async fn the_admin_is_made_once_and_has_the_password_that_is_set() {
    let store = Arc::new(MemoryStore::new());
    let authority = authority(&store, &HandClock::at(NOW), OPEN);
    let generated = authority.ensure_admin(None).await.unwrap().expect("printed once");
    assert!(authority.ensure_admin(None).await.unwrap().is_none());
    assert_eq!(
        authority.login("admin", generated.expose()).await.unwrap().user.role,
        Role::Admin
    );
    assert!(authority.ensure_admin(Some("correct horse")).await.unwrap().is_none());
    assert!(authority.login("admin", "correct horse").await.is_ok());
    assert!(authority.login("admin", generated.expose()).await.is_err());
}

#[tokio::test]
async fn somebody_called_admin_is_not_made_the_admin() {
    let store = Arc::new(MemoryStore::new());
    let authority = authority(&store, &HandClock::at(NOW), OPEN);
    authority.register("admin".into(), "correct horse", None).await.unwrap();
    for given in [None, Some("another horse")] {
        let refused = authority.ensure_admin(given).await.unwrap_err();
        assert!(refused.to_string().contains("has the role user"), "{refused}");
    }
    assert!(
        authority.login("admin", "correct horse").await.is_ok(),
        "its password stays"
    );
}

#[tokio::test]
async fn trouble_of_the_store_is_no_refusal() {
    let store = Arc::new(MemoryStore::new());
    let authority = authority(&store, &HandClock::at(NOW), OPEN);
    let alice = authority.register("alice".into(), "correct horse", None).await.unwrap();
    store.fail_with(Some(StoreTrouble::Full));
    let refused = authority.authenticate(&alice.token.token).await.unwrap_err();
    let wire = rollcall_protocol::WireError::from(refused);
    assert_eq!(wire.code, rollcall_protocol::ErrorCode::StorageUnavailable);
    assert!(!wire.to_string().contains("as the test asked"), "{wire}");
    assert!(matches!(
        authority.login("alice", "correct horse").await,
        Err(LoginError::Store(_))
    ));
}

/// Of `correct horse`, by libxcrypt.
const OF_ANOTHER_SYSTEM: &str = "$2y$05$RollcallRollcallRolleuDtJAQMSTkt9Bi03RV2/0qL2YsviSJ7u";
/// Of `short`, by the same.
const SHORT: &str = "$2y$04$RollcallRollcallRolleuUi17ZHwMesZbnKC9b9RT3iGYtUSRVPO";

async fn with_hash(authority: &Authority, username: &str, hash: &str) -> User {
    let password = crate::identity::KnownHash::parse(hash).unwrap().into();
    let (username, display_name, role) = (username.to_owned(), None, Role::User);
    let new = NewAccount {
        username,
        display_name,
        password,
        role,
    };
    authority.add(new).await.unwrap()
}

async fn hash_of(store: &MemoryStore, username: &str) -> String {
    let stored = store.credentials(username).await.unwrap().unwrap();
    stored.password_hash.unwrap()
}

#[tokio::test]
async fn a_bcrypt_hash_signs_in_and_is_replaced_then() {
    let store = Arc::new(MemoryStore::new());
    let authority = authority(&store, &HandClock::at(NOW), OPEN);
    let alice = with_hash(&authority, "alice", OF_ANOTHER_SYSTEM).await;
    with_hash(&authority, "bob", SHORT).await;

    let refused = authority.login("alice", "wrong horse").await.unwrap_err();
    assert_eq!(refused.to_string(), "wrong username or password");
    assert_eq!(
        hash_of(&store, "alice").await,
        OF_ANOTHER_SYSTEM,
        "a wrong password changes nothing"
    );
    let signed_in = authority.login("alice", "correct horse").await.unwrap();
    assert_eq!(signed_in.user.id, alice.id);
    let hash = hash_of(&store, "alice").await;
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    authority.login("alice", "correct horse").await.unwrap();
    assert!(authority.login("alice", "wrong horse").await.is_err());
    assert_eq!(hash_of(&store, "alice").await, hash, "once is enough");

    // Its own rules for length were another's.
    authority.login("bob", "short").await.unwrap();
    assert!(hash_of(&store, "bob").await.starts_with("$argon2id$"));
    authority.login("bob", "short").await.unwrap();
    assert_eq!(store.bcrypt_cost_max().await.unwrap(), None);
}

#[tokio::test]
async fn a_session_that_begins_with_a_bcrypt_hash_outlives_it() {
    let store = Arc::new(MemoryStore::new());
    let authority = authority(&store, &HandClock::at(NOW), OPEN);
    with_hash(&authority, "alice", OF_ANOTHER_SYSTEM).await;
    let user = authority.check_password("alice", "correct horse").await.unwrap();
    let session = authority.begin_browser_session(&user).await.unwrap();
    authority.check_password("alice", "correct horse").await.unwrap();
    authority.continue_browser_session(&session.cookie).await.unwrap();
}

#[tokio::test]
async fn a_disabled_account_keeps_its_hash() {
    let store = Arc::new(MemoryStore::new());
    let authority = authority(&store, &HandClock::at(NOW), OPEN);
    let alice = with_hash(&authority, "alice", OF_ANOTHER_SYSTEM).await;
    authority.set_disabled(&alice, true).await.unwrap();
    let refused = authority.login("alice", "correct horse").await;
    assert!(matches!(refused, Err(LoginError::Disabled)), "{refused:?}");
    assert_eq!(hash_of(&store, "alice").await, OF_ANOTHER_SYSTEM);
}

#[tokio::test]
async fn the_admins_bcrypt_hash_counts_at_the_start() {
    let store = Arc::new(MemoryStore::new());
    let authority = authority(&store, &HandClock::at(NOW), OPEN);
    authority.ensure_admin(Some("another horse")).await.unwrap();
    let admin = authority.account(ADMIN_USERNAME).await.unwrap();
    let hash = crate::identity::KnownHash::parse(OF_ANOTHER_SYSTEM).unwrap();
    authority.set_password(&admin, hash).await.unwrap();
    authority.ensure_admin(Some("correct horse")).await.unwrap();
    assert_eq!(
        hash_of(&store, ADMIN_USERNAME).await,
        OF_ANOTHER_SYSTEM,
        "it is that password already"
    );
}
