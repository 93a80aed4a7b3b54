//! ROC, precision-recall and calibration curves as one SVG file that needs nothing else.

use std::fmt::Write;

use super::Report;

const SIDE: f64 = 260.0;
const GAP: f64 = 70.0;
const TOP: f64 = 40.0;
const LEFT: f64 = 55.0;
const COLOURS: [&str; 8] =
    ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f"];

/// The plots of a report: at most eight labels, the first ones.
#[must_use]
pub fn plot(title: &str, report: &Report) -> String {
    let labels = &report.labels[..report.labels.len().min(COLOURS.len())];
    #[expect(clippy::cast_precision_loss, reason = "at most eight")]
    let height = TOP + SIDE + 60.0 + 16.0 * labels.len() as f64;
    let width = LEFT + 3.0 * SIDE + 2.0 * GAP + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escaped(title)
    );
    let panels = [
        ("ROC", "false-positive rate", "true-positive rate", true),
        ("Precision and recall", "recall", "precision", false),
        ("Calibration", "probability given", "share found", true),
    ];
    for (number, (title, x, y, diagonal)) in (0u8..).zip(panels) {
        let left = LEFT + f64::from(number) * (SIDE + GAP);
        frame(&mut svg, left, (title, x, y), diagonal);
        for (label, colour) in labels.iter().zip(COLOURS) {
            let points: Vec<(f64, f64)> = match number {
                0 => std::iter::once((0.0, 0.0))
                    .chain(label.curve.iter().map(|at| (at.false_positive_rate, at.recall)))
                    .collect(),
                1 => label.curve.iter().map(|at| (at.recall, at.precision)).collect(),
                _ => label.bins.iter().map(|bin| (bin.given, bin.found)).collect(),
            };
            line(&mut svg, left, &points, colour, number == 2);
        }
    }
    for (number, (label, colour)) in (0u8..).zip(labels.iter().zip(COLOURS)) {
        let y = TOP + SIDE + 55.0 + 16.0 * f64::from(number);
        let text = format!(
            "{}: ROC-AUC {:.3}, average precision {:.3}, calibration error {:.3}",
            label.label, label.roc_auc, label.average_precision, label.calibration_error.1
        );
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{}\" width=\"18\" height=\"3\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{y}\">{}</text>",
            y - 5.0,
            LEFT + 26.0,
            escaped(&text)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn frame(svg: &mut String, left: f64, (title, x, y): (&str, &str, &str), diagonal: bool) {
    let bottom = TOP + SIDE;
    let middle = left + SIDE / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-size=\"13\">{title}</text>\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{x}</text>\
         <text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{y}</text>",
        TOP - 14.0,
        bottom + 32.0,
        left - 34.0,
        TOP + SIDE / 2.0
    );
    for step in 0..=5u8 {
        let share = f64::from(step) / 5.0;
        let (across, up) = (left + share * SIDE, bottom - share * SIDE);
        let _ = writeln!(
            svg,
            "<path d=\"M{across} {TOP}V{bottom}M{left} {up}h{SIDE}\" stroke=\"#ddd\"/>\
             <text x=\"{across}\" y=\"{}\" text-anchor=\"middle\">{share}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{share}</text>",
            bottom + 15.0,
            left - 6.0,
            up + 4.0
        );
    }
    if diagonal {
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {bottom}L{} {TOP}\" stroke=\"#999\" stroke-dasharray=\"4 3\"/>",
            left + SIDE
        );
    }
}

fn line(svg: &mut String, left: f64, points: &[(f64, f64)], colour: &str, marks: bool) {
    let place = |&(x, y): &(f64, f64)| (left + x * SIDE, TOP + SIDE - y * SIDE);
    let mut path = String::new();
    for (number, point) in points.iter().enumerate() {
        let (x, y) = place(point);
        let _ = write!(path, "{}{x:.1} {y:.1}", if number == 0 { "M" } else { "L" });
        if marks {
            let _ = write!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
    }
    let _ = writeln!(
        svg,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
    );
}

/// Text in XML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
