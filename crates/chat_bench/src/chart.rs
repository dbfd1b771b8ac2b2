//! Charts as SVG: horizontal bars with their spread, and curves on logarithmic axes; to be read on white and on black.

use std::fmt::Write;

use crate::compare::Spread;
use crate::servers::Part;

/// A bar of a server.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Its name.
    pub label: String,
    /// Its colour.
    pub part: Part,
    /// Its length, and the thin line over it.
    pub spread: Spread,
    /// What stands behind it.
    pub text: String,
}

/// Bars that have one scale.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// Its bars.
    pub bars: Vec<Bar>,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name.
    pub label: String,
    /// Its points, from left to right, all above zero.
    pub points: Vec<(f64, f64)>,
}

/// Curves on one pair of axes.
#[derive(Clone, Debug)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// Its curves.
    pub curves: Vec<Curve>,
}

const WIDTH: f64 = 760.0;
const LABELS: f64 = 130.0;
const BARS: f64 = 470.0;
const ROW: f64 = 24.0;

/// The colours of curves, light and dark, told apart also by people who see fewer of them (Okabe and Ito).
const COLOURS: [(&str, &str); 8] = [
    ("#0072b2", "#56b4e9"),
    ("#d55e00", "#e69f00"),
    ("#009e73", "#2fd6a4"),
    ("#aa4499", "#cc79a7"),
    ("#59636e", "#9198a1"),
    ("#8a6d00", "#f0e442"),
    ("#882255", "#e38fb0"),
    ("#332288", "#a39cf0"),
];

/// Panels of bars, one under the other.
pub fn bars(title: &str, panels: &[Panel]) -> String {
    let height: f64 = 44.0 + panels.iter().map(|panel| 36.0 + ROW * panel.bars.len() as f64).sum::<f64>() + 8.0;
    let mut svg = open(title, height);
    let mut y = 44.0;
    for panel in panels {
        text(&mut svg, "b", 16.0, y + 16.0, "start", &panel.title);
        y += 28.0;
        let most = panel.bars.iter().map(|bar| bar.spread.max).fold(f64::MIN_POSITIVE, f64::max);
        let x = |value: f64| LABELS + 16.0 + BARS * (value / most).clamp(0.0, 1.0);
        for bar in &panel.bars {
            let Spread { median, min, max } = bar.spread;
            let (middle, left) = (y + ROW / 2.0, x(0.0));
            text(&mut svg, "t", LABELS + 8.0, middle + 4.0, "end", &bar.label);
            let (class, width) = (part(bar.part), (x(median) - left).max(1.0));
            let _ = writeln!(
                svg,
                r#"<rect class="{class}" x="{left:.1}" y="{:.1}" width="{width:.1}" height="{:.1}" rx="2"/>"#,
                y + 4.0,
                ROW - 8.0
            );
            if max > min {
                let _ = writeln!(
                    svg,
                    r#"<path class="s" d="M{:.1} {middle:.1}H{:.1}M{:.1} {:.1}v6M{:.1} {:.1}v6"/>"#,
                    x(min),
                    x(max),
                    x(min),
                    middle - 3.0,
                    x(max),
                    middle - 3.0
                );
            }
            text(&mut svg, "f", x(max.max(median)) + 6.0, middle + 4.0, "start", &bar.text);
            y += ROW;
        }
        y += 8.0;
    }
    svg.push_str("</svg>\n");
    svg
}

fn part(part: Part) -> &'static str {
    match part {
        Part::Floor => "floor",
        Part::Ours => "ours",
        Part::Peer => "peer",
    }
}

