//! Conversations: lasting groups of participants, and who may change them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{REASON_CHARS_MAX, TITLE_CHARS_MAX};
use crate::{ConversationId, Message, Role, Seq, Timestamp, UserId};

/// Direct or group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationKind {
    /// Exactly two participants, for good; at most one per pair.
    Direct,
    /// Any number of participants.
    Group,
}

impl ConversationKind {
    /// The kind as it stands on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ConversationKind::Direct => "direct",
            ConversationKind::Group => "group",
        }
    }
}

/// What a participant may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParticipantRole {
    /// Made the conversation; may remove others.
    Owner,
    /// Everybody else.
    Member,
}

impl ParticipantRole {
    /// The role as it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ParticipantRole::Owner => "owner",
            ParticipantRole::Member => "member",
        }
    }
}

/// A user in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub user_id: UserId,
    /// Unique name, for lists.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// What they may change.
    pub role: ParticipantRole,
    /// Since when.
    pub joined_at: Timestamp,
    /// The conversation's `last_seq` when they joined: messages up to it were not meant for their sockets.
    pub joined_seq: Seq,
    /// They want no notifications of it, except where they are named.
    pub muted: bool,
}

/// A conversation with its present participants, sorted by user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Lasting id.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's title, if it has one.
    pub title: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it, a service included; `None` when that is not known.
    pub created_by: Option<UserId>,
    /// The newest message's number; 0 when there is none.
    pub last_seq: Seq,
    /// Who is in it now. Shared, because every fan-out reads it.
    pub participants: Arc<[Participant]>,
}

/// A conversation as one of its participants sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationOfUser {
    /// The conversation.
    pub conversation: Conversation,
    /// This user has received everything up to here, by their own word.
    pub received_seq: Seq,
    /// This user has read everything up to here, by their own word.
    pub read_seq: Seq,
    /// Messages of others after `read_seq` and after they joined, counted up to [`crate::limits::UNREAD_MAX`] among the
    /// first [`crate::limits::UNREAD_SCAN_MAX`] of those messages.
    pub unread: u64,
    /// Those of them that name this user (`@username`) and are not deleted, counted up to [`crate::limits::UNREAD_MAX`].
    pub mentions: u64,
    /// This user wants no notifications of it.
    pub muted: bool,
    /// The newest message.
    pub last_message: Option<Message>,
}

/// Why a change of a conversation is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    /// Somebody who is not in it.
    #[error("you are not a participant of this conversation")]
    NotParticipant,
    /// A direct conversation's participants never change.
    #[error("the participants of a direct conversation never change")]
    DirectIsFixed,
    /// Only an owner removes others.
    #[error("only an owner of the conversation removes others")]
    NotOwner,
    /// Only an owner bans.
    #[error("only an owner of the conversation bans, and sees or lifts bans")]
    NotOwnerOfBans,
    /// Nobody bans themself.
    #[error("nobody bans themself; leave the conversation instead")]
    Oneself,
}

impl Conversation {
    /// This user's place in the conversation, if they have one.
    pub fn participant(&self, user: &UserId) -> Option<&Participant> {
        // Sorted by user id: the ports guarantee it.
        let at = self.participants.binary_search_by(|p| p.user_id.cmp(user)).ok()?;
        self.participants.get(at)
    }

    /// Is this user in it now?
    pub fn has(&self, user: &UserId) -> bool {
        self.participant(user).is_some()
    }

    /// May `actor` read and write here? A service may in every conversation.
    pub fn may_take_part(&self, actor: &UserId, role: Role) -> bool {
        role == Role::Service || self.has(actor)
    }

    /// May `actor` add participants? Any participant of a group may.
    pub fn may_add(&self, actor: &UserId, role: Role) -> Result<(), ChangeRefused> {
        if !self.may_take_part(actor, role) {
            return Err(ChangeRefused::NotParticipant);
        }
        match self.kind {
            ConversationKind::Direct => Err(ChangeRefused::DirectIsFixed),
            ConversationKind::Group => Ok(()),
        }
    }

    /// May `actor` remove `target`? Owners remove anyone, everybody themself, a service anyone.
    pub fn may_remove(&self, actor: &UserId, role: Role, target: &UserId) -> Result<(), ChangeRefused> {
        let own_place = self.participant(actor);
        if own_place.is_none() && role != Role::Service {
            return Err(ChangeRefused::NotParticipant);
        }
        if self.kind == ConversationKind::Direct {
            return Err(ChangeRefused::DirectIsFixed);
        }
        let owner = own_place.is_some_and(|p| p.role == ParticipantRole::Owner);
        if actor == target || owner || role == Role::Service {
            Ok(())
        } else {
            Err(ChangeRefused::NotOwner)
        }
    }
}

impl Conversation {
    /// May `actor` ban here, and see and lift bans? Owners, admins and services.
    pub fn may_moderate(&self, actor: &UserId, role: Role) -> Result<(), ChangeRefused> {
        let own_place = self.participant(actor);
        let everywhere = matches!(role, Role::Admin | Role::Service);
        if own_place.is_none() && !everywhere {
            return Err(ChangeRefused::NotParticipant);
        }
        if self.kind == ConversationKind::Direct {
            return Err(ChangeRefused::DirectIsFixed);
        }
        if everywhere || own_place.is_some_and(|p| p.role == ParticipantRole::Owner) {
            Ok(())
        } else {
            Err(ChangeRefused::NotOwnerOfBans)
        }
    }

