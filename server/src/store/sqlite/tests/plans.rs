//! A million messages must cost no more to look into than a thousand: no statement walks the whole table.

use sqlx::Row as _;

use super::*;

/// Only the drafts themselves, results of a subquery with a limit, and indexes that are small or asked for a word or a place.
fn may_be_walked(step: &str) -> bool {
    // The small index of what is to be indexed; the full-text index by a word, a place, or both.
    let own_index = step.contains("USING COVERING INDEX conversations_to_index")
        || step.contains("USING INDEX conversations_to_index")
        || (step.starts_with("SCAN message_words VIRTUAL TABLE INDEX") && !step.ends_with("INDEX 0:"));
    let own = [
        "SCAN d ",
        "SCAN asked",
        "SCAN found",
        // At most a bite of conversations.
        "SCAN unindexed",
        "SCAN counted",
        "SCAN bite",
        "SCAN CONSTANT ROW",
        "SCAN (subquery",
    ];
    own_index || own.iter().any(|own| step.starts_with(own))
}

fn has_bare_limit(sql: &str) -> bool {
    let after = sql.split("LIMIT ?").skip(1);
    after
        .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        .any(|rest| !rest.starts_with(" + 0"))
}

#[tokio::test]
async fn no_statement_scans_a_table() {
    let place = Place::new().await;
    let mut db = place.store.reader().await.unwrap();
    let statements = [
        ("append's look-up", append::LOOK_UP),
        ("page after", messages::AFTER),
        ("page before", messages::BEFORE),
        ("by id", messages::BY_ID),
        ("by seq", messages::BY_SEQ),
        ("by client id", messages::BY_CLIENT_ID),
        ("one conversation of a user", conversations::ONE_OF_USER),
        ("all conversations of a user", conversations::ALL_OF_USER),
        ("a whole conversation", conversations::WHOLE),
        ("conversations of several users", conversations::IDS_OF),
        ("edit", edits::EDIT),
        ("delete", edits::DELETE),
        ("advance cursors", evidence::ADVANCE),
        ("note exceptions", evidence::NOTE_EXCEPTIONS),
        ("note connections", evidence::NOTE_CONNECTIONS),
        ("prune exceptions", evidence::PRUNE_EXCEPTIONS),
        ("prune connections", evidence::PRUNE_CONNECTIONS),
        ("announce", announced::ANNOUNCE),
        ("missed broadcast", announced::MISSED),
        ("node losses", announced::LOSSES),
        ("prune broadcasts", evidence::PRUNE_BROADCASTS),
        ("prune losses", evidence::PRUNE_LOSSES),
        ("more to prune", evidence::MORE_TO_PRUNE),
        ("cursors", delivery::CURSORS),
        ("exceptions", delivery::EXCEPTIONS),
        ("connections", delivery::CONNECTIONS),
        ("exceptions of a user", operators::EXCEPTIONS_OF_USER),
        ("memberships", delivery::MEMBERSHIPS),
        ("participants at", delivery::PARTICIPANTS_AT),
        ("to index", search::TO_INDEX),
        ("index", search::INDEX),
        ("indexed", search::INDEXED),
        ("take out of the index", search::UNINDEX),
        ("index one", search::INDEX_ONE),
        ("where a user searches", search::OF_USER),
        ("where a service searches", search::ONE),
        ("found", search::FOUND),
        ("note mentions", mentions::NOTE),
        ("forget mentions", mentions::FORGET),
        ("a message's place", mentions::PLACE),
        ("mute", moderation::MUTE),
        ("unban", moderation::UNBAN),
        ("bans", moderation::BANS),
        ("banned among", participants::BANNED_AMONG),
    ];
    for (name, sql) in statements {
        // SQLite looks at what is bound to a bare one when it makes its plan, and so prepares the statement anew each time
        // it is bound (`sqlite3ExprIsInteger`): a third of what a connect cost.
        assert!(!has_bare_limit(sql), "{name}: write `LIMIT ?n + 0`");
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = sqlx::query(explain).fetch_all(&mut *db).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        let scans: Vec<_> = steps.iter().filter(|step| step.starts_with("SCAN")).collect();
        assert!(scans.iter().all(|step| may_be_walked(step)), "{name}: {steps:#?}");
        // What the index of words found leads to its message, and not each message of a conversation to the index.
        let by_place = |step: &&String| step.starts_with("SEARCH m") && step.contains("conversation_key=? AND seq=?");
        assert!(
            name != "found" || steps.iter().any(|step| by_place(&step)),
            "{name}: {steps:#?}"
        );
    }
}

#[tokio::test]
async fn what_is_too_old_is_looked_for_by_conversation() {
    let place = Place::new().await;
    let mut db = place.store.reader().await.unwrap();
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", retention::ONE_TOO_OLD));
    let plan = sqlx::query(explain).fetch_all(&mut *db).await.unwrap();
    let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    assert!(steps[1].starts_with("SEARCH m USING PRIMARY KEY"), "{steps:#?}");
}

#[tokio::test]
async fn ended_memberships_are_kept() {
    use crate::store::contract::{at, cid, say, uid};
    use chat_core::ports::Conversations as _;
    let place = Place::new().await;
    say(&place.store, "a", "alice", "one").await;
    place
        .store
        .remove_participant(&cid("a"), &uid("bob"), at(5))
        .await
        .unwrap();
    place
        .store
        .remove_participant(&cid("a"), &uid("bob"), at(6))
        .await
        .unwrap();
    place
        .store
        .add_participants(&cid("a"), &[uid("bob")], at(7))
        .await
        .unwrap();
    say(&place.store, "a", "alice", "two").await;
    place
        .store
        .remove_participant(&cid("a"), &uid("bob"), at(8))
        .await
        .unwrap();
    let mut db = place.store.reader().await.unwrap();
    let kept: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT u.id, joined_at, joined_seq, left_at, left_seq FROM past_memberships JOIN users AS u USING (user_key)",
    )
    .fetch_all(&mut *db)
    .await
    .unwrap();
    let bob = |joined, joined_seq, left, left_seq| {
        (
            "bob".to_owned(),
            at(joined).as_millis(),
            joined_seq,
            at(left).as_millis(),
            left_seq,
        )
    };
    assert_eq!(kept, [bob(0, 0, 5, 1), bob(7, 1, 8, 2)]);
}
