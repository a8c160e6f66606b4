use chat_core::{ConversationId, NodeId, Sid, UserId};

use super::*;
use crate::admin::scene::sample_time;
use crate::hub::view::RoomView;

pub(crate) fn detail() -> RoomDetail {
    let member = |sid: &str, user: &str, transport, seconds| MemberView {
        sid: Sid::parse(sid).unwrap(),
        user_id: UserId::parse(user.split('<').next().unwrap_or_default().trim_end_matches(['"', '>']))
            .unwrap_or(UserId::parse("u").unwrap()),
        username: user.to_owned(),
        transport,
        node_id: NodeId::parse("0197c31f-0000-7000-8000-0000000000d1").unwrap(),
        joined_at: sample_time(seconds),
        confirmed_seq: Some(chat_core::Seq(812)),
        confirmed_at: Some(sample_time(1)),
        stranger: user == super::super::tests::HOSTILE,
    };
    RoomDetail {
        room: RoomView {
            namespace: "/".into(),
            name: "conversation:42".to_owned(),
            kind: RoomKind::Conversation,
            sockets: 3,
            conversation_id: Some(ConversationId::parse("42").unwrap()),
        },
        members: vec![
            member("8JxAbCdEfGhIjKlMnOpQ", "alice", "websocket", 722),
            member("kP2xxxxxxxxxxxxxxxxa", "alice", "polling", 12),
            member(
                "Zt9xxxxxxxxxxxxxxxx1",
                super::super::tests::HOSTILE,
                "plain-websocket",
                90_000,
            ),
        ],
        missing: vec![MissingView {
            user_id: UserId::parse("dora").unwrap(),
            username: "dora".to_owned(),
            sids: vec![Sid::parse("0aBcDeFgHiJkLmNoPqRs").unwrap()],
        }],
    }
}

#[test]
fn the_first_line_says_who_is_missing() {
    let mut room = detail();
    assert_eq!(sentence(&room).status, Status::Failed);
    assert!(
        sentence(&room)
            .lead
            .starts_with("1 participant is online and not in this room")
    );
    room.missing.clear();
    assert!(sentence(&room).lead.starts_with("1 socket is in this room without"));
    room.members.retain(|member| !member.stranger);
    assert_eq!(sentence(&room).status, Status::Healthy);
    room.members.clear();
    assert_eq!(sentence(&room).status, Status::Offline);
}
