//! From a commit to every socket.
