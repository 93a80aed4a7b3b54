//! Pictures of curves as SVG: panels with axes, lines, bands, dots, a legend.

use std::fmt::Write;

/// Colours that are told apart, in the order in which they are taken.
pub const COLOURS: [&str; 8] =
    ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f"];

/// The colour of number `index`.
#[must_use]
pub fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What stands beside it.
    pub label: String,
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    /// An axis from `low` to `high`.
    #[must_use]
    pub fn linear(label: &str, low: f64, high: f64) -> Self {
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
        Self { label: label.to_owned(), low, high, log: false }
    }

    /// A logarithmic axis from `low` to `high`, which are positive.
    #[must_use]
    pub fn log(label: &str, low: f64, high: f64) -> Self {
        let (low, high) = if low < high { (low, high) } else { (low / 2.0, low * 2.0) };
        Self { label: label.to_owned(), low, high, log: true }
    }

    /// An axis over `values` with a little room around them.
    #[must_use]
    pub fn over(label: &str, values: impl Iterator<Item = f64>, log: bool) -> Self {
        let values = values.filter(|value| value.is_finite() && (!log || *value > 0.0));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if low > high {
            return Self::linear(label, 0.0, 1.0);
        }
        if log {
            let room = libm::pow(high / low, 0.05).max(1.02);
            return Self::log(label, low / room, high * room);
        }
        let room = (high - low) * 0.06;
        Self::linear(label, low - room, high + room)
    }

    /// Where a value lies, 0 at the low end and 1 at the high one.
    fn share(&self, value: f64) -> f64 {
        if self.log {
            libm::log(value / self.low) / libm::log(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// `count` values from the low end to the high one.
    pub fn steps(&self, count: u32) -> impl Iterator<Item = f64> + '_ {
        (0..count).map(move |index| {
            let share = f64::from(index) / f64::from(count.max(2) - 1);
            if self.log {
                self.low * libm::pow(self.high / self.low, share)
            } else {
                self.low + share * (self.high - self.low)
            }
        })
    }

    fn ticks(&self) -> Vec<f64> {
        let mut ticks = Vec::new();
        if self.log {
            let decades = libm::log10(self.high / self.low);
            let every = libm::ceil(decades / 7.0).max(1.0);
            let within: &[f64] = if decades < 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let mut power = libm::floor(libm::log10(self.low));
            while power <= libm::log10(self.high) && ticks.len() < 40 {
                ticks.extend(within.iter().map(|digit| digit * libm::pow(10.0, power)));
                power += every;
            }
        } else {
            let rough = (self.high - self.low) / 5.0;
            let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
            let digit =
                [1.0, 2.0, 5.0, 10.0].into_iter().find(|digit| digit * power >= rough * 0.999);
            let step = digit.unwrap_or(10.0) * power;
            let mut index = libm::ceil(self.low / step - 1e-9);
            while index * step <= self.high + step * 1e-9 && ticks.len() < 40 {
                ticks.push(index * step);
                index += 1.0;
            }
        }
        let room = 1e-9;
        ticks.retain(|tick| (-room..=1.0 + room).contains(&self.share(*tick)));
        ticks
    }
}

/// A rectangle with axes, in the units of its figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// Its left edge.
    pub left: f64,
    /// Its upper edge.
    pub top: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
}

impl Panel {
    fn across(&self, x: f64) -> f64 {
        self.left + self.x.share(x) * self.width
    }

    fn up(&self, y: f64) -> f64 {
        // What lies above or below is drawn along the edge.
        self.top + (1.0 - self.y.share(y).clamp(0.0, 1.0)) * self.height
    }

    fn shows(&self, (x, y): &(f64, f64)) -> bool {
        y.is_finite() && (-1e-6..=1.0 + 1e-6).contains(&self.x.share(*x))
    }
}

/// A picture in the making.
pub struct Figure {
    width: f64,
    height: f64,
    svg: String,
}

