//! A plot as SVG, by hand: a logarithmic x axis, a linear y axis from 0, lines with their spread. Readable on light and on
//! dark pages, since the picture follows the reader's own setting.

use std::fmt::Write as _;

/// A line.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// What stands beside it.
    pub(crate) name: &'static str,
    /// Its points, by rising x.
    pub(crate) points: Vec<Point>,
}

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    /// Above 0.
    pub(crate) x: f64,
    /// Middle, least and most.
    pub(crate) y: f64,
    /// Least.
    pub(crate) min: f64,
    /// Most.
    pub(crate) max: f64,
}

/// What is written around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels<'a> {
    /// Above it.
    pub(crate) title: &'a str,
    /// Below it, with its unit.
    pub(crate) x: &'a str,
    /// Beside it, with its unit.
    pub(crate) y: &'a str,
}

const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 56.0;
/// Lines of the grid, about.
const STEPS: f64 = 5.0;

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 15px; font-weight: 600 }
.grid { stroke: #d1d9e0; stroke-width: 1 } .axis { stroke: #59636e; stroke-width: 1 }
.s0 { stroke: #0969da; fill: #0969da } .s1 { stroke: #9a6700; fill: #9a6700 } .s2 { stroke: #1a7f37; fill: #1a7f37 }
.line { fill: none; stroke-width: 2 } .spread { stroke-width: 1; opacity: .6 } .name { stroke: none; font-weight: 600 }
.s1.line { stroke-dasharray: 6 4 } .s2.line { stroke-dasharray: 2 3 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .grid { stroke: #3d444d } .axis { stroke: #9198a1 }
.s0 { stroke: #4493f8; fill: #4493f8 } .s1 { stroke: #d29922; fill: #d29922 } .s2 { stroke: #3fb950; fill: #3fb950 } }
</style>";

/// Where a value lies.
struct Scale {
    left: f64,
    right: f64,
    most: f64,
}

impl Scale {
    fn of(series: &[Series]) -> Self {
        let points = || series.iter().flat_map(|series| &series.points);
        let least_x = points().map(|point| point.x).fold(f64::INFINITY, f64::min);
        let most_x = points().map(|point| point.x).fold(0.0, f64::max);
        let most = points().map(|point| point.max).fold(0.0, f64::max);
        Self {
            left: least_x.log10(),
            right: most_x.log10().max(least_x.log10() + 1e-9),
            most: if most > 0.0 { most * 1.08 } else { 1.0 },
        }
    }

    fn x(&self, x: f64) -> f64 {
        LEFT + (x.log10() - self.left) / (self.right - self.left) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - y / self.most * (HEIGHT - TOP - BOTTOM)
    }

    /// 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let rough = self.most / STEPS;
        let power = 10_f64.powf(rough.log10().floor());
        let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= rough);
        times.unwrap_or(10.0) * power
    }
}

/// The plot; `None` when there is nothing to show.
pub(crate) fn svg(labels: Labels<'_>, series: &[Series]) -> Option<String> {
    series.iter().find(|series| !series.points.is_empty())?;
    let scale = Scale::of(series);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" aria-label=\"{title}\">\n{STYLE}\n<text class=\"title\" x=\"{LEFT}\" y=\"22\">{title}</text>\n",
        title = labels.title
    );
    frame(&mut out, labels, &scale, series);
    for (number, one) in series.iter().enumerate() {
        line(&mut out, number, one, &scale);
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn frame(out: &mut String, labels: Labels<'_>, scale: &Scale, series: &[Series]) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let step = scale.step();
    let decimals = usize::from(step < 1.0);
    let mut value = 0.0;
    while value <= scale.most {
        let y = scale.y(value);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value:.decimals$}</text>",
            LEFT - 8.0,
            y + 4.0
        );
        value += step;
    }
    let mut marks: Vec<f64> = series
        .iter()
        .flat_map(|one| one.points.iter().map(|point| point.x))
        .collect();
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    for mark in marks {
        let x = scale.x(mark);
        let _ = writeln!(
            out,
            "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 5.0,
            bottom + 20.0,
            count(mark)
        );
    }
    let _ = writeln!(
        out,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, right),
        HEIGHT - 12.0,
        labels.x,
        f64::midpoint(TOP, bottom),
        labels.y
    );
}

fn line(out: &mut String, number: usize, series: &Series, scale: &Scale) {
    let mut path = String::new();
    for (at, point) in series.points.iter().enumerate() {
        let (x, y) = (scale.x(point.x), scale.y(point.y));
        let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { " L" });
        let _ = writeln!(
            out,
            "<line class=\"s{number} spread\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <circle class=\"s{number}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>",
            scale.y(point.min),
            scale.y(point.max)
        );
    }
    let _ = writeln!(out, "<path class=\"s{number} line\" d=\"{path}\"/>");
    if let Some(last) = series.points.last() {
        let _ = writeln!(
            out,
            "<text class=\"s{number} name\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            scale.x(last.x) + 10.0,
            scale.y(last.y) + 4.0,
            series.name
        );
    }
}

/// With a thin space between thousands.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
fn count(number: f64) -> String {
    let digits = (number.round() as u64).to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: Labels<'_> = Labels {
        title: "t",
        x: "x",
        y: "y, µs",
    };

    fn flat(name: &'static str, xs: &[f64]) -> Series {
        let point = |x: &f64| Point {
            x: *x,
            y: 50.0,
            min: 40.0,
            max: 60.0,
        };
        Series {
            name,
            points: xs.iter().map(point).collect(),
        }
    }

    #[test]
    fn equal_costs_lie_on_one_height_and_decades_are_equally_far_apart() {
        let series = [flat("one", &[10.0, 100.0, 1000.0])];
        let text = svg(LABELS, &series).unwrap();
        let path = text.split("line\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        let numbers: Vec<f64> = path
            .split([' ', 'M', 'L'])
            .filter_map(|number| number.parse().ok())
            .collect();
        assert_eq!(numbers.len(), 6, "{path}");
        assert!(numbers[1].to_bits() == numbers[3].to_bits() && numbers[3].to_bits() == numbers[5].to_bits());
        assert!((numbers[4] - 2.0 * numbers[2] + numbers[0]).abs() < 0.2, "{path}");
        assert!(text.contains(">1\u{202f}000<") && text.contains("µs"));
        assert!(!text.contains("NaN") && !text.contains("inf"));
    }

    #[test]
    fn one_point_and_none() {
        let text = svg(LABELS, &[flat("one", &[10.0])]).unwrap();
        assert!(!text.contains("NaN") && !text.contains("inf"));
        assert_eq!(svg(LABELS, &[flat("none", &[])]), None);
    }
}
