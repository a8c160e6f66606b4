//! Text as a terminal can show it: made harmless, measured in cells, cut and wrapped between graphemes.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What a tab becomes.
const TAB: &str = "    ";

/// Width in cells.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// `text` without anything that would move the cursor, colour the screen or turn the reading direction: control characters
/// become their visible pictures, bidirectional overrides the replacement character. Line ends stay.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c == '\n' || replacement(c).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
            '\t' => shown.push_str(TAB),
            c => shown.push(replacement(c).unwrap_or(c)),
        }
    }
    Cow::Owned(shown)
}

/// [`harmless`] on one line, for names and titles.
pub(crate) fn harmless_line(text: &str) -> String {
    harmless(text).replace('\n', "␊")
}

fn replacement(c: char) -> Option<char> {
    match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        // C1 controls, line and paragraph separators, bidirectional embeddings, overrides and isolates.
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        _ => None,
    }
}

/// The beginning of `text` in at most `cells`, with `…` where it was cut.
pub(crate) fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for grapheme in text.graphemes(true) {
        used += width(grapheme);
        if used > cells {
            break;
        }
        kept.push_str(grapheme);
    }
    if cells > 0 {
        kept.push('…');
    }
    kept
}

/// `text` cut or filled up to exactly `cells`.
pub(crate) fn fit(text: &str, cells: usize) -> String {
    let mut fitted = cut(text, cells);
    let missing = cells.saturating_sub(width(&fitted));
    fitted.extend(std::iter::repeat_n(' ', missing));
    fitted
}

/// An id, shortened in the middle.
pub(crate) fn short_id(id: &str) -> String {
    const KEPT: usize = 4;
    // Ids are ASCII, and an id of another server may not be.
    if id.len() <= 2 * KEPT + 1 || !id.is_ascii() {
        return cut(id, 2 * KEPT + 1);
    }
    format!("{}…{}", &id[..KEPT], &id[id.len() - KEPT..])
}

/// A client's own name without its version, and without `rollcall-`, which all of ours begin with: `web`, `tui`.
pub(crate) fn client_name(client: &str) -> String {
    const CELLS: usize = 8;
    let name = client.split('/').next().unwrap_or(client);
    cut(&harmless_line(name.strip_prefix("rollcall-").unwrap_or(name)), CELLS)
}

/// Breaks `text` into rows of at most `cells`: at line ends, else between words, else between graphemes.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(2);
    text.split('\n').flat_map(|line| wrap_line(line, cells)).collect()
}

fn wrap_line(line: &str, cells: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for word in line.split_word_bounds() {
        let wide = width(word);
        if used + wide <= cells {
            push(&mut rows, word);
            used += wide;
            continue;
        }
        if word.trim().is_empty() {
            // Space at the end of a row is not carried over.
            rows.push(String::new());
            used = 0;
            continue;
        }
        if wide <= cells {
            rows.push(word.to_owned());
            used = wide;
            continue;
        }
        for grapheme in word.graphemes(true) {
            let wide = width(grapheme);
            if used + wide > cells {
                rows.push(String::new());
                used = 0;
            }
            push(&mut rows, grapheme);
            used += wide;
        }
    }
    rows
}

fn push(rows: &mut [String], text: &str) {
    if let Some(last) = rows.last_mut() {
        last.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_left() {
        assert_eq!(harmless("\u{1b}[31mred\u{7}\0\u{7f}\u{9b}2J"), "␛[31mred␇␀␡\u{fffd}2J");
        assert_eq!(harmless("a\r\nb\rc\td"), "a\nb␍c    d");
        assert_eq!(harmless("user\u{202e}gpj.exe"), "user\u{fffd}gpj.exe");
        assert!(matches!(harmless("plain ünd 👩‍👩‍👧\n"), Cow::Borrowed(_)));
        assert_eq!(harmless_line("a\nb"), "a␊b");
    }

    #[test]
    fn cut_and_fit_count_cells() {
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(fit("日本語", 4), "日… ");
        assert_eq!(fit("ab", 4), "ab  ");
    }

    #[test]
    fn ids_are_shortened_in_the_middle() {
        assert_eq!(short_id("0197c31f-0000-7000-8000-00000000c31f"), "0197…c31f");
        assert_eq!(short_id("42"), "42");
    }

    #[test]
    fn rows_break_between_words_then_graphemes() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("日本語です", 4), ["日本", "語で", "す"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
        assert_eq!(wrap("👩‍👩‍👧👩‍👩‍👧", 3), ["👩‍👩‍👧", "👩‍👩‍👧"]);
        assert_eq!(wrap("", 9), [""]);
    }

    #[test]
    fn no_row_is_wider_than_asked() {
        for text in [
            "the quick brown fox",
            "日本 語です mixed ünd 👩‍👩‍👧 x",
            "          ",
            "a\u{301}e\u{301}",
        ] {
            for cells in 2..12 {
                assert!(
                    wrap(text, cells).iter().all(|row| width(row) <= cells),
                    "{text:?} in {cells}"
                );
            }
        }
    }

    #[test]
    fn clients_are_named_briefly_and_harmlessly() {
        for (client, name) in [
            ("rollcall-page/0.1.0", "page"),
            ("web/1.2", "web"),
            ("a-very-long-name", "a-very-…"),
            ("/1", ""),
            ("\u{1b}[2J/1", "␛[2J"),
        ] {
            assert_eq!(client_name(client), name);
        }
    }
}
