//! What of a connection's frames the kernel has taken, told from its bytes as they pass.
//!
//! Whoever writes to a WebSocket beside the library that serves it must know two things: that no frame is half written, and that
//! nothing which was handed to the library before still waits in its buffers. Both are read off the stream itself: where frames begin
//! and end (RFC 6455, section 5.2), and how many of them carried an event or an acknowledgement of Socket.IO's main namespace.

/// What a connection's first write begins with when it becomes a WebSocket.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";
const HEAD_ENDS: &[u8] = b"\r\n\r\n";

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;

/// The longest header that a server writes, and as much text behind it as tells what it is.
const HEADER_MAX: usize = 10;
const MARK: usize = 3;

/// A reader of what is written.
#[derive(Debug)]
pub(super) struct Frames {
    state: State,
    /// Events and acknowledgements of namespace `/` that were taken whole.
    said: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing was written yet.
    New,
    /// In the header of a frame, or in the text right behind it. Between two frames when it has none of it.
    Header {
        bytes: [u8; HEADER_MAX + MARK],
        have: usize,
    },
    /// In a frame's payload, so many bytes before its end.
    Payload { left: u64, is_said: bool },
    /// No WebSocket, or none that anything more may be written to.
    Never,
}

const BETWEEN: State = State::Header {
    bytes: [0; HEADER_MAX + MARK],
    have: 0,
};

impl Default for Frames {
    fn default() -> Self {
        Self {
            state: State::New,
            said: 0,
        }
    }
}

impl Frames {
    /// Events and acknowledgements that the kernel has taken, while it is between two frames of an open WebSocket; else `None`.
    pub(super) fn said(&self) -> Option<u64> {
        matches!(self.state, State::Header { have: 0, .. }).then_some(self.said)
    }

    /// Nothing more may be written to it but by the library.
    pub(super) fn give_up(&mut self) {
        self.state = State::Never;
    }

    /// The kernel took these bytes.
    pub(super) fn took(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::New => self.first(bytes),
                State::Header { .. } => self.header(bytes),
                State::Payload { left, is_said } => self.payload(bytes, left, is_said),
                State::Never => return,
            };
        }
    }

    /// A connection that begins with anything else than a whole answer to an upgrade is left alone for good.
    fn first<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.windows(HEAD_ENDS.len()).position(|window| window == HEAD_ENDS);
        self.state = State::Never;
        match end {
            Some(at) if bytes.starts_with(SWITCHING) => {
                self.state = BETWEEN;
                &bytes[at + HEAD_ENDS.len()..]
            }
            _ => &[],
        }
    }

    fn header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let State::Header { bytes: head, have } = &mut self.state else {
            return bytes;
        };
        for (at, byte) in bytes.iter().enumerate() {
            head[*have] = *byte;
            *have += 1;
            if *have == 2 && *byte & MASKED != 0 {
                // A client's, which this is not.
                self.state = State::Never;
                return &[];
            }
            let Some((header, length)) = read_header(&head[..*have]) else {
                continue;
            };
            let marked = *have - header;
            if (marked as u64) < length.min(MARK as u64) {
                continue;
            }
            self.state = match kind(&head[..*have], header) {
                Kind::Unknown => State::Never,
                kind => State::Payload {
                    left: length - marked as u64,
                    is_said: kind == Kind::Said,
                },
            };
            let rest = &bytes[at + 1..];
            return match self.state {
                // A frame that ends with what was looked at.
                State::Payload { left: 0, is_said } => self.payload(rest, 0, is_said),
                _ => rest,
            };
        }
        &[]
    }

    fn payload<'a>(&mut self, bytes: &'a [u8], left: u64, is_said: bool) -> &'a [u8] {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - take as u64;
        self.state = if left == 0 {
            self.said += u64::from(is_said);
            BETWEEN
        } else {
            State::Payload { left, is_said }
        };
        &bytes[take..]
    }
}

