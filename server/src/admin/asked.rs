//! What a list was asked for: filter, order, page; and links to the same list asked otherwise.

mod form;
mod table;

use std::cmp::Ordering;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use chat_core::limits::page_size;
use chat_core::ports::operators::{Listed, Slice};
use http::request::Parts;
use serde::Serialize;
use url::form_urlencoded;

pub(crate) use self::form::FilterForm;
pub(crate) use self::table::{Part, Table, holds};
use super::refusal::Refusal;

/// A filter's length, in bytes: longer than any name that could be meant.
const FILTER_BYTES_MAX: usize = 512;

/// The path and query of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    path: String,
    pairs: Vec<(String, String)>,
    /// The table of the page that is spoken of; empty on a page that is one list.
    table: &'static str,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}

impl Asked {
    pub(crate) fn of(uri: &http::Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self {
            path: uri.path().to_owned(),
            pairs: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            table: "",
        }
    }

    /// The same request, as one table of its page reads it.
    fn of_table(&self, table: &'static str) -> Self {
        Self { table, ..self.clone() }
    }

    /// What a parameter is called.
    fn field(&self, name: &str) -> String {
        if self.table.is_empty() {
            name.to_owned()
        } else {
            format!("{}-{name}", self.table)
        }
    }

    /// Where on the page the table is.
    fn anchor(&self) -> String {
        if self.table.is_empty() {
            String::new()
        } else {
            format!("#{}", self.table)
        }
    }

    /// Everything that was asked but these of the table's own parameters.
    fn kept(&self, but: &[&str]) -> Vec<(String, String)> {
        let left_out: Vec<String> = but.iter().map(|name| self.field(name)).collect();
        let kept = self
            .pairs
            .iter()
            .filter(|(key, value)| !value.is_empty() && !left_out.contains(key));
        // What a form did is told once.
        kept.filter(|(key, _)| key != "done").cloned().collect()
    }

    /// A parameter's value; empty is not given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let name = self.field(name);
        let value = self.pairs.iter().rev().find(|(key, _)| *key == name)?.1.trim();
        (!value.is_empty()).then_some(value)
    }

    /// A text to filter by, in lower case.
    pub(crate) fn filter(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.get(name) {
            Some(text) if text.len() > FILTER_BYTES_MAX => Err(Refusal::BadRequest(format!(
                "`{name}` is {} bytes long; at most {FILTER_BYTES_MAX} are accepted",
                text.len()
            ))),
            text => Ok(text.map(str::to_lowercase)),
        }
    }

    /// A text as it was given.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.filter(name)?;
        Ok(self.get(name).map(str::to_owned))
    }

    /// A value to be put back into a form.
    pub(crate) fn shown(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn number(&self, name: &str) -> Result<Option<u32>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse::<u32>() {
            Ok(number) if number >= 1 => Ok(Some(number)),
            _ => {
                let shown: String = text.chars().take(40).collect();
                Err(Refusal::BadRequest(format!(
                    "`{name}` is \"{shown}\"; expected is a whole number from 1"
                )))
            }
        }
    }

    /// Which page.
    pub(crate) fn paging(&self) -> Result<Paging, Refusal> {
        Ok(Paging {
            page: self.number("page")?.unwrap_or(1) as usize,
            page_size: page_size(self.number("page_size")?) as usize,
        })
    }

    /// Which order, of `columns`; `-name` is falling.
    pub(crate) fn order(&self, columns: &[&'static str], usual: Order) -> Result<Order, Refusal> {
        let Some(text) = self.get("sort") else { return Ok(usual) };
        let (falling, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        match columns.iter().find(|column| **column == name) {
            Some(by) => Ok(Order { by, falling }),
            None => Err(Refusal::BadRequest(format!(
                "`sort` is one of {}, with `-` before it for falling order",
                columns.join(", ")
            ))),
        }
    }

    /// The same page with these parameters instead; an empty value takes one out.
    pub(crate) fn link(&self, changed: &[(&str, &str)]) -> String {
        let changed: Vec<(String, &str)> = changed.iter().map(|(name, value)| (self.field(name), *value)).collect();
        let kept = self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let kept = kept.filter(|(key, value)| !value.is_empty() && !changed.iter().any(|(name, _)| name == key));
        let new = changed.iter().map(|(name, value)| (name.as_str(), *value));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept.chain(new.filter(|(_, value)| !value.is_empty())))
            .finish();
        let anchor = self.anchor();
        if query.is_empty() {
            format!("{}{anchor}", self.path)
        } else {
            format!("{}?{query}{anchor}", self.path)
        }
    }
}

