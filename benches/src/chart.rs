//! The chart: for each group a panel with a line for each guest and a dot for each runner, on a logarithmic scale, in SVG.
//!
//! Colours follow the reader's choice of light or dark; they are told apart by the colour-blind, too (Okabe and Ito's).

use core::fmt::Write as _;

use crate::guests::Group;
use crate::report::Report;
use crate::row::Row;
use crate::runners::{NATIVE, OURS};

/// Where the scale begins and ends. Unit: pixels, as of all below.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 700.0;
const WIDTH: f64 = 780.0;
/// Height of a guest's line.
const LINE: f64 = 18.0;
/// What a panel has above and below its lines.
const ABOVE: f64 = 44.0;
const BELOW: f64 = 12.0;
/// Height of title and legend.
const HEAD: f64 = 62.0;

const STYLE: &str = "\
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.dim { fill: #656d76; font-size: 11px }
.name { text-anchor: end }
.mid { text-anchor: middle }
line { stroke: #e6eaef }
.back { fill: #ffffff }
.native { fill: #6e7781 } .c0 { fill: #0072b2 } .c1 { fill: #56b4e9 } .c2 { fill: #d55e00 } .c3 { fill: #009e73 } .c4 { fill: #cc79a7 } .c5 { fill: #e69f00 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.dim { fill: #8d96a0 }
line { stroke: #21262d }
.back { fill: #0d1117 }
.native { fill: #9198a1 } .c0 { fill: #58a6ff } .c1 { fill: #a5d6ff } .c2 { fill: #f0883e } .c3 { fill: #3fb950 } .c4 { fill: #e8a2cb } .c5 { fill: #e3b341 }
}
</style>
";

/// A logarithmic scale.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// From the largest of 1, 2, 5 times a power of ten below all values to the smallest above them.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let (least, most) = (values.clone().fold(f64::MAX, f64::min).max(1e-6), values.fold(1e-6, f64::max));
        let low = steps(least / 10.0, least).last().unwrap_or(least);
        let high = steps(most, most * 10.0).next().unwrap_or(most);
        Self { low, high: high.max(low * 2.0) }
    }

    fn x(&self, v: f64) -> f64 {
        let part = (v / self.low).ln() / (self.high / self.low).ln();
        LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }
}

/// 1, 2, 5, 10, 20, … from `low` to `high`, both included.
fn steps(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    decades.flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(d))).filter(move |&v| v >= low * 0.9999 && v <= high * 1.0001)
}

fn escape(s: &str) -> String {
    s.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A number as a person would write it.
fn short(v: f64) -> String {
    if v < 10.0 { format!("{}", (v * 100.0).round() / 100.0) } else { format!("{v:.0}") }
}

/// The chart of a report.
pub fn draw(report: &Report) -> String {
    let groups: Vec<Group> = Group::ALL.into_iter().filter(|&g| !report.of(g).is_empty()).collect();
    let height = HEAD + groups.iter().map(|&g| panel_height(report, g)).sum::<f64>();
    let mut svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\n{STYLE}");
    let _ = writeln!(svg, "<rect width=\"100%\" height=\"100%\" class=\"back\"/>");
    let _ = writeln!(svg, "<text class=\"title\" x=\"16\" y=\"24\">forklift, {}, {}</text>", escape(&report.machine), report.date);
    legend(report, &mut svg);
    let mut top = HEAD;
    for group in groups {
        panel(report, group, top, &mut svg);
        top += panel_height(report, group);
    }
    svg + "</svg>\n"
}

fn panel_height(report: &Report, group: Group) -> f64 {
    ABOVE + LINE * report.of(group).len() as f64 + BELOW
}

/// The class that gives a runner its colour.
fn colour(report: &Report, runner: &str) -> String {
    match report.runner_names().position(|n| n == runner) {
        None | Some(0) => "native".to_owned(),
        Some(n) => format!("c{}", (n - 1) % 6),
    }
}

fn legend(report: &Report, svg: &mut String) {
    let mut x = 20.0;
    for name in report.runner_names() {
        let _ = write!(svg, "<circle cx=\"{x}\" cy=\"44\" r=\"5\" class=\"{}\"/>", colour(report, name));
        let _ = writeln!(svg, "<text x=\"{}\" y=\"48\">{}</text>", x + 10.0, escape(name));
        x += 34.0 + 7.0 * name.chars().count() as f64;
    }
}

fn panel(report: &Report, group: Group, top: f64, svg: &mut String) {
    let rows = report.of(group);
    let values: Vec<f64> = rows.iter().flat_map(|r| r.took.iter().filter(|t| t.correct).map(|t| r.value(t))).filter(|&v| v > 0.0).collect();
    let scale = Scale::of(values.into_iter());
    let mean = report.mean(group, OURS).filter(|_| group.is_ratio());
    let mean = mean.map_or_else(String::new, |m| format!("; geometric mean of forklift's {:.2}", m.0));
    let _ = writeln!(svg, "<text class=\"title\" x=\"16\" y=\"{}\">{}{mean}</text>", top + 16.0, group.title());
    let _ = writeln!(svg, "<text class=\"dim\" x=\"{}\" y=\"{}\">{OURS}</text>", RIGHT + 12.0, top + ABOVE - 10.0);
    let bottom = top + ABOVE + LINE * rows.len() as f64;
    for v in steps(scale.low, scale.high) {
        let x = scale.x(v);
        let _ = write!(svg, "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\"/>", top + ABOVE - 6.0);
        let _ = writeln!(svg, "<text class=\"dim mid\" x=\"{x:.1}\" y=\"{}\">{}</text>", top + ABOVE - 10.0, short(v));
    }
    for (n, row) in rows.iter().enumerate() {
        line(report, row, &scale, top + ABOVE + LINE * (n as f64 + 0.5), svg);
    }
}

/// A guest's line: dots, ours last so that nothing hides it; at the end our number, or who was wrong.
fn line(report: &Report, row: &Row, scale: &Scale, y: f64, svg: &mut String) {
    let _ = writeln!(svg, "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>", LEFT - 12.0, y + 4.0, escape(row.name.trim_start_matches("start: ")));
    let mut order: Vec<_> = row.took.iter().filter(|t| t.correct && row.value(t) > 0.0).collect();
    order.sort_by_key(|t| (t.is_ours(), t.runner == OURS));
    for t in order {
        let r = if t.is_ours() { 5.5 } else { 4.5 };
        let title = format!("{}: {}", t.runner, row.value_text(t));
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"{r}\" class=\"{}\"><title>{}</title></circle>",
            scale.x(row.value(t)),
            colour(report, &t.runner),
            escape(&title)
        );
    }
    let wrong: Vec<&str> = row.took.iter().filter(|t| !t.correct && t.runner != NATIVE).map(|t| t.runner.as_str()).collect();
    let note = match row.right(OURS) {
        Some(t) if wrong.is_empty() => short(row.value(t)),
        Some(t) => format!("{}; {} wrong", short(row.value(t)), wrong.join(", ")),
        None => format!("{} wrong", wrong.join(", ")),
    };
    let _ = writeln!(svg, "<text class=\"dim\" x=\"{}\" y=\"{}\">{}</text>", RIGHT + 12.0, y + 4.0, escape(&note));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;
    use crate::row::tests::row;

    #[test]
    fn scales() {
        assert_eq!(steps(0.5, 10.0).collect::<Vec<_>>(), [0.5, 1.0, 2.0, 5.0, 10.0]);
        let s = Scale::of([1.1, 42.0].into_iter());
        assert_eq!((s.low, s.high, s.x(1.0), s.x(50.0)), (1.0, 50.0, LEFT, RIGHT));
    }

    #[test]
    fn a_chart() {
        let svg = draw(&report(vec![row("x", 1.0, 2.0, 0.0), row("y", 1.0, 4.0, 0.0)]));
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<circle").count(), 3 + 6);
        assert!(svg.contains("a&lt;b: 8.00x") && !svg.contains("a<b"), "{svg}");
    }
}
