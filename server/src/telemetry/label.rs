//! What a label is: a name with a closed set of values, each a variant of an enum.

use metrics::Label as Pair;

/// A label whose values are the variants of an enum.
pub trait Label: Copy + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// Every variant, in the order of [`Label::VALUES`].
    const ALL: &'static [Self];
    /// Every value as it stands in `/metrics`.
    const VALUES: &'static [&'static str];

    /// The position in [`Label::ALL`].
    fn index(self) -> usize;

    /// The value as it stands in `/metrics`.
    fn as_str(self) -> &'static str {
        Self::VALUES[self.index()]
    }
}

/// A label as the catalogue shows it.
#[derive(Debug, Clone, Copy)]
pub struct LabelDef {
    /// The label's name.
    pub name: &'static str,
    /// Every value it can have.
    pub values: &'static [&'static str],
}

impl LabelDef {
    /// The definition of label `L`.
    pub const fn of<L: Label>() -> Self {
        Self {
            name: L::NAME,
            values: L::VALUES,
        }
    }
}

/// The labels of a metric. Not every such set can be counted out as a product: see `http_requests_total`.
pub trait Labelled: 'static {
    /// The labels, in the order in which they are written.
    const LABELS: &'static [LabelDef];
}

/// Labels whose every combination is a series from the start.
pub trait LabelSet: Labelled + Copy {
    /// How many combinations there are.
    const COUNT: usize;

    /// The position of this combination, below [`LabelSet::COUNT`].
    fn index(self) -> usize;

    /// The labels of the combination at `index`.
    fn pairs(index: usize) -> Vec<Pair>;
}

impl Labelled for () {
    const LABELS: &'static [LabelDef] = &[];
}

impl LabelSet for () {
    const COUNT: usize = 1;

    fn index(self) -> usize {
        0
    }

    fn pairs(_index: usize) -> Vec<Pair> {
        Vec::new()
    }
}

impl<A: Label> Labelled for A {
    const LABELS: &'static [LabelDef] = &[LabelDef::of::<A>()];
}

impl<A: Label> LabelSet for A {
    const COUNT: usize = A::VALUES.len();

    fn index(self) -> usize {
        Label::index(self)
    }

    fn pairs(index: usize) -> Vec<Pair> {
        vec![Pair::from_static_parts(A::NAME, A::VALUES[index])]
    }
}

impl<A: Label, B: Label> Labelled for (A, B) {
    const LABELS: &'static [LabelDef] = &[LabelDef::of::<A>(), LabelDef::of::<B>()];
}

impl<A: Label, B: Label> LabelSet for (A, B) {
    const COUNT: usize = A::VALUES.len() * B::VALUES.len();

    fn index(self) -> usize {
        Label::index(self.0) * B::VALUES.len() + Label::index(self.1)
    }

    fn pairs(index: usize) -> Vec<Pair> {
        let (a, b) = (index / B::VALUES.len(), index % B::VALUES.len());
        vec![
            Pair::from_static_parts(A::NAME, A::VALUES[a]),
            Pair::from_static_parts(B::NAME, B::VALUES[b]),
        ]
    }
}

/// Declares enums as labels: `Name as "label" { Variant = "value", … }`.
macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident as $label:literal { $($variant:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl $crate::telemetry::label::Label for $name {
            const NAME: &'static str = $label;
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            const VALUES: &'static [&'static str] = &[$($text,)+];

            fn index(self) -> usize {
                self as usize
            }
        }
    )+};
}

pub(super) use labels;
