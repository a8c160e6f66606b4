//! The journal's two files: one is written while the marks of the other are on their way to the database.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chat_core::delivery::LeftBehind;
use chat_core::explain::NodeLoss;
use chat_core::{ConversationId, Epoch, NodeId, Seq, Timestamp};

const NAMES: [&str; 2] = ["announced-a", "announced-b"];
const MAGIC: &str = "rollcall announced 2";

/// A journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    paths: [PathBuf; 2],
    /// Which of the two is being written.
    current: usize,
    file: File,
    header: String,
    /// Kept for its memory.
    line: String,
}

/// The file that is not being written, and was taken over by the database.
#[derive(Debug)]
pub(super) struct Other {
    path: PathBuf,
    header: String,
}

impl Other {
    /// Empties it.
    pub(super) fn empty(&self, now: Timestamp) -> io::Result<File> {
        fresh(&self.path, &self.header, now)
    }
}

impl Journal {
    pub(super) fn begin(dir: &Path, epoch: &Epoch, node_id: &NodeId, now: Timestamp) -> io::Result<Self> {
        let paths = NAMES.map(|name| dir.join(name));
        remove(&paths[1])?;
        let boot = boot_id().unwrap_or_else(|| "unknown".to_owned());
        let header = format!("{MAGIC} {boot} {epoch} {node_id}\n");
        Ok(Self {
            file: fresh(&paths[0], &header, now)?,
            current: 0,
            paths,
            header,
            line: String::new(),
        })
    }

    /// Writes a mark, and thereby that the process was there.
    pub(super) fn mark(&mut self, conversation: &ConversationId, seq: Seq, at: Timestamp) -> io::Result<()> {
        self.line.clear();
        let _ = writeln!(self.line, "{seq} {} {conversation}", at.as_millis()); // Writing to a String cannot fail.
        self.file.write_all(self.line.as_bytes())
    }

    /// Writes that the process was there.
    pub(super) fn note_alive(&mut self, now: Timestamp) -> io::Result<()> {
        self.file.write_all_at(alive(now).as_bytes(), self.header.len() as u64)
    }

    /// The file that is not being written.
    pub(super) fn other(&self) -> Other {
        Other {
            path: self.paths[1 - self.current].clone(),
            header: self.header.clone(),
        }
    }

    /// Goes on in the other file, which was emptied.
    pub(super) fn go_on_in(&mut self, other: File) {
        self.current = 1 - self.current;
        self.file = other;
    }

    pub(super) fn remove(self) {
        for path in &self.paths {
            if let Err(error) = remove(path) {
                tracing::warn!(%error, path = %path.display(), "a journal of announcements cannot be removed");
            }
        }
    }
}

/// Of a fixed length, so that it can be written again in its place.
fn alive(now: Timestamp) -> String {
    format!("{:020}\n", now.as_millis())
}

fn fresh(path: &Path, header: &str, now: Timestamp) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(format!("{header}{}", alive(now)).as_bytes())?;
    Ok(file)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Which start of the machine this is: what another one left in the kernel's memory is gone.
fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

/// What the last process of this data directory left behind, when its database was `epoch`. A journal that cannot be read, or is
/// another database's, tells nothing.
pub fn left_behind(dir: &Path, epoch: &Epoch) -> LeftBehind {
    let boot = boot_id();
    let mut left = LeftBehind::default();
    for name in NAMES {
        let path = dir.join(name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a journal of announcements cannot be read");
                return LeftBehind::default();
            }
        };
        let Some(read) = Read::of(&text).filter(|read| read.epoch == epoch.as_str()) else {
            return LeftBehind::default();
        };
        let first = left.ended.is_none();
        left.complete = (first || left.complete) && boot.as_deref() == Some(read.boot);
        let at = left.ended.as_ref().map_or(read.at, |loss| loss.at.max(read.at));
        left.ended = Some(NodeLoss {
            node_id: read.node_id,
            at,
        });
        left.announced.extend(read.marks);
    }
    left
}

struct Read<'a> {
    boot: &'a str,
    epoch: &'a str,
    node_id: NodeId,
    at: Timestamp,
    marks: Vec<(ConversationId, Seq)>,
}

impl<'a> Read<'a> {
    fn of(text: &'a str) -> Option<Self> {
        // What follows the last line's end was cut off while it was written.
        let whole = &text[..=text.rfind('\n')?];
        let mut lines = whole.lines();
        let mut header = lines.next()?.strip_prefix(MAGIC)?.split_whitespace();
        let (boot, epoch, node_id) = (header.next()?, header.next()?, header.next()?);
        let millis = |text: &str| text.parse().ok().map(Timestamp::from_millis);
        let mut at = millis(lines.next()?)?;
        let mark = |line: &str| {
            let (seq, rest) = line.split_once(' ')?;
            let (marked, conversation) = rest.split_once(' ')?;
            at = at.max(millis(marked)?);
            Some((conversation.parse().ok()?, Seq(seq.parse().ok()?)))
        };
        let marks = lines.map(mark).collect::<Option<_>>()?;
        Some(Self {
            boot,
            epoch,
            node_id: node_id.parse().ok()?,
            at,
            marks,
        })
    }
}
