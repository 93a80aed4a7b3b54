//! `boilerplate-lines`: takes page furniture out of text that has lost its markup.

mod features;
mod line;
mod phrases;
mod sequence;
#[cfg(test)]
mod tests;
mod weights;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::line::{Line, Phrases};
use self::phrases::{RULES, Rule};
use self::sequence::{Sequence, UNIT};
use super::c4_quality::Walk;
use super::lines::{Lines, check_ratio};
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::text::{Span, Word, WordKind};

/// Takes menus, teasers, share buttons, cookie notices and footers out of text that has lost its
/// markup, such as WET files or scraped JSONL.
///
/// For text with a line for each block of the page, as WET files have. In this order:
///
/// 1. Each line is looked at by itself: its length in words, how it ends, commas within, capitals,
///    digits, separators, and whether one of these rules knows it: `cookies`, `footer` (copyright,
///    terms, contact), `share`, `teaser` (`Read more`, a cut sentence), `related` (headings of lists of
///    other pages, advertisements), `navigation`, `comments` (forms, not comments themselves),
///    `pagination`, `languages` (menus of them), `links` (`Home > News`), `byline` (dates and authors)
///    and `repeated` (a line of three words or more again). Phrases are English and Chinese; all else
///    holds for any language.
/// 2. A text is a page when at least `min_furniture_lines` lines, and `min_furniture_share` of all, have
///    a phrase of these rules (of `teaser`, `pagination`, `links`, `byline` and `repeated` none counts,
///    and no line counts again). Others are left alone, and so is a text of which more than a quarter
///    is program code: poems, plays, tables and novels have short lines that are all they are.
/// 3. In pages each line gets a score from what was seen of it and of the lines around it: short lines
///    in a row speak against each other, sentences near a line speak for it. Scores are a logarithm
///    of odds, learnt from pages of which the main text is known
///    ([the set of scrapinghub](https://github.com/scrapinghub/article-extraction-benchmark)). Then
///    that sequence of lines is kept that has the greatest sum of scores, `smoothing` paid for each
///    change between kept and taken out, so that a short line among good ones stays, as does a heading
///    in front of them ([Kohlschütter et al. 2010](https://doi.org/10.1145/1718487.1718542) and
///    [jusText](https://corpus.tools/wiki/Justext) look at neighbours, too).
///
/// Blank lines go with the line behind them. A line taken out counts for its rule, or for `context`
/// where it has none. A document is dropped when less is left than `min_chars_left`, or when more is
/// gone than `max_removed_share`; a value equal to a threshold passes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BoilerplateLines {
    /// Least number of lines with a phrase that make a page.
    pub min_furniture_lines: u64,
    /// Least share of such lines among all that make a page.
    pub min_furniture_share: f64,
    /// Least score of a line by itself, a logarithm of odds: greater takes out more, less keeps more.
    pub min_line_score: f64,
    /// What a change between kept and taken out costs, in the same measure; 0 decides each line by
    /// itself.
    pub smoothing: f64,
    /// Drops documents with fewer characters left (without white space at the ends of lines); the
    /// default drops those of which nothing is.
    pub min_chars_left: u64,
    /// Drops documents with a greater share of their characters gone; 1 turns it off.
    pub max_removed_share: f64,
}

impl Default for BoilerplateLines {
    fn default() -> Self {
        Self {
            min_furniture_lines: 3,
            min_furniture_share: 0.02,
            min_line_score: -0.75,
            smoothing: 0.75,
            min_chars_left: 1,
            max_removed_share: 1.0,
        }
    }
}

const NOTHING_LEFT: Reason = Reason::new("too-little-left");
const MUCH_REMOVED: Reason = Reason::new("too-much-removed");

const fn count(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

/// Signals before those of the rules.
const FIRST_RULE: usize = 5;

impl Settings for BoilerplateLines {
    const NAME: &'static str = "boilerplate-lines";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        count("lines", "lines that are not blank"),
        count("furniture_lines", "lines with a phrase that shows a page"),
        count("removed_lines", "lines taken out"),
        Signal {
            name: "removed_share",
            kind: SignalType::Float,
            about: "share of the characters in lines taken out; 0 for a text without lines",
        },
        count("chars_left", "characters in lines kept"),
        count("cookies", "lines taken out as notices of cookies"),
        count("footer", "lines taken out as copyright, terms, contact"),
        count("share", "lines taken out as buttons to share and subscribe"),
        count("teaser", "lines taken out as teasers"),
        count("related", "lines taken out as headings of other pages and advertisements"),
        count("navigation", "lines taken out as menus"),
        count("comments", "lines taken out as forms for comments"),
        count("pagination", "lines taken out as page numbers and the like"),
        count("languages", "lines taken out as menus of languages"),
        count("links", "lines taken out as paths or rows of links"),
        count("byline", "lines taken out as dates and authors"),
        count("repeated", "lines taken out as repeated"),
        count("context", "lines taken out for what they and the lines around them look like"),
    ];
    const REASONS: &'static [Reason] = &[NOTHING_LEFT, MUCH_REMOVED];
    const EDITS: bool = true;
    const COST: u32 = 40_000;
    const THRESHOLDS: &'static [&'static str] = &["min_chars_left", "max_removed_share"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let left = u64::try_from(signals.int("chars_left")?).unwrap_or(0);
        let (lines, share) = (signals.int("lines")?, signals.number("removed_share")?);
        Some(self.decide(lines > 0, left, share))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        check_ratio("max_removed_share", self.max_removed_share)?;
        let share = self.min_furniture_share;
        if !(0.0..=1.0).contains(&share) {
            let reason = format!("{share} is no share; give 0 to 1, where 0 asks for none");
            return Err(OpError::Setting { key: "min_furniture_share", reason });
        }
        for (key, value) in [("min_line_score", self.min_line_score), ("smoothing", self.smoothing)]
        {
            let least = if key == "smoothing" { 0.0 } else { -100.0 };
            if !(least..=100.0).contains(&value) {
                let reason = format!("{value} is out of range; give {least} to 100");
                return Err(OpError::Setting { key, reason });
            }
        }
        let phrases = Phrases::new().map_err(|error| OpError::Setting {
            key: "min_furniture_lines",
            reason: error.to_string(),
        })?;
        Ok(Op::Document(Box::new(Remover { settings: self.clone(), phrases })))
    }
}

