//! Dealing out: documents of cells go to their places in a materialised mixture.
//!
//! A task reads some slices of the cells in their order, so that it knows at which token of its cell
//! each document begins, and with that in which stages and readings of the cell it has a part. Each
//! copy goes to the place in its stage that the cell has then reached, at random within the reading:
//! every cell is spread evenly over the stage, so that any part of the stream holds the mixture.

use super::TokensError;
use super::count::{Cells, SliceTable};
use super::cut::{self, share};
use super::mixture::{Mix, Segment};
use super::record::{HEAD, Slices, TokenRecord, key};
use crate::document::DocumentId;
use crate::exchange::{Cuts, ExchangeWriter, Merge, Record};
use crate::exec::ExecError;
use crate::exec::engine::Engine;
use crate::exec::manifest::{Output, Role};

/// What a dealing task reads.
pub(crate) struct Dealing<'a> {
    pub cells: &'a Cells,
    pub table: &'a SliceTable,
    pub mix: &'a Mix,
    pub slices: Slices,
    /// Bytes of a token.
    pub width: usize,
    /// The documents, by cell.
    pub exchange: &'a [String],
}

/// Deals out the documents of task `task` of `tasks`.
pub(crate) fn run(
    engine: &Engine,
    dealing: &Dealing<'_>,
    (task, tasks): (u32, u32),
    work: &str,
) -> Result<Vec<Output>, ExecError> {
    let store = &engine.store;
    let budget = engine.resources.exchange_bytes();
    let mut out = ExchangeWriter::new(store, format!("{work}.dealt"), Cuts::Blocks, budget);
    let mut sent = 0;
    let pieces: Vec<(usize, usize)> = dealing
        .table
        .cells
        .iter()
        .enumerate()
        .flat_map(|(cell, slices)| (0..slices.len()).map(move |slice| (cell, slice)))
        .collect();
    let weights: Vec<u64> =
        pieces.iter().map(|&(cell, slice)| dealing.table.cells[cell][slice].tokens).collect();
    let mine = &pieces[share(&weights, task, tasks)];
    for run in mine.chunk_by(|left, right| left.0 == right.0) {
        let (Some(&(index, first)), Some(&(_, last))) = (run.first(), run.last()) else { continue };
        let cell = &dealing.cells.cells[index];
        let slices = &dealing.table.cells[index];
        let segments = if cell.validation {
            Vec::new()
        } else {
            dealing.mix.segments(index, cell.count.tokens)
        };
        let purposes: Vec<String> = segments.iter().map(purpose).collect();
        let blocks = cell.group.block(slices[first].number)..=cell.group.block(slices[last].number);
        let scratch = format!("{work}.merge");
        let mut merge = Merge::range(store, dealing.exchange, blocks, &scratch)?;
        let mut record = Record::default();
        let mut at = slices[first].start;
        while merge.next_into(&mut record)? {
            let document = TokenRecord::read(&record.payload).ok_or(TokensError::Damaged {
                path: "the exchange of tokens".to_owned(),
                detail: "a record is too short",
            })?;
            // At most 20,000 cells.
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let dealt = TokenRecord { cell: number, ..document };
            let mut head = [0; HEAD];
            let parts = dealt.parts(&mut head);
            if cell.validation {
                let order = document.id.random(engine.plan.seed, "mixture validation");
                let tie = tie(document.id, 0);
                out.push_parts(key(cut::validation_group(), dealing.slices, order, tie), &parts)?;
                sent += 1;
            }
            for (segment, purpose) in segments.iter().zip(&purposes) {
                if !(segment.start..segment.end).contains(&at) {
                    continue;
                }
                let total = dealing.mix.stages[segment.stage].tokens[index];
                let order = place(segment, total, document.id.random(engine.plan.seed, purpose));
                let group = cut::stage_group(segment.stage);
                let tie = tie(document.id, segment.epoch);
                out.push_parts(key(group, dealing.slices, order, tie), &parts)?;
                sent += 1;
            }
            at += (document.tokens.len() / dealing.width) as u64;
        }
        merge.remove_scratch()?;
    }
    Ok(vec![Output { role: Role::Exchange, written: out.finish()?, rows: sent }])
}

/// What keeps copies of one document apart, and documents at the same place.
fn tie(id: DocumentId, epoch: u64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    let low = id.0 as u64;
    low.wrapping_add(epoch)
}

/// What a document's random number in a segment is for: another one in each reading.
fn purpose(segment: &Segment) -> String {
    format!("mixture {} {}", segment.stage, segment.epoch)
}

/// The place in its stage, of which the cell has `total` tokens, of the copy in a segment of a
/// document with this random number.
fn place(segment: &Segment, total: u64, random: u64) -> u64 {
    let length = segment.end - segment.start;
    let tokens = (u128::from(segment.before) << 64) + u128::from(random) * u128::from(length);
    // Below 2^64, since the segment ends within the total.
    u64::try_from(tokens / u128::from(total.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "compared with a margin")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The readings of a cell in a stage follow each other, each over its part of the stage.
        #[test]
        fn places_follow_the_readings(before in 0u64..1 << 40, length in 1u64..1 << 40, after in 0u64..1 << 40, id in any::<u128>()) {
            let segment = Segment { stage: 0, epoch: 3, start: 5, end: 5 + length, before };
            let total = before + length + after;
            let order = place(&segment, total, DocumentId(id).random(17, &purpose(&segment))) as f64 / 2f64.powi(64);
            let (from, to) = (before as f64 / total as f64, (before + length) as f64 / total as f64);
            prop_assert!(order >= from - 1e-9 && order <= to + 1e-9, "{} {} {}", from, order, to);
        }
    }
}
