//! Standard output and standard error: lines, tables, colours where somebody looks.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::text::{harmless_line, width};

/// What a word is coloured by; its shape and its words say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Late,
    Failed,
    Faint,
    Strong,
    Plain,
}

/// Where data goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    colours: bool,
}

impl Out {
    /// Colours only on a terminal, and not where `NO_COLOR` asks for none.
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colours: wanted && io::stdout().is_terminal(),
        }
    }

    /// One line of data.
    #[expect(clippy::unused_self, reason = "so that nothing is written but through it")]
    pub(crate) fn line(self, text: impl AsRef<str>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_ref().as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// One JSON value on a line of its own.
    pub(crate) fn json(self, value: &Value) -> io::Result<()> {
        self.line(value.to_string())
    }

    /// `text` in a colour, if anybody sees it.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.colours => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Late => "33",
            Tone::Failed => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Rows under a head, as wide as they need to be; the first row is the head.
    pub(crate) fn table(self, head: &[&str], rows: &[Vec<Cell>]) -> io::Result<()> {
        let mut widths: Vec<usize> = head.iter().map(|name| width(name)).collect();
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                match widths.get_mut(at) {
                    Some(widest) => *widest = (*widest).max(width(&cell.text)),
                    None => widths.push(width(&cell.text)),
                }
            }
        }
        let head: Vec<Cell> = head.iter().map(|name| Cell::new(Tone::Faint, *name)).collect();
        for row in std::iter::once(&head).chain(rows) {
            let mut line = String::new();
            for (at, (cell, cells)) in row.iter().zip(&widths).enumerate() {
                line.push_str(&self.paint(cell.tone, &cell.text));
                if at + 1 < row.len() {
                    line.push_str(&" ".repeat(cells.saturating_sub(width(&cell.text)) + 2));
                }
            }
            self.line(line)?;
        }
        Ok(())
    }
}

/// A cell of a table; control characters are made visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

impl Cell {
    pub(crate) fn new(tone: Tone, text: impl AsRef<str>) -> Self {
        Self {
            tone,
            text: harmless_line(text.as_ref()),
        }
    }

    pub(crate) fn plain(text: impl AsRef<str>) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// A JSON value as a person writes it: texts without quotes, nothing as `-`.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Words for the person, beside the data.
pub(crate) fn note(words: impl AsRef<str>) {
    let mut err = io::stderr().lock();
    // Nobody listening to words is no reason to stop.
    let _ = writeln!(err, "{}", words.as_ref());
}
