//! The store of the unit tests: everything in memory, held to the same contract as the real ones.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chat_core::conversation::ConversationOfUser;
use chat_core::delivery::{ConnectionEvent, DeliveryException, MembershipSpan};
use chat_core::explain::NodeLoss;
use chat_core::limits::{UNREAD_MAX, UNREAD_SCAN_MAX, USERNAME_CHARS_MAX};
use chat_core::ports::operators::Slice;
use chat_core::ports::{
    Accounts, CreateUserError, Credentials, KeptToken, KeptTokens, NewUser, Page, StoreError, StoreTrouble, Vitals,
};
use chat_core::{
    Conversation, ConversationId, ConversationKind, Epoch, Message, Participant, ParticipantRole, Seq, Timestamp, User,
    UserId,
};
use parking_lot::Mutex;

mod conversations;
mod delivery;
mod messages;
mod moderation;
mod operators;

/// A store that forgets everything.
pub(crate) struct MemoryStore {
    /// Guards the whole state; nothing awaits while it is held.
    state: Mutex<State>,
    epoch: Epoch,
}

#[derive(Default)]
struct State {
    users: BTreeMap<UserId, Account>,
    conversations: BTreeMap<ConversationId, Held>,
    exceptions: Vec<DeliveryException>,
    connections: Vec<ConnectionEvent>,
    audit: Vec<chat_core::ports::operators::AuditEntry>,
    missed: Vec<MissedBroadcast>,
    losses: Vec<NodeLoss>,
    tokens: Vec<KeptToken>,
    standing: i64,
    standing_is_secret: bool,
    trouble: Option<StoreTrouble>,
}

struct Account {
    user: User,
    password_hash: Option<String>,
}

struct MissedBroadcast {
    conversation_id: ConversationId,
    first: Seq,
    last: Seq,
    at: Timestamp,
}

struct Held {
    kind: ConversationKind,
    /// Both users of a direct one, as it was made.
    direct_key: Option<String>,
    title: Option<String>,
    created_at: Timestamp,
    created_by: Option<UserId>,
    participants: BTreeMap<UserId, Membership>,
    bans: BTreeMap<UserId, moderation::HeldBan>,
    past: Vec<(UserId, MembershipSpan)>,
    announced: Seq,
    /// At index `seq - 1`.
    messages: Vec<Message>,
}

struct Membership {
    role: ParticipantRole,
    joined_at: Timestamp,
    joined_seq: Seq,
    received_seq: Seq,
    read_seq: Seq,
    muted_at: Option<Timestamp>,
}

impl MemoryStore {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            epoch: Epoch::parse("memory").expect("an id"),
        }
    }

    /// Whether accounts have changed cannot be asked from now on.
    pub(crate) fn hide_standing(&self) {
        self.state.lock().standing_is_secret = true;
    }

    /// Makes every operation but that fail with this trouble from now on, or none of them.
    pub(crate) fn fail_with(&self, trouble: Option<StoreTrouble>) {
        self.state.lock().trouble = trouble;
    }
}

fn as_asked(trouble: StoreTrouble) -> StoreError {
    StoreError::Unavailable {
        trouble,
        detail: "as the test asked".to_owned(),
    }
}

impl State {
    fn ready(&self) -> Result<(), StoreError> {
        match self.trouble {
            None => Ok(()),
            Some(trouble) => Err(as_asked(trouble)),
        }
    }

    fn name_is_taken(&self, username: &str) -> bool {
        self.users.values().any(|account| account.user.username == username)
    }

    fn insert(&mut self, new: NewUser) -> User {
        let user = User {
            id: new.id.clone(),
            username: new.username,
            display_name: new.display_name,
            role: new.role,
            created_at: new.at,
            disabled_at: None,
            last_seen: None,
        };
        let account = Account {
            user: user.clone(),
            password_hash: new.password_hash,
        };
        self.users.insert(new.id, account);
        user
    }

    /// The message with its sender's name as it is now.
    fn shown(&self, message: &Message) -> Message {
        let mut message = message.clone();
        if let Some(sender) = self.users.get(&message.sender_id) {
            message.sender_name = sender.user.display_name.as_str().into();
        }
        message
    }
}

fn page<T>(mut items: Vec<T>, limit: u32) -> Page<T> {
    let limit = limit as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    Page { items, more }
}

#[async_trait]
impl Accounts for MemoryStore {
    async fn create_user(&self, new: NewUser) -> Result<User, CreateUserError> {
        let mut state = self.state.lock();
        state.ready()?;
        if state.users.contains_key(&new.id) || state.name_is_taken(&new.username) {
            return Err(CreateUserError::Taken);
        }
        Ok(state.insert(new))
    }