/// Which page of a list, and how long pages are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging {
    /// From 1.
    pub(crate) page: usize,
    pub(crate) page_size: usize,
}

impl Paging {
    /// Rows before this page.
    pub(crate) fn skip(self) -> usize {
        (self.page - 1).saturating_mul(self.page_size)
    }

    /// The same for the store.
    pub(crate) fn slice(self) -> Slice {
        Slice {
            skip: self.skip() as u64,
            limit: u32::try_from(self.page_size).unwrap_or(u32::MAX),
        }
    }

    /// Cuts this page out of everything.
    pub(crate) fn cut<T>(self, all: Vec<T>) -> Paged<T> {
        let total = all.len();
        let items = all.into_iter().skip(self.skip()).take(self.page_size).collect();
        self.of(items, total)
    }

    /// Cuts this page out of everything, which is brought into order only as far as the page's end. `compare` leaves no two rows
    /// equal, or they would change places while somebody reads them.
    pub(crate) fn cut_sorted<T>(self, mut all: Vec<T>, mut compare: impl FnMut(&T, &T) -> Ordering) -> Paged<T> {
        let total = all.len();
        let end = self.skip().saturating_add(self.page_size).min(total);
        if self.skip() >= total {
            return self.of(Vec::new(), total);
        }
        if end < total {
            all.select_nth_unstable_by(end - 1, &mut compare);
            all.truncate(end);
        }
        all.sort_unstable_by(compare);
        self.of(all.into_iter().skip(self.skip()).collect(), total)
    }

    /// A page that the store cut out.
    pub(crate) fn listed<T>(self, listed: Listed<T>) -> Paged<T> {
        self.of(listed.items, usize::try_from(listed.total).unwrap_or(usize::MAX))
    }

    /// A page that was cut out already.
    pub(crate) fn of<T>(self, items: Vec<T>, total: usize) -> Paged<T> {
        Paged {
            items,
            total,
            page: self.page,
            page_size: self.page_size,
        }
    }
}

/// A page of a list, as the JSON has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Paged<T> {
    pub(crate) items: Vec<T>,
    pub(crate) total: usize,
    pub(crate) page: usize,
    pub(crate) page_size: usize,
}

impl<T> Paged<T> {
    /// The same page with other rows.
    pub(crate) fn map<U>(self, row: impl FnMut(T) -> U) -> Paged<U> {
        Paged {
            items: self.items.into_iter().map(row).collect(),
            total: self.total,
            page: self.page,
            page_size: self.page_size,
        }
    }
}

/// An order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: &'static str,
    pub(crate) falling: bool,
}

impl Order {
    pub(crate) const fn rising(by: &'static str) -> Self {
        Self { by, falling: false }
    }

    pub(crate) const fn falling(by: &'static str) -> Self {
        Self { by, falling: true }
    }

    pub(crate) fn apply(self, ordering: Ordering) -> Ordering {
        if self.falling { ordering.reverse() } else { ordering }
    }
}

/// The head of a column that can be sorted by.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) label: &'static str,
    pub(crate) href: String,
    /// The value of `aria-sort`, when the rows are in this order.
    pub(crate) sorted: Option<&'static str>,
    pub(crate) number: bool,
    /// Its label is for those who do not see the table.
    pub(crate) unseen: bool,
}

impl Column {
    /// One that is not sorted by.
    pub(crate) fn plain(label: &'static str) -> Self {
        Self {
            label,
            href: String::new(),
            sorted: None,
            number: false,
            unseen: false,
        }
    }

    /// The same, right-aligned.
    pub(crate) fn plain_figures(label: &'static str) -> Self {
        Self {
            number: true,
            ..Self::plain(label)
        }
    }

