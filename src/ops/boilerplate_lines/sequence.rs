//! Which lines stay: a score for each by itself, and the best sequence of them.

use super::features::{Context, is_evidence};
use super::line::Line;
use super::phrases::Rule;
use super::weights::{BASE, WEIGHTS};

/// Points of a score that are 1 in the logarithm of odds.
pub(super) const UNIT: f64 = 16.0;

/// What a rule whose phrases are of nothing but furniture adds to what its weight says: its lines are
/// in the company of good ones more than others, and should not stay for it.
const KNOWN: i64 = 32;

/// The buffers.
#[derive(Default)]
pub(super) struct Sequence {
    context: Context,
    /// For each line, whether the best way to its being kept, and to its being taken out, comes from
    /// a line taken out.
    back: Vec<(bool, bool)>,
    /// Whether each line stays.
    pub(super) keep: Vec<bool>,
}

impl Sequence {
    /// Decides about all lines: the sequence with the greatest sum of the scores of the lines kept,
    /// less `smoothing` for each change between kept and taken out (Viterbi). A tie keeps.
    pub(super) fn decide(&mut self, lines: &[Line], least: i64, smoothing: i64) {
        self.context.fill(lines);
        self.back.clear();
        let (mut kept, mut out) = (0_i64, 0_i64);
        for at in 0..lines.len() {
            let mut score = i64::from(BASE) - least;
            if lines[at].rule.is_some_and(|rule| rule == Rule::Links || is_evidence(rule)) {
                score -= KNOWN;
            }
            self.context.features(lines, at, |feature| score += i64::from(WEIGHTS[feature]));
            let kept_from_out = out - smoothing > kept;
            let out_from_out = out >= kept - smoothing;
            let next_kept = if kept_from_out { out - smoothing } else { kept } + score;
            let next_out = if out_from_out { out } else { kept - smoothing };
            self.back.push((kept_from_out, out_from_out));
            (kept, out) = (next_kept, next_out);
        }
        self.keep.clear();
        self.keep.resize(lines.len(), true);
        let mut is_out = out > kept;
        for (keep, (kept_from_out, out_from_out)) in self.keep.iter_mut().zip(&self.back).rev() {
            *keep = !is_out;
            is_out = if is_out { *out_from_out } else { *kept_from_out };
        }
    }
}
