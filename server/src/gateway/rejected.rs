//! Connections that meant Socket.IO and missed: answered with the remedy, counted, kept in a ring.
