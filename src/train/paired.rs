//! Whether two recipes visit the documents they share in the same order.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{TokenSet, TrainError, loader_of};

/// The order in which an epoch reads what several recipes share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairedOrder {
    /// Documents that all of them have.
    pub documents: u64,
    /// For each recipe the samples that lie in one of these, and the hash over them in the order in
    /// which the first epoch reads them. Equal hashes are equal orders.
    pub orders: Vec<(u64, String)>,
}

impl PairedOrder {
    /// Whether all recipes have the same order.
    #[must_use]
    pub fn is_paired(&self) -> bool {
        self.orders.windows(2).all(|pair| pair[0] == pair[1])
    }
}

/// The orders of `sets` with the seed `seed` and sequences of `length` tokens. Samples that hold the
/// ends of several documents are left out: what stands beside them is another recipe's choice.
///
/// # Errors
/// When shards are missing, damaged or too small.
pub fn paired_order(
    sets: &[TokenSet<'_>],
    length: u32,
    seed: u64,
) -> Result<PairedOrder, TrainError> {
    let mut loaders = Vec::with_capacity(sets.len());
    let mut shared: Option<BTreeSet<u64>> = None;
    for set in sets {
        let loader = loader_of(set, length, seed)?;
        let documents = loader.documents();
        let own = (0..documents.len()).map(|number| documents.identity(number));
        shared = Some(match shared {
            None => own.collect(),
            Some(others) => own.filter(|identity| others.contains(identity)).collect(),
        });
        loaders.push(loader);
    }
    let shared = shared.unwrap_or_default();
    let mut orders = Vec::with_capacity(sets.len());
    for loader in &mut loaders {
        let (mut hash, mut count) = (Xxh3::new(), 0);
        for sample in 0..loader.epoch() {
            if let [piece] = loader.pieces(sample)[..] {
                let identity = loader.documents().identity(piece.document);
                if shared.contains(&identity) {
                    hash.update(&identity.to_le_bytes());
                    hash.update(&piece.from.to_le_bytes());
                    count += 1;
                }
            }
        }
        orders.push((count, format!("{:032x}", hash.digest128())));
    }
    Ok(PairedOrder { documents: shared.len() as u64, orders })
}