    /// `figures` are right-aligned, and begin with the largest.
    pub(crate) fn new(asked: &Asked, order: Order, by: &'static str, label: &'static str, figures: bool) -> Self {
        let is_this = order.by == by;
        let falling = if is_this { !order.falling } else { figures };
        let sort = if falling { format!("-{by}") } else { by.to_owned() };
        Self {
            label,
            href: asked.link(&[("sort", &sort), ("page", "")]),
            sorted: is_this.then_some(if order.falling { "descending" } else { "ascending" }),
            number: figures,
            unseen: false,
        }
    }
}

/// What stands below a list that has more than one page.
#[derive(Debug, Clone)]
pub(crate) struct Pager {
    /// `51–100 of 402`.
    pub(crate) range: String,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

impl Pager {
    /// `None` when everything is on the page.
    pub(crate) fn new<T>(asked: &Asked, paged: &Paged<T>) -> Option<Self> {
        use super::words::count;
        if paged.total <= paged.page_size && paged.page == 1 {
            return None;
        }
        let pages = paged.total.div_ceil(paged.page_size).max(1);
        let first = (paged.page - 1).saturating_mul(paged.page_size) + 1;
        let range = if paged.items.is_empty() {
            format!("nothing on page {} of {}", count(paged.page), count(pages))
        } else {
            format!(
                "{}–{} of {}",
                count(first),
                count(first + paged.items.len() - 1),
                count(paged.total)
            )
        };
        let to = |page: usize| asked.link(&[("page", &page.to_string())]);
        Some(Self {
            range,
            previous: (paged.page > 1).then(|| to((paged.page - 1).min(pages))),
            next: (paged.page < pages).then(|| to(paged.page + 1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str) -> Asked {
        Asked::of(&uri.parse().unwrap())
    }

    #[test]
    fn pages_are_counted_from_one_and_bounded() {
        let paging = asked("/x?page=2&page_size=1000").paging().unwrap();
        assert_eq!((paging.page, paging.page_size, paging.skip()), (2, 200, 200));
        let usual = asked("/x?page=&page_size=").paging().unwrap();
        assert_eq!((usual.page, usual.page_size), (1, 50));
        for bad in ["0", "-1", "1.5", "x", "99999999999999999999"] {
            assert!(asked(&format!("/x?page={bad}")).paging().is_err(), "{bad}");
        }
        assert_eq!(
            asked("/x?page=4294967295").paging().unwrap().cut(vec![1, 2]).items,
            [0; 0]
        );
    }

    #[test]
    fn a_page_of_many_is_what_sorting_all_of_them_gives() {
        let all: Vec<u32> = (0..1_000_u32).map(|n| n.wrapping_mul(7_919) % 1_009).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        for page in [1, 2, 7, 20, 21, 4_000_000] {
            let paging = asked(&format!("/x?page={page}")).paging().unwrap();
            let cut = paging.cut_sorted(all.clone(), Ord::cmp);
            assert_eq!(
                (cut.items, cut.total),
                (paging.cut(sorted.clone()).items, 1_000),
                "{page}"
            );
        }
    }

    #[test]
    fn links_keep_the_rest() {
        let asked = asked("/x?q=a+b%26c&page=3&empty=");
        assert_eq!(asked.link(&[("page", "4")]), "/x?q=a+b%26c&page=4");
        assert_eq!(asked.link(&[("page", ""), ("q", "")]), "/x");
    }

    #[test]
    fn orders_are_known_ones() {
        let columns = ["name", "sockets"];
        let usual = Order::falling("name");
        assert_eq!(asked("/x").order(&columns, usual).unwrap(), usual);
        assert_eq!(
            asked("/x?sort=-sockets").order(&columns, usual).unwrap(),
            Order::falling("sockets")
        );
        assert!(asked("/x?sort=password").order(&columns, usual).is_err());
    }

    #[test]
    fn a_pager_leads_back_from_beyond_the_end() {
        let asked = asked("/x?page=9&page_size=2");
        let pager = Pager::new(&asked, &asked.paging().unwrap().cut(vec![1, 2, 3])).unwrap();
        assert_eq!(pager.previous.as_deref(), Some("/x?page_size=2&page=2"));
        assert_eq!(pager.next, None);
    }
}
