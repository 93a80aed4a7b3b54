//! `fix-text`: repairs text that was decoded wrongly.

mod badness;
mod characters;
mod encodings;
mod entities;
mod names;
mod repair;
#[cfg(test)]
mod tests;

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::normalize::Form;
use super::{BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings};
use crate::document::{Reason, Signal, SignalType};

/// Repairs text that was decoded wrongly (`donâ€™t` for `don’t`), and the like.
///
/// Takes the same cases as [ftfy](https://ftfy.readthedocs.io) and has its settings under its names.
/// Text that is right stays as it is; a document in which nothing is wrong is not copied. Never
/// drops. Steps, in this order:
///
/// 1. `unescape_html`: the character references of HTML 4 with their semicolon (`&eacute;`,
///    `&#8217;`, `&apos;`), also escaped again (`&amp;eacute;`). `auto`: in documents without `<`.
/// 2. `fix_encoding`: UTF-8 that was read as windows-1252 or Latin-1, windows-1250, -1251, -1253,
///    -1254, -1257, ISO 8859-2, MacRoman, code page 437 or KOI8-R, once or several times over, a
///    line at a time. A line is read anew where all of its characters beyond ASCII make UTF-8 in one
///    of these encodings and look strange as they are; strange is a letter next to a sign, a capital
///    behind a small letter, letters of two scripts, a control of U+0080 to U+009F. Where an encoding
///    is found all over a document, less is asked of its other lines.
///    * `decode_inconsistent_utf8`: in other lines those places are that look strange by themselves.
///    * `restore_byte_a0`: so is UTF-8 whose no-break space has become a space (`voilÃ la`).
///    * `replace_lossy_sequences`: so is UTF-8 that lost a byte to U+FFFD. It becomes U+FFFD, but
///      `â€` with one and `â€?` become `”`.
/// 3. Single characters: `remove_terminal_escapes` (`ESC [31m`), `fix_c1_controls` (U+0080 to U+009F
///    become what they are in windows-1252: U+0085 is `…`), `fix_line_breaks` (CR LF, CR, U+0085,
///    U+2028, U+2029 become a line feed), `fix_latin_ligatures` (`ﬁ`), `remove_control_chars` (U+0000
///    to U+0008, U+000B, U+000E to U+001F, U+007F, U+206A to U+206F, U+FFF9 to U+FFFC and the byte
///    order mark), `fix_character_width` (full-width Latin and half-width kana become of usual width)
///    and `uncurl_quotes` (straight quotation marks).
/// 4. `normalization`: a [Unicode form](https://www.unicode.org/reports/tr15/).
///
/// Unlike ftfy the op leaves quotation marks and widths alone by default: `“` is right in English, as
/// `，` is in Chinese.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "a switch a step, as ftfy has them")]
pub(super) struct FixText {
    /// When to decode character references.
    pub unescape_html: Unescape,
    /// Reads wrongly decoded UTF-8 anew.
    pub fix_encoding: bool,
    /// Also where a no-break space in it has become a space.
    pub restore_byte_a0: bool,
    /// Also where a byte of it is lost.
    pub replace_lossy_sequences: bool,
    /// Also where the line has other characters that are right.
    pub decode_inconsistent_utf8: bool,
    /// Removes escape sequences of terminals.
    pub remove_terminal_escapes: bool,
    /// Reads the controls U+0080 to U+009F as windows-1252.
    pub fix_c1_controls: bool,
    /// Makes a line feed of each line break.
    pub fix_line_breaks: bool,
    /// Takes the ligatures U+FB00 to U+FB06 apart.
    pub fix_latin_ligatures: bool,
    /// Removes control characters that mean nothing in text.
    pub remove_control_chars: bool,
    /// Makes characters of usual width of full-width and half-width ones.
    pub fix_character_width: bool,
    /// Makes straight quotation marks of curly ones.
    pub uncurl_quotes: bool,
    /// Unicode normal form.
    pub normalization: Form,
}

/// When to decode character references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unescape {
    /// In documents without `<`: where there is one, the text may be HTML or be about it.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Default for FixText {
    fn default() -> Self {
        Self {
            unescape_html: Unescape::Auto,
            fix_encoding: true,
            restore_byte_a0: true,
            replace_lossy_sequences: true,
            decode_inconsistent_utf8: true,
            remove_terminal_escapes: true,
            fix_c1_controls: true,
            fix_line_breaks: true,
            fix_latin_ligatures: true,
            remove_control_chars: true,
            fix_character_width: false,
            uncurl_quotes: false,
            normalization: Form::Nfc,
        }
    }
}

const fn count(name: &'static str, about: &'static str) -> Signal {
    Signal { name, kind: SignalType::Int, about }
}

