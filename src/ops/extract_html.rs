//! `extract-html`: the main text of web pages.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};
use crate::extract::{self, Budget, Cut, Extract, Mode, Options, Wish, render};

/// Takes the main text out of web pages, without menus, advertisements and comments.
///
/// A page is parsed as browsers do (html5ever), the part of it that is the text is chosen by the
/// names, places and amounts of text and links in its tree, and written one paragraph a line with
/// blank lines between. Lists, tables (`| a | b |`) and the indentation of code are kept; formulas
/// (MathML, MathJax, KaTeX) become LaTeX. Left out are menus, headers and footers, share buttons,
/// notices about cookies, forms, related articles, bylines, captions and readers' comments, and the
/// title, which is a signal. For the trade look at
/// [trafilatura](https://aclanthology.org/2021.acl-demo.15),
/// [Resiliparse](https://github.com/chatnoir-eu/chatnoir-resiliparse) and
/// [Bevendorff et al. 2023](https://doi.org/10.1145/3539618.3591920).
///
/// A text that is no HTML passes as it is (`html` 0). A page with fewer than `min_chars` characters
/// of text is dropped, as `empty` where there is none at all, else as `too-short`; one with just as
/// many passes. What the page says about itself is in the signals `title`, `author`, `date`,
/// `canonical_url`, `declared_language` and `site_name`, null where it says nothing; they are in the
/// ledger, and beside the text with `[documents] signals = ["extract-html.title"]`.
///
/// The same page gives the same text on any machine: what a page may cost is limited by `max_bytes`,
/// `max_nodes` and `max_depth`, not by time. What is beyond them is cut off, except that elements
/// below the greatest depth stay and are only nested less; `cut` says which limits were met.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExtractHtml {
    /// How doubtful parts are decided.
    pub mode: Choice,
    /// Keeps what readers wrote below the text.
    pub comments: bool,
    /// Keeps tables of data. Tables that only lay the page out are never lost.
    pub tables: bool,
    /// A blank line between paragraphs; else a line break alone.
    pub blank_lines: bool,
    /// Least number of characters of the text; 0 keeps pages without any.
    pub min_chars: u64,
    /// Which texts are pages.
    pub input: Input,
    /// Bytes of a page that are looked at.
    pub max_bytes: usize,
    /// Nodes of a page that are looked at: elements and pieces of text.
    pub max_nodes: usize,
    /// How deep elements may be nested.
    pub max_depth: u16,
}

/// What is done with doubtful parts of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Choice {
    /// Out: also series of teasers within the text and lists that are mostly links.
    Precision,
    /// As most readers would.
    #[default]
    Balanced,
    /// In: also captions, the sentences between headline and text, notes that point to other pages.
    Recall,
}

/// Which texts are taken for web pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Input {
    /// Those that begin with a tag or have an `html`, `head` or `body` tag near their beginning.
    #[default]
    Detect,
    /// All.
    Html,
}

impl Default for ExtractHtml {
    fn default() -> Self {
        let budget = Budget::default();
        Self {
            mode: Choice::default(),
            comments: false,
            tables: true,
            blank_lines: true,
            min_chars: 1,
            input: Input::default(),
            max_bytes: budget.bytes,
            max_nodes: budget.nodes,
            max_depth: budget.depth,
        }
    }
}

const EMPTY: Reason = Reason::new("empty");
const TOO_SHORT: Reason = Reason::new("too-short");

const fn signal(name: &'static str, kind: SignalType, about: &'static str) -> Signal {
    Signal { name, kind, about }
}

impl ExtractHtml {
    fn decide(&self, chars: u64) -> Decision {
        if chars >= self.min_chars {
            Decision::Keep
        } else if chars == 0 {
            Decision::Drop(EMPTY)
        } else {
            Decision::Drop(TOO_SHORT)
        }
    }

