//! A consumer that believes nothing: it notes what came, and whatever the contract does not allow.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_client::protocol::ConversationView;
use rollcall_client::protocol::chat_core::{ConversationId, Epoch, Message, Seq, Sid};
use rollcall_client::protocol::event::Session;
use rollcall_client::protocol::reply::Joined;
use rollcall_client::{ClientEvent, Held, ServerEvent};

/// What came of one conversation, without a gap.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The head that the server told when it began: what is up to it is history. Unknown while only messages came.
    base: Option<Seq>,
    /// It began with `session`: nothing up to `base` may come.
    exact: bool,
    /// Left by the tab's own wish: nothing comes.
    left: bool,
    /// Content by seq.
    pub(crate) messages: BTreeMap<u64, String>,
}

impl Run {
    fn last(&self) -> Seq {
        let last = self.messages.keys().next_back().copied();
        last.map_or(self.base.unwrap_or_default(), Seq)
    }

    /// Is this exactly what comes after the base, up to the head, of a log that begins with seq 1?
    pub(crate) fn fault_against(&self, log: &[String]) -> Option<String> {
        let Some(base) = self.base else {
            return Some(format!("messages {:?} of a group that it was not told of", self.seqs()));
        };
        let first = self.messages.keys().next().copied().unwrap_or(base.0 + 1);
        if first > base.0 + 1 {
            return Some(format!("was told of head {base}, and its first message is {first}"));
        }
        let expected: BTreeMap<u64, &String> = (1..).zip(log).skip(usize::try_from(first).ok()? - 1).collect();
        let same = expected
            .iter()
            .map(|(seq, content)| (*seq, content.as_str()))
            .eq(self.messages.iter().map(|(seq, content)| (*seq, content.as_str())));
        (!same).then(|| {
            format!(
                "holds {:?} after {base}, the log has {} messages",
                self.seqs(),
                log.len()
            )
        })
    }

    fn seqs(&self) -> BTreeSet<u64> {
        self.messages.keys().copied().collect()
    }
}

/// Everything that one tab was told of the groups.
#[derive(Debug)]
pub(crate) struct Reader {
    groups: Vec<ConversationId>,
    epoch: Option<Epoch>,
    /// Of the last `session`.
    pub(crate) sid: Option<Sid>,
    /// By group; none: not a participant, as far as it was told.
    pub(crate) runs: BTreeMap<ConversationId, Run>,
    /// What must not happen and did.
    pub(crate) faults: Vec<String>,
    /// How often it was told that it is not in a group any more.
    removals: usize,
}

impl Reader {
    pub(crate) fn new(groups: &[ConversationId]) -> Self {
        Self {
            groups: groups.to_vec(),
            epoch: None,
            sid: None,
            runs: BTreeMap::new(),
            faults: Vec::new(),
            removals: 0,
        }
    }

    /// What the next connection resumes from.
    pub(crate) fn held(&self) -> Held {
        Held {
            epoch: self.epoch.clone(),
            seqs: self.runs.iter().map(|(id, run)| (id.clone(), run.last())).collect(),
        }
    }

    /// The page was loaded anew.
    pub(crate) fn forget(&mut self) {
        self.runs.clear();
    }

    pub(crate) fn left_groups(&self) -> Vec<ConversationId> {
        let left = self.runs.iter().filter(|(_, run)| run.left);
        left.map(|(id, _)| id.clone()).collect()
    }

    /// How often it was told that it is not in a group any more.
    pub(crate) fn removals(&self) -> usize {
        self.removals
    }

    pub(crate) fn last(&self, id: &ConversationId) -> Option<Seq> {
        self.runs.get(id).map(Run::last)
    }

    pub(crate) fn take(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Server(ServerEvent::Session(session)) => self.session(&session),
            ClientEvent::Server(ServerEvent::NewMessage(message)) => self.message(&message),
            ClientEvent::Server(ServerEvent::ConversationUpdated(view)) => self.updated(&view),
            ClientEvent::Server(ServerEvent::ConversationRemoved(removed)) => {
                self.runs.remove(&removed.conversation_id);
                self.removals += 1;
            }
            ClientEvent::Server(ServerEvent::Error(_)) | ClientEvent::Undecodable { .. } => {
                self.faults.push(format!("heard {event:?}"));
            }
            // The client closes gaps and drops doubles; the server must not make any.
            ClientEvent::Gap(_) | ClientEvent::Duplicate { .. } => self.faults.push(format!("{event:?}")),
            ClientEvent::Server(_) | ClientEvent::State(_) => {}
        }
    }

    fn session(&mut self, session: &Session) {
        self.sid = Some(session.sid.clone());
        self.epoch = Some(session.epoch.clone());
        let ours = |view: &&ConversationView| self.groups.contains(&view.id);
        let present: Vec<&ConversationView> = session.conversations.iter().filter(ours).collect();
        self.runs.retain(|id, _| present.iter().any(|view| view.id == *id));
        for view in present {
            let Some(run) = self.runs.get_mut(&view.id) else {
                let run = Run {
                    base: Some(view.last_seq),
                    exact: true,
                    ..Run::default()
                };
                self.runs.insert(view.id.clone(), run);
                continue;
            };
            run.left = false;
            let resumed = session.resume.get(&view.id);
            let missed = view.last_seq.0.saturating_sub(run.last().0);
            if !resumed.is_some_and(|resumed| resumed.recovered && resumed.messages == missed) {
                let (last, head) = (run.last(), view.last_seq);
                self.faults
                    .push(format!("held {last} of {head}, was told to resume with {resumed:?}"));
            }
        }
    }

    fn updated(&mut self, view: &ConversationView) {
        if self.groups.contains(&view.id) {
            let run = self.runs.entry(view.id.clone()).or_default();
            run.base.get_or_insert(view.last_seq);
        }
    }

    fn message(&mut self, message: &Message) {
        if !self.groups.contains(&message.conversation_id) {
            return;
        }
        let run = self.runs.entry(message.conversation_id.clone()).or_default();
        let (seq, last) = (message.seq, run.last());
        if run.left {
            self.faults.push(format!("message {seq} came live after it had left"));
        }
        let begins = run.messages.is_empty() && !run.exact && run.base.is_none_or(|base| seq <= base.next());
        if !begins && seq != last.next() {
            self.faults.push(format!("message {seq} came after {last}"));
        }
        run.messages.insert(seq.0, message.content.to_string());
    }

    /// `leave_conversation` was acknowledged, and all that came before it was taken.
    pub(crate) fn left(&mut self, id: &ConversationId) {
        if let Some(run) = self.runs.get_mut(id) {
            run.left = true;
        }
    }

    /// `join_conversation` was acknowledged, and nothing that came after it was taken.
    pub(crate) fn joined(&mut self, id: &ConversationId, joined: &Joined) {
        let Some(run) = self.runs.get_mut(id).filter(|run| run.left) else {
            return;
        };
        run.left = false;
        for message in &joined.missed {
            self.message(message);
        }
        if self.last(id) != Some(joined.last_seq) || joined.more {
            let last = self.last(id);
            self.faults
                .push(format!("joined at {}, and was brought up to {last:?}", joined.last_seq));
        }
    }
}
