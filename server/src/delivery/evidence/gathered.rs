//! What is stored about a question, for everybody whom it is about: a few reads, however many they are.

use std::collections::HashMap;

use chat_core::delivery::{ConnectionEvent, DeliveryException, MembershipSpan};
use chat_core::explain::{Cursors, Left, Membership, NodeLoss};
use chat_core::ports::{DeliveryLog, StoreError};
use chat_core::{ConversationId, Seq, Timestamp, UserId};

use crate::limits::{CONNECTIONS_LOOKED_AT, CONNECTIONS_LOOKED_AT_LEAST, CONNECTIONS_LOOKED_AT_MOST, EVIDENCE_KEPT_MS};

/// How long before a message its connections are looked at, in milliseconds: a day, since a tab may be open that long.
const LOOK_BACK_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is stored about one user.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) exceptions: Vec<DeliveryException>,
    /// The newest first.
    pub(super) history: Vec<ConnectionEvent>,
    spans: Vec<MembershipSpan>,
    /// The history goes back further than it was looked at.
    is_cut: bool,
}

/// What is stored about everybody.
#[derive(Debug)]
pub(super) struct Gathered {
    own: HashMap<UserId, Own>,
    pub(super) node_losses: Vec<NodeLoss>,
}

impl Gathered {
    pub(super) async fn read(
        log: &dyn DeliveryLog,
        id: &ConversationId,
        users: &[UserId],
        about: Option<(Seq, Timestamp)>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut own: HashMap<UserId, Own> = HashMap::with_capacity(users.len());
        for (user, span) in log.memberships_of(id, users).await? {
            own.entry(user).or_default().spans.push(span);
        }
        if let Some((seq, _)) = about {
            let only = if let [user] = users { Some(user) } else { None };
            for exception in log.exceptions(id, seq, only).await? {
                own.entry(exception.user_id.clone())
                    .or_default()
                    .exceptions
                    .push(exception);
            }
        }
        let from = about.map_or(now, |(_, at)| at).plus_millis(-LOOK_BACK_MS);
        let each = CONNECTIONS_LOOKED_AT / u32::try_from(users.len().max(1)).unwrap_or(u32::MAX);
        let each = each.clamp(CONNECTIONS_LOOKED_AT_LEAST, CONNECTIONS_LOOKED_AT_MOST);
        for event in log.connections_of(users, from, now, each).await? {
            own.entry(event.user_id.clone()).or_default().history.push(event);
        }
        for one in own.values_mut() {
            one.is_cut = one.history.len() >= each as usize;
        }
        Ok(Self {
            own,
            node_losses: log.node_losses(from).await?,
        })
    }

    pub(super) fn take(&mut self, user: &UserId) -> Own {
        self.own.remove(user).unwrap_or_default()
    }
}

impl Own {
    pub(super) fn memberships(&self, (received_seq, read_seq): (Seq, Seq)) -> Vec<Membership> {
        let membership = |span: &MembershipSpan| Membership {
            joined_at: span.joined_at,
            joined_seq: span.joined_seq,
            left: span.left.map(|(at, seq)| Left { at, seq }),
            // Those of the present membership may have moved since they were stored.
            cursors: match span.left {
                None => Some(Cursors { received_seq, read_seq }),
                Some(_) => span
                    .cursors
                    .map(|(received_seq, read_seq)| Cursors { received_seq, read_seq }),
            },
        };
        self.spans.iter().map(membership).collect()
    }

    /// From here on the history has no holes: what is older than it was looked at may have been anything.
    pub(super) fn complete_since(&self, now: Timestamp) -> Timestamp {
        let kept = now.plus_millis(-EVIDENCE_KEPT_MS);
        let oldest = self.history.last().map(|event| event.at);
        oldest.filter(|_| self.is_cut).map_or(kept, |oldest| oldest.max(kept))
    }
}

#[cfg(test)]
mod tests {
    use chat_core::Role;
    use chat_core::delivery::ConnectionEventKind;
    use chat_core::ids::NodeId;
    use chat_core::ports::{Accounts as _, DeliveryLog as _, NewUser};

    use super::*;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn a_history_that_was_cut_is_complete_only_as_far_as_it_was_looked_at() {
        let store = MemoryStore::new();
        let user = |name: &str| UserId::parse(name).unwrap();
        for name in ["busy", "calm"] {
            let new = NewUser {
                id: user(name),
                username: name.to_owned(),
                display_name: name.to_owned(),
                role: Role::User,
                password_hash: None,
                at: Timestamp::from_millis(0),
            };
            store.create_user(new).await.unwrap();
        }
        let event = |name: &str, at: i64| ConnectionEvent {
            user_id: user(name),
            at: Timestamp::from_millis(at),
            kind: ConnectionEventKind::Connected,
            sid: None,
            node_id: NodeId::parse("n").unwrap(),
            detail: String::new(),
        };
        let count = i64::from(CONNECTIONS_LOOKED_AT_MOST);
        let now = Timestamp::from_millis(1_000_000_000_000);
        let many: Vec<_> = (0..count + 9).map(|n| event("busy", now.as_millis() - n)).collect();
        store.note_connections(&many).await.unwrap();
        store
            .note_connections(&[event("calm", now.as_millis() - 5)])
            .await
            .unwrap();
        let id = ConversationId::parse("c").unwrap();
        let since = async |names: &[&str]| {
            let users: Vec<_> = names.iter().map(|name| user(name)).collect();
            let mut gathered = Gathered::read(&store, &id, &users, None, now).await.unwrap();
            let ago = users.iter().map(|user| gathered.take(user).complete_since(now));
            ago.map(|at| now.as_millis() - at.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(since(&["busy"]).await, [count - 1]);
        assert_eq!(since(&["calm"]).await, [EVIDENCE_KEPT_MS]);
        assert_eq!(since(&["calm", "busy"]).await, [EVIDENCE_KEPT_MS, count - 1]);
    }
}
