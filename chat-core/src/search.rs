//! Searching messages: what somebody typed made words, and a found message made a line that shows why it was found.
//!
//! There is no query language. Whatever is typed is cut into words, and every one of them must occur; quotes, brackets
//! and operators of other search engines are only marks between words.

use crate::limits::{SEARCH_CHARS_MAX, SEARCH_WORDS_MAX, SNIPPET_CHARS};

/// From this many letters on a word may stand for all that begin with it: of fewer, an index would have to put together the places
/// of a good part of all words.
pub const BEGINNING_CHARS_MIN: usize = 3;

/// The words that a message must hold, in lower case; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchWords(Vec<String>);

/// Why nothing can be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoWords {
    /// Only marks, or nothing at all.
    #[error("at least one word: letters or digits")]
    None,
    /// More than a person types.
    #[error("at most {SEARCH_CHARS_MAX} characters")]
    TooLong,
    /// Each word is one more list to intersect.
    #[error("at most {SEARCH_WORDS_MAX} words")]
    TooMany,
}

impl SearchWords {
    /// The words of what somebody typed.
    pub fn parse(typed: &str) -> Result<Self, NoWords> {
        if typed.chars().count() > SEARCH_CHARS_MAX {
            return Err(NoWords::TooLong);
        }
        let mut found: Vec<String> = words(typed).map(|(_, word)| word.to_lowercase()).collect();
        found.sort_unstable();
        found.dedup();
        match found.len() {
            0 => Err(NoWords::None),
            1..=SEARCH_WORDS_MAX => Ok(Self(found)),
            _ => Err(NoWords::TooMany),
        }
    }

    /// Each once, in lower case.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Does this text hold every word?
    pub fn all_in(&self, text: &str) -> bool {
        self.iter()
            .all(|wanted| words(text).any(|(_, word)| word.to_lowercase() == wanted))
    }

    /// Does this text hold, for every word, one that begins with it, or if it is shorter than [`BEGINNING_CHARS_MIN`] the word
    /// itself?
    pub fn all_begin_in(&self, text: &str) -> bool {
        self.iter().all(|wanted| {
            let whole = wanted.chars().count() < BEGINNING_CHARS_MIN;
            words(text).any(|(_, word)| {
                let word = word.to_lowercase();
                word == wanted || (!whole && word.starts_with(wanted))
            })
        })
    }

    /// A line of `content` around the first of the words, with an ellipsis where something was left out. Plain text: whoever shows
    /// it escapes it as any other. Line breaks and other control characters become spaces.
    pub fn snippet(&self, content: &str) -> String {
        let found = words(content).find(|(_, word)| {
            let word = word.to_lowercase();
            self.iter().any(|wanted| wanted == word)
        });
        let hit = found.map_or(0, |(at, _)| at);
        let before = content[..hit].chars().count();
        let skipped = before.saturating_sub(SNIPPET_CHARS / 3);
        let start = if skipped == 0 { 0 } else { next_word(content, skipped) };
        let shown: String = content[start..].chars().take(SNIPPET_CHARS).collect();
        let cut = content.len() > start + shown.len();
        let text: Vec<&str> = shown.split(|c: char| c.is_whitespace() || c.is_control()).collect();
        let text: Vec<&str> = text.into_iter().filter(|piece| !piece.is_empty()).collect();
        let (left, right) = (if start > 0 { "… " } else { "" }, if cut { " …" } else { "" });
        format!("{left}{}{right}", text.join(" "))
    }
}

/// The words of a text with the byte at which each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// The byte after the next space behind `chars` characters, or that of the character itself in a text without spaces.
fn next_word(text: &str, chars: usize) -> usize {
    let at = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let near = text[at..].char_indices().take(SNIPPET_CHARS / 6);
    let space = near.into_iter().find(|(_, c)| c.is_whitespace());
    space.map_or(at, |(offset, c)| at + offset + c.len_utf8())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(typed: &str) -> Vec<String> {
        SearchWords::parse(typed).unwrap().0
    }

    #[test]
    fn what_is_typed_is_words_and_nothing_else() {
        assert_eq!(parsed("  Pager DUTY, pager "), ["duty", "pager"]);
        assert_eq!(parsed("foo-bar"), ["bar", "foo"]);
        assert_eq!(
            parsed("\"a\" OR (b*) NEAR/2 ^c:d"),
            ["2", "a", "b", "c", "d", "near", "or"]
        );
        assert_eq!(parsed("Straße ÄRGER 漢字"), ["straße", "ärger", "漢字"]);
        for nothing in ["", "  ", "\"", "*", "'; --", "\0", "🦀"] {
            assert_eq!(SearchWords::parse(nothing), Err(NoWords::None), "{nothing:?}");
        }
        assert_eq!(SearchWords::parse(&"a".repeat(201)), Err(NoWords::TooLong));
        let many: Vec<String> = (0..17).map(|n| n.to_string()).collect();
        assert_eq!(SearchWords::parse(&many.join(" ")), Err(NoWords::TooMany));
        assert_eq!(parsed(&many[1..].join(" ")).len(), 16);
    }

    #[test]
    fn a_snippet_shows_the_word_within_a_line() {
        let words = SearchWords::parse("pager").unwrap();
        assert_eq!(words.snippet("The\n\tpager\0 is yours."), "The pager is yours.");
        let long = format!(
            "{} The Pager is yours. {}",
            "before it ".repeat(40),
            "and after ".repeat(40)
        );
        let line = words.snippet(&long);
        assert!(
            line.starts_with("… ") && line.ends_with(" …") && line.contains("The Pager is yours."),
            "{line}"
        );
        assert!(line.chars().count() <= SNIPPET_CHARS + 4, "{line}");
        assert_eq!(words.snippet("nothing of it"), "nothing of it");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(typed in "\\PC{0,40}", content in ".{0,600}") {
            if let Ok(words) = SearchWords::parse(&typed) {
                let line = words.snippet(&content);
                prop_assert!(line.chars().count() <= SNIPPET_CHARS + 4);
                prop_assert!(!line.contains(char::is_control));
                prop_assert!(words.all_in(&typed));
            }
        }
    }
}
