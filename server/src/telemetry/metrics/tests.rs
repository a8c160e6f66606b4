//! What a scrape of a fresh server looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use chat_core::ports::StoreTrouble;

use super::*;
use crate::telemetry::catalogue::{self, Kind};
use crate::telemetry::label::Label;
use crate::telemetry::labels::{MessageResult, StoreErrorKind, Via};
use crate::telemetry::process;

/// The series of a text: name and labels as written.
fn series(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, _)| series)
        .collect()
}

/// `name{a="b",c="d"}` taken apart. No value of ours holds a comma or a quote.
fn parse(series: &str) -> (&str, BTreeMap<&str, &str>) {
    let Some((name, labels)) = series.split_once('{') else {
        return (series, BTreeMap::new());
    };
    let pairs = labels.trim_end_matches('}').split("\",");
    let pairs = pairs.filter_map(|pair| pair.split_once("=\""));
    (
        name,
        pairs.map(|(key, value)| (key, value.trim_end_matches('"'))).collect(),
    )
}

#[test]
fn everything_is_there_from_the_start() {
    let text = Metrics::new().unwrap().render();
    let present = series(&text);
    for entry in catalogue::ALL {
        let help = format!("# HELP {} {}\n", entry.name, entry.help);
        let kind = format!("# TYPE {} {}\n", entry.name, entry.kind.as_str());
        assert_eq!(text.matches(&help).count(), 1, "{help}");
        assert_eq!(text.matches(&kind).count(), 1, "{kind}");
        for label in entry.labels {
            // Of the status codes only the likely ones are there before they happen.
            for value in label.values.iter().filter(|_| label.name != "status") {
                let pair = (label.name, *value);
                let suffix = if matches!(entry.kind, Kind::Histogram(_)) {
                    "_count"
                } else {
                    ""
                };
                let name = format!("{}{suffix}", entry.name);
                let timed = !(entry.name.ends_with("http_request_seconds") && *value == "/socket.io/");
                let found = present
                    .iter()
                    .map(|one| parse(one))
                    .any(|(one, labels)| one == name && labels.get(pair.0) == Some(&pair.1));
                assert_eq!(found, timed, "{name} {pair:?}");
            }
        }
    }
}

#[test]
fn it_starts_at_zero() {
    let text = Metrics::new().unwrap().render();
    for line in text.lines().filter(|line| line.starts_with(catalogue::PREFIX)) {
        let expected = if line.starts_with("rollcall_build_info") {
            " 1"
        } else {
            " 0"
        };
        assert!(line.ends_with(expected), "{line}");
    }
}

#[test]
fn nothing_outside_the_catalogue_is_there() {
    let metrics = Metrics::new().unwrap();
    throw_at(&metrics);
    let text = metrics.render();
    for one in series(&text) {
        let (name, mut labels) = parse(one);
        if process::NAMES.contains(&name) {
            continue;
        }
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix));
        let entry = catalogue::ALL
            .iter()
            .find(|entry| entry.name == name || Some(entry.name) == base)
            .unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        labels.remove("le");
        assert_eq!(labels.len(), entry.labels.len(), "{one}");
        for (label, value) in labels {
            let def = entry.labels.iter().find(|def| def.name == label).unwrap();
            assert!(def.values.contains(&value), "{one}");
        }
    }
}

/// Everything that takes text from outside, with text from outside.
fn throw_at(metrics: &Metrics) {
    for junk in [
        "",
        "room-17",
        "conversation:42",
        "\"} 1\nevil 1",
        "SEND_MESSAGE",
        "ä",
        "other ",
    ] {
        metrics.gateway.received(junk);
        metrics.gateway.sent(junk, 3);
        for status in [100_u16, 200, 299, 418, 599, 999] {
            let method = http::Method::from_bytes(b"BREW").unwrap();
            let status = http::StatusCode::from_u16(status).unwrap();
            metrics.http.answered(Some(junk), junk, &method, status, Duration::ZERO);
            metrics
                .http
                .answered(None, junk, &http::Method::GET, status, Duration::ZERO);
        }
    }
}

#[test]
fn junk_makes_a_bounded_number_of_series() {
    let metrics = Metrics::new().unwrap();
    throw_at(&metrics);
    let once = series(&metrics.render()).len();
    throw_at(&metrics);
    for n in 0..1000 {
        metrics.gateway.received(&format!("event-{n}"));
        let path = format!("/path/{n}");
        metrics.http.answered(
            Some(&path),
            &path,
            &http::Method::GET,
            http::StatusCode::OK,
            Duration::ZERO,
        );
    }
    assert_eq!(series(&metrics.render()).len(), once);
}

#[test]
fn handles_count_into_their_own_recorder() {
    let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
    one.chat.messages.increment((Via::Rest, MessageResult::Duplicate));
    one.chat.message_persist_seconds.record(0.003);
    let line = r#"rollcall_messages_total{via="rest",result="duplicate"}"#;
    assert!(one.render().contains(&format!("{line} 1\n")));
    assert!(other.render().contains(&format!("{line} 0\n")));
    let text = one.render();
    assert!(text.contains("rollcall_message_persist_seconds_bucket{le=\"0.0025\"} 0\n"));
    assert!(text.contains("rollcall_message_persist_seconds_bucket{le=\"0.005\"} 1\n"));
    assert!(!text.contains("quantile="), "a summary");
}

#[test]
fn the_store_s_troubles_are_the_catalogue_s_kinds() {
    let troubles = StoreTrouble::ALL.map(StoreTrouble::as_str);
    assert_eq!(troubles.as_slice(), StoreErrorKind::VALUES);
    let metrics = Metrics::new().unwrap();
    for (times, counter) in (1..).zip(&metrics.store.errors) {
        counter.increment(times);
    }
    for (times, kind) in (1..).zip(troubles) {
        let line = format!("rollcall_store_errors_total{{kind=\"{kind}\"}} {times}\n");
        assert!(metrics.render().contains(&line), "{line}");
    }
}

#[test]
fn unknown_events_are_other() {
    let metrics = Metrics::new().unwrap();
    metrics.gateway.received("room-17");
    metrics.gateway.received("send_message");
    metrics.gateway.sent("new_message", 7);
    let text = metrics.render();
    for line in [
        r#"rollcall_events_total{direction="in",event="other"} 1"#,
        r#"rollcall_events_total{direction="in",event="send_message"} 1"#,
        r#"rollcall_events_total{direction="out",event="new_message"} 7"#,
    ] {
        assert!(text.contains(line), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn upkeep_goes_on_until_it_is_dropped() {
    let metrics = Metrics::new().unwrap();
    assert!(
        tokio::time::timeout(Duration::from_secs(10), metrics.upkeep())
            .await
            .is_err()
    );
}

#[test]
fn promtool_has_nothing_to_say() {
    let metrics = Metrics::new().unwrap();
    throw_at(&metrics);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: it comes with the Debian package `prometheus`");
    let text = metrics.render();
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && said.is_empty(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}
