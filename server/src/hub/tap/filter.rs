//! Which events a listener wants.

use chat_core::ids::user_room;

use super::{Direction, Whose};

/// Which events are wanted; what is not given does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// About this room. A user's or a socket's own room: of that user or socket.
    pub room: Option<String>,
    /// Of the user with this id or username.
    pub user: Option<String>,
    /// Of this socket.
    pub sid: Option<String>,
    /// Of this name.
    pub event: Option<String>,
    /// Going this way.
    pub direction: Option<Direction>,
}

impl Filter {
    /// Is it wanted, as far as can be said without looking into it?
    pub(super) fn wants(&self, whose: Whose<'_>, direction: Direction, event: &str) -> bool {
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        self.direction.is_none_or(|wanted| wanted == direction)
            && is(&self.event, event)
            && is(&self.sid, whose.sid.as_str())
            && (is(&self.user, whose.user_id.as_str()) || is(&self.user, whose.username))
    }

    /// Is an event about `room` wanted?
    pub(super) fn wants_room(&self, whose: Whose<'_>, room: Option<&str>) -> bool {
        self.room.as_deref().is_none_or(|wanted| {
            room == Some(wanted) || wanted == whose.sid.as_str() || wanted == user_room(whose.user_id)
        })
    }
}