impl Figure {
    /// An empty picture.
    #[must_use]
    pub fn new(title: &str, width: f64, height: f64) -> Self {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
            escaped(title)
        );
        Self { width, height, svg }
    }

    /// Its width and height.
    #[must_use]
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.svg.write_fmt(text);
        self.svg.push('\n');
    }

    /// Draws the axes of a panel.
    pub fn panel(&mut self, panel: &Panel) {
        let Panel { left, top, width, height, .. } = *panel;
        let (bottom, middle) = (top + height, left + width / 2.0);
        self.write(format_args!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-size=\"13\">{}</text>\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            top - 14.0,
            escaped(&panel.title),
            bottom + 32.0,
            escaped(&panel.x.label),
            left - 40.0,
            top + height / 2.0,
            escaped(&panel.y.label)
        ));
        for tick in panel.x.ticks() {
            let at = panel.across(tick);
            self.write(format_args!(
                "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#ddd\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 15.0,
                short(tick)
            ));
        }
        for tick in panel.y.ticks() {
            let at = panel.up(tick);
            self.write(format_args!(
                "<path d=\"M{left} {at:.1}h{width}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                at + 4.0,
                short(tick)
            ));
        }
        self.write(format_args!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" \
             stroke=\"#999\"/>"
        ));
    }

    /// Draws a line through points; `dash` is empty or an SVG pattern such as `4 3`.
    pub fn line(&mut self, panel: &Panel, points: &[(f64, f64)], colour: &str, dash: &str) {
        let path = path(panel, points.iter());
        if !path.is_empty() {
            self.write(format_args!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"\
                 {}{dash}{}/>",
                if dash.is_empty() { "" } else { " stroke-dasharray=\"" },
                if dash.is_empty() { "" } else { "\"" }
            ));
        }
    }

    /// Fills what lies between two lines.
    pub fn band(&mut self, panel: &Panel, low: &[(f64, f64)], high: &[(f64, f64)], colour: &str) {
        let path = path(panel, low.iter().chain(high.iter().rev()));
        if !path.is_empty() {
            self.write(format_args!(
                "<path d=\"{path}Z\" fill=\"{colour}\" fill-opacity=\"0.15\"/>"
            ));
        }
    }

    /// Draws a dot at each point.
    pub fn dots(&mut self, panel: &Panel, points: &[(f64, f64)], colour: &str, radius: f64) {
        for point in points.iter().filter(|point| panel.shows(point)) {
            let (x, y) = (panel.across(point.0), panel.up(point.1));
            self.write(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>"
            ));
        }
    }

    /// Writes text with its start at a point of the figure.
    pub fn text(&mut self, x: f64, y: f64, text: &str) {
        self.write(format_args!("<text x=\"{x}\" y=\"{y}\">{}</text>", escaped(text)));
    }

    /// Writes text behind a piece of a line in its colour.
    pub fn legend(&mut self, x: f64, y: f64, colour: &str, text: &str) {
        self.write(format_args!(
            "<rect x=\"{x}\" y=\"{}\" width=\"18\" height=\"3\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{y}\">{}</text>",
            y - 5.0,
            x + 26.0,
            escaped(text)
        ));
    }

    /// The finished file.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

fn path<'a>(panel: &Panel, points: impl Iterator<Item = &'a (f64, f64)>) -> String {
    let mut path = String::new();
    for point in points.filter(|point| panel.shows(point)) {
        let (x, y) = (panel.across(point.0), panel.up(point.1));
        let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { "M" } else { "L" });
    }
    path
}

/// A number as it stands at an axis: `0.25`, `3.5`, `1e9`, `5.76e23`.
#[must_use]
pub fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e5).contains(&value.abs()) {
        let text = format!("{value:.2e}");
        let Some((digits, power)) = text.split_once('e') else { return text };
        return format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text in XML or HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(Axis::linear("", 0.0, 1.0).ticks().len(), 6);
        let ticks = Axis::linear("", 2.03, 2.41).ticks();
        let shown: Vec<String> = ticks.iter().map(|tick| short(*tick)).collect();
        assert_eq!(shown, ["2.1", "2.2", "2.3", "2.4"]);
        let shown: Vec<String> =
            Axis::log("", 3e8, 2e12).ticks().iter().map(|tick| short(*tick)).collect();
        assert_eq!(shown, ["1e9", "1e10", "1e11", "1e12"]);
        let shown: Vec<String> =
            Axis::log("", 90.0, 600.0).ticks().iter().map(|tick| short(*tick)).collect();
        assert_eq!(shown, ["100", "200", "500"]);
        assert!(Axis::over("", [f64::NAN].into_iter(), true).ticks().len() > 1);
    }

    #[test]
    fn a_picture_has_what_was_drawn_and_no_markup_from_texts() {
        let x = Axis::log("N & D", 1.0, 100.0);
        let y = Axis::linear("<loss>", 0.0, 4.0);
        let steps: Vec<f64> = x.steps(3).collect();
        assert!((steps[1] - 10.0).abs() < 1e-9);
        let panel =
            Panel { title: "t".into(), left: 50.0, top: 30.0, width: 100.0, height: 80.0, x, y };
        let mut figure = Figure::new("a \"b\"", 200.0, 150.0);
        figure.panel(&panel);
        figure.line(
            &panel,
            &[(1.0, 0.0), (10.0, f64::NAN), (100.0, 9.0), (1e5, 1.0)],
            "#000",
            "4 3",
        );
        figure.dots(&panel, &[(10.0, 2.0), (0.1, 1.0)], "#000", 3.0);
        figure.band(&panel, &[(1.0, 1.0)], &[(1.0, 2.0)], "#000");
        let svg = figure.finish();
        assert!(svg.contains("d=\"M50.0 110.0L150.0 30.0\"") && svg.contains("dasharray=\"4 3\""));
        assert_eq!(svg.matches("<circle cx=\"100.0\" cy=\"70.0\"").count(), 1);
        assert!(svg.contains("N &amp; D") && svg.contains("&lt;loss&gt;") && !svg.contains("NaN"));
    }
}
