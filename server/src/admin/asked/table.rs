//! A table that is one of several on its page: with a filter, an order and pages of its own, under names of its own (`rooms-q`, `rooms-sort`,
//! `rooms-page`), so that one table's choices leave the others alone.

use std::cmp::Ordering;

use super::{Asked, Column, FilterForm, Order, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::words::count;

/// A head before the rows are cut: what it is called, and how it sorts.
struct Head<T> {
    by: &'static str,
    label: &'static str,
    figures: bool,
    unseen: bool,
    compare: Option<fn(&T, &T) -> Ordering>,
}

/// All rows, and what can be done with them.
pub(crate) struct Table<T> {
    asked: Asked,
    rows: Vec<T>,
    heads: Vec<Head<T>>,
    found: Option<fn(&T, &str) -> bool>,
}

/// The page of it that was asked for.
#[derive(Debug)]
pub(crate) struct Part<T> {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<T>,
    pub(crate) pager: Option<Pager>,
    pub(crate) form: PartForm,
    /// How many rows there are, whatever the filter.
    pub(crate) total: String,
}

/// Its filter form. It says the choices of the page's other tables again.
#[derive(Debug)]
pub(crate) struct PartForm {
    pub(crate) field: String,
    pub(crate) text: String,
    pub(crate) anchor: String,
    pub(crate) kept: Vec<(String, String)>,
    /// The filter is set.
    pub(crate) set: bool,
    pub(crate) clear: String,
    /// There is something to filter: more rows than a page holds, or a filter that left fewer.
    pub(crate) wanted: bool,
}

impl<T> Table<T> {
    /// The table `name` of the page, its rows in their usual order.
    pub(crate) fn new(asked: &Asked, name: &'static str, rows: Vec<T>) -> Self {
        Self {
            asked: asked.of_table(name),
            rows,
            heads: Vec::new(),
            found: None,
        }
    }

    /// A column that it can be sorted by.
    pub(crate) fn sorted(mut self, by: &'static str, label: &'static str, compare: fn(&T, &T) -> Ordering) -> Self {
        self.heads.push(Head {
            by,
            label,
            figures: false,
            unseen: false,
            compare: Some(compare),
        });
        self
    }

    /// The same of figures or times: right-aligned, the largest first.
    pub(crate) fn figures(self, by: &'static str, label: &'static str, compare: fn(&T, &T) -> Ordering) -> Self {
        let mut table = self.sorted(by, label, compare);
        if let Some(head) = table.heads.last_mut() {
            head.figures = true;
        }
        table
    }

    /// A column that it is not sorted by.
    pub(crate) fn plain(mut self, label: &'static str) -> Self {
        self.heads.push(Head {
            by: "",
            label,
            figures: false,
            unseen: false,
            compare: None,
        });
        self
    }

    /// A column of buttons or links, which needs no label for those who see it.
    pub(crate) fn unseen(self, label: &'static str) -> Self {
        let mut table = self.plain(label);
        if let Some(head) = table.heads.last_mut() {
            head.unseen = true;
        }
        table
    }

    /// What a filter, which is in lower case, finds.
    pub(crate) fn found(mut self, found: fn(&T, &str) -> bool) -> Self {
        self.found = Some(found);
        self
    }

    /// Cuts out the page that was asked for.
    pub(crate) fn cut(self) -> Result<Part<T>, Refusal> {
        let Self {
            asked,
            mut rows,
            heads,
            found,
        } = self;
        let total = rows.len();
        let names: Vec<&'static str> = heads
            .iter()
            .filter(|head| !head.by.is_empty())
            .map(|head| head.by)
            .collect();
        let order = asked.order(&names, Order::rising(""))?;
        let paging = asked.paging()?;
        if let (Some(text), Some(found)) = (asked.filter("q")?, found) {
            rows.retain(|row| found(row, &text));
        }
        let chosen = heads.iter().find(|head| !head.by.is_empty() && head.by == order.by);
        if let Some(compare) = chosen.and_then(|head| head.compare) {
            // Stable: equal ones stay in their usual order.
            rows.sort_by(|a, b| order.apply(compare(a, b)));
        }
        let paged = paging.cut(rows);
        let column = |head: &Head<T>| match head.compare {
            Some(_) => Column::new(&asked, order, head.by, head.label, head.figures),
            None => Column {
                unseen: head.unseen,
                ..Column::plain(head.label)
            },
        };
        let form = FilterForm::new(&asked, &["q"]);
        Ok(Part {
            columns: heads.iter().map(column).collect(),
            pager: Pager::new(&asked, &paged),
            form: PartForm {
                field: asked.field("q"),
                text: form.text,
                anchor: asked.anchor(),
                kept: asked.kept(&["q", "page"]),
                wanted: total > paged.page_size || form.set,
                set: form.set,
                clear: form.clear,
            },
            rows: paged.items,
            total: count(total),
        })
    }
}

impl<T> Part<T> {
    /// The same with its rows as they are shown.
    pub(crate) fn map<U>(self, row: impl FnMut(T) -> U) -> Part<U> {
        Part {
            columns: self.columns,
            rows: self.rows.into_iter().map(row).collect(),
            pager: self.pager,
            form: self.form,
            total: self.total,
        }
    }
}

/// Does any of `fields` hold `text`, which is in lower case?
pub(crate) fn holds(text: &str, fields: &[&str]) -> bool {
    fields.iter().any(|field| field.to_lowercase().contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(uri: &str) -> Result<Part<usize>, Refusal> {
        let asked = Asked::of(&uri.parse().unwrap());
        Table::new(&asked, "rooms", (0..120).rev().collect())
            .figures("size", "Size", usize::cmp)
            .plain("Kind")
            .found(|row, text| row.to_string().contains(text))
            .cut()
    }

    #[test]
    fn a_table_has_choices_of_its_own() {
        let usual = part("/x?q=other&sort=name&page=9").unwrap();
        assert_eq!(
            (usual.rows.len(), usual.rows[0], usual.total.as_str()),
            (50, 119, "120")
        );
        assert!(usual.form.wanted && !usual.form.set);
        let asked = part("/x?q=other&rooms-q=7&rooms-sort=size&rooms-page_size=5&rooms-page=2").unwrap();
        assert_eq!(asked.rows, [57, 67, 70, 71, 72]);
        assert!(asked.form.set && asked.form.field == "rooms-q" && asked.form.text == "7");
        let kept: Vec<&str> = asked.form.kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(kept, ["q", "rooms-sort", "rooms-page_size"]);
        let next = asked.pager.unwrap().next.unwrap();
        assert!(
            next.contains("q=other&") && next.contains("rooms-page=3") && next.ends_with("#rooms"),
            "{next}"
        );
        assert_eq!(asked.columns[0].sorted, Some("ascending"));
        assert!(part("/x?rooms-sort=password").is_err() && part("/x?rooms-page=0").is_err());
    }
}
