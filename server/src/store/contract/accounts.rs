use chat_core::limits::USERNAME_CHARS_MAX;
use chat_core::ports::{Accounts as _, CreateUserError, NewUser, Vitals as _};
use chat_core::user::parse_username;
use chat_core::{Role, UserId};

use super::{Place, at, make_users, new_user, uid};

pub(super) async fn created_accounts_are_found<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    for role in [Role::User, Role::Service, Role::Observer, Role::Admin] {
        let new = NewUser {
            role,
            display_name: "Zoë 👩‍🚀 'o\"\\".to_owned(),
            password_hash: Some("$argon2id$x".to_owned()),
            ..new_user(role.as_str())
        };
        let made = store.create_user(new.clone()).await.unwrap();
        assert_eq!(
            (&made.id, &made.username, &made.display_name),
            (&new.id, &new.username, &new.display_name)
        );
        assert_eq!((made.role, made.created_at), (role, at(0)));
        assert_eq!((made.disabled_at, made.last_seen), (None, None));
        assert_eq!(store.user(&new.id).await.unwrap().as_ref(), Some(&made));
        let credentials = store.credentials(role.as_str()).await.unwrap().unwrap();
        assert_eq!(credentials.user, made);
        assert_eq!(credentials.password_hash.as_deref(), Some("$argon2id$x"));
    }
}

pub(super) async fn taken_names_and_ids_are_refused<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice"]).await;
    let same_name = NewUser {
        id: uid("other"),
        ..new_user("alice")
    };
    let same_id = NewUser {
        id: uid("alice"),
        ..new_user("other")
    };
    for new in [same_name, same_id] {
        assert!(matches!(store.create_user(new).await, Err(CreateUserError::Taken)));
    }
    assert_eq!(store.search_users("", 10).await.unwrap().items.len(), 1);
}

pub(super) async fn one_name_raced_for_is_given_once<P: Place>() {
    let place = P::new().await;
    let tries = (0..16).map(|n| {
        let store = place.store().clone();
        let new = NewUser {
            id: uid(&format!("u{n}")),
            ..new_user("alice")
        };
        tokio::spawn(async move { store.create_user(new).await })
    });
    let mut made = 0;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            Ok(_) => made += 1,
            Err(CreateUserError::Taken) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(made, 1);
}

pub(super) async fn provisioning_finds_the_first_free_suffix<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    let longest = "x".repeat(USERNAME_CHARS_MAX);
    make_users(&**store, &["alice", "alice-2", "alice-4", &longest]).await;
    let mut names = Vec::new();
    for (n, name) in ["alice", "alice", "bob", &longest].into_iter().enumerate() {
        let new = NewUser {
            id: uid(&format!("foreign-{n}")),
            ..new_user(name)
        };
        let (user, made) = store.provision_user(new).await.unwrap();
        assert!(made);
        names.push(user.username);
    }
    let shortened = format!("{}-2", &longest[2..]);
    assert_eq!(names, ["alice-3", "alice-5", "bob", &shortened]);
    for name in &names {
        assert!(parse_username(name).is_ok());
        assert_eq!(store.credentials(name).await.unwrap().unwrap().user.username, *name);
    }
}

pub(super) async fn provisioning_returns_an_existing_account_as_it_is<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    let made = make_users(&**store, &["alice"]).await.remove(0);
    let again = NewUser {
        username: "other".to_owned(),
        display_name: "Other".to_owned(),
        role: Role::Admin,
        ..new_user("alice")
    };
    assert_eq!(store.provision_user(again).await.unwrap(), (made, false));
    assert!(store.credentials("other").await.unwrap().is_none());
}

pub(super) async fn of_several_who_provision_at_once_one_makes_the_account<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    let new = || store.provision_user(new_user("alice"));
    let provisioned = futures_util::future::try_join_all([new(), new(), new(), new()])
        .await
        .unwrap();
    assert_eq!(provisioned.iter().filter(|(_, made)| *made).count(), 1);
    assert!(provisioned.iter().all(|(user, _)| *user == provisioned[0].0));
}

pub(super) async fn passwords_and_disabling<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    assert!(store.set_password(&uid("alice"), "new hash").await.unwrap());
    assert!(store.set_disabled(&uid("alice"), Some(at(5))).await.unwrap());
    let alice = store.credentials("alice").await.unwrap().unwrap();
    assert_eq!(alice.password_hash.as_deref(), Some("new hash"));
    assert_eq!(alice.user.disabled_at, Some(at(5)));
    let bob = store.credentials("bob").await.unwrap().unwrap();
    assert_eq!((bob.password_hash, bob.user.disabled_at), (None, None));
    assert!(store.set_disabled(&uid("alice"), None).await.unwrap());
    assert_eq!(store.user(&uid("alice")).await.unwrap().unwrap().disabled_at, None);
}

