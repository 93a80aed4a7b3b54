//! `normalize`: Unicode normal form, white space, invisible characters.

mod controls;
#[cfg(test)]
mod tests;

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines::Lines;
use super::{BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings};
use crate::document::{Reason, Signal, SignalType};
use crate::text::Span;

/// Brings texts to one form: Unicode composition, white space, no invisible characters.
///
/// Three steps, in this order: `control_characters`, `form`, `white_space`. A text that is in form
/// already is passed on without a copy, and the op changes nothing when run again. Never drops.
///
/// * `control_characters` removes C0 and C1 controls (NUL among them) other than tab and line feed,
///   the soft hyphen, the byte order mark, the word joiner and its invisible kin (U+2060 to U+2064)
///   and zero-width spaces. Line ends of other kinds (`\r\n`, `\r`, U+000B, U+000C, U+0085, U+2028,
///   U+2029) become a line feed, U+001C to U+001F a space. Kept are the joiners U+200C and U+200D
///   behind a letter or mark of scripts that write with them (Arabic, Syriac, Indic and South-East
///   Asian ones, Mongolian), U+200D between emoji, and the zero-width space between letters of
///   South-East Asian scripts, where it parts words. Marks of direction and variation selectors stay.
/// * `form`: see <https://www.unicode.org/reports/tr15/>. `nfkc` also folds full-width letters,
///   ligatures, superscripts and the like, which loses something (`x²` becomes `x2`).
/// * `white_space` makes of each run of spaces, tabs and other white space within a line one space
///   (one ideographic space, where the run has no other kind), takes white space off the ends of
///   lines and of the text, and leaves at most one blank line in a row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Normalize {
    /// Unicode normal form.
    pub form: Form,
    /// Squeezes white space.
    pub white_space: bool,
    /// Keeps white space at the start of lines, which means something in code and in lists.
    pub indentation: bool,
    /// Removes control characters and invisible ones.
    pub control_characters: bool,
}

/// A Unicode normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    /// Canonical composition: letter and accent become one character.
    #[default]
    Nfc,
    /// Compatibility composition.
    Nfkc,
    /// As it stands.
    None,
}

impl Default for Normalize {
    fn default() -> Self {
        Self {
            form: Form::default(),
            white_space: true,
            indentation: true,
            control_characters: true,
        }
    }
}

const fn count(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

impl Settings for Normalize {
    const NAME: &'static str = "normalize";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        count("control_characters", "characters removed or replaced in the first step"),
        count("form_changed", "1 where the text was not in the normal form"),
        count("lines_changed", "lines squeezed or taken out in the last step"),
    ];
    const REASONS: &'static [Reason] = &[];
    const EDITS: bool = true;
    const COST: u32 = 1_500;

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        if self.form == Form::None && !self.white_space && !self.control_characters {
            let reason = "all is off; turn something on or leave the stage out".to_owned();
            return Err(OpError::Setting { key: "form", reason });
        }
        let normalizer = match self.form {
            Form::Nfc => Some(ComposingNormalizer::new_nfc()),
            Form::Nfkc => Some(ComposingNormalizer::new_nfkc()),
            Form::None => None,
        };
        Ok(Op::Document(Box::new(Normalizer { settings: self.clone(), normalizer })))
    }
}

struct Normalizer {
    settings: Normalize,
    normalizer: Option<ComposingNormalizerBorrowed<'static>>,
}

/// The buffers of one batch.
#[derive(Default)]
struct Scratch {
    visible: String,
    composed: String,
    line: String,
    lines: Lines,
}

impl DocumentOp for Normalizer {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let Scratch { visible, composed, line, lines } = scratch;
        let mut text = document.text;
        let mut changed = false;
        if self.settings.control_characters {
            let removed = controls::remove(text, visible);
            row.count(0, removed);
            if removed > 0 {
                (text, changed) = (visible, true);
            }
        }
        if let Some(normalizer) = &self.normalizer {
            let (head, tail) = normalizer.split_normalized(text);
            row.count(1, usize::from(!tail.is_empty()));
            if !tail.is_empty() {
                composed.clear();
                composed.push_str(head);
                // Writing to a string cannot fail.
                let _ = normalizer.normalize_to(tail, composed);
                (text, changed) = (composed, true);
            }
        }
        if self.settings.white_space {
            let squeezed = squeeze(text, self.settings.indentation, line, lines);
            row.count(2, squeezed);
            if !changed {
                lines.finish(text, row);
            } else if lines.are(text) {
                row.push_text(text);
            } else {
                lines.finish(text, row);
            }
        } else if changed {
            row.begin_text();
            row.push_text(text);
        }
        Decision::Keep
    }
}

/// Makes the lines of `text` with white space squeezed; says how many changed or went.
fn squeeze(text: &str, indentation: bool, buffer: &mut String, lines: &mut Lines) -> usize {
    lines.clear();
    let (mut changed, mut seen, mut kept) = (0, 0, 0);
    let mut blank: Option<Span> = None;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]) {
        let whole = &text[start..end];
        let line_start = start;
        start = end + 1;
        seen += 1;
        let trimmed = whole.trim_end();
        let body = trimmed.trim_start();
        if body.is_empty() {
            blank = Some(Span::new(line_start, end));
            continue;
        }
        // Blank lines wait for text on both sides; the last of them stays.
        if let Some(Span { start, end }) = blank.take()
            && kept > 0
        {
            changed += usize::from(start < end);
            kept += 1;
            lines.keep(Span { start, end: start });
        }
        kept += 1;
        let indent = trimmed.len() - body.len();
        let from = if indentation { 0 } else { indent };
        if is_squeezed(body) {
            changed += usize::from(trimmed.len() < whole.len() || from > 0);
            lines.keep(Span::new(line_start + from, line_start + trimmed.len()));
        } else {
            changed += 1;
            buffer.clear();
            buffer.push_str(&trimmed[from..indent]);
            push_squeezed(body, buffer);
            lines.push(buffer);
        }
    }
    if text.is_empty() { 0 } else { changed + seen - kept }
}

/// Whether all white space within is single spaces, plain or ideographic.
fn is_squeezed(body: &str) -> bool {
    if body.is_ascii() {
        // Without a branch a byte, so that it runs many bytes at a time.
        let bytes = body.as_bytes();
        let odd = bytes.iter().fold(false, |odd, byte| odd | matches!(byte, b'\t'..=b'\r'));
        let pairs = bytes.iter().zip(&bytes[1..]);
        let double = pairs.fold(false, |double, (a, b)| double | ((*a == b' ') & (*b == b' ')));
        return !odd && !double;
    }
    let mut before = false;
    for c in body.chars() {
        let space = c.is_whitespace();
        if space && (before || !matches!(c, ' ' | '\u{3000}')) {
            return false;
        }
        before = space;
    }
    true
}

fn push_squeezed(body: &str, out: &mut String) {
    let mut run = None;
    for c in body.chars() {
        if c.is_whitespace() {
            let same = run.is_none_or(|kind| kind == '\u{3000}') && c == '\u{3000}';
            run = Some(if same { c } else { ' ' });
        } else {
            out.extend(run.take());
            out.push(c);
        }
    }
}
