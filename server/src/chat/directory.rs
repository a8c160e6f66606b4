//! The conversations that are in use: who is in each, and whose turn it is.
//!
//! A copy of the store's truth, changed only together with it: every change of participants goes through
//! [`Directory::change`], one at a time per conversation, and replaces the copy with what the store returned.

mod under_way;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use chat_core::ports::{Conversations, DeliveryLog, StoreError};
use chat_core::{Conversation, ConversationId, Seq, UserId};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

pub use self::under_way::UnderWay;
use super::one_copy::OneCopy;
use crate::fanout::sequencer::Sequencer;
use crate::hub::roster::KeptRoster;
use crate::limits::DIRECTORY_CONVERSATIONS_MAX;

/// One conversation in use.
#[derive(Debug)]
pub struct Entry {
    conversation: RwLock<Arc<Conversation>>,
    /// Puts messages in order; locked while one is announced.
    pub sequencer: Mutex<Sequencer>,
    head: AtomicU64,
    /// Messages that are being saved or announced.
    under_way: AtomicUsize,
    moved: AtomicBool,
    used: AtomicU64,
    /// Somebody waits to close a gap of the sequencer.
    pub gap_watched: AtomicBool,
    changing: Arc<tokio::sync::RwLock<()>>,
    /// Whom the last message was for.
    pub roster: KeptRoster,
    cursors: tokio::sync::OnceCell<EntryCursors>,
    cursors_moved: Notify,
    is_unseen: bool,
}

/// How far everybody is, by their own word: what the store holds, and what has moved since. Looked into at each receipt, hence the
/// quicker hash, as for lanes.
#[derive(Debug, Default)]
pub struct EntryCursors(Mutex<HashMap<UserId, (Seq, Seq), foldhash::fast::RandomState>>);

impl EntryCursors {
    /// Moves a cursor forward and returns where it is then; `None` when it was there already.
    pub fn advance(&self, user: &UserId, received: Seq, read: Seq) -> Option<(Seq, Seq)> {
        let mut cursors = self.0.lock();
        let cursor = cursors.entry(user.clone()).or_default();
        let moved = (cursor.0.max(received), cursor.1.max(read));
        let changed = moved != *cursor;
        *cursor = moved;
        changed.then_some(moved)
    }

    /// Received and read up to here.
    pub fn of(&self, user: &UserId) -> (Seq, Seq) {
        self.0.lock().get(user).copied().unwrap_or_default()
    }
}

impl Entry {
    fn new(conversation: Conversation, used: u64) -> Self {
        Self {
            sequencer: Mutex::new(Sequencer::new(conversation.last_seq)),
            head: AtomicU64::new(conversation.last_seq.0),
            under_way: AtomicUsize::new(0),
            moved: AtomicBool::new(false),
            used: AtomicU64::new(used),
            gap_watched: AtomicBool::new(false),
            changing: Arc::default(),
            roster: KeptRoster::default(),
            cursors: tokio::sync::OnceCell::new(),
            cursors_moved: Notify::new(),
            is_unseen: false,
            conversation: RwLock::new(Arc::new(conversation)),
        }
    }

    /// The canary's conversation: in no directory, noted and counted nowhere.
    pub fn unseen(conversation: Conversation) -> Self {
        Self {
            is_unseen: true,
            ..Self::new(conversation, 0)
        }
    }

