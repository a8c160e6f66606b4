//! Who is here: sockets, rooms, presence; the one door to a live socket.

pub mod view;
