//! Band keys and shingle sets of documents.

use std::cell::RefCell;

use super::bands::Bands;
use super::signature::Permutations;
use super::{DatatroveDialect, MinhashDedup, Unit, datatrove};
use crate::ops::Document;
use crate::text::{WordKind, shingles};

/// Makes band keys and shingle sets.
pub(super) struct Signer {
    cut: Bands,
    unit: Unit,
    ngram: usize,
    kind: Kind,
}

/// Whose signatures.
enum Kind {
    Tamis(Permutations),
    Datatrove(Box<datatrove::Signer>),
}

#[derive(Default)]
struct Scratch {
    shingling: shingles::Scratch,
    shingles: Vec<u32>,
    signature: Vec<u32>,
    datatrove: datatrove::Scratch,
    wide: Vec<u64>,
}

thread_local! {
    /// Buffers that the documents of a thread share.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// datatrove's default seed.
const DATATROVE_SEED: u32 = 1;

impl Signer {
    pub(super) fn new(settings: &MinhashDedup, cut: Bands) -> Self {
        let kind = match settings.dialect {
            DatatroveDialect::Tamis => Kind::Tamis(Permutations::new(cut.hashes())),
            DatatroveDialect::Datatrove => {
                let (hash, precision) = settings.hash.parts();
                let (n, hashes) = (settings.ngram, cut.hashes());
                let signer = datatrove::Signer::new(n, hashes, DATATROVE_SEED, hash, precision);
                Kind::Datatrove(Box::new(signer))
            }
        };
        Self { cut, unit: settings.unit, ngram: settings.ngram, kind }
    }

    /// Puts the keys of the document's bands in place of what `keys` held; none where it has no
    /// n-gram.
    pub(super) fn bands(&self, document: Document<'_>, keys: &mut Vec<u128>) {
        SCRATCH.with_borrow_mut(|scratch| {
            if let Kind::Tamis(_) = self.kind {
                self.shingle(document, &mut scratch.shingling, &mut scratch.shingles);
            }
            let shingles = std::mem::take(&mut scratch.shingles);
            self.sign(document, &shingles, scratch, keys);
            scratch.shingles = shingles;
            scratch.shingles.clear();
            scratch.shingles.shrink_to(1 << 20);
        });
    }

    /// As [`Signer::bands`], and puts the document's distinct shingles, sorted, in place of what `set`
    /// held.
    pub(super) fn bands_and_set(
        &self,
        document: Document<'_>,
        keys: &mut Vec<u128>,
        set: &mut Vec<u32>,
    ) {
        SCRATCH.with_borrow_mut(|scratch| {
            self.shingle(document, &mut scratch.shingling, set);
            shingles::make_set(set);
            self.sign(document, set, scratch, keys);
        });
    }

    fn sign(
        &self,
        document: Document<'_>,
        shingles: &[u32],
        scratch: &mut Scratch,
        keys: &mut Vec<u128>,
    ) {
        keys.clear();
        match &self.kind {
            Kind::Tamis(permutations) => {
                if !shingles.is_empty() {
                    permutations.sign(shingles, &mut scratch.signature);
                    keys.extend(self.cut.keys(&scratch.signature));
                }
            }
            Kind::Datatrove(signer) => {
                if signer.sign(document.text, &mut scratch.datatrove, &mut scratch.wide) {
                    keys.extend(self.cut.keys(&scratch.wide));
                }
            }
        }
    }

    fn shingle(
        &self,
        document: Document<'_>,
        scratch: &mut shingles::Scratch,
        shingles: &mut Vec<u32>,
    ) {
        match self.unit {
            Unit::Word => {
                let words = document.analysis.words(document.text, WordKind::Unicode);
                shingles::of_words(document.text, words, self.ngram, scratch, shingles);
            }
            Unit::Char => shingles::of_chars(document.text, self.ngram, scratch, shingles),
        }
    }
}
