//! The `process_*` set, under the names that every Prometheus client uses.
//!
//! Written here and not registered as handles: the exporter's counters are whole numbers, and CPU seconds cut to whole
//! ones make `rate()` useless over a short window.

use std::fmt::{Display, Write};

use metrics_process::collector;

/// Appends the process's numbers as of now. What the system does not tell is left out, not 0.
pub(super) fn render(text: &mut String) {
    let process = collector::collect();
    let mut out = Lines { text };
    out.write(
        "process_cpu_seconds_total",
        "counter",
        "Total user and system CPU time spent in seconds.",
        process.cpu_seconds_total,
    );
    out.gauge("process_open_fds", "Number of open file descriptors.", process.open_fds);
    out.gauge(
        "process_max_fds",
        "Maximum number of open file descriptors.",
        process.max_fds.map(unlimited),
    );
    out.gauge(
        "process_virtual_memory_bytes",
        "Virtual memory size in bytes.",
        process.virtual_memory_bytes,
    );
    out.gauge(
        "process_virtual_memory_max_bytes",
        "Maximum amount of virtual memory available in bytes.",
        process.virtual_memory_max_bytes.map(unlimited),
    );
    out.gauge(
        "process_resident_memory_bytes",
        "Resident memory size in bytes.",
        process.resident_memory_bytes,
    );
    out.gauge(
        "process_start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        process.start_time_seconds,
    );
    out.gauge(
        "process_threads",
        "Number of OS threads in the process.",
        process.threads,
    );
}

/// The names, for whoever checks that a dashboard asks for what exists.
pub const NAMES: [&str; 8] = [
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
    "process_virtual_memory_bytes",
    "process_virtual_memory_max_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
];

/// The collector says 0 for "no limit"; Prometheus clients say the largest number.
fn unlimited(limit: u64) -> u64 {
    if limit == 0 { u64::MAX } else { limit }
}

struct Lines<'a> {
    text: &'a mut String,
}

impl Lines<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: Option<u64>) {
        self.write(name, "gauge", help, value);
    }

    fn write(&mut self, name: &str, kind: &str, help: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            // Writing to a String does not fail.
            let _ = write!(
                self.text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_that_are_written() {
        let mut text = String::new();
        render(&mut text);
        let written: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(written, NAMES);
    }

    #[test]
    fn no_limit_is_not_zero() {
        assert_eq!(unlimited(0), u64::MAX);
        assert_eq!(unlimited(1024), 1024);
    }
}
