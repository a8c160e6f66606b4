//! Who a text names: `@username`.
//!
//! The grammar is that of usernames, so that a client finds the same names as the server: an `@` that does not stand right
//! behind a character of a word (as it does in an address), and the characters of usernames behind it, in any case. A full
//! stop or a hyphen at the end may belong to the sentence or to the name: both are tried.

use std::collections::BTreeSet;

use crate::limits::MENTIONS_PER_MESSAGE_MAX;
use crate::user::parse_username;

/// The usernames that `content` may name, each once, at most [`MENTIONS_PER_MESSAGE_MAX`] of them, in alphabetical order. Whether
/// somebody bears them is not known here.
pub fn named_in(content: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    for (at, _) in content.match_indices('@') {
        let before = content.get(..at).and_then(|text| text.chars().next_back());
        if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@')) {
            continue;
        }
        let behind = content.get(at + 1..).unwrap_or_default();
        let end = behind
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
            .unwrap_or(behind.len());
        let whole = behind.get(..end).unwrap_or_default();
        for name in [whole, whole.trim_end_matches(['.', '-'])] {
            if names.len() < MENTIONS_PER_MESSAGE_MAX
                && let Ok(name) = parse_username(name)
            {
                names.insert(name);
            }
        }
    }
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_where_people_write_them() {
        for (content, names) in [
            ("@bob", vec!["bob"]),
            ("hello @Bob, and (@alice)!", vec!["alice", "bob"]),
            ("@bob @bob @BOB", vec!["bob"]),
            ("@bob's turn", vec!["bob"]),
            ("ask @bob.", vec!["bob", "bob."]),
            ("@a.b-c_9: look", vec!["a.b-c_9"]),
            ("日本@bob", vec![]),
            ("「@bob」", vec!["bob"]),
            ("mail bob@example.org or x.@bob", vec![]),
            ("@@bob @ bob @b", vec![]),
            ("", vec![]),
            ("@", vec![]),
        ] {
            assert_eq!(named_in(content), names, "{content:?}");
        }
        assert_eq!(named_in(&format!("@{}", "x".repeat(33))), Vec::<String>::new());
    }

    #[test]
    fn a_message_names_a_bounded_number() {
        let many = (0..1_000).fold(String::new(), |text, n| text + &format!("@user{n} "));
        assert_eq!(named_in(&many).len(), MENTIONS_PER_MESSAGE_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_read(content in "(\\PC|@|[a-c._-]){0,60}") {
            for name in named_in(&content) {
                prop_assert_eq!(parse_username(&name).unwrap(), name);
            }
        }
    }
}
