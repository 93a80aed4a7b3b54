//! `sample`: a share of the documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};

/// Keeps a share of the documents, chosen by their ids.
///
/// Each document has a fixed number of at least 0 and less than 1, made of its id, the pipeline's
/// `seed` and `salt`; it is kept where the number is less than `fraction`. So the choice depends on
/// nothing else: not on the number of threads, the order of documents or the stages around. Samples
/// are nested: the documents of `fraction = 0.1` are among those of `fraction = 0.2`, also over two
/// stages of one pipeline, of which the smaller then is the one that counts. Stages with different
/// `salt` choose independently of each other. How many documents are kept varies by chance: about
/// `fraction` of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    /// Share of the documents to keep, 0 to 1.
    pub fraction: f64,
    /// Any text: another one is another sample.
    #[serde(default)]
    pub salt: String,
}

const NOT_SAMPLED: Reason = Reason::new("not-sampled");

impl Sample {
    fn decide(&self, draw: f64) -> Decision {
        if draw < self.fraction { Decision::Keep } else { Decision::Drop(NOT_SAMPLED) }
    }
}

impl Settings for Sample {
    const NAME: &'static str = "sample";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[Signal {
        name: "draw",
        kind: SignalType::Float,
        about: "the document's number, 0 to 1; kept if less than `fraction`",
    }];
    const REASONS: &'static [Reason] = &[NOT_SAMPLED];
    const COST: u32 = 5;
    const THRESHOLDS: &'static [&'static str] = &["fraction"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Some(self.decide(signals.number("draw")?))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        if !(0.0..=1.0).contains(&self.fraction) {
            return Err(OpError::Setting {
                key: "fraction",
                reason: format!("{} is not a share; give 0 to 1", self.fraction),
            });
        }
        let purpose = format!("sample {}", self.salt);
        Ok(Op::Document(Box::new(Draw { sample: self.clone(), seed: context.seed, purpose })))
    }
}

struct Draw {
    sample: Sample,
    seed: u64,
    purpose: String,
}

impl DocumentOp for Draw {
    type Scratch = ();

    fn document<'a>(&'a self, document: Document<'a>, (): &mut (), row: &mut Row<'a>) -> Decision {
        let draw = document.id.draw(self.seed, &self.purpose);
        row.float(0, draw);
        self.sample.decide(draw)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::document::DocumentId;
    use crate::model::Assets;
    use crate::ops::Columns;
    use crate::ops::testing::{refused, trial};
    use crate::text::Analysis;

    fn chosen(fraction: f64, salt: &str, seed: u64) -> BTreeSet<u128> {
        let sample = Sample { fraction, salt: salt.to_owned() };
        let (assets, columns) = (Assets::default(), Columns::default());
        let context = BuildContext { assets: &assets, columns: &columns, seed, sources: &[] };
        let Op::Document(_) = sample.build(&context).unwrap() else { panic!("a document op") };
        let draw = Draw { purpose: format!("sample {salt}"), sample, seed };
        let analysis = Analysis::default();
        (0..10_000u128)
            .filter(|&id| {
                let id = DocumentId(id);
                let document = Document { text: "", analysis: &analysis, url: None, id };
                draw.document(document, &mut (), &mut Row::new(1)) == Decision::Keep
            })
            .collect()
    }

    #[test]
    fn samples_are_nested_and_of_the_size_asked_for() {
        let (tenth, fifth) = (chosen(0.1, "", 1), chosen(0.2, "", 1));
        assert!((900..1100).contains(&tenth.len()), "{}", tenth.len());
        assert!((1850..2150).contains(&fifth.len()), "{}", fifth.len());
        assert!(tenth.is_subset(&fifth));
        assert_eq!(chosen(1.0, "", 1).len(), 10_000);
        assert!(chosen(0.0, "", 1).is_empty());
    }

    #[test]
    fn another_salt_or_seed_is_an_independent_choice() {
        let half = chosen(0.5, "", 1);
        for other in [chosen(0.5, "b", 1), chosen(0.5, "", 2)] {
            let both = half.intersection(&other).count();
            assert!((2300..2700).contains(&both), "{both}");
        }
        assert_eq!(half, chosen(0.5, "", 1));
    }

    #[test]
    fn the_draw_is_a_signal_and_never_changes() {
        let draw = trial("sample", "fraction = 1.0", "any text").number("draw");
        assert!(
            (draw - trial("sample", "fraction = 0.0", "another").number("draw")).abs() < 1e-300
        );
        assert_eq!(trial("sample", "fraction = 0.0", "").reason(), "not-sampled");
        for wrong in ["-0.1", "1.5", "nan"] {
            let message = refused("sample", &format!("fraction = {wrong}")).to_string();
            assert!(message.contains("give 0 to 1"), "{message}");
        }
    }
}