/// The length of a frame's header and of its payload, once enough of it is there. A server's frames carry no mask.
fn read_header(bytes: &[u8]) -> Option<(usize, u64)> {
    match bytes {
        [_, length, ..] if length & !MASKED < 126 => Some((2, u64::from(length & !MASKED))),
        [_, 126, a, b, ..] => Some((4, u64::from(u16::from_be_bytes([*a, *b])))),
        [_, 127, rest @ ..] => rest.first_chunk().map(|length| (10, u64::from_be_bytes(*length))),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An event or an acknowledgement of namespace `/`.
    Said,
    /// Any other that stands by itself.
    Other,
    /// What a server does not write, and a close, behind which nothing may come.
    Unknown,
}

fn kind(bytes: &[u8], header: usize) -> Kind {
    let first = bytes[0];
    let opcode = first & !(FIN | RESERVED);
    if first & FIN == 0 || first & RESERVED != 0 || opcode == CLOSE || opcode == 0 {
        return Kind::Unknown;
    }
    match &bytes[header..] {
        // `42[` and `43<id>`; those of other namespaces have `/` there, and an event that asks for an answer its id.
        [b'4', b'2', b'['] | [b'4', b'3', b'0'..=b'9'] if opcode == TEXT => Kind::Said,
        _ => Kind::Other,
    }
}

/// The header of a server's text frame with so many bytes of text, in front of room for them.
pub(crate) fn text_frame(text: &[&str]) -> Vec<u8> {
    let length: usize = text.iter().map(|part| part.len()).sum();
    let mut frame = Vec::with_capacity(HEADER_MAX + length);
    frame.push(FIN | TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => frame.push(short),
        (_, Ok(middle)) => {
            frame.push(126);
            frame.extend(middle.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    for part in text {
        frame.extend(part.as_bytes());
    }
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";

    fn after(pieces: &[&[u8]]) -> Option<u64> {
        let mut frames = Frames::default();
        for piece in pieces {
            frames.took(piece);
        }
        frames.said()
    }

    #[test]
    fn what_is_said_is_told_from_the_rest() {
        for (text, said) in [
            ("42[\"new_message\",{}]", 1),
            ("431[{}]", 1),
            ("42/admin,[\"x\"]", 0),
            ("43/admin,1[]", 0),
            ("421[\"probe\"]", 0),
            ("2", 0),
            ("", 0),
            ("40{}", 0),
            ("42[", 1),
        ] {
            assert_eq!(after(&[HEAD, &text_frame(&[text])]), Some(said), "{text}");
        }
        assert_eq!(after(&[HEAD, &[0x89, 0]]), Some(0), "a ping");
        assert_eq!(after(&[HEAD, &[0x82, 3, b'4', b'2', b'[']]), Some(0), "binary");
    }

    #[test]
    fn half_a_frame_is_not_said() {
        let frame = text_frame(&["42[\"new_message\",{}]"]);
        for cut in 1..frame.len() {
            assert_eq!(after(&[HEAD, &frame[..cut]]), None, "cut at {cut}");
        }
        assert_eq!(after(&[HEAD]), Some(0));
    }

    #[test]
    fn what_is_no_open_websocket_is_left_alone() {
        let frame = text_frame(&["42[]"]);
        assert_eq!(after(&[]), None, "nothing was written");
        assert_eq!(after(&[&frame]), None, "no head");
        assert_eq!(after(&[b"HTTP/1.1 200 OK\r\n\r\n", HEAD]), None, "not the first answer");
        assert_eq!(after(&[&HEAD[..20], &HEAD[20..], &frame]), None, "a head in pieces");
        assert_eq!(after(&[HEAD, &[0x88, 0], &frame]), None, "closed");
        assert_eq!(after(&[HEAD, &[0x81, 0x81, 0, 0, 0, 0, b'2']]), None, "masked");
        assert_eq!(after(&[HEAD, &[0x81, 0xFE], &[0; 40]]), None, "masked, and long");
        assert_eq!(after(&[HEAD, &[0x01, 1, b'4']]), None, "a fragment");
        assert_eq!(after(&[HEAD, &[0xC1, 1, b'4']]), None, "compressed");
    }

    proptest! {
        #[test]
        fn the_same_however_the_kernel_takes_it(
            texts in prop::collection::vec(("(42\\[|431|42/a,|2|)", 0_usize..70_000), 0..6),
            cuts in prop::collection::vec(1_usize..200, 0..40),
        ) {
            let frames: Vec<u8> = texts.iter().flat_map(|(mark, more)| text_frame(&[mark, &"x".repeat(*more)])).collect();
            let expected = texts.iter().filter(|(mark, _)| mark == "42[" || mark == "431").count() as u64;
            let mut seen = Frames::default();
            seen.took(HEAD);
            let mut rest = &frames[..];
            for cut in cuts {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                seen.took(piece);
                rest = behind;
            }
            seen.took(rest);
            prop_assert_eq!(seen.said(), Some(expected));
        }
    }
}
