//! Recorded packets: one JSON object a line, so that any tool reads them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rollcall_client::Direction;
use serde::{Deserialize, Serialize};

/// What the first line says: what this is, and of what.
const FORMAT: &str = "rollcall-tape/1";
/// Larger packets are not on a tape: nothing that is looked at by hand is.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) format: String,
    pub(crate) url: String,
    pub(crate) started_at: String,
}

impl Head {
    pub(crate) fn new(url: &str, started_at: String) -> Self {
        Self {
            format: FORMAT.into(),
            url: url.to_owned(),
            started_at,
        }
    }
}

/// Every further line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Milliseconds since the tape began.
    pub(crate) ms: u64,
    /// Whose connection.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub(crate) who: Option<String>,
    pub(crate) direction: Way,
    /// As it stood on the wire, tokens blotted out.
    pub(crate) text: String,
}

/// Which way, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    In,
    Out,
}

impl From<Direction> for Way {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::In => Way::In,
            Direction::Out => Way::Out,
        }
    }
}

impl From<Way> for Direction {
    fn from(way: Way) -> Self {
        match way {
            Way::In => Direction::In,
            Way::Out => Direction::Out,
        }
    }
}

/// A tape being written.
#[derive(Debug)]
pub(crate) struct Writer {
    out: BufWriter<File>,
}

impl Writer {
    /// Makes the file, for its owner alone: messages stand in it.
    pub(crate) fn create(path: &Path, head: &Head) -> Result<Self> {
        let mut options = File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        let mut writer = Self {
            out: BufWriter::new(file),
        };
        writer.line(head)?;
        Ok(writer)
    }

    pub(crate) fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.line(entry)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

/// Reads a whole tape.
pub(crate) fn read(path: &Path) -> Result<(Head, Vec<Entry>)> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = BufReader::new(io::Read::take(file, LINE_BYTES_MAX)).lines();
    let first = lines.next().context("the file is empty")??;
    let head: Head = serde_json::from_str(&first).context("the first line is none of a tape")?;
    if head.format != FORMAT {
        bail!(
            "this is a tape of another format, {:?}; {FORMAT:?} is read",
            head.format
        );
    }
    let mut entries = Vec::new();
    for (number, line) in (2..).zip(lines) {
        let entry = serde_json::from_str(&line?).with_context(|| format!("line {number} cannot be understood"))?;
        entries.push(entry);
    }
    Ok((head, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape");
        let head = Head::new("http://h", "2026-11-21T09:00:00.000Z".into());
        let entry = Entry {
            ms: 12,
            who: Some("alice".into()),
            direction: Way::In,
            text: "42[\"x\",\"\n\"]".into(),
        };
        let mut writer = Writer::create(&path, &head).unwrap();
        writer.entry(&entry).unwrap();
        assert_eq!(read(&path).unwrap(), (head.clone(), vec![entry]));
        assert!(Writer::create(&path, &head).is_err());
    }

    #[test]
    fn other_files_are_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other");
        for (text, why) in [
            ("", "empty"),
            ("hello", "first line"),
            (
                "{\"format\":\"x/9\",\"url\":\"\",\"started_at\":\"\"}",
                "another format",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", read(&path).unwrap_err());
            assert!(error.contains(why), "{error}");
        }
    }
}
