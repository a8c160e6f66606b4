//! A socket as lists look at it: what they filter and sort by, read from the live socket without a copy. Only the rows of
//! the one page that is shown become a [`SocketView`].

use std::fmt;
use std::sync::Arc;

use chat_core::{NodeId, Sid, Timestamp, UserId};

use super::admins::{ADMIN_NAMESPACE, AdminLink};
use super::inspect::CHAT_NAMESPACE;
use super::view::SocketView;
use super::{Hub, LiveSocket};

/// What a list looks at. The two that count take a lock.
pub trait Seen: Send + Sync {
    /// Its id.
    fn sid(&self) -> &Sid;
    /// Its namespace.
    fn namespace(&self) -> &str;
    /// Whose.
    fn user_id(&self) -> &UserId;
    /// Their unique name.
    fn username(&self) -> &str;
    /// `polling`, `websocket` or `plain-websocket`.
    fn transport(&self) -> &'static str;
    /// The client's address, as far as the trusted proxies tell.
    fn address(&self) -> &str;
    /// As it came, shortened.
    fn user_agent(&self) -> Option<&str>;
    /// `name/version`, as the client says.
    fn client(&self) -> Option<&str>;
    /// Since when.
    fn connected_at(&self) -> Timestamp;
    /// It promised to send receipts.
    fn receipts(&self) -> bool;
    /// Its buffer was full.
    fn lagging(&self) -> bool;
    /// In how many live rooms it is.
    fn count_rooms(&self) -> usize;
    /// Messages that are no longer tried again.
    fn count_unconfirmed(&self) -> usize;
    /// Everything, of a socket of this process.
    fn view(&self, node_id: &NodeId) -> SocketView;
}

/// A socket of a list.
#[derive(Clone)]
pub struct Glance {
    /// The process that holds it.
    pub node_id: NodeId,
    /// The socket.
    pub seen: Arc<dyn Seen>,
}

impl fmt::Debug for Glance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glance({})", self.seen.sid())
    }
}

impl Glance {
    /// Everything.
    pub fn view(&self) -> SocketView {
        self.seen.view(&self.node_id)
    }
}

impl Hub {
    /// Every live socket of every namespace, in no order.
    pub fn glances(&self) -> Vec<Glance> {
        let chat = self.sockets().into_iter().map(|socket| socket as Arc<dyn Seen>);
        let admins = self.admins().into_iter().map(|admin| admin as Arc<dyn Seen>);
        let glance = |seen| Glance {
            node_id: self.node_id.clone(),
            seen,
        };
        chat.chain(admins).map(glance).collect()
    }
}

impl Seen for LiveSocket {
    fn sid(&self) -> &Sid {
        &self.sid
    }

    fn namespace(&self) -> &str {
        CHAT_NAMESPACE
    }

    fn user_id(&self) -> &UserId {
        &self.user().id
    }

    fn username(&self) -> &str {
        &self.user().username
    }

    fn transport(&self) -> &'static str {
        LiveSocket::transport(self)
    }

    fn address(&self) -> &str {
        &self.caller().address
    }

    fn user_agent(&self) -> Option<&str> {
        self.caller().user_agent.as_deref()
    }

    fn client(&self) -> Option<&str> {
        self.caller().client.as_deref()
    }

    fn connected_at(&self) -> Timestamp {
        self.connected_at
    }

    fn receipts(&self) -> bool {
        self.caller().receipts
    }

    fn lagging(&self) -> bool {
        self.is_lagging()
    }

    fn count_rooms(&self) -> usize {
        self.outlet().rooms().len()
    }

    fn count_unconfirmed(&self) -> usize {
        self.given_up()
    }

    fn view(&self, node_id: &NodeId) -> SocketView {
        let caller = self.caller();
        SocketView {
            sid: self.sid.clone(),
            namespace: CHAT_NAMESPACE.into(),
            user_id: caller.user.id.clone(),
            username: caller.user.username.clone(),
            transport: LiveSocket::transport(self),
            node_id: node_id.clone(),
            address: caller.address.clone(),
            user_agent: caller.user_agent.clone(),
            client: caller.client.clone(),
            connected_at: self.connected_at,
            rooms: self.rooms(),
            receipts: caller.receipts,
            lagging: self.is_lagging(),
            unconfirmed: self.given_up(),
        }
    }
}

impl Seen for AdminLink {
    fn sid(&self) -> &Sid {
        &self.sid
    }

    fn namespace(&self) -> &str {
        ADMIN_NAMESPACE
    }

    fn user_id(&self) -> &UserId {
        &self.caller.user.id
    }

    fn username(&self) -> &str {
        &self.caller.user.username
    }

    fn transport(&self) -> &'static str {
        AdminLink::transport(self)
    }

    fn address(&self) -> &str {
        &self.caller.address
    }

    fn user_agent(&self) -> Option<&str> {
        self.caller.user_agent.as_deref()
    }

    fn client(&self) -> Option<&str> {
        None
    }

    fn connected_at(&self) -> Timestamp {
        self.connected_at
    }

    fn receipts(&self) -> bool {
        false
    }

    fn lagging(&self) -> bool {
        false
    }

    fn count_rooms(&self) -> usize {
        self.rooms().len()
    }

    fn count_unconfirmed(&self) -> usize {
        0
    }

    fn view(&self, node_id: &NodeId) -> SocketView {
        SocketView {
            sid: self.sid.clone(),
            namespace: ADMIN_NAMESPACE.into(),
            user_id: self.caller.user.id.clone(),
            username: self.caller.user.username.clone(),
            transport: AdminLink::transport(self),
            node_id: node_id.clone(),
            address: self.caller.address.clone(),
            user_agent: self.caller.user_agent.clone(),
            client: None,
            connected_at: self.connected_at,
            rooms: self.rooms(),
            receipts: false,
            lagging: false,
            unconfirmed: 0,
        }
    }
}

/// A copy, for whoever has no live socket: tests and previews.
impl Seen for SocketView {
    fn sid(&self) -> &Sid {
        &self.sid
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn user_id(&self) -> &UserId {
        &self.user_id
    }

    fn username(&self) -> &str {
        &self.username
    }

    fn transport(&self) -> &'static str {
        self.transport
    }

    fn address(&self) -> &str {
        &self.address
    }

    fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    fn connected_at(&self) -> Timestamp {
        self.connected_at
    }

    fn receipts(&self) -> bool {
        self.receipts
    }

    fn lagging(&self) -> bool {
        self.lagging
    }

    fn count_rooms(&self) -> usize {
        self.rooms.len()
    }

    fn count_unconfirmed(&self) -> usize {
        self.unconfirmed
    }

    fn view(&self, _: &NodeId) -> SocketView {
        self.clone()
    }
}

impl From<SocketView> for Glance {
    fn from(view: SocketView) -> Self {
        Self {
            node_id: view.node_id.clone(),
            seen: Arc::new(view),
        }
    }
}