    async fn provision_user(&self, mut new: NewUser) -> Result<(User, bool), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        if let Some(account) = state.users.get(&new.id) {
            return Ok((account.user.clone(), false));
        }
        let wanted = new.username.clone();
        for n in 2.. {
            if !state.name_is_taken(&new.username) {
                break;
            }
            let suffix = format!("-{n}");
            let kept: String = wanted.chars().take(USERNAME_CHARS_MAX - suffix.len()).collect();
            new.username = kept + &suffix;
        }
        Ok((state.insert(new), true))
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        Ok(state.users.get(id).map(|account| account.user.clone()))
    }

    async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let account = state.users.values().find(|account| account.user.username == username);
        Ok(account.map(|account| Credentials {
            user: account.user.clone(),
            password_hash: account.password_hash.clone(),
        }))
    }

    async fn set_password(&self, id: &UserId, password_hash: &str) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        let account = state.users.get_mut(id);
        Ok(account
            .map(|account| account.password_hash = Some(password_hash.to_owned()))
            .is_some())
    }

    async fn replace_password_hash(&self, id: &UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        let account = state.users.get_mut(id);
        let account = account.filter(|account| account.password_hash.as_deref() == Some(old));
        Ok(account
            .map(|account| account.password_hash = Some(new.to_owned()))
            .is_some())
    }

    async fn bcrypt_cost_max(&self) -> Result<Option<u32>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let hashes = state
            .users
            .values()
            .filter_map(|account| account.password_hash.as_deref());
        let costs = hashes
            .filter(|hash| hash.starts_with("$2"))
            .filter_map(|hash| hash.get(4..6));
        Ok(costs.filter_map(|digits| digits.parse().ok()).max())
    }

    async fn set_disabled(&self, id: &UserId, at: Option<Timestamp>) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        state.standing += 1;
        Ok(state
            .users
            .get_mut(id)
            .map(|account| account.user.disabled_at = at)
            .is_some())
    }

    async fn standing(&self) -> Result<i64, StoreError> {
        let state = self.state.lock();
        if state.standing_is_secret {
            return Err(as_asked(StoreTrouble::Busy));
        }
        Ok(state.standing)
    }

    async fn search_users(&self, query: &str, limit: u32) -> Result<Page<User>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let query = query.to_ascii_lowercase();
        let matches = |text: &str| text.to_ascii_lowercase().contains(&query);
        let users = state.users.values().map(|account| &account.user);
        let mut found: Vec<User> = users
            .filter(|user| matches(&user.username) || matches(&user.display_name))
            .cloned()
            .collect();
        found.sort_by(|a, b| a.username.cmp(&b.username));
        Ok(page(found, limit))
    }

    async fn disabled_among(&self, ids: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let disabled = |id: &&UserId| {
            state
                .users
                .get(*id)
                .is_some_and(|account| account.user.disabled_at.is_some())
        };
        Ok(ids.iter().filter(disabled).cloned().collect())
    }

    async fn keep_token(&self, mut token: KeptToken) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        if let Some(account) = state.users.get(&token.user_id) {
            token.username.clone_from(&account.user.username);
            state.tokens.push(token);
        }
        Ok(())
    }

    async fn kept_tokens(&self, text: Option<&str>, now: Timestamp, slice: Slice) -> Result<KeptTokens, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let good = |token: &&KeptToken| token.revoked_at.is_none() && token.expires_at > now;
        let has = |token: &&KeptToken| {
            let fields = [&token.username, &token.name, &token.id];
            text.is_none_or(|text| fields.iter().any(|field| operators::has(field, text)))
        };
        let mut wanted: Vec<KeptToken> = state.tokens.iter().filter(has).cloned().collect();
        wanted.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        Ok(KeptTokens {
            listed: operators::sliced(wanted, slice),
            all: state.tokens.len() as u64,
            good: state.tokens.iter().filter(good).count() as u64,
        })
    }

    async fn forget_tokens(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        state.tokens.retain(|token| token.expires_at >= before);
        Ok(())
    }

    async fn good_tokens_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let good = |id: &&String| {
            state
                .tokens
                .iter()
                .any(|token| token.id == **id && token.revoked_at.is_none())
        };
        Ok(ids.iter().filter(good).cloned().collect())
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        state.standing += 1;
        let token = state
            .tokens
            .iter_mut()
            .find(|token| token.id == id && token.revoked_at.is_none());
        Ok(token.map(|token| token.revoked_at = Some(at)).is_some())
    }

    async fn note_last_seen(&self, seen: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        for (id, at) in seen {
            if let Some(account) = state.users.get_mut(id) {
                account.user.last_seen = account.user.last_seen.max(Some(*at));
            }
        }
        Ok(())
    }
}

fn constraint(detail: &str) -> StoreError {
    StoreError::Unavailable {
        trouble: StoreTrouble::Constraint,
        detail: detail.to_owned(),
    }
}

#[async_trait]
impl Vitals for MemoryStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.state.lock().ready()
    }

    fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_fails_when_it_is_told_to() {
        let store = MemoryStore::new();
        store.fail_with(Some(StoreTrouble::Full));
        assert_eq!(store.check().await.unwrap_err().trouble(), StoreTrouble::Full);
        assert!(store.search_users("", 1).await.is_err());
        store.fail_with(None);
        store.check().await.unwrap();
    }
}
