//! `c4-badwords`: C4's rule about bad words.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dialect::DatatroveDialect;
use super::lines::check_ratio;
use super::word_list::{LANGUAGES, Words, anywhere, entries, passed_over};
use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::config::diagnostic::nearest;
use crate::document::{Reason, Signal, SignalType};
use crate::model::shipped_in;
use crate::store::resolved;
use crate::text::python::is_word;

/// Drops documents with a word of a list of bad words.
///
/// C4 ([Raffel et al. 2020](https://arxiv.org/abs/1910.10683), section 2.2) drops every page with a
/// word of the "List of Dirty, Naughty, Obscene or Otherwise Bad Words"
/// ([LDNOOBW](https://github.com/LDNOOBW/List-of-Dirty-Naughty-Obscene-and-Otherwise-Bad-Words), CC
/// BY 4.0), which ships with tamis in 28 languages. The rule is blunt: it takes medical and
/// minority-interest text with it ([Dodge et al. 2021](https://arxiv.org/abs/2104.08758)); to keep
/// the number as a signal only, set a high `max_hits`.
///
/// Entries are compared in lower case and must not stand next to a letter, mark, digit or `_`;
/// Chinese, Japanese and Thai ones may stand anywhere. As in C4 the entries `sm`, `グロ` and `女の子`
/// of the Japanese list and `性` of the Chinese one are passed over. One stage serves one language:
/// `when = "language = 'de'"` gives each its own.
///
/// With `dialect = "datatrove"` decisions and the reason equal datatrove's C4BadWordsFilter: there
/// those four entries are passed over in every list, entries with a capital never match, and an
/// accent written as a mark of its own is no part of a word. Only the choice by `keep_fraction`
/// differs: here it depends on the document and the seed alone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct C4Badwords {
    /// Language of the shipped list: `ar`, `cs`, `da`, `de`, `en`, `eo`, `es`, `fa`, `fi`, `fil`,
    /// `fr`, `fr-CA-u-sd-caqc`, `hi`, `hu`, `it`, `ja`, `kab`, `ko`, `nl`, `no`, `pl`, `pt`, `ru`,
    /// `sv`, `th`, `tlh`, `tr` or `zh`.
    pub language: String,
    /// A list of your own in its place: a word or phrase a line. `language` then only says whether
    /// words may stand anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<PathBuf>,
    /// Greatest number of places where a bad word stands.
    pub max_hits: u64,
    /// Share of the documents found that is kept all the same, drawn by document.
    pub keep_fraction: f64,
    /// Whose decisions to take.
    pub dialect: DatatroveDialect,
}

impl Default for C4Badwords {
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            list: None,
            max_hits: 0,
            keep_fraction: 0.0,
            dialect: DatatroveDialect::default(),
        }
    }
}

const BAD_WORDS: Reason = Reason::new("bad-words");
const DT_BAD_WORDS: Reason = Reason::new("document_removed_with_badwords");

impl Settings for C4Badwords {
    const NAME: &'static str = "c4-badwords";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[
        Signal { name: "hits", kind: SignalType::Int, about: "places where a bad word stands" },
        Signal { name: "first", kind: SignalType::Text, about: "the first of them" },
    ];
    const REASONS: &'static [Reason] = &[BAD_WORDS, DT_BAD_WORDS];
    const COST: u32 = 2_000;
    const THRESHOLDS: &'static [&'static str] = &["max_hits"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        let hits = u64::try_from(signals.int("hits")?).ok()?;
        if hits <= self.max_hits {
            return Some(Decision::Keep);
        }
        // Who is kept by `keep_fraction` depends on the document's id.
        (self.keep_fraction <= 0.0).then(|| Decision::Drop(self.reason()))
    }

    fn assets(&self) -> Vec<(&'static str, &Path)> {
        self.list.iter().map(|path| ("list", path.as_path())).collect()
    }

    fn resolve_paths(&mut self, base: &Path) {
        // Without a list the shipped one is meant; where there is none, `build` says so.
        self.list = match self.list.take() {
            Some(path) => Some(resolved(base, path)),
            None => self.name().ok().and_then(|name| shipped_in("badwords", name).ok()),
        };
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        check_ratio("keep_fraction", self.keep_fraction)?;
        let path = match &self.list {
            Some(path) => path.clone(),
            None => shipped_in("badwords", self.name()?)?,
        };
        let setting = |key, reason| OpError::Setting { key, reason };
        let entries: Vec<String> = entries(&path, "list")?
            .into_iter()
            .filter(|entry| !self.passes_over(entry))
            .map(|entry| (entry.to_lowercase(), entry))
            // In datatrove an entry with a capital can match nothing, since texts are lowered.
            .filter(|(lower, entry)| self.dialect == DatatroveDialect::Tamis || entry == lower)
            .map(|(lower, _)| lower)
            .collect();
        if entries.is_empty() {
            return Err(setting("list", format!("`{}` has no words", path.display())));
        }
        let words = Words::new(&entries, anywhere(&self.language))
            .map_err(|error| setting("list", format!("`{}`: {error}", path.display())))?;
        Ok(Op::Document(Box::new(BadWords { words, seed: context.seed, settings: self.clone() })))
    }
}