    fn options(&self) -> Options {
        let mode = match self.mode {
            Choice::Precision => Mode::Precision,
            Choice::Balanced => Mode::Balanced,
            Choice::Recall => Mode::Recall,
        };
        Options {
            wish: Wish { mode, comments: self.comments, tables: self.tables },
            budget: Budget { bytes: self.max_bytes, nodes: self.max_nodes, depth: self.max_depth },
            render: render::Options { blank_lines: self.blank_lines, ..render::Options::default() },
        }
    }
}

impl Settings for ExtractHtml {
    const NAME: &'static str = "extract-html";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        signal(
            "html",
            SignalType::Int,
            "1 where the text was a web page; else all others are null",
        ),
        signal("chars", SignalType::Int, "characters of the main text"),
        signal("share", SignalType::Float, "letters of the main text by those the page shows"),
        signal("link_density", SignalType::Float, "letters in links by those of the main text"),
        signal("title", SignalType::Text, "title of the article"),
        signal("author", SignalType::Text, "its author or authors"),
        signal("date", SignalType::Text, "when it was published, ISO 8601"),
        signal("canonical_url", SignalType::Text, "the address the page gives for itself"),
        signal(
            "declared_language",
            SignalType::Text,
            "the language it declares, as BCP 47 writes it",
        ),
        signal("site_name", SignalType::Text, "the site's name"),
        signal("cut", SignalType::Text, "limits met, of `bytes nodes depth`; null for none"),
    ];
    const REASONS: &'static [Reason] = &[EMPTY, TOO_SHORT];
    const EDITS: bool = true;
    const COST: u32 = 20_000;
    const THRESHOLDS: &'static [&'static str] = &["min_chars"];

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let setting = |key, reason: &str| Err(OpError::Setting { key, reason: reason.to_owned() });
        if self.max_bytes == 0 {
            return setting("max_bytes", "0 reads nothing of a page; give 33554432 or so");
        }
        if self.max_nodes < 16 {
            return setting("max_nodes", "a page has more nodes than that; give 1048576 or so");
        }
        if self.max_depth < 16 {
            return setting("max_depth", "pages are deeper than that; give 512 or so");
        }
        Ok(Op::Document(Box::new(Extractor { settings: self.clone(), options: self.options() })))
    }

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        if signals.number("html")? == 0.0 {
            return Some(Decision::Keep);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        signals.number("chars").map(|chars| self.decide(chars as u64))
    }
}

struct Extractor {
    settings: ExtractHtml,
    options: Options,
}

impl DocumentOp for Extractor {
    type Scratch = String;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        text: &mut String,
        row: &mut Row<'a>,
    ) -> Decision {
        if self.settings.input == Input::Detect && !extract::is_html(document.text) {
            row.int(0, 0);
            return Decision::Keep;
        }
        text.clear();
        let Extract { metadata, letters, cut } =
            extract::extract(document.text, document.url, &self.options, text);
        row.int(0, 1);
        let chars = text.chars().count();
        row.count(1, chars);
        row.float(2, share(letters.chosen, letters.page));
        row.float(3, share(letters.linked, letters.chosen));
        let told = [
            metadata.title,
            metadata.author,
            metadata.date,
            metadata.canonical,
            metadata.language,
            metadata.site_name,
            limits(cut),
        ];
        for (index, value) in (4..).zip(told) {
            if let Some(value) = value {
                row.owned_text(index, value);
            }
        }
        row.begin_text();
        row.push_text(text);
        self.settings.decide(chars as u64)
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { (f64::from(part) / f64::from(whole)).min(1.0) }
}

fn limits(cut: Cut) -> Option<String> {
    let met = [(cut.bytes, "bytes"), (cut.nodes, "nodes"), (cut.depth, "depth")];
    let met: Vec<&str> = met.iter().filter(|(met, _)| *met).map(|(_, name)| *name).collect();
    (!met.is_empty()).then(|| met.join(" "))
}