    /// May `actor` ban `target`? Whoever moderates, anybody but themself.
    pub fn may_ban(&self, actor: &UserId, role: Role, target: &UserId) -> Result<(), ChangeRefused> {
        self.may_moderate(actor, role)?;
        if actor == target {
            return Err(ChangeRefused::Oneself);
        }
        Ok(())
    }
}

/// Why a reason was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reason is at most {REASON_CHARS_MAX} characters, not only spaces")]
pub struct InvalidReason;

/// Trims `text` and checks that it can be shown as a reason.
pub fn parse_reason(text: &str) -> Result<String, InvalidReason> {
    let reason = text.trim();
    let fits = (1..=REASON_CHARS_MAX).contains(&reason.chars().count());
    if fits && !reason.contains('\0') {
        Ok(reason.to_owned())
    } else {
        Err(InvalidReason)
    }
}

/// Why a title was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a title is at most {TITLE_CHARS_MAX} characters, not only spaces")]
pub struct InvalidTitle;

/// Trims `text` and checks that it can be shown as a title.
pub fn parse_title(text: &str) -> Result<String, InvalidTitle> {
    let title = text.trim();
    let fits = (1..=TITLE_CHARS_MAX).contains(&title.chars().count());
    if fits && !title.contains('\0') {
        Ok(title.to_owned())
    } else {
        Err(InvalidTitle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> UserId {
        UserId::parse(text).unwrap()
    }

    fn conversation(kind: ConversationKind) -> Conversation {
        let participant = |name: &str, role| Participant {
            user_id: id(name),
            username: name.into(),
            display_name: name.into(),
            role,
            joined_at: Timestamp::from_millis(0),
            joined_seq: Seq::ZERO,
            muted: false,
        };
        Conversation {
            id: ConversationId::parse("c").unwrap(),
            kind,
            title: None,
            created_at: Timestamp::from_millis(0),
            created_by: None,
            last_seq: Seq::ZERO,
            participants: Arc::from([
                participant("alice", ParticipantRole::Owner),
                participant("bob", ParticipantRole::Member),
            ]),
        }
    }

    #[test]
    fn who_may_change_a_group() {
        let group = conversation(ConversationKind::Group);
        let (alice, bob, eve) = (id("alice"), id("bob"), id("eve"));
        assert_eq!(group.may_add(&bob, Role::User), Ok(()));
        assert_eq!(group.may_add(&eve, Role::User), Err(ChangeRefused::NotParticipant));
        assert_eq!(group.may_add(&eve, Role::Service), Ok(()));
        assert_eq!(group.may_remove(&alice, Role::User, &bob), Ok(()));
        assert_eq!(group.may_remove(&bob, Role::User, &bob), Ok(()));
        assert_eq!(group.may_remove(&bob, Role::User, &alice), Err(ChangeRefused::NotOwner));
        assert_eq!(
            group.may_remove(&eve, Role::Admin, &bob),
            Err(ChangeRefused::NotParticipant)
        );
    }

    #[test]
    fn who_may_ban_from_a_group() {
        let group = conversation(ConversationKind::Group);
        let (alice, bob, eve) = (id("alice"), id("bob"), id("eve"));
        assert_eq!(group.may_ban(&alice, Role::User, &bob), Ok(()));
        assert_eq!(group.may_ban(&alice, Role::User, &eve), Ok(()), "before they come");
        assert_eq!(group.may_ban(&alice, Role::User, &alice), Err(ChangeRefused::Oneself));
        assert_eq!(
            group.may_ban(&bob, Role::User, &eve),
            Err(ChangeRefused::NotOwnerOfBans)
        );
        assert_eq!(
            group.may_ban(&eve, Role::User, &bob),
            Err(ChangeRefused::NotParticipant)
        );
        for role in [Role::Admin, Role::Service] {
            assert_eq!(group.may_ban(&eve, role, &alice), Ok(()));
        }
        assert_eq!(
            group.may_ban(&eve, Role::Observer, &bob),
            Err(ChangeRefused::NotParticipant)
        );
        let direct = conversation(ConversationKind::Direct);
        assert_eq!(
            direct.may_ban(&eve, Role::Admin, &bob),
            Err(ChangeRefused::DirectIsFixed)
        );
        assert_eq!(parse_reason("  spam "), Ok("spam".to_owned()));
        for bad in [" ", "a\0b", &"x".repeat(REASON_CHARS_MAX + 1)] {
            assert_eq!(parse_reason(bad), Err(InvalidReason), "{bad:?}");
        }
    }

    #[test]
    fn a_direct_conversation_never_changes() {
        let direct = conversation(ConversationKind::Direct);
        let alice = id("alice");
        assert_eq!(direct.may_add(&alice, Role::User), Err(ChangeRefused::DirectIsFixed));
        assert_eq!(
            direct.may_remove(&alice, Role::User, &alice),
            Err(ChangeRefused::DirectIsFixed)
        );
        assert_eq!(
            direct.may_add(&id("s"), Role::Service),
            Err(ChangeRefused::DirectIsFixed)
        );
    }
}
