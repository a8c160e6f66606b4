//! Server-sent events, as the admin's live pages have them.

use crate::rest::{RestError, unreachable};

/// The longest event that is read. A server that sends more without an end is no event stream.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSent {
    /// Its name; `message` where the server gives none.
    pub event: String,
    /// What it holds.
    pub data: String,
}

/// A stream of events.
#[derive(Debug)]
pub struct ServerSentEvents {
    response: reqwest::Response,
    lines: Lines,
}

impl ServerSentEvents {
    pub(crate) fn new(response: reqwest::Response) -> Self {
        Self {
            response,
            lines: Lines::default(),
        }
    }

    /// The next event; `None` at the end of the stream. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<ServerSent>, RestError> {
        loop {
            if let Some(event) = self.lines.take() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.response.chunk().await.map_err(unreachable)? else {
                return Ok(None);
            };
            self.lines.push(&chunk);
            if self.lines.waiting.len() > EVENT_BYTES_MAX {
                let words = "an event without an end".into();
                return Err(RestError::BadAnswer { status: 200, words });
            }
        }
    }
}

/// Bytes that came, and the event that they are becoming.
#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<u8>,
    event: String,
    data: Option<String>,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) {
        self.waiting.extend_from_slice(chunk);
    }

    fn take(&mut self) -> Option<ServerSent> {
        while let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.waiting.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let done = self.line(line.trim_end_matches(['\r', '\n']));
            if done.is_some() {
                return done;
            }
        }
        None
    }

    fn line(&mut self, line: &str) -> Option<ServerSent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            let data = self.data.take()?;
            let event = if event.is_empty() { "message".into() } else { event };
            return Some(ServerSent { event, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments keep the connection warm; ids and waits are for browsers.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&str]) -> Vec<(String, String)> {
        let mut lines = Lines::default();
        let mut events = Vec::new();
        for chunk in chunks {
            lines.push(chunk.as_bytes());
            while let Some(event) = lines.take() {
                events.push((event.event, event.data));
            }
        }
        events
    }

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let wanted = vec![
            ("message".into(), "{\"a\":1}".into()),
            ("dropped".into(), "one\ntwo".into()),
        ];
        let whole = ": hello\n\ndata: {\"a\":1}\n\nevent: dropped\r\ndata: one\r\ndata: two\r\n\r\ndata: unfinished";
        assert_eq!(read(&[whole]), wanted);
        let pieces: Vec<String> = whole.chars().map(String::from).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        assert_eq!(read(&pieces), wanted);
    }
}
