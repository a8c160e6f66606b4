//! `JUnit`'s XML: a suite for the run, a case for each socket, and one for the speed where a limit was set.

use std::fmt::Write;

use super::judge::Report;
use super::print::told;
use crate::duration::in_words;

pub(super) fn xml(report: &Report) -> String {
    let columns = report.roll.columns().len();
    let speed = usize::from(report.p99_max.is_some());
    let bad = (0..columns)
        .filter(|column| !faults(report, *column).is_empty())
        .count();
    let failures = bad + usize::from(report.is_slow());
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing into a String cannot fail.
    let _ = writeln!(
        xml,
        "<testsuite name=\"rollcall-tui verify: {}\" tests=\"{}\" failures=\"{failures}\">",
        escaped(&report.title),
        columns + speed
    );
    for column in 0..columns {
        let name = escaped(&format!(
            "{} gets all {} messages once and in order",
            report.column_name(column),
            report.roll.rows().len()
        ));
        let faults = faults(report, column);
        let _ = match faults.as_slice() {
            [] => writeln!(xml, "  <testcase classname=\"verify\" name=\"{name}\"/>"),
            faults => writeln!(
                xml,
                "  <testcase classname=\"verify\" name=\"{name}\">\n    <failure message=\"{} cells\">{}</failure>\n  </testcase>",
                faults.len(),
                escaped(&faults.join("\n"))
            ),
        };
    }
    if let Some(most) = report.p99_max {
        let name = format!("p99 is at most {}", in_words(most));
        let measured = report
            .latency
            .map_or_else(|| "nothing".into(), |told| in_words(told.p99));
        let _ = if report.is_slow() {
            writeln!(
                xml,
                "  <testcase classname=\"verify\" name=\"{name}\">\n    <failure message=\"it is {measured}\"/>\n  </testcase>"
            )
        } else {
            writeln!(xml, "  <testcase classname=\"verify\" name=\"{name}\"/>")
        };
    }
    xml.push_str("</testsuite>");
    xml
}

fn faults(report: &Report, column: usize) -> Vec<String> {
    let here = report.troubles.iter().filter(|trouble| trouble.column == column);
    here.map(|trouble| told(report, trouble)).collect()
}

/// XML 1.0 has no way at all to write most control characters.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::judge::tests::report;
    use super::*;

    #[test]
    fn each_socket_is_a_case() {
        insta::assert_snapshot!(xml(&report(true)));
    }

    #[test]
    fn nothing_breaks_out() {
        assert_eq!(escaped("a<b>&\"\u{0}\n"), "a&lt;b&gt;&amp;&quot;\u{fffd}\n");
    }
}