pub(super) async fn a_hash_is_replaced_only_where_it_still_stands<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    assert!(!store.replace_password_hash(&uid("alice"), "old", "new").await.unwrap());
    for id in ["alice", "bob"] {
        store.set_password(&uid(id), "old").await.unwrap();
    }
    assert!(store.replace_password_hash(&uid("alice"), "old", "new").await.unwrap());
    assert!(!store.replace_password_hash(&uid("alice"), "old", "late").await.unwrap());
    assert!(!store.replace_password_hash(&uid("nobody"), "old", "new").await.unwrap());
    for (name, hash) in [("alice", "new"), ("bob", "old")] {
        let stored = store.credentials(name).await.unwrap().unwrap();
        assert_eq!(stored.password_hash.as_deref(), Some(hash), "{name}");
    }
}

pub(super) async fn the_dearest_bcrypt_hash_is_known<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob", "carol"]).await;
    assert_eq!(store.bcrypt_cost_max().await.unwrap(), None);
    store.set_password(&uid("alice"), "$argon2id$v=19$x").await.unwrap();
    assert_eq!(store.bcrypt_cost_max().await.unwrap(), None);
    store.set_password(&uid("bob"), "$2y$12$x").await.unwrap();
    store.set_password(&uid("carol"), "$2b$04$x").await.unwrap();
    assert_eq!(store.bcrypt_cost_max().await.unwrap(), Some(12));
    store.set_password(&uid("bob"), "$argon2id$v=19$x").await.unwrap();
    assert_eq!(store.bcrypt_cost_max().await.unwrap(), Some(4));
}

pub(super) async fn search_takes_wildcards_as_text<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    for (name, shown) in [
        ("a_b", "100 % sure"),
        ("axb", "Ünal"),
        ("carol", "C\\D 'quoted'"),
        ("dave", "DAVE"),
    ] {
        let new = NewUser {
            display_name: shown.to_owned(),
            ..new_user(name)
        };
        store.create_user(new).await.unwrap();
    }
    let expected: [(&str, &[&str]); 11] = [
        ("", &["a_b", "axb", "carol", "dave"]),
        ("a_b", &["a_b"]),
        ("%", &["a_b"]),
        ("A", &["a_b", "axb", "carol", "dave"]),
        ("Dave", &["dave"]),
        ("ünal", &[]),
        ("Ünal", &["axb"]),
        ("\\", &["carol"]),
        ("'", &["carol"]),
        ("a\0b", &[]),
        ("nobody", &[]),
    ];
    for (query, names) in expected {
        let found = store.search_users(query, 10).await.unwrap();
        let found: Vec<_> = found.items.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(found, names, "{query:?}");
    }
}

pub(super) async fn search_is_bounded_and_sorted<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["carol", "alice", "bob"]).await;
    for (limit, names, more) in [
        (0, &[][..], true),
        (2, &["alice", "bob"][..], true),
        (3, &["alice", "bob", "carol"][..], false),
        (u32::MAX, &["alice", "bob", "carol"][..], false),
    ] {
        let found = store.search_users("doe", limit).await.unwrap();
        assert_eq!(
            found.items.iter().map(|user| &user.username[..]).collect::<Vec<_>>(),
            names
        );
        assert_eq!(found.more, more, "limit {limit}");
    }
}

pub(super) async fn last_seen_never_moves_back<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    let seen = |name: &str, millis| (uid(name), at(millis));
    store.note_last_seen(&[]).await.unwrap();
    store
        .note_last_seen(&[
            seen("alice", 10),
            seen("nobody", 99),
            seen("alice", 30),
            seen("alice", 20),
        ])
        .await
        .unwrap();
    assert_eq!(
        store.user(&uid("alice")).await.unwrap().unwrap().last_seen,
        Some(at(30))
    );
    store
        .note_last_seen(&[seen("alice", 29), seen("bob", 1)])
        .await
        .unwrap();
    assert_eq!(
        store.user(&uid("alice")).await.unwrap().unwrap().last_seen,
        Some(at(30))
    );
    assert_eq!(store.user(&uid("bob")).await.unwrap().unwrap().last_seen, Some(at(1)));
}

pub(super) async fn unknown_accounts<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    let nobody: UserId = uid("nobody");
    assert_eq!(store.user(&nobody).await.unwrap(), None);
    assert!(store.credentials("nobody").await.unwrap().is_none());
    assert!(!store.set_password(&nobody, "x").await.unwrap());
    assert!(!store.set_disabled(&nobody, Some(at(1))).await.unwrap());
}

pub(super) async fn the_store_is_healthy_and_keeps_its_epoch<P: Place>() {
    let place = P::new().await;
    place.store().check().await.unwrap();
    let epoch = place.store().epoch().clone();
    let place = place.reopen().await;
    place.store().check().await.unwrap();
    assert_eq!(place.store().epoch(), &epoch);
}
