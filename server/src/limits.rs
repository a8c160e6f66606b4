//! Every bound of the server, with its reason.
