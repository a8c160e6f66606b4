//! What an operator does from the official Admin UI: join, leave, disconnect; one socket, a room, or a whole namespace.
//!
//! Guarantees: carried out in the order in which they came; only for an account that is an admin at that moment, and never when the
//! server is read-only; each is written to the audit log before it is done, each refusal to the log; none is met with silence.

use std::sync::Arc;

use async_trait::async_trait;
use chat_core::Role;
use rollcall_protocol::reply::Refused;
use rollcall_protocol::{ErrorCode, WireError};
use serde_json::{Value, json};

use super::ALIAS;
use super::picture::Place;
use crate::gateway::socketio::packet::RawEvent;
use crate::hub::Hub;
use crate::hub::admins::AdminLink;

/// A room's name at most, in bytes, as everywhere in the admin.
const ROOM_BYTES_MAX: usize = 256;
/// Rooms or sockets that one command may name.
const FILTERS_MAX: usize = 100;

/// What the rest of the server does for an operator: the same as for the pages.
#[async_trait]
pub trait Operate: Send + Sync {
    /// Writes down what is about to be done; what cannot be written down is not done.
    async fn note(&self, actor: &str, action: &'static str, target: String, detail: String) -> Result<(), WireError>;
    /// Puts a socket into a room of its namespace; false when that failed.
    async fn join(&self, namespace: &str, sid: &str, room: &str) -> bool;
    /// Takes a socket out of a room; false when it was not in it.
    async fn leave(&self, namespace: &str, sid: &str, room: &str) -> bool;
    /// Closes a socket; false when there is none.
    async fn disconnect(&self, namespace: &str, sid: &str) -> bool;
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Join(String),
    Leave(String),
    /// `true`: the connection with its sockets in every namespace.
    Disconnect(bool),
}

/// A command, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) deed: Deed,
    pub(super) place: Place,
    /// SIDs or rooms; none: the whole namespace.
    pub(super) filter: Vec<String>,
}

impl Command {
    /// Reads a command; its arguments may be fewer than there could be, or `null`.
    pub(super) fn read(name: &str, args: &[Value]) -> Result<Self, WireError> {
        let arg = |at: usize| args.get(at).unwrap_or(&Value::Null);
        let namespace = text(arg(0), "namespace")?;
        let place = match namespace {
            ALIAS => Some(Place::Admin),
            _ => Place::of(namespace),
        };
        let place = place.ok_or_else(|| {
            let shown: String = namespace.chars().take(40).collect();
            WireError::new(ErrorCode::NotFound, format!("there is no namespace {shown}"))
                .with_hint("there are / and /admin")
        })?;
        let (deed, filter) = match name {
            "join" => (Deed::Join(room(arg(1))?), arg(2)),
            "leave" => (Deed::Leave(room(arg(1))?), arg(2)),
            "_disconnect" => (Deed::Disconnect(arg(1).as_bool().unwrap_or_default()), arg(2)),
            _ => return Err(no_command(name)),
        };
        Ok(Self {
            deed,
            place,
            filter: filter_of(filter)?,
        })
    }

    fn name(&self) -> &'static str {
        match self.deed {
            Deed::Join(_) => "join",
            Deed::Leave(_) => "leave",
            Deed::Disconnect(_) => "disconnect",
        }
    }

    /// The sockets that it is about: a name is a SID if there is such a socket, and else a room.
    fn sids(&self, hub: &Hub) -> Vec<String> {
        let of = |name: &String| -> Vec<String> {
            match self.place {
                Place::Chat => match hub.socket(name) {
                    Some(socket) => vec![socket.sid.to_string()],
                    None => hub.live_in(name).iter().map(|socket| socket.sid.to_string()).collect(),
                },
                Place::Admin => match hub.admin(name) {
                    Some(admin) => vec![admin.sid.to_string()],
                    None => hub.admins_in(name).iter().map(|admin| admin.sid.to_string()).collect(),
                },
            }
        };
        let mut sids: Vec<String> = if self.filter.is_empty() {
            match self.place {
                Place::Chat => hub.sockets().iter().map(|socket| socket.sid.to_string()).collect(),
                Place::Admin => hub.admins().iter().map(|admin| admin.sid.to_string()).collect(),
            }
        } else {
            self.filter.iter().flat_map(of).collect()
        };
        sids.sort_unstable();
        sids.dedup();
        sids
    }

    fn target(&self) -> String {
        if self.filter.is_empty() {
            format!("namespace {}", self.place.name())
        } else {
            self.filter.join(", ")
        }
    }

    fn detail(&self, sockets: usize) -> String {
        let of = format!(
            "{sockets} socket(s) of namespace {}, by the Admin UI",
            self.place.name()
        );
        match &self.deed {
            Deed::Join(room) => format!("into room {room}: {of}"),
            Deed::Leave(room) => format!("out of room {room}: {of}"),
            Deed::Disconnect(false) => of,
            Deed::Disconnect(true) => format!("{of}, with their connections"),
        }
    }
}

