//! A text being written, and the cursor in it. The cursor stands between graphemes.

use unicode_segmentation::UnicodeSegmentation;

use crate::text::{harmless, width};

/// A line or more being written.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Composer {
    text: String,
    /// A byte index, always on a grapheme's boundary.
    cursor: usize,
}

/// Where the cursor is on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl Composer {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text, and an empty composer.
    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Inserts what was typed or pasted, without control characters, as far as `bytes_max` allows. Tells whether all of it fit.
    pub(crate) fn insert(&mut self, text: &str, bytes_max: usize) -> bool {
        let clean: String = text
            .replace("\r\n", "\n")
            .chars()
            .map(|c| if c == '\r' { '\n' } else { c })
            .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
            .collect();
        let room = bytes_max.saturating_sub(self.text.len());
        let fits = clean.len() <= room;
        let mut end = clean.len().min(room);
        while !clean.is_char_boundary(end) {
            end -= 1;
        }
        self.text.insert_str(self.cursor, &clean[..end]);
        self.cursor += end;
        self.settle();
        fits
    }

    /// What was inserted may have joined with what follows into one grapheme.
    fn settle(&mut self) {
        let bounds = self.text.grapheme_indices(true).map(|(at, _)| at);
        self.cursor = bounds
            .chain([self.text.len()])
            .find(|at| *at >= self.cursor)
            .unwrap_or(self.text.len());
    }

    fn before(&self) -> usize {
        let before = self.text[..self.cursor].grapheme_indices(true).next_back();
        before.map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let next = self.text[self.cursor..].graphemes(true).next();
        self.cursor + next.map_or(0, str::len)
    }

    fn word_before(&self) -> usize {
        let words = self.text[..self.cursor].split_word_bound_indices().rev();
        let mut words = words.skip_while(|(_, word)| word.trim().is_empty());
        words.next().map_or(0, |(at, _)| at)
    }

    fn word_after(&self) -> usize {
        let words = self.text[self.cursor..].split_word_bound_indices();
        let mut words = words.skip_while(|(_, word)| word.trim().is_empty());
        words
            .next()
            .map_or(self.text.len(), |(at, word)| self.cursor + at + word.len())
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
        self.settle();
    }

    pub(crate) fn left(&mut self) {
        self.cursor = self.before();
    }

    pub(crate) fn right(&mut self) {
        self.cursor = self.after();
    }

    pub(crate) fn home(&mut self) {
        self.cursor = self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1);
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text[self.cursor..]
            .find('\n')
            .map_or(self.text.len(), |at| self.cursor + at);
    }

    pub(crate) fn word_left(&mut self) {
        self.cursor = self.word_before();
    }

    pub(crate) fn word_right(&mut self) {
        self.cursor = self.word_after();
    }

    pub(crate) fn backspace(&mut self) {
        self.remove(self.before(), self.cursor);
    }

    pub(crate) fn delete(&mut self) {
        let to = self.after();
        self.remove(self.cursor, to);
    }

    pub(crate) fn delete_word(&mut self) {
        self.remove(self.word_before(), self.cursor);
    }

    pub(crate) fn delete_to_start(&mut self) {
        let to = self.cursor;
        self.home();
        self.remove(self.cursor, to);
    }

    pub(crate) fn delete_to_end(&mut self) {
        let from = self.cursor;
        self.end();
        self.remove(from, self.cursor);
    }

    /// The text in rows of `cells`, and where the cursor is in them. Rows break between graphemes, so that nothing moves
    /// while a word grows.
    pub(crate) fn rows(&self, cells: usize) -> (Vec<String>, Spot) {
        let cells = cells.max(2);
        let mut rows = vec![String::new()];
        let mut column = 0;
        let mut spot = Spot { row: 0, column: 0 };
        for (at, grapheme) in self.text.grapheme_indices(true) {
            if at == self.cursor {
                spot = Spot {
                    row: rows.len() - 1,
                    column,
                };
            }
            if grapheme == "\n" {
                rows.push(String::new());
                column = 0;
                continue;
            }
            let shown = harmless(grapheme);
            if column + width(&shown) > cells {
                if at == self.cursor {
                    spot = Spot {
                        row: rows.len(),
                        column: 0,
                    };
                }
                rows.push(String::new());
                column = 0;
            }
            column += width(&shown);
            if let Some(row) = rows.last_mut() {
                row.push_str(&shown);
            }
        }
        if self.cursor == self.text.len() {
            if column >= cells {
                // The cursor needs a cell of its own.
                rows.push(String::new());
                column = 0;
            }
            spot = Spot {
                row: rows.len() - 1,
                column,
            };
        }
        (rows, spot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composer(text: &str) -> Composer {
        let mut composer = Composer::default();
        assert!(composer.insert(text, 1000));
        composer
    }

    #[test]
    fn the_cursor_moves_by_what_a_person_sees() {
        let mut c = composer("ñ👩‍👩‍👧日");
        c.left();
        c.left();
        c.backspace();
        assert_eq!(c.text(), "👩‍👩‍👧日");
        c.delete();
        assert_eq!(c.text(), "日");
        c.delete();
        c.delete();
        c.backspace();
        assert!(c.is_empty());
    }

    #[test]
    fn words_and_lines() {
        let mut c = composer("one two  three\nfour");
        c.delete_word();
        assert_eq!(c.text(), "one two  three\n");
        c.backspace();
        c.word_left();
        c.word_left();
        c.delete_to_end();
        assert_eq!(c.text(), "one ");
        c.insert("x", 1000);
        c.home();
        c.word_right();
        c.insert("!", 1000);
        assert_eq!(c.text(), "one! x");
        c.delete_to_start();
        assert_eq!(c.text(), " x");
    }

    #[test]
    fn pasted_control_characters_stay_outside() {
        assert_eq!(composer("a\u{1b}[31mb\r\nc\rd\te\u{0}").text(), "a[31mb\nc\nd\te");
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        let mut c = Composer::default();
        assert!(!c.insert("äöü", 5));
        assert_eq!(c.text(), "äö");
        assert!(!c.insert("x", 4));
    }

    #[test]
    fn a_combining_mark_joins_and_the_cursor_stays_outside() {
        let mut c = composer("eX");
        c.left();
        c.insert("\u{301}", 1000);
        c.insert("!", 1000);
        assert_eq!(c.text(), "e\u{301}!X");
    }

    #[test]
    fn rows_tell_where_the_cursor_is() {
        let mut c = composer("日本語x");
        let spot = |row, column| Spot { row, column };
        assert_eq!(c.rows(4), (vec!["日本".into(), "語x".into()], spot(1, 3)));
        c.insert("y", 1000);
        assert_eq!(c.rows(4).1, spot(2, 0), "a full row: the cursor goes to the next");
        c.home();
        assert_eq!(c.rows(4).1, spot(0, 0));
        c.right();
        c.right();
        assert_eq!(c.rows(4).1, spot(1, 0), "before what stands on the second row");
        assert_eq!(composer("a\n").rows(9), (vec!["a".into(), String::new()], spot(1, 0)));
        assert_eq!(Composer::default().rows(9), (vec![String::new()], spot(0, 0)));
    }
}