impl Settings for FixText {
    const NAME: &'static str = "fix-text";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        count("fixes", "places changed by all steps but that of the normal form"),
        count("encoding_layers", "greatest number of times that a line had been decoded wrongly"),
        Signal {
            name: "encoding",
            kind: SignalType::Text,
            about: "the encoding that most of it was read in; null where all is well",
        },
        count("html_entities", "character references decoded"),
        count("mojibake", "sequences of UTF-8 read anew"),
        count("c1_controls", "controls U+0080 to U+009F read as windows-1252"),
        count("characters", "ligatures, characters of odd width and quotation marks replaced"),
        count("line_breaks", "line breaks other than a line feed"),
        count("control_characters", "control characters and escape sequences removed"),
        count("form_changed", "1 where the text was not in the normal form"),
    ];
    const REASONS: &'static [Reason] = &[];
    const EDITS: bool = true;
    const COST: u32 = 5_000;

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let parts =
            [self.restore_byte_a0, self.replace_lossy_sequences, self.decode_inconsistent_utf8];
        let steps = characters::Steps {
            escapes: self.remove_terminal_escapes,
            c1: self.fix_c1_controls,
            ligatures: self.fix_latin_ligatures,
            width: self.fix_character_width,
            quotes: self.uncurl_quotes,
            breaks: self.fix_line_breaks,
            controls: self.remove_control_chars,
        };
        let nothing = self.unescape_html == Unescape::Never
            && !self.fix_encoding
            && steps.are_off()
            && self.normalization == Form::None;
        if nothing {
            let reason = "all is off; turn something on or leave the stage out".to_owned();
            return Err(OpError::Setting { key: "fix_encoding", reason });
        }
        let [spaces, lossy, inconsistent] = parts;
        Ok(Op::Document(Box::new(Fixer {
            unescape: self.unescape_html,
            repairs: self.fix_encoding.then_some(repair::Repairs { spaces, lossy, inconsistent }),
            steps,
            normalizer: match self.normalization {
                Form::Nfc => Some(ComposingNormalizer::new_nfc()),
                Form::Nfkc => Some(ComposingNormalizer::new_nfkc()),
                Form::None => None,
            },
        })))
    }
}

struct Fixer {
    unescape: Unescape,
    repairs: Option<repair::Repairs>,
    steps: characters::Steps,
    normalizer: Option<ComposingNormalizerBorrowed<'static>>,
}

/// The buffers of one batch.
#[derive(Default)]
struct Scratch {
    repair: repair::Scratch,
    edits: Edits,
}

/// The text after each step.
#[derive(Default)]
struct Edits {
    now: String,
    next: String,
    changed: bool,
}

impl Edits {
    /// Takes a step, which writes what it makes of the text and says whether that is to be taken.
    fn step(&mut self, original: &str, step: impl FnOnce(&str, &mut String) -> bool) {
        let Self { now, next, changed } = self;
        if step(if *changed { now } else { original }, next) {
            std::mem::swap(now, next);
            *changed = true;
        }
    }
}

impl DocumentOp for Fixer {
    type Scratch = Scratch;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        scratch: &mut Scratch,
        row: &mut Row<'a>,
    ) -> Decision {
        let Scratch { repair, edits } = scratch;
        edits.changed = false;
        let original = document.text;
        let mut entities = 0;
        let unescape = match self.unescape {
            Unescape::Always => true,
            Unescape::Auto => memchr::memchr(b'<', original.as_bytes()).is_none(),
            Unescape::Never => false,
        };
        if unescape {
            edits.step(original, |text, out| {
                entities = entities::unescape(text, out);
                entities > 0
            });
        }
        let mut found = repair::Found::default();
        if let Some(repairs) = self.repairs {
            edits.step(original, |text, out| {
                found = repair::repair(text, repairs, repair, out);
                found.sequences > 0
            });
        }
        let mut counts = characters::Counts::default();
        edits.step(original, |text, out| {
            counts = characters::clean(text, self.steps, out);
            counts.total() > 0
        });
        let mut form_changed = false;
        if let Some(normalizer) = &self.normalizer {
            edits.step(original, |text, out| {
                let (head, tail) = normalizer.split_normalized(text);
                form_changed = !tail.is_empty();
                if form_changed {
                    out.clear();
                    out.push_str(head);
                    // Writing to a string cannot fail.
                    let _ = normalizer.normalize_to(tail, out);
                }
                form_changed
            });
        }
        row.count(0, entities + found.sequences + counts.total());
        row.count(1, found.layers);
        if let Some(name) = found.encoding() {
            row.text(2, name);
        }
        let others = [
            entities,
            found.sequences,
            counts.c1,
            counts.characters,
            counts.breaks,
            counts.controls,
            usize::from(form_changed),
        ];
        for (index, count) in (3..).zip(others) {
            row.count(index, count);
        }
        if edits.changed && edits.now != original {
            row.begin_text();
            row.push_text(&edits.now);
        }
        Decision::Keep
    }
}