    /// Is no more than one message on its way to the store or to its sockets?
    pub fn is_alone(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) <= 1
    }

    /// Is it the canary's?
    pub fn is_unseen(&self) -> bool {
        self.is_unseen
    }

    /// The conversation with its participants as they are now. Its `last_seq` is that of the last change; see [`Self::head`].
    pub fn conversation(&self) -> Arc<Conversation> {
        Arc::clone(&self.conversation.read())
    }

    /// How far everybody is; read from the store at the first use.
    pub async fn cursors(&self, log: &dyn DeliveryLog) -> Result<&EntryCursors, StoreError> {
        self.cursors
            .get_or_try_init(|| async {
                let id = self.conversation().id.clone();
                let stored = log.cursors(&id).await?;
                let cursors = stored
                    .into_iter()
                    .map(|cursor| (cursor.user_id, (cursor.received, cursor.read)));
                Ok(EntryCursors(Mutex::new(cursors.collect())))
            })
            .await
    }

    /// The same, if they were read already.
    pub fn cursors_in_memory(&self) -> Option<&EntryCursors> {
        self.cursors.get()
    }

    /// How far this user is, if that was ever asked for here.
    pub fn cursor_of(&self, user: &UserId) -> Option<(Seq, Seq)> {
        self.cursors.get().map(|cursors| cursors.of(user))
    }

    /// Their membership is over, or begins anew: they are where the store has them.
    pub fn forget_cursor(&self, user: &UserId) {
        if let Some(cursors) = self.cursors.get() {
            cursors.0.lock().remove(user);
        }
    }

    /// Wakes whoever waits for receipts.
    pub fn cursors_moved(&self) {
        self.cursors_moved.notify_waiters();
    }

    /// Resolves at the next receipt; create it before looking at the cursors, so that none in between is missed.
    pub fn next_receipt(&self) -> Notified<'_> {
        self.cursors_moved.notified()
    }

    /// Waits until no change of the participants is under way, and keeps the next one waiting until the guard is dropped. Whoever joins
    /// or leaves a room holds it until that is answered, so that a client hears "you left" and "you were removed" in the
    /// order in which they happened. Messages go on meanwhile.
    pub async fn unchanging(&self) -> Unchanging {
        Arc::clone(&self.changing).read_owned().await
    }

    /// The newest seq that this process knows of.
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Acquire))
    }

    /// A message was announced.
    pub fn published(&self, seq: Seq) {
        self.head.fetch_max(seq.0, Ordering::AcqRel);
        self.moved.store(true, Ordering::Release);
    }

    /// The head, if it moved since the last call.
    pub fn take_moved(&self) -> Option<Seq> {
        self.moved.swap(false, Ordering::AcqRel).then(|| self.head())
    }
}

/// No change of a conversation's participants is under way.
pub type Unchanging = tokio::sync::OwnedRwLockReadGuard<()>;

/// A change of a conversation's participants under way.
#[derive(Debug)]
pub struct Change<'a> {
    entry: &'a Entry,
    _one_at_a_time: tokio::sync::RwLockWriteGuard<'a, ()>,
}

impl Change<'_> {
    /// Takes over what the store returned, and runs `effects` with it and with the newest seq that was announced. No message
    /// is announced meanwhile: one before goes to those who were in it, one after to those who are.
    pub fn take_over(&self, changed: Conversation, effects: impl FnOnce(&Conversation, Seq)) {
        let sequencer = self.entry.sequencer.lock();
        effects(&self.replace(changed), sequencer.head());
    }

    /// The same after an import up to message `upto`, which is announced to nobody. What came before it is announced first, by
    /// `announce`; `effects` hears from where to where the head moved.
    pub fn take_over_history(
        &self,
        changed: Conversation,
        upto: Seq,
        announce: impl FnOnce(&mut Sequencer),
        effects: impl FnOnce(&Conversation, (Seq, Seq)),
    ) {
        let mut sequencer = self.entry.sequencer.lock();
        announce(&mut sequencer);
        let before = sequencer.head();
        sequencer.skip_to(upto);
        if sequencer.head() > before {
            self.entry.published(sequencer.head());
        }
        effects(&self.replace(changed), (before, sequencer.head()));
    }

    fn replace(&self, mut changed: Conversation) -> Arc<Conversation> {
        // One copy of the id for everybody who keeps it.
        changed.id = self.entry.conversation().id.clone();
        let changed = Arc::new(changed);
        *self.entry.conversation.write() = Arc::clone(&changed);
        changed
    }
}

/// The conversations in use, by id.
pub struct Directory {
    store: Arc<dyn Conversations>,
    entries: RwLock<HashMap<ConversationId, Arc<Entry>>>,
    ids: OneCopy,
    // A count of look-ups, not a time: only "which was used longer ago" matters.
    uses: AtomicU64,
    capacity: usize,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory")
            .field("entries", &self.entries.read().len())
            .finish_non_exhaustive()
    }
}

impl Directory {
    /// An empty directory over `store`.
    pub fn new(store: Arc<dyn Conversations>) -> Self {
        Self {
            store,
            entries: RwLock::default(),
            ids: OneCopy::default(),
            uses: AtomicU64::new(0),
            capacity: DIRECTORY_CONVERSATIONS_MAX,
        }
    }

