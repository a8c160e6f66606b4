//! The library's own rooms, and a way to hand one packet that is encoded already to one socket and hear what came of it.
//!
//! A broadcast of the library encodes once and does not tell which socket could not take it; an emit of a socket tells, and
//! encodes anew each time. The roll call needs the outcome of every socket, and a message to a thousand sockets must be encoded
//! once. The library's adapter is where the two meet: it is given the rooms and the way to the sockets, and this one keeps
//! hold of them. It changes nothing of what the library's own adapter does.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use socketioxide::adapter::Emitter;
use socketioxide::layer::SocketIoLayer;
use socketioxide::{SocketError, SocketIoBuilder};
use socketioxide_core::adapter::{BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter, SocketEmitter};
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::Parse;
use socketioxide_core::{Sid, Str, Value};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::EmitError;
use super::inspect::CHAT_NAMESPACE;
use super::plain::event_frame;
use crate::gateway::listener::text_frame;

/// The library's entry point, over this adapter.
pub type SocketIo = socketioxide::SocketIo<RoomsAdapter>;
/// A socket of the library, over this adapter.
pub type SocketRef = socketioxide::extract::SocketRef<RoomsAdapter>;

type Local = CoreLocalAdapter<Emitter>;

/// The library's in-memory adapter, shared with the [`LiveRooms`] of its namespace.
pub struct RoomsAdapter(Arc<Local>);

impl std::fmt::Debug for RoomsAdapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RoomsAdapter")
    }
}

impl CoreAdapter<Emitter> for RoomsAdapter {
    type Error = Infallible;
    type State = LiveRooms;
    type AckStream = <Emitter as SocketEmitter>::AckStream;
    type InitRes = ();

    fn new(rooms: &LiveRooms, local: Local) -> Self {
        let local = Arc::new(local);
        if **local.path() == *CHAT_NAMESPACE {
            // Once for the life of a server; the library makes no namespace twice.
            let _first = rooms.0.set(Arc::clone(&local));
        }
        Self(local)
    }

    fn init(self: Arc<Self>, on_success: impl FnOnce() + Send + 'static) -> Self::InitRes {
        on_success();
    }

    async fn broadcast_with_ack(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<Self::AckStream, Infallible> {
        Ok(self.0.broadcast_with_ack(packet, options, timeout).0)
    }

    fn get_local(&self) -> &Local {
        &self.0
    }
}

impl DefinedAdapter for RoomsAdapter {}

/// The live rooms of namespace `/`, straight from the library's adapter; empty until the namespace is opened.
#[derive(Clone, Default)]
pub struct LiveRooms(Arc<OnceLock<Arc<Local>>>);

impl std::fmt::Debug for LiveRooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveRooms")
    }
}

/// The library's entry point, and the rooms of its namespace `/`.
#[derive(Debug, Clone)]
pub struct Io {
    /// What namespaces are opened on.
    pub socket_io: SocketIo,
    pub(super) rooms: LiveRooms,
}

/// The library's layer and what goes with it.
pub fn layer(
    configured: impl FnOnce(SocketIoBuilder<RoomsAdapter>) -> SocketIoBuilder<RoomsAdapter>,
) -> (SocketIoLayer<RoomsAdapter>, Io) {
    let rooms = LiveRooms::default();
    let builder = socketioxide::SocketIo::builder().with_adapter(rooms.clone());
    let (layer, socket_io) = configured(builder).build_layer();
    (layer, Io { socket_io, rooms })
}

impl LiveRooms {
    /// Who is in a room, in no order.
    pub(super) fn members(&self, room: &str) -> Vec<Sid> {
        let Some(local) = self.0.get() else {
            return Vec::new();
        };
        let mut options = BroadcastOptions::default();
        options.rooms.push(room.to_owned().into());
        local.sockets(options)
    }

    /// Encodes an event once, for any number of sockets.
    pub(super) fn encode(&self, event: &'static str, data: Box<RawValue>) -> EncodedEvent {
        let packet = self
            .0
            .get()
            .and_then(|local| match local.parser().encode_value(&data, Some(event)) {
                Ok(value) => Some(Packet::event(Str::default(), value)),
                Err(error) => {
                    // JSON that is text already always encodes; if it ever does not, that must be seen.
                    tracing::error!(event, %error, "an event could not be encoded");
                    None
                }
            });
        EncodedEvent {
            event,
            data,
            packet,
            frame: OnceLock::new(),
            whole: OnceLock::new(),
            rooms: self.clone(),
        }
    }
}

/// An event that is encoded once and can be handed to any number of sockets.
pub struct EncodedEvent {
    /// Its name.
    pub event: &'static str,
    /// Its one argument.
    pub data: Box<RawValue>,
    packet: Option<Packet>,
    frame: OnceLock<Option<Utf8Bytes>>,
    whole: OnceLock<Option<Bytes>>,
    rooms: LiveRooms,
}

impl std::fmt::Debug for EncodedEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EncodedEvent({}, {} bytes)", self.event, self.data.get().len())
    }
}

impl EncodedEvent {
    /// As plain WebSockets are sent it: made for the first of them.
    pub(super) fn frame(&self) -> Option<&Utf8Bytes> {
        let frame = self.frame.get_or_init(|| event_frame(self.event, &self.data));
        frame.as_ref()
    }

    /// As it stands on the wire of a WebSocket, its header included (Socket.IO in Engine.IO in a text frame), the same for
    /// every socket: made for the first of them.
    pub(super) fn whole_frame(&self) -> Option<&Bytes> {
        let frame = self.whole.get_or_init(|| match &self.packet.as_ref()?.inner {
            PacketData::Event(Value::Str(event, None), None) => Some(text_frame(&["42", event]).into()),
            _ => None,
        });
        frame.as_ref()
    }

    /// Puts it into the buffer of one socket of the library. A socket that the library does not know (any more) takes it without a
    /// word: ask first whether it is connected.
    pub(super) fn hand_to(&self, sid: Sid) -> Result<(), EmitError> {
        let (Some(local), Some(packet)) = (self.rooms.0.get(), &self.packet) else {
            return Err(EmitError::Closed);
        };
        match local.broadcast(packet.clone(), BroadcastOptions::new(sid)) {
            Ok(()) => Ok(()),
            Err(errors)
                if errors
                    .iter()
                    .all(|error| matches!(error, SocketError::InternalChannelFull)) =>
            {
                Err(EmitError::Full)
            }
            Err(_) => Err(EmitError::Closed),
        }
    }
}
