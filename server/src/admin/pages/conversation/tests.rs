use chat_core::conversation::ParticipantRole;
use chat_core::{ConversationKind, MessageId, Seq};
use rollcall_protocol::event::BanView;

use super::super::room;
use super::super::sockets::tests::socket;
use super::super::tests::HOSTILE;
use super::*;
use crate::admin::scene::sample_time;

pub(crate) fn message(seq: u64, content: &str) -> Message {
    Message {
        id: MessageId::parse(format!("0197c31f-2b7e-7000-8000-{seq:012}")).unwrap(),
        conversation_id: ConversationId::parse("42").unwrap(),
        seq: Seq(seq),
        sender_id: UserId::parse("alice").unwrap(),
        sender_name: HOSTILE.into(),
        content: content.into(),
        created_at: sample_time(5),
        client_message_id: None,
        reply_to: None,
        edited_at: None,
        deleted_at: content.is_empty().then(|| sample_time(1)),
    }
}

pub(super) fn detail() -> ConversationDetail {
    let ban = |id: &str, reason: Option<&str>, by_username: Option<&str>| BanState {
        ban: BanView {
            user_id: UserId::parse(id).unwrap(),
            username: id.to_owned(),
            display_name: HOSTILE.to_owned(),
            by: UserId::parse("alice").unwrap(),
            reason: reason.map(str::to_owned),
            at: sample_time(3_600),
        },
        by_username: by_username.map(str::to_owned),
    };
    let participant = |id: &str, online| ParticipantState {
        user_id: UserId::parse(id).unwrap(),
        username: id.to_owned(),
        display_name: HOSTILE.to_owned(),
        online,
        received_seq: Seq(810),
        read_seq: Seq(800),
        joined_at: sample_time(90_000),
        role: if id == "alice" {
            ParticipantRole::Owner
        } else {
            ParticipantRole::Member
        },
        muted: id == "bob",
    };
    ConversationDetail {
        conversation: ConversationView {
            id: ConversationId::parse("42").unwrap(),
            kind: ConversationKind::Group,
            title: Some(HOSTILE.to_owned()),
            room: "conversation:42".to_owned(),
            participants: Vec::new(),
            last_seq: Seq(812),
            received_seq: Seq::ZERO,
            read_seq: Seq::ZERO,
            unread: 0,
            mentions: 0,
            muted: false,
            last_message: None,
        },
        participants: vec![
            participant("alice", true),
            participant("dora", true),
            participant("bob", false),
        ],
        bans: vec![ban("mallory", Some(HOSTILE), Some("alice")), ban("trudy", None, None)],
        room: room::tests::detail(),
        sockets: vec![
            socket("8JxAbCdEfGhIjKlMnOpQ", "alice", 722),
            socket("kP2xxxxxxxxxxxxxxxxa", "alice", 12),
            socket("0aBcDeFgHiJkLmNoPqRs", "dora", 5),
        ],
        recent: vec![message(812, HOSTILE), message(811, "")],
    }
}

#[test]
fn the_first_line_says_who_is_missing() {
    let mut all = detail();
    assert_eq!(sentence(&all).lead, "1 participant is online and not in the room.");
    all.room.missing.clear();
    assert_eq!(sentence(&all).lead, "2 of 3 participants online, and in the room.");
    all.participants.truncate(0);
    assert_eq!(sentence(&all).status, Status::Offline);
}

#[test]
fn each_participant_is_judged_by_the_room() {
    let all = detail();
    let of_user = sockets_by_user(&all);
    let scene = Scene::sample("/", chat_core::Role::Admin);
    let states: Vec<Status> = all
        .participants
        .iter()
        .map(|participant| participant_row(&scene, &all, participant, &of_user).state.0)
        .collect();
    assert_eq!(states, [Status::Healthy, Status::Failed, Status::Offline]);
}