fn no_command(name: &str) -> WireError {
    let shown: String = name.chars().take(40).collect();
    WireError::new(ErrorCode::BadRequest, format!("event: expected a command, got {shown:?}"))
        .with_hint("there are join, leave and _disconnect; nothing can be emitted from here, since a message is saved before it is sent")
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, WireError> {
    value.as_str().ok_or_else(|| {
        WireError::new(
            ErrorCode::BadRequest,
            format!("{field}: expected a text, got something else"),
        )
    })
}

fn room(value: &Value) -> Result<String, WireError> {
    let room = text(value, "room")?;
    if room.is_empty() || room.len() > ROOM_BYTES_MAX {
        let error = format!("room: expected 1 to {ROOM_BYTES_MAX} bytes, got {}", room.len());
        return Err(WireError::new(ErrorCode::BadRequest, error));
    }
    Ok(room.to_owned())
}

fn filter_of(value: &Value) -> Result<Vec<String>, WireError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(names) if names.len() <= FILTERS_MAX && !names.is_empty() => names.iter().map(room).collect(),
        // An empty list means nobody, and must not come to mean everybody.
        Value::Array(_) => Err(WireError::new(
            ErrorCode::BadRequest,
            format!("filter: expected 1 to {FILTERS_MAX} names"),
        )),
        one => Ok(vec![room(one)?]),
    }
}

/// Carries out commands.
pub(super) struct Commands {
    pub(super) hub: Arc<Hub>,
    pub(super) operate: Arc<dyn Operate>,
    /// No command is accepted from anybody.
    pub(super) readonly: bool,
}

impl Commands {
    /// Carries out what `event` asks for; `role` is what the account may do now. An error is told to the client.
    pub(super) async fn run(&self, admin: &AdminLink, role: Role, event: &RawEvent) -> Result<Value, WireError> {
        let (name, args) = event.arguments()?;
        if self.readonly || role != Role::Admin {
            let why = if self.readonly {
                "this server accepts no command from the Admin UI (ROLLCALL_ADMIN_UI has `readonly`)"
            } else {
                "an observer sees everything here and changes nothing"
            };
            return Err(WireError::new(ErrorCode::Forbidden, why));
        }
        let command = Command::read(&name, &args)?;
        let sids = command.sids(&self.hub);
        let actor = &admin.caller.user.username;
        self.operate
            .note(actor, command.name(), command.target(), command.detail(sids.len()))
            .await?;
        let (mut done, namespace) = (0, command.place.name());
        for sid in &sids {
            done += usize::from(match &command.deed {
                Deed::Join(room) => self.operate.join(namespace, sid, room).await,
                Deed::Leave(room) => self.operate.leave(namespace, sid, room).await,
                Deed::Disconnect(false) => self.operate.disconnect(namespace, sid).await,
                Deed::Disconnect(true) => {
                    // One connection has the same SID in both namespaces.
                    let chat = self.operate.disconnect(Place::Chat.name(), sid).await;
                    let admin = self.operate.disconnect(Place::Admin.name(), sid).await;
                    chat || admin
                }
            });
        }
        Ok(json!({ "ok": true, "sockets": done }))
    }

    /// Tells the client what became of its command.
    pub(super) async fn answer(admin: &AdminLink, event: &RawEvent, outcome: Result<Value, WireError>) {
        match outcome {
            Ok(done) => {
                if event.answer.is_wanted() {
                    event.answer.send(&done).await;
                }
            }
            Err(error) => {
                let name = event.arguments().map(|(name, _)| name).unwrap_or_default();
                tracing::warn!(
                    sid = %admin.sid, user.name = %admin.caller.user.username, event = ?name, %error,
                    "a command of the Admin UI was refused"
                );
                let refused = Refused {
                    event: Some(name.chars().take(64).collect()),
                    ..Refused::new(error)
                };
                if event.answer.is_wanted() {
                    event.answer.send(&refused).await;
                } else if let Ok(refused) = serde_json::value::to_raw_value(&refused) {
                    let _dropped_if_full = admin.emit("error", &crate::hub::admins::Args(vec![refused]));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, args: Value) -> Result<Command, ErrorCode> {
        let Value::Array(args) = args else { panic!() };
        Command::read(name, &args).map_err(|error| error.code)
    }

    #[test]
    fn commands_are_read_as_the_official_ui_sends_them() {
        let command = |deed, place, filter: &[&str]| {
            Ok(Command {
                deed,
                place,
                filter: filter.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        let join = || Deed::Join("room".to_owned());
        assert_eq!(
            read("join", json!(["/", "room", "sid"])),
            command(join(), Place::Chat, &["sid"])
        );
        for everybody in [json!(["/", "room"]), json!(["/", "room", null])] {
            assert_eq!(read("join", everybody), command(join(), Place::Chat, &[]));
        }
        assert_eq!(
            read("leave", json!(["/admin", "room", ["a", "b"]])),
            command(Deed::Leave("room".to_owned()), Place::Admin, &["a", "b"])
        );
        assert_eq!(
            read("_disconnect", json!(["//admin", true, "sid"])),
            command(Deed::Disconnect(true), Place::Admin, &["sid"])
        );
        assert_eq!(
            read("_disconnect", json!(["/", null, null])),
            command(Deed::Disconnect(false), Place::Chat, &[])
        );
    }

    #[test]
    fn what_is_no_command_is_refused_and_never_means_everybody() {
        for (name, args) in [
            ("emit", json!(["/", null, "new_message", {}])),
            ("disconnect", json!(["/"])),
            ("join", json!(["/"])),
            ("join", json!([7, "room"])),
            ("join", json!(["/", ""])),
            ("join", json!(["/", "x".repeat(300), "sid"])),
            ("join", json!(["/", "room", ""])),
            ("join", json!(["/", "room", []])),
            ("join", json!(["/", "room", [7]])),
            ("join", json!(["/", "room", {}])),
            ("_disconnect", json!(["/", true, 7])),
            ("_disconnect", json!([])),
        ] {
            assert_eq!(read(name, args.clone()), Err(ErrorCode::BadRequest), "{name} {args}");
        }
        assert_eq!(read("join", json!(["/chat", "room"])), Err(ErrorCode::NotFound));
    }
}
