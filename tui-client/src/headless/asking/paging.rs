//! Lists of the admin's API, all their pages as one.

use std::collections::HashSet;

use anyhow::Result;
use serde_json::{Value, json};

use super::super::finding;
use crate::out::note;
use crate::site::Site;

/// As many as a page can hold.
const PAGE_SIZE: usize = 200;
/// Beyond those that a limit needs: while the pages are read, what is on them moves.
const PAGES_MORE: usize = 5;

/// The list at `path`, up to `limit` items. `key` names what an item is known by: one that moved on to the next page while that
/// was asked for is not listed twice.
pub(super) async fn whole(
    site: &Site,
    path: &str,
    search: Option<&str>,
    limit: usize,
    key: &str,
) -> Result<(Value, Vec<Value>)> {
    let page_size = PAGE_SIZE.to_string();
    let mut known = HashSet::new();
    let mut items = Vec::new();
    let mut answer = Value::Null;
    for page in 1..=limit.div_ceil(PAGE_SIZE) + PAGES_MORE {
        let page_text = page.to_string();
        let query = [
            ("q", search.unwrap_or_default()),
            ("page", page_text.as_str()),
            ("page_size", page_size.as_str()),
        ];
        answer = site.admin(&[path], &query).await?;
        let here = finding::items(&answer);
        for item in here {
            let name = format!("{} {}", item["namespace"], item[key]);
            if items.len() < limit && known.insert(name) {
                items.push(item.clone());
            }
        }
        if items.len() == limit || here.len() < PAGE_SIZE || page * PAGE_SIZE >= total(&answer) {
            break;
        }
    }
    let whole = json!({"items": items, "total": answer["total"], "page": 1, "page_size": items.len()});
    Ok((whole, items))
}

fn total(answer: &Value) -> usize {
    let total = answer["total"].as_u64().unwrap_or(0);
    usize::try_from(total).unwrap_or(usize::MAX)
}

/// There are more than were asked for.
pub(super) fn more(whole: &Value, limit: usize) {
    let here = finding::items(whole).len();
    if total(whole) > here && here == limit {
        let total = total(whole);
        note(format!(
            "{here} of {total} are shown: --limit shows more, --search narrows it down"
        ));
    }
}
