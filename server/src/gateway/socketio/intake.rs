//! The way of an event from the library into its inbox, and its first step.
//!
//! The library makes each event a task of its own. Most events need none: a receipt, a keystroke are carried out in memory, at once.
//! So what follows from an event is carried out right here, in the task that read it, as far as that goes without waiting;
//! only what waits becomes a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use socketioxide::handler::{FromMessageParts, MessageHandler};
use socketioxide::socket::Socket;
use socketioxide_core::Value;

use super::Gateway;
use super::dispatch::Received;
use super::inbox::Inbox;
use super::packet::RawEvent;
use crate::hub::adapter::RoomsAdapter;

/// Takes every event of one socket.
pub(super) struct Intake {
    pub(super) gateway: Arc<Gateway>,
    pub(super) inbox: Arc<Inbox>,
}

/// Tells the library's own handlers, which are functions, from this one.
pub(super) enum Events {}

impl MessageHandler<RoomsAdapter, Events> for Intake {
    fn call(&self, socket: Arc<Socket<RoomsAdapter>>, mut value: Value, ack_id: Option<i64>) {
        if let (None, Value::Str(text, None)) = (ack_id, &value)
            && self.gateway.receipt_at_once(&self.inbox, text)
        {
            return;
        }
        let Ok(event) = RawEvent::from_message_parts(&socket, &mut value, &ack_id);
        // Here, in the task that reads the connection, is where order is kept.
        let received = self.gateway.receive(&self.inbox, event);
        if matches!(received, Received::Waits) {
            return;
        }
        let (gateway, inbox) = (Arc::clone(&self.gateway), Arc::clone(&self.inbox));
        begin(Box::pin(async move { gateway.received(&inbox, received).await }));
    }
}

/// Carries `work` out as far as it goes without waiting, and the rest of it in a task.
fn begin(mut work: Pin<Box<dyn Future<Output = ()> + Send>>) {
    // Nobody is to be woken: a task polls anew whatever is not through, and registers itself in doing so.
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::spawn(work);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_need_not_wait_is_done_at_once_and_the_rest_in_a_task() {
        let steps = Arc::new(AtomicU32::new(0));
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, is_done) = tokio::sync::oneshot::channel::<()>();
        let counted = Arc::clone(&steps);
        begin(Box::pin(async move {
            counted.fetch_add(1, Ordering::SeqCst);
            let _closed = gone.await;
            counted.fetch_add(1, Ordering::SeqCst);
            let _nobody = done.send(());
        }));
        assert_eq!(
            steps.load(Ordering::SeqCst),
            1,
            "the first step is through before anything else runs"
        );
        go.send(()).unwrap();
        is_done.await.unwrap();
        assert_eq!(steps.load(Ordering::SeqCst), 2);
    }
}