impl BoilerplateLines {
    fn decide(&self, lines: bool, left: u64, share: f64) -> Decision {
        if !lines {
            Decision::Keep
        } else if left < self.min_chars_left {
            Decision::Drop(NOTHING_LEFT)
        } else if share > self.max_removed_share {
            Decision::Drop(MUCH_REMOVED)
        } else {
            Decision::Keep
        }
    }

    /// Whether a text is a page, by its lines: all, those that show it, those of code.
    fn is_page(&self, lines: usize, evidence: usize, code: usize) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "counts of lines are far below 2^52")]
        let share = evidence as f64 / lines.max(1) as f64;
        evidence as u64 >= self.min_furniture_lines
            && share >= self.min_furniture_share
            && code * 4 <= lines
    }
}

struct Remover {
    settings: BoilerplateLines,
    phrases: Phrases,
}

/// The buffers of one batch.
#[derive(Default)]
struct Scratch {
    /// All lines, blank ones too.
    spans: Vec<Span>,
    /// Lines that are not blank, and their places among all.
    lines: Vec<Line>,
    places: Vec<usize>,
    hashes: Vec<(u64, usize)>,
    sequence: Sequence,
    text: Lines,
}

impl DocumentOp for Remover {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let text = document.text;
        let words = document.analysis.words(text, WordKind::Unicode);
        scratch.look(text, words, &self.phrases);
        let Scratch { spans, lines, places, sequence, text: new, .. } = scratch;
        let shows = |line: &&Line| !line.again && line.rule.is_some_and(features::is_evidence);
        let evidence = lines.iter().filter(shows).count();
        let code = lines.iter().filter(|line| line.code).count();
        sequence.keep.clear();
        sequence.keep.resize(lines.len(), true);
        if self.settings.is_page(lines.len(), evidence, code) {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be 100 at most")]
            let points = |odds: f64| (odds * UNIT).round() as i64;
            let settings = &self.settings;
            sequence.decide(lines, points(settings.min_line_score), points(settings.smoothing));
        }
        let (mut counts, mut removed) = ([0; RULES + 1], 0);
        let (mut chars, mut left) = (0_usize, 0_usize);
        for (line, keep) in lines.iter().zip(&sequence.keep) {
            let length = line.span.of(text).chars().count();
            chars += length;
            if *keep {
                left += length;
            } else {
                removed += 1;
                counts[line.rule.map_or(RULES, |rule| rule as usize)] += 1;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^52")]
        let share = (chars - left) as f64 / chars.max(1) as f64;
        row.count(0, lines.len());
        row.count(1, evidence);
        row.count(2, removed);
        row.float(3, share);
        row.count(4, left);
        for (index, count) in counts.into_iter().enumerate() {
            row.count(FIRST_RULE + index, count);
        }
        let decision = self.settings.decide(!lines.is_empty(), left as u64, share);
        if decision == Decision::Keep && removed > 0 {
            keep_lines(spans, places, &sequence.keep, new);
            new.finish(text, row);
        }
        decision
    }
}

impl Scratch {
    /// Fills the tables of lines.
    fn look(&mut self, text: &str, words: &[Word], phrases: &Phrases) {
        let Self { spans, lines, places, hashes, .. } = self;
        spans.clear();
        lines.clear();
        places.clear();
        hashes.clear();
        let mut walk = Walk { words };
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
            let span = Span::new(start, end);
            start = end + 1;
            if let Some(line) = line::look(text, span, walk.within(span), phrases) {
                places.push(spans.len());
                hashes.push((line.hash, lines.len()));
                lines.push(line);
            }
            spans.push(span);
        }
        hashes.sort_unstable();
        for pair in hashes.windows(2) {
            if pair[0].0 == pair[1].0 {
                let line = &mut lines[pair[1].1];
                line.again = true;
                if line.rule.is_none() && line.words >= 3 && !line.code {
                    line.rule = Some(Rule::Repeated);
                }
            }
        }
    }
}

/// Leaves in `new` the lines kept, each with the blank lines in front of it.
fn keep_lines(spans: &[Span], places: &[usize], keep: &[bool], new: &mut Lines) {
    new.clear();
    let (mut next, mut any) = (0, false);
    for (place, keep) in places.iter().zip(keep) {
        if *keep {
            // In front of the first line kept they part nothing.
            let from = if any { next } else { *place };
            spans[from..=*place].iter().for_each(|span| new.keep(*span));
            any = true;
        }
        next = place + 1;
    }
}
