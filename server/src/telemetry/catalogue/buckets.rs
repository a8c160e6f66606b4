//! The bounds of the histograms. Classic buckets, never summaries: quantiles of several nodes cannot be added up.

/// Upper bounds, and why these.
#[derive(Debug, Clone, Copy)]
pub struct Buckets {
    /// Upper bounds, rising; `+Inf` follows by itself.
    pub bounds: &'static [f64],
    /// Why these and no others.
    pub reason: &'static str,
}

/// One commit.
pub const COMMIT_SECONDS: Buckets = Buckets {
    bounds: &[
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    ],
    reason: "a commit that waits for the disk takes about 1 ms on NVMe, 10 ms on a slow disk; above 1 s something is wrong",
};

/// Handing a message to the sockets of this node.
pub const HAND_OVER_SECONDS: Buckets = Buckets {
    bounds: &[
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
    ],
    reason: "about 1 µs per socket: 0.1 ms is a small group, 5 ms the largest one allowed; above it the node is overloaded",
};

/// Sockets that one message was handed to.
pub const SOCKETS: Buckets = Buckets {
    bounds: &[
        0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0,
    ],
    reason: "0 is a broadcast to nobody, 2 a direct conversation with one socket each, 5000 the largest group",
};

/// From the hand-over to the client's receipt.
pub const CONFIRM_SECONDS: Buckets = Buckets {
    bounds: &[
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 35.0, 45.0,
    ],
    reason: "a round trip below 0.25 s is normal; 5, 15 and 35 s are the moments of the retries, 45 s is unconfirmed",
};

/// Writes in one commit.
pub const BATCH: Buckets = Buckets {
    bounds: &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0],
    reason: "powers of two: 1 is a calm server, larger batches show how the writer grows with load, 512 is its most",
};

/// One message of the canary, there and back.
pub const CANARY_SECONDS: Buckets = Buckets {
    bounds: &[
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ],
    reason: "commit, hand-over and receipt within one process take a few ms; 10 s counts as lost",
};

/// One HTTP request.
pub const HTTP_SECONDS: Buckets = Buckets {
    bounds: &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0],
    reason: "50 ms is the goal of the slowest admin page, 0.1 to 0.25 s is a password's argon2; few, as they count per route",
};

/// All of them, for the check of their order.
#[cfg(test)]
pub(super) const ALL: &[Buckets] = &[
    COMMIT_SECONDS,
    HAND_OVER_SECONDS,
    SOCKETS,
    CONFIRM_SECONDS,
    BATCH,
    CANARY_SECONDS,
    HTTP_SECONDS,
];
