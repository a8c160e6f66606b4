//! Which socket, without a look into it.

use super::LiveSocket;

/// Where a socket lies in memory: which one it is for as long as it lives, told by whoever holds it without reading a line of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

impl Place {
    /// Where this one lies.
    pub fn of(socket: &LiveSocket) -> Self {
        Self(std::ptr::from_ref(socket).addr())
    }
}
