//! What speaks for a line and against it: numbered features, each there or not.

use super::line::{End, Line};
use super::phrases::{RULES, Rule};

/// Classes of length, by words.
const LENGTHS: usize = 8;
const ENDS: usize = 5;

const LENGTH_END: usize = 0;
const PAUSES: usize = LENGTH_END + LENGTHS * ENDS;
const CASE: usize = PAUSES + 3;
const LITTLE: usize = CASE + 6;
const DIGITS: usize = LITTLE + 5;
const SEPARATORS: usize = DIGITS + 3;
const BULLET: usize = SEPARATORS + 3;
const ADDRESS: usize = BULLET + 1;
const CODE: usize = ADDRESS + 1;
const RULE: usize = CODE + 1;
const BEFORE: usize = RULE + RULES;
const BEHIND: usize = BEFORE + NEIGHBOURS;
const BEFORE_FAR: usize = BEHIND + NEIGHBOURS;
const BEHIND_FAR: usize = BEFORE_FAR + LENGTHS;
const NEIGHBOUR_RULE: usize = BEHIND_FAR + LENGTHS;
const RULES_AROUND: usize = NEIGHBOUR_RULE + 4;
const GOOD_BEFORE: usize = RULES_AROUND + 4;
const GOOD_BEHIND: usize = GOOD_BEFORE + DISTANCES;
const RUN: usize = GOOD_BEHIND + DISTANCES;
const GOOD_AROUND: usize = RUN + 6;
const PAGE_GOOD: usize = GOOD_AROUND + 5;
const PAGE_RULES: usize = PAGE_GOOD + 6;
/// How many features there are.
pub(super) const FEATURES: usize = PAGE_RULES + 6;

const NEIGHBOURS: usize = LENGTHS * 2 + 1;
const DISTANCES: usize = 7;

fn length(words: u32) -> usize {
    match words {
        0..=1 => 0,
        2..=3 => 1,
        4..=6 => 2,
        7..=10 => 3,
        11..=16 => 4,
        17..=30 => 5,
        31..=60 => 6,
        _ => 7,
    }
}

/// Whether a line is a sentence or more.
fn is_good(line: &Line) -> bool {
    line.rule.is_none() && (line.end == End::Stop && line.words >= 10 || line.words >= 30)
}

fn is_short(line: &Line) -> bool {
    line.words <= 8 && line.end != End::Stop
}

fn distance(lines: Option<usize>) -> usize {
    match lines {
        None => 6,
        Some(0 | 1) => 0,
        Some(2) => 1,
        Some(3) => 2,
        Some(4..=6) => 3,
        Some(7..=12) => 4,
        Some(_) => 5,
    }
}

fn share(part: usize, all: usize) -> usize {
    match part * 100 / all.max(1) {
        0..=1 => 0,
        2..=4 => 1,
        5..=9 => 2,
        10..=19 => 3,
        20..=39 => 4,
        _ => 5,
    }
}

/// What is known of a line from the lines around it.
#[derive(Debug, Clone, Copy, Default)]
struct Around {
    good_before: Option<usize>,
    good_behind: Option<usize>,
    /// Length of the run of short lines that it is in.
    run: usize,
    /// Good lines up to here.
    good: usize,
    /// Lines with a rule up to here.
    ruled: usize,
}

/// The buffers.
#[derive(Default)]
pub(super) struct Context {
    around: Vec<Around>,
}

impl Context {
    /// Looks at all lines of a document.
    pub(super) fn fill(&mut self, lines: &[Line]) {
        self.around.clear();
        let (mut last, mut good, mut ruled, mut run) = (None, 0, 0, 0);
        for (at, line) in lines.iter().enumerate() {
            good += usize::from(is_good(line));
            ruled += usize::from(line.rule.is_some());
            run = if is_short(line) { run + 1 } else { 0 };
            let good_before = last.map(|last| at - last);
            self.around.push(Around { good_before, good_behind: None, run, good, ruled });
            if is_good(line) {
                last = Some(at);
            }
        }
        let (mut next, mut run) = (None, 0);
        for (at, line) in lines.iter().enumerate().rev() {
            let around = &mut self.around[at];
            around.good_behind = next.map(|next: usize| next - at);
            run = if is_short(line) { run.max(around.run) } else { 0 };
            around.run = run;
            if is_good(line) {
                next = Some(at);
            }
        }
    }