impl C4Badwords {
    fn name(&self) -> Result<&'static str, OpError> {
        LANGUAGES.into_iter().find(|name| *name == self.language).ok_or_else(|| {
            let hint = nearest(&self.language, &LANGUAGES)
                .map_or(String::new(), |name| format!("; did you mean `{name}`?"));
            OpError::Setting {
                key: "language",
                reason: format!(
                    "there is no list for `{}`{hint}; there are {}; or give a `list`",
                    self.language,
                    LANGUAGES.join(", ")
                ),
            }
        })
    }

    fn passes_over(&self, entry: &str) -> bool {
        let everywhere = self.dialect == DatatroveDialect::Datatrove;
        passed_over(entry, (!everywhere).then_some(self.language.as_str()))
    }

    fn reason(&self) -> Reason {
        match self.dialect {
            DatatroveDialect::Tamis => BAD_WORDS,
            DatatroveDialect::Datatrove => DT_BAD_WORDS,
        }
    }
}

struct BadWords {
    settings: C4Badwords,
    words: Words,
    seed: u64,
}

impl BadWords {
    /// Whether a character next to an entry makes it part of a longer word.
    fn joins(&self) -> fn(char) -> bool {
        match self.settings.dialect {
            DatatroveDialect::Tamis => |c| is_word(c) || c.is_alphanumeric(),
            DatatroveDialect::Datatrove => is_word,
        }
    }
}

impl DocumentOp for BadWords {
    type Scratch = ();

    fn document<'a>(&'a self, document: Document<'a>, (): &mut (), row: &mut Row<'a>) -> Decision {
        let found = self.words.find(document.text, self.joins());
        match found.first {
            Some(Cow::Borrowed(first)) => row.text(1, first),
            Some(Cow::Owned(first)) => row.owned_text(1, first),
            None => {}
        }
        let hits = found.hits;
        row.count(0, hits);
        let few = hits as u64 <= self.settings.max_hits;
        if few || document.id.chosen(self.seed, "c4-badwords", self.settings.keep_fraction) {
            Decision::Keep
        } else {
            Decision::Drop(self.settings.reason())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::DocumentId;
    use crate::ops::testing::{refused, trial};

    fn hits(toml: &str, text: &str) -> u64 {
        let trial = trial("c4-badwords", toml, text);
        trial.signal("hits").map_or(99, |value| match value {
            crate::document::SignalValue::Int(hits) => u64::try_from(hits).unwrap(),
            _ => 99,
        })
    }

    #[test]
    fn entries_match_between_word_boundaries_in_any_case() {
        for (text, expected) in [
            ("", 0),
            ("A cock crows.", 1),
            ("COCK", 1),
            ("peacock cocktail cock_a 2cock", 0),
            ("cock-cock\ncock", 3),
            ("a coc\u{212a} crows", 1),
            ("un cock’s é", 1),
            ("🖕", 1),
            ("2 girls 1 cup", 1),
            ("🖕🖕 a🖕", 2),
            ("écock cocké", 0),
            ("Cock", 1),
            ("s&m S&M.", 2),
        ] {
            assert_eq!(hits("", text), expected, "{text}");
            assert_eq!(hits("dialect = \"datatrove\"", text), expected, "{text}");
        }
        // A mark behind is part of the word, but not to Python.
        assert_eq!(hits("", "cock\u{93e}"), 0);
        assert_eq!(hits("dialect = \"datatrove\"", "cock\u{93e}"), 1);
    }

    #[test]
    fn reasons_and_thresholds() {
        assert_eq!(trial("c4-badwords", "", "a cock").reason(), "bad-words");
        let datatrove = "dialect = \"datatrove\"";
        assert_eq!(
            trial("c4-badwords", datatrove, "a cock").reason(),
            "document_removed_with_badwords"
        );
        assert_eq!(trial("c4-badwords", "max_hits = 1", "a cock").reason(), "");
        assert_eq!(trial("c4-badwords", "max_hits = 1", "a cock cock").reason(), "bad-words");
        assert_eq!(trial("c4-badwords", "keep_fraction = 1.0", "a cock").reason(), "");
    }

    #[test]
    fn lists_follow_their_language() {
        assert_eq!(hits("language = \"ja\"", "これはセックスです"), 1);
        // Passed over, as in C4.
        assert_eq!(hits("language = \"ja\"", "女の子"), 0);
        assert_eq!(hits("language = \"de\"", "Ein Arsch."), 1);
        assert_eq!(hits("language = \"de\"", "EIN ARSCHLOCH, ÜBEL"), 1);
        assert_eq!(hits("language = \"ru\"", "БЛЯДЬ"), 1);
        for language in LANGUAGES {
            assert_eq!(hits(&format!("language = \"{language}\""), "Hello."), 0, "{language}");
        }
    }

    #[test]
    fn keep_fraction_is_drawn_by_document() {
        let kept = (0..1000).filter(|id| DocumentId(*id).chosen(7, "c4-badwords", 0.1)).count();
        assert!((60..140).contains(&kept), "{kept}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        assert!(refused("c4-badwords", "language = \"xx\"").to_string().contains("there are ar"));
        assert!(
            refused("c4-badwords", "keep_fraction = 2.0").to_string().contains("keep_fraction")
        );
        assert!(refused("c4-badwords", "list = \"no/such\"").to_string().contains("no/such"));
    }
}
