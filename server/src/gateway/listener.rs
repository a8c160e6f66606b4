//! The listening socket: a TCP stream that can be cut and that counts what the kernel took.
