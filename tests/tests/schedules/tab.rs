//! One tab: a client that comes, goes, leaves, joins, and takes its events.

use std::sync::Arc;
use std::time::Duration;

use rollcall_client::protocol::chat_core::{ConversationId, Sid};
use rollcall_client::{Backoff, Client, ClientEvent, Events, Held, State};
use rollcall_tests::PATIENCE;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::reader::Reader;

/// What a tab is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    Open,
    Close,
    Reload,
    Cut,
    Leave(ConversationId),
    Join(ConversationId),
    /// Be connected and in every room, and say when that is so.
    Settle(oneshot::Sender<()>),
}

/// A tab as others see it.
#[derive(Debug, Clone)]
pub(crate) struct Tab {
    pub(crate) orders: mpsc::UnboundedSender<Order>,
    pub(crate) reader: Arc<Mutex<Reader>>,
    /// While it is open.
    pub(crate) client: Arc<Mutex<Option<Client>>>,
}

struct Open {
    client: Client,
    events: Events,
}

struct Life {
    url: String,
    token: String,
    tab: Tab,
    open: Option<Open>,
}

impl Tab {
    /// A tab that is not open yet. It ends when every handle is dropped.
    pub(crate) fn start(url: String, token: String, groups: &[ConversationId]) -> Self {
        let (orders, mut taken) = mpsc::unbounded_channel();
        let tab = Tab {
            orders,
            reader: Arc::new(Mutex::new(Reader::new(groups))),
            client: Arc::default(),
        };
        let mut life = Life {
            url,
            token,
            tab: tab.clone(),
            open: None,
        };
        // The life holds no way to give itself orders, so that it ends with the last of the others.
        life.tab.orders = mpsc::unbounded_channel().0;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    event = next(&mut life.open) => life.take(event).await,
                    order = taken.recv() => match order {
                        Some(order) => life.obey(order).await,
                        None => return life.close().await,
                    },
                }
            }
        });
        tab
    }

    /// Gives an order; a tab that has ended is none of anybody's business.
    pub(crate) fn order(&self, order: Order) {
        let _ended = self.orders.send(order);
    }

    pub(crate) async fn fault(&self, what: String) {
        self.reader.lock().await.faults.push(what);
    }
}

async fn next(open: &mut Option<Open>) -> ClientEvent {
    if let Some(open) = open
        && let Some(event) = open.events.next().await
    {
        return event;
    }
    std::future::pending().await
}

fn sid_of(client: &Client) -> Option<Sid> {
    match client.state() {
        State::Connected { sid } => Some(sid),
        _ => None,
    }
}

impl Life {
    async fn take(&self, event: ClientEvent) {
        self.tab.reader.lock().await.take(event);
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Open => self.open().await,
            Order::Close => self.close().await,
            Order::Reload => {
                self.close().await;
                self.tab.reader.lock().await.forget();
                self.open().await;
            }
            Order::Cut => self.cut().await,
            Order::Leave(group) => self.leave(&group).await,
            Order::Join(group) => self.join(&group).await,
            Order::Settle(done) => {
                self.settle().await;
                let _nobody_waits = done.send(());
            }
        }
    }

    async fn open(&mut self) {
        if self.open.is_some() {
            return;
        }
        let held: Held = self.tab.reader.lock().await.held();
        let patient = Backoff {
            first: Duration::from_millis(10),
            most: Duration::from_millis(50),
            attempts_max: None,
        };
        let builder = Client::builder(&self.url)
            .token(&self.token)
            .reconnect(patient)
            .resume(held);
        match builder.call_timeout(PATIENCE).start() {
            Ok((client, events)) => {
                *self.tab.client.lock().await = Some(client.clone());
                self.open = Some(Open { client, events });
            }
            Err(error) => self.tab.fault(format!("{error}")).await,
        }
    }

    async fn close(&mut self) {
        *self.tab.client.lock().await = None;
        let Some(mut open) = self.open.take() else { return };
        let closing = open.client.clone();
        let closed = tokio::spawn(async move { closing.close().await });
        while let Some(event) = open.events.next().await {
            self.take(event).await;
        }
        let _ended = closed.await;
    }

    async fn cut(&self) {
        if let Some(open) = &self.open {
            open.client.cut().await;
        }
    }

    /// Takes what is there already.
    async fn drain(&mut self) {
        if let Some(open) = &mut self.open {
            while let Some(event) = open.events.try_next() {
                self.tab.reader.lock().await.take(event);
            }
        }
    }

    async fn leave(&mut self, group: &ConversationId) {
        let Some(open) = &self.open else { return };
        let client = open.client.clone();
        let before = sid_of(&client);
        let removals = self.tab.reader.lock().await.removals();
        if client.leave_conversation(group).await.is_err() {
            return;
        }
        let after = sid_of(&client);
        // What came before the acknowledgement is there already.
        self.drain().await;
        let mut reader = self.tab.reader.lock().await;
        let same = before.is_some() && before == after && before == reader.sid;
        if same && reader.removals() == removals {
            reader.left(group);
        } else {
            // Nobody can say which connection, or whether it was before or after a removal, that left; the next one has not.
            drop(reader);
            client.cut().await;
        }
    }

    async fn join(&mut self, group: &ConversationId) {
        let Some(client) = self.open.as_ref().map(|open| open.client.clone()) else {
            return;
        };
        self.drain().await;
        let held = self.tab.reader.lock().await.last(group);
        let Ok(joined) = client.join_conversation(group, held).await else {
            return;
        };
        // A session that was opened meanwhile came before the acknowledgement.
        while self.tab.reader.lock().await.sid.as_ref() != Some(&joined.sid) {
            let event = next(&mut self.open).await;
            self.take(event).await;
        }
        self.tab.reader.lock().await.joined(group, &joined);
    }

    async fn settle(&mut self) {
        let Some(client) = self.open.as_ref().map(|open| open.client.clone()) else {
            return;
        };
        let connected = timeout(PATIENCE, client.wait_for(State::is_connected)).await;
        if !matches!(connected, Ok(Some(_))) {
            self.tab.fault("did not come back".into()).await;
            return;
        }
        // The answer comes behind the session and what was resumed.
        // A cut may show only now.
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = client.whoami().await {
            if Instant::now() > deadline {
                self.tab.fault(format!("whoami: {error}")).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.drain().await;
        let left = self.tab.reader.lock().await.left_groups();
        for group in left {
            self.join(&group).await;
        }
    }
}