    /// Calls `feature` with each feature of the line `at`.
    pub(super) fn features(&self, lines: &[Line], at: usize, mut feature: impl FnMut(usize)) {
        let line = &lines[at];
        let around = &self.around[at];
        feature(LENGTH_END + length(line.words) * ENDS + line.end as usize);
        feature(PAUSES + line.pauses.min(2) as usize);
        case(line, &mut feature);
        let letters = line.letters + line.digits;
        if line.digits > 0 {
            feature(DIGITS + usize::from(line.digits * 3 >= letters));
        }
        if line.letters == 0 {
            feature(DIGITS + 2);
        }
        feature(SEPARATORS + line.separators.min(2) as usize);
        for (index, there) in [(BULLET, line.bullet), (ADDRESS, line.address), (CODE, line.code)] {
            if there {
                feature(index);
            }
        }
        if let Some(rule) = line.rule {
            feature(RULE + rule as usize);
        }
        let neighbour = |at: Option<usize>| at.and_then(|at| lines.get(at));
        let kind = |line: Option<&Line>| {
            line.map_or(NEIGHBOURS - 1, |line| {
                length(line.words) * 2 + usize::from(line.end == End::Stop)
            })
        };
        feature(BEFORE + kind(neighbour(at.checked_sub(1))));
        feature(BEHIND + kind(neighbour(Some(at + 1))));
        let longest = |lines: &[Line]| lines.iter().map(|line| length(line.words)).max();
        feature(BEFORE_FAR + longest(&lines[at.saturating_sub(3)..at]).unwrap_or(0));
        feature(BEHIND_FAR + longest(&lines[at + 1..lines.len().min(at + 4)]).unwrap_or(0));
        let places = [at.checked_sub(1), Some(at + 1), at.checked_sub(2), Some(at + 2)];
        for (index, place) in places.into_iter().enumerate() {
            if neighbour(place).is_some_and(|line| line.rule.is_some()) {
                feature(NEIGHBOUR_RULE + index);
            }
        }
        let last = (at + 5).min(lines.len() - 1);
        let upto = |at: Option<usize>| {
            at.map_or((0, 0), |at| {
                let Around { good, ruled, .. } = self.around[at];
                (good, ruled)
            })
        };
        let (good, ruled) = upto(Some(last));
        let (good_before, ruled_before) = upto(at.checked_sub(6));
        feature(RULES_AROUND + (ruled - ruled_before).min(3));
        feature(GOOD_AROUND + (good - good_before).min(4));
        feature(GOOD_BEFORE + distance(around.good_before));
        feature(GOOD_BEHIND + distance(around.good_behind));
        // What kind of page it is: few sentences, much furniture.
        let (good, ruled) = upto(lines.len().checked_sub(1));
        feature(PAGE_GOOD + share(good, lines.len()));
        feature(PAGE_RULES + share(ruled, lines.len()));
        feature(
            RUN + match around.run {
                0 => 0,
                1 => 1,
                2 => 2,
                3..=4 => 3,
                5..=9 => 4,
                _ => 5,
            },
        );
    }
}

fn case(line: &Line, feature: &mut impl FnMut(usize)) {
    if line.lower_start {
        feature(CASE);
    }
    if line.cased == 0 {
        feature(CASE + 1);
        feature(LITTLE + 4);
        return;
    }
    if line.shouted * 2 > line.cased {
        feature(CASE + 2);
    } else if line.capital == line.cased {
        feature(CASE + 3);
    } else if line.capital * 5 >= line.cased * 3 {
        feature(CASE + 4);
    } else {
        feature(CASE + 5);
    }
    if line.cased >= 4 {
        feature(LITTLE + (line.little * 8 / line.cased).min(3) as usize);
    }
}

/// Rules whose lines show that a text is of a page: phrases that are of nothing else.
pub(super) fn is_evidence(rule: Rule) -> bool {
    !matches!(rule, Rule::Teaser | Rule::Byline | Rule::Pagination | Rule::Repeated | Rule::Links)
}
