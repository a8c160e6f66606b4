//! A timeline as rows of text: what is said, by whom, when, and what became of it. No styles and no terminal here.

use jiff::tz::TimeZone;
use rollcall_client::protocol::ConversationView;
use rollcall_client::protocol::chat_core::{Message, MessageId, Timestamp, UserId};

use crate::layout;
use crate::model::timeline::{Loading, Outgoing, Timeline};
use crate::model::{Link, Model};
use crate::text::{cut, fit, harmless, harmless_line, width, wrap};

/// `● saved · handed over 999 of 999`
const FATE_CELLS: usize = 32;

/// A state's shape; the word stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// ◌
    Underway,
    /// ●
    Good,
    /// ▲
    Partial,
    /// ■
    Failed,
}

impl Mark {
    pub(crate) fn shape(self) -> &'static str {
        match self {
            Mark::Underway => "◌",
            Mark::Good => "●",
            Mark::Partial => "▲",
            Mark::Failed => "■",
        }
    }
}

/// What became of a message of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) mark: Mark,
    pub(crate) words: String,
}

/// One row of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    /// A new day, or a word about the history.
    Rule(String),
    /// A row of a message.
    Said {
        /// `08:14 Alice       `, or as many spaces.
        lead: String,
        own: bool,
        text: String,
        /// Deleted, or not saved yet.
        faint: bool,
    },
    /// What became of the message above.
    Fate { indent: usize, fate: Fate },
}

/// The rows of the open conversation, oldest first, as wide as `cells`.
pub(crate) fn rows(model: &Model, cells: usize) -> Vec<Row> {
    let Some((view, timeline)) = model.open_timeline() else {
        return Vec::new();
    };
    let names = if cells < 50 { 8 } else { 12 };
    let mut writer = Writer {
        model,
        view,
        timeline,
        cells,
        names,
        rows: Vec::new(),
    };
    writer.beginning();
    let mut day = None;
    let newest_own = timeline
        .messages()
        .rev()
        .find(|message| model.is_me(&message.sender_id))
        .map(|m| m.seq);
    for message in timeline.messages() {
        let said_on = date(message.created_at, &model.zone);
        if day.as_ref() != Some(&said_on) {
            writer.rows.push(Row::Rule(said_on.clone()));
            day = Some(said_on);
        }
        writer.message(message, newest_own == Some(message.seq));
    }
    for own in &timeline.outgoing {
        writer.outgoing(own);
    }
    writer.rows
}

/// How far one can scroll back in the terminal as it is.
pub(crate) fn scroll_max(model: &Model) -> usize {
    let Some(panes) = layout::panes(model, model.size) else {
        return 0;
    };
    let inside = panes.timeline_inside();
    rows(model, usize::from(inside.width))
        .len()
        .saturating_sub(usize::from(inside.height))
}

struct Writer<'a> {
    model: &'a Model,
    view: &'a ConversationView,
    timeline: &'a Timeline,
    cells: usize,
    names: usize,
    rows: Vec<Row>,
}

