//! Names that may have been meant by a name that is nothing: `conversation_42` for `conversation:42`.

/// Names that are offered at most.
pub const SIMILAR_MAX: usize = 5;
/// Letters that may differ.
const EDITS_MAX: usize = 2;
/// A distance that is too far to be told from a farther one.
const FAR: usize = EDITS_MAX + 1;

/// Those of `candidates` that `name` may have meant, the likeliest first.
pub fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let bare = letters(name);
    let id = last_part(name).to_lowercase();
    let mut found: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| *candidate != name)
        .filter_map(|candidate| Some((distance(&bare, &id, candidate)?, candidate)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
        .into_iter()
        .take(SIMILAR_MAX)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// How far `candidate` is from the name, 0 being the same but for its punctuation and case.
fn distance(bare: &str, id: &str, candidate: &str) -> Option<usize> {
    let other = letters(candidate);
    if other == bare {
        return Some(0);
    }
    // The same id behind another word: `room:42`, `42`.
    if !id.is_empty() && last_part(candidate).to_lowercase() == id {
        return Some(1);
    }
    // A short name is near to everything.
    (bare.len() > 3 * EDITS_MAX)
        .then(|| edits(bare.as_bytes(), other.as_bytes()))
        .flatten()
        .map(|edits| edits + 1)
}

fn letters(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// What stands behind the last separator that is no part of a UUID.
fn last_part(name: &str) -> &str {
    name.rsplit([':', '_', '/', '.', ' ', '#']).next().unwrap_or(name)
}

/// The edits from one to the other, if at most [`EDITS_MAX`]. Only the diagonal band that can hold such a distance is
/// computed, since ten thousand names are compared while somebody waits.
fn edits(a: &[u8], b: &[u8]) -> Option<usize> {
    if a.len().abs_diff(b.len()) > EDITS_MAX {
        return None;
    }
    let mut previous: Vec<usize> = (0..=b.len()).map(|column| column.min(FAR)).collect();
    for (row, letter) in a.iter().enumerate() {
        let mut current = vec![FAR; b.len() + 1];
        if row < EDITS_MAX {
            current[0] = row + 1;
        }
        let first = (row + 1).saturating_sub(EDITS_MAX).max(1);
        let last = (row + 1 + EDITS_MAX).min(b.len());
        for column in first..=last {
            let replaced = previous[column - 1] + usize::from(*letter != b[column - 1]);
            current[column] = replaced.min(previous[column] + 1).min(current[column - 1] + 1).min(FAR);
        }
        if current.iter().all(|distance| *distance == FAR) {
            return None;
        }
        previous = current;
    }
    previous.last().copied().filter(|distance| *distance <= EDITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMS: [&str; 6] = [
        "conversation:42",
        "conversation:43",
        "conversation:0197c31f-2b7e-7000-8000-0000000000a1",
        "user:42",
        "user:alice",
        "lobby",
    ];

    #[test]
    fn the_mistakes_that_people_make_are_understood() {
        for meant in [
            "conversation_42",
            "Conversation:42",
            "conversation42",
            "conversation-42",
        ] {
            assert_eq!(similar(meant, ROOMS)[0], "conversation:42", "{meant}");
        }
        assert_eq!(similar("42", ROOMS), ["conversation:42", "user:42"]);
        assert_eq!(similar("room:42", ROOMS), ["conversation:42", "user:42"]);
        assert_eq!(similar("conversaton:42", ROOMS)[0], "conversation:42");
        assert_eq!(
            similar("conversation:0197c31f-2b7e-7000-8000-0000000000a2", ROOMS),
            ["conversation:0197c31f-2b7e-7000-8000-0000000000a1"]
        );
    }

    #[test]
    fn what_is_far_away_is_not_offered() {
        assert_eq!(similar("entirely-else", ROOMS), [""; 0]);
        assert_eq!(similar("", ROOMS), [""; 0]);
        assert_eq!(similar("x", ROOMS), [""; 0]);
    }

    #[test]
    fn edits_are_counted_as_far_as_they_matter() {
        assert_eq!(edits(b"kitten", b"kitten"), Some(0));
        assert_eq!(edits(b"kitten", b"mitten"), Some(1));
        assert_eq!(edits(b"kitten", b"itte"), Some(2));
        assert_eq!(edits(b"kitten", b"sitting"), None);
        assert_eq!(edits(b"", b"ab"), Some(2));
        assert_eq!(edits(b"abcdef", b"fedcba"), None);
    }

    #[test]
    fn few_are_offered() {
        let many: Vec<String> = (0..100).map(|n| format!("conversation:4{n:04}")).collect();
        assert_eq!(
            similar("conversation:40001", many.iter().map(String::as_str)).len(),
            SIMILAR_MAX
        );
    }
}
