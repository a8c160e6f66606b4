//! Prints `docs/metrics.md`: `cargo run -p rollcall-server --example metrics_doc > docs/metrics.md`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(rollcall_server::telemetry::doc::page().as_bytes())
}