impl Writer<'_> {
    /// `08:14 ` and the name and a space.
    fn lead_cells(&self) -> usize {
        6 + self.names + 1
    }

    fn beginning(&mut self) {
        let words = match self.timeline.loading {
            Loading::Newest => "loading …",
            Loading::Older => "loading older messages …",
            Loading::Nothing if self.timeline.has_older() => "older messages above: Page Up",
            Loading::Nothing if self.view.last_seq.0 == 0 => "nothing was said here yet",
            Loading::Nothing => "the beginning",
        };
        self.rows.push(Row::Rule(words.into()));
    }

    fn message(&mut self, message: &Message, is_newest_own: bool) {
        let own = self.model.is_me(&message.sender_id);
        let name = if own { "you" } else { &message.sender_name };
        let lead = format!(
            "{} {} ",
            clock(message.created_at, &self.model.zone),
            fit(&harmless_line(name), self.names)
        );
        let deleted = message.deleted_at.is_some();
        let text = match (&message.reply_to, message.edited_at) {
            _ if deleted => "deleted".into(),
            (None, None) => harmless(&message.content),
            (reply_to, edited) => {
                let answers = reply_to.as_ref().map(|id| self.answered(id)).unwrap_or_default();
                let edited = if edited.is_some() { " (edited)" } else { "" };
                format!("{answers}{}{edited}", harmless(&message.content)).into()
            }
        };
        self.said(&lead, own, &text, deleted);
        if own
            && !deleted
            && let Some(fate) = self.fate(message, is_newest_own)
        {
            self.fated(&fate);
        }
    }

    /// `↪ #12 `, or `↪ ` where it is not loaded.
    fn answered(&self, id: &MessageId) -> String {
        let answered = self.timeline.messages().rev().find(|message| message.id == *id);
        answered.map_or_else(|| "↪ ".into(), |message| format!("↪ #{} ", message.seq.0))
    }

    fn outgoing(&mut self, own: &Outgoing) {
        let lead = format!("      {} ", fit("you", self.names));
        self.said(&lead, true, &harmless(&own.content), true);
        let fate = match &own.failed {
            None if matches!(self.model.link, Link::Connected(_)) => Fate {
                mark: Mark::Underway,
                words: "sending".into(),
            },
            None => Fate {
                mark: Mark::Underway,
                words: "waiting for the connection".into(),
            },
            Some(why) => Fate {
                mark: Mark::Failed,
                words: format!("failed: {} · Ctrl-R: retry", harmless_line(why)),
            },
        };
        self.fated(&fate);
    }

    fn said(&mut self, lead: &str, own: bool, text: &str, faint: bool) {
        let indent = self.lead_cells();
        for (at, row) in wrap(text, self.cells.saturating_sub(indent)).into_iter().enumerate() {
            let lead = if at == 0 { lead.to_owned() } else { " ".repeat(indent) };
            self.rows.push(Row::Said {
                lead,
                own,
                text: row,
                faint,
            });
        }
    }

    fn fated(&mut self, fate: &Fate) {
        // In a narrow pane it begins further left, so that it stays on one row.
        let indent = self.lead_cells().min(self.cells.saturating_sub(FATE_CELLS));
        let room = self.cells.saturating_sub(indent + 2);
        // Why it failed must be readable to its end.
        for (at, words) in wrap(&fate.words, room).into_iter().enumerate() {
            if at == 0 {
                let fate = Fate { words, mark: fate.mark };
                self.rows.push(Row::Fate { indent, fate });
            } else {
                self.rows.push(Row::Said {
                    lead: " ".repeat(indent + 2),
                    own: true,
                    text: words,
                    faint: true,
                });
            }
        }
    }

    /// Told for what was sent from here, and for the newest one in any case.
    fn fate(&self, message: &Message, is_newest_own: bool) -> Option<Fate> {
        let delivery = self.timeline.delivery(message.seq);
        if delivery.is_none() && !is_newest_own {
            return None;
        }
        let others: Vec<&UserId> = self.model.others(self.view).map(|other| &other.id).collect();
        let (received, read) = self.timeline.reached(message.seq, others.iter().copied());
        let of = |count: usize| {
            if others.len() == 1 {
                String::new()
            } else {
                format!(" by {count} of {}", others.len())
            }
        };
        let good = |words| {
            Some(Fate {
                mark: Mark::Good,
                words,
            })
        };
        match delivery {
            _ if read > 0 => good(format!("read{}", of(read))),
            _ if received > 0 => good(format!("received{}", of(received))),
            Some(delivery) => {
                let whole = delivery.handed_off >= delivery.sockets;
                Some(Fate {
                    mark: if whole { Mark::Good } else { Mark::Partial },
                    words: format!("saved · handed over {} of {}", delivery.handed_off, delivery.sockets),
                })
            }
            None => good("saved".into()),
        }
    }
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(at.to_zoned(zone.clone()))
}

fn clock(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| "--:--".into(), |at| at.strftime("%H:%M").to_string())
}

fn date(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(String::new, |at| at.strftime("%A, %-d %B %Y").to_string())
}

/// `── words ──…` as wide as `cells`.
pub(crate) fn rule(words: &str, cells: usize) -> String {
    let words = cut(words, cells.saturating_sub(8));
    let tail = cells.saturating_sub(width(&words) + 4);
    format!("── {words} {}", "─".repeat(tail))
}