    /// The conversation, read from the store at its first use.
    pub async fn get(&self, id: &ConversationId) -> Result<Option<Arc<Entry>>, StoreError> {
        if let Some(entry) = self.cached(id) {
            return Ok(Some(entry));
        }
        let Some(conversation) = self.store.conversation(id).await? else {
            return Ok(None);
        };
        Ok(Some(self.insert(conversation)))
    }

    /// The conversation, if it is in use.
    pub fn cached<Id>(&self, id: &Id) -> Option<Arc<Entry>>
    where
        ConversationId: Borrow<Id>,
        Id: Hash + Eq + ?Sized,
    {
        let entry = self.entries.read().get(id).cloned()?;
        entry
            .used
            .store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(entry)
    }

    /// This id as everybody who keeps it for long should hold it: one copy, whether the conversation is in use or not.
    pub fn one_copy(&self, id: &ConversationId) -> ConversationId {
        self.ids.of(id)
    }

    /// Every conversation in use.
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.read().values().cloned().collect()
    }

    /// A conversation that was just made or read. One that is in use already stays: it may have changed meanwhile, and all
    /// changes go through [`Self::change`].
    pub fn insert(&self, mut conversation: Conversation) -> Arc<Entry> {
        conversation.id = self.ids.of(&conversation.id);
        let mut entries = self.entries.write();
        if entries.len() >= self.capacity {
            Self::drop_least_used(&mut entries);
        }
        let id = conversation.id.clone();
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        Arc::clone(
            entries
                .entry(id)
                .or_insert_with(|| Arc::new(Entry::new(conversation, now))),
        )
    }

    /// Begins a change of a conversation; changes of one conversation, with all that follows from them, run one after the
    /// other.
    pub async fn change<'a>(&self, entry: &'a Entry) -> Change<'a> {
        Change {
            entry,
            _one_at_a_time: entry.changing.write().await,
        }
    }

    /// Makes room: drops the tenth that was used longest ago, except what somebody holds right now (a message of it may
    /// be between its commit and its turn).
    fn drop_least_used(entries: &mut HashMap<ConversationId, Arc<Entry>>) {
        let mut ages: Vec<u64> = entries
            .values()
            .map(|entry| entry.used.load(Ordering::Relaxed))
            .collect();
        let tenth = ages.len() / 10;
        let (_, border, _) = ages.select_nth_unstable(tenth);
        let border = *border;
        entries.retain(|_, entry| {
            let untold = entry.moved.load(Ordering::Relaxed);
            let idle = Arc::strong_count(entry) == 1 && !untold && entry.sequencer.lock().gap().is_none();
            !idle || entry.used.load(Ordering::Relaxed) > border
        });
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ports::{Created, NewConversation};
    use chat_core::{ConversationKind, Timestamp};

    use super::*;
    use crate::store::memory::MemoryStore;

    async fn group(store: &Arc<MemoryStore>) -> Conversation {
        let new = NewConversation {
            id: ConversationId::parse("c").unwrap(),
            kind: ConversationKind::Group,
            title: None,
            owner: None,
            created_by: None,
            participant_ids: Vec::new(),
            at: Timestamp::from_millis(0),
        };
        match store.create_conversation(new).await.unwrap() {
            Created::New(conversation) | Created::Existing(conversation) => conversation,
        }
    }

    #[tokio::test]
    async fn nothing_is_announced_while_a_change_is_taken_over() {
        let store = Arc::new(MemoryStore::new());
        let directory = Directory::new(Arc::clone(&store) as _);
        let entry = directory.insert(group(&store).await);
        let change = directory.change(&entry).await;
        let renamed = Conversation {
            title: Some("new".into()),
            ..Conversation::clone(&entry.conversation())
        };
        let mut effects = false;
        change.take_over(renamed, |now, head| {
            assert!(entry.sequencer.try_lock().is_none(), "a message could be announced");
            assert_eq!(*now, *entry.conversation(), "who is announced to is who is in it now");
            assert_eq!((now.title.as_deref(), head), (Some("new"), Seq::ZERO));
            effects = true;
        });
        assert!(effects && entry.sequencer.try_lock().is_some());
    }

    #[tokio::test]
    async fn changes_of_a_conversation_run_one_after_the_other() {
        let store = Arc::new(MemoryStore::new());
        let directory = Directory::new(Arc::clone(&store) as _);
        let entry = directory.insert(group(&store).await);
        let first = directory.change(&entry).await;
        let mut second = Box::pin(directory.change(&entry));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert!(futures_util::poll!(&mut second).is_ready());
    }
}
