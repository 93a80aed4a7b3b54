//! ROC, precision-recall and calibration curves as one SVG file that needs nothing else.

use super::Report;
use crate::report::svg::{Axis, COLOURS, Figure, Panel};

const SIDE: f64 = 260.0;
const GAP: f64 = 70.0;
const TOP: f64 = 40.0;
const LEFT: f64 = 55.0;

/// The plots of a report: at most eight labels, the first ones.
#[must_use]
pub fn plot(title: &str, report: &Report) -> String {
    let labels = &report.labels[..report.labels.len().min(COLOURS.len())];
    #[expect(clippy::cast_precision_loss, reason = "at most eight")]
    let height = TOP + SIDE + 60.0 + 16.0 * labels.len() as f64;
    let mut figure = Figure::new(title, LEFT + 3.0 * SIDE + 2.0 * GAP + 20.0, height);
    let panels = [
        ("ROC", "false-positive rate", "true-positive rate", true),
        ("Precision and recall", "recall", "precision", false),
        ("Calibration", "probability given", "share found", true),
    ];
    for (number, (title, x, y, diagonal)) in (0u8..).zip(panels) {
        let panel = Panel {
            title: title.to_owned(),
            left: LEFT + f64::from(number) * (SIDE + GAP),
            top: TOP,
            width: SIDE,
            height: SIDE,
            x: Axis::linear(x, 0.0, 1.0),
            y: Axis::linear(y, 0.0, 1.0),
        };
        figure.panel(&panel);
        if diagonal {
            figure.line(&panel, &[(0.0, 0.0), (1.0, 1.0)], "#999", "4 3");
        }
        for (label, colour) in labels.iter().zip(COLOURS) {
            let points: Vec<(f64, f64)> = match number {
                0 => std::iter::once((0.0, 0.0))
                    .chain(label.curve.iter().map(|at| (at.false_positive_rate, at.recall)))
                    .collect(),
                1 => label.curve.iter().map(|at| (at.recall, at.precision)).collect(),
                _ => label.bins.iter().map(|bin| (bin.given, bin.found)).collect(),
            };
            figure.line(&panel, &points, colour, "");
            if number == 2 {
                figure.dots(&panel, &points, colour, 3.0);
            }
        }
    }
    for (number, (label, colour)) in (0u8..).zip(labels.iter().zip(COLOURS)) {
        let text = format!(
            "{}: ROC-AUC {:.3}, average precision {:.3}, calibration error {:.3}",
            label.label, label.roc_auc, label.average_precision, label.calibration_error.1
        );
        figure.legend(LEFT, TOP + SIDE + 55.0 + 16.0 * f64::from(number), colour, &text);
    }
    figure.finish()
}