/// Plots, one under the other, each with both axes logarithmic.
pub fn curves(title: &str, plots: &[Plot]) -> String {
    const TALL: f64 = 220.0;
    let rows = plots.iter().map(|plot| TALL + 70.0 + 18.0 * plot.curves.len().div_ceil(4) as f64);
    let mut svg = open(title, 44.0 + rows.sum::<f64>());
    let mut top = 44.0;
    for plot in plots {
        text(&mut svg, "b", 16.0, top + 16.0, "start", &plot.title);
        let points = || plot.curves.iter().flat_map(|curve| &curve.points).filter(|(x, y)| *x > 0.0 && *y > 0.0);
        let ends = |of: fn(&(f64, f64)) -> f64| {
            let (low, high) = points().map(of).fold((f64::MAX, f64::MIN_POSITIVE), |(l, h), v| (l.min(v), h.max(v)));
            let (low, high) = if low > high { (1.0, 10.0) } else { (low, high) };
            let (low, high) = (low.log10().floor(), high.log10().ceil());
            (low, if high > low { high } else { low + 1.0 })
        };
        let (xs, ys) = (ends(|point| point.0), ends(|point| point.1));
        let (left, bottom, wide) = (70.0, top + 32.0 + TALL, WIDTH - 70.0 - 24.0);
        let x = |value: f64| left + wide * (value.log10() - xs.0) / (xs.1 - xs.0);
        let y = |value: f64| bottom - TALL * (value.log10() - ys.0) / (ys.1 - ys.0);
        for power in xs.0 as i32..=xs.1 as i32 {
            let value = 10_f64.powi(power);
            let _ = writeln!(svg, r#"<path class="g" d="M{:.1} {:.1}V{bottom:.1}"/>"#, x(value), bottom - TALL);
            text(&mut svg, "f", x(value), bottom + 16.0, "middle", &number(value));
        }
        for power in ys.0 as i32..=ys.1 as i32 {
            let value = 10_f64.powi(power);
            let _ = writeln!(svg, r#"<path class="g" d="M{left:.1} {:.1}H{:.1}"/>"#, y(value), left + wide);
            text(&mut svg, "f", left - 6.0, y(value) + 4.0, "end", &number(value));
        }
        for (index, curve) in plot.curves.iter().enumerate() {
            let class = format!("c{}", index % COLOURS.len());
            let inside: Vec<&(f64, f64)> = curve.points.iter().filter(|(x, y)| *x > 0.0 && *y > 0.0).collect();
            let path: Vec<String> = inside.iter().map(|(px, py)| format!("{:.1} {:.1}", x(*px), y(*py))).collect();
            if path.len() > 1 {
                let _ = writeln!(svg, r#"<path class="l {class}" d="M{}"/>"#, path.join("L"));
            }
            for (px, py) in inside {
                let _ = writeln!(svg, r#"<circle class="p {class}" cx="{:.1}" cy="{:.1}" r="3"/>"#, x(*px), y(*py));
            }
            let (column, row) = ((index % 4) as f64, (index / 4) as f64);
            let (key, line) = (left + column * 165.0, bottom + 38.0 + row * 18.0);
            let _ = writeln!(svg, r#"<path class="l {class}" d="M{key:.1} {:.1}h18"/>"#, line - 4.0);
            text(&mut svg, "t", key + 24.0, line, "start", &curve.label);
        }
        top = bottom + 38.0 + 18.0 * plot.curves.len().div_ceil(4) as f64;
    }
    svg.push_str("</svg>\n");
    svg
}

fn open(title: &str, height: f64) -> String {
    let style = |ink: &str, faint: &str, line: &str, paper: &str, floor: &str, ours: &str, peer: &str| {
        format!(
            ".b,.t{{fill:{ink}}}.f{{fill:{faint}}}.g{{stroke:{line}}}.s{{stroke:{ink}}}.paper{{fill:{paper}}}\
             .floor{{fill:{floor}}}.ours{{fill:{ours}}}.peer{{fill:{peer}}}"
        )
    };
    let colours = |pick: fn(&(&'static str, &'static str)) -> &'static str| {
        COLOURS.iter().enumerate().fold(String::new(), |mut all, (index, pair)| {
            let _ = write!(all, ".l.c{index}{{stroke:{0}}}.p.c{index}{{fill:{0}}}", pick(pair));
            all
        })
    };
    let light =
        style("#1f2328", "#59636e", "#d1d9e0", "#ffffff", "#9aa4ae", "#0969da", "#bf8700") + &colours(|pair| pair.0);
    let dark =
        style("#f0f6fc", "#9198a1", "#3d444d", "#0d1117", "#656c76", "#4493f8", "#d29922") + &colours(|pair| pair.1);
    let title = escaped(title);
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" width="{WIDTH}" height="{height:.0}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>{title}</title>
<style>.b{{font-weight:600;font-size:13px}}.h{{font-weight:600;font-size:16px}}.g,.s,.l{{fill:none}}.l{{stroke-width:2}}
{light}.h{{fill:#1f2328}}
@media (prefers-color-scheme: dark){{{dark}.h{{fill:#f0f6fc}}}}</style>
<rect class="paper" width="{WIDTH}" height="{height:.0}"/>
<text class="h" x="16" y="28">{title}</text>
"#
    )
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, anchor: &str, words: &str) {
    let words = escaped(words);
    // Writing into a String cannot fail.
    let _ = writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{words}</text>"#);
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A number as people read it: three digits that matter, and commas in thousands.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    if let Some((whole, rest)) = text.split_once('.') {
        let rest = rest.trim_end_matches('0');
        return if rest.is_empty() { whole.into() } else { format!("{whole}.{rest}") };
    }
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_well_formed(svg: &str) -> usize {
        let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}\n{svg}"));
        assert_eq!(document.root_element().tag_name().name(), "svg");
        assert!(svg.contains("prefers-color-scheme: dark"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        document.descendants().filter(|node| node.is_element()).count()
    }

    #[test]
    fn bars_are_well_formed_whatever_is_in_them() {
        let bar = |label: &str, value: f64| Bar {
            label: label.into(),
            part: Part::Ours,
            spread: Spread { median: value, min: value / 2.0, max: value * 2.0 },
            text: "a \"b\" & <c>".into(),
        };
        let panel = Panel { title: "x < y & z".into(), bars: vec![bar("one", 1.0), bar("none", 0.0)] };
        let empty = Panel { title: "empty".into(), bars: Vec::new() };
        let one = is_well_formed(&bars("a title", std::slice::from_ref(&panel)));
        assert!(is_well_formed(&bars("a title", &[panel.clone(), empty, panel])) > one);
        is_well_formed(&bars("", &[]));
    }

    #[test]
    fn curves_are_well_formed_whatever_is_in_them() {
        let curve = |points: &[(f64, f64)]| Curve { label: "a & b".into(), points: points.to_vec() };
        let plot = |curves: Vec<Curve>| Plot { title: "p".into(), curves };
        let many =
            vec![curve(&[(10.0, 0.5), (1_000.0, 20.0)]), curve(&[(10.0, 0.0)]), curve(&[]), curve(&[(1.0, 1.0)])];
        is_well_formed(&curves("growth", &[plot(many), plot(Vec::new())]));
    }

    #[test]
    fn numbers_are_short() {
        let cases = [(0.0, "0"), (0.0123, "0.0123"), (1.0, "1"), (1.25, "1.25"), (12.34, "12.3"), (999.6, "1,000")];
        for (value, text) in cases.into_iter().chain([(1_234_567.0, "1,234,567"), (10.0, "10"), (0.5, "0.5")]) {
            assert_eq!(number(value), text);
        }
    }
}
