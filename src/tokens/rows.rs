//! Shuffling of rows: documents are packed first, and the rows put in an order of their own.
//!
//! Neighbouring rows of a packed shard hold neighbouring pieces of long documents. Here each shard
//! that would be written is packed, its rows are sent to random places in their cell (or stage), and
//! as many shards are written from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::TokensError;
use super::cut::{ShardPlan, share};
use super::format::{
    self, Closed, FinishedShard, Place, Sequence, SequenceWriter, ShardError, ShardLayout,
    ShardWriter, TokenDocument,
};
use super::record::{Slices, key, read_runs, write_runs};
use super::shard::{Documents, Sharding};
use super::stream::RecordStream;
use crate::document::DocumentId;
use crate::exchange::{Cuts, ExchangeWriter};
use crate::exec::ExecError;
use crate::exec::counters::Counters;
use crate::exec::engine::Engine;
use crate::exec::manifest::{Output, Role};
use crate::store::Store;

/// A piece of a document in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    id: DocumentId,
    length: u32,
    /// Whether the document begins with it.
    first: bool,
}

/// Bytes of a piece in a record.
const PIECE: usize = 16 + 4 + 1;

/// Writes a row as it travels: number of pieces, pieces, length of the mask's runs, runs, tokens.
fn write_record(pieces: &[Piece], loss: Option<&[u8]>, tokens: &[u8], out: &mut Vec<u8>) {
    out.clear();
    // A row has at most as many pieces as tokens, and those are counted in a u32.
    out.extend_from_slice(&u32::try_from(pieces.len()).unwrap_or(u32::MAX).to_le_bytes());
    for piece in pieces {
        out.extend_from_slice(&piece.id.0.to_be_bytes());
        out.extend_from_slice(&piece.length.to_le_bytes());
        out.push(u8::from(piece.first));
    }
    let mut runs = Vec::new();
    if let Some(loss) = loss {
        write_runs(loss, &mut runs);
    }
    out.extend_from_slice(&u32::try_from(runs.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&runs);
    out.extend_from_slice(tokens);
}

/// Reads what [`write_record`] wrote: pieces, runs, tokens.
fn read_record(payload: &[u8]) -> Option<(Vec<Piece>, &[u8], &[u8])> {
    let (count, rest) = payload.split_first_chunk::<4>()?;
    let length = (u32::from_le_bytes(*count) as usize).checked_mul(PIECE)?;
    let (pieces, rest) = rest.split_at_checked(length)?;
    let piece = |bytes: &[u8; PIECE]| {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (length, flag) = rest.split_first_chunk::<4>()?;
        Some(Piece {
            id: DocumentId(u128::from_be_bytes(*id)),
            length: u32::from_le_bytes(*length),
            first: flag == [1],
        })
    };
    let pieces = pieces.as_chunks::<PIECE>().0.iter().map(piece).collect::<Option<Vec<_>>>()?;
    let (runs, rest) = rest.split_first_chunk::<4>()?;
    let (runs, tokens) = rest.split_at_checked(u32::from_le_bytes(*runs) as usize)?;
    Some((pieces, runs, tokens))
}

/// A row as the packing gave it.
struct Packed {
    tokens: Vec<u8>,
    loss: Option<Vec<u8>>,
    ends: Vec<u32>,
}

/// Takes rows where a format would.
struct Collected(Arc<Mutex<Vec<Packed>>>);

impl SequenceWriter for Collected {
    fn write(&mut self, sequence: &Sequence<'_>) -> Result<(), ShardError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Packed {
            tokens: sequence.tokens.to_vec(),
            loss: sequence.loss.map(<[u8]>::to_vec),
            ends: sequence.ends.to_vec(),
        });
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Closed, ShardError> {
        Ok(Closed::default())
    }
}

/// Packs the documents of one shard and sends its rows.
struct Packer {
    writer: Box<dyn ShardWriter>,
    rows: Arc<Mutex<Vec<Packed>>>,
    /// Where documents and pieces lie that are not sent yet, by their first token.
    places: BTreeMap<u64, Place>,
    moved: Vec<Place>,
    /// Documents longer than a row.
    long: BTreeSet<DocumentId>,
    /// Documents in several pieces whose first one was sent.
    begun: BTreeSet<DocumentId>,
    length: u64,
    /// Rows sent.
    sent: u64,
    payload: Vec<u8>,
}

impl Packer {
    fn new(layout: &ShardLayout) -> Self {
        let rows = Arc::new(Mutex::new(Vec::new()));
        Self {
            writer: super::pack::pack(Box::new(Collected(Arc::clone(&rows))), layout),
            rows,
            places: BTreeMap::new(),
            moved: Vec::new(),
            long: BTreeSet::new(),
            begun: BTreeSet::new(),
            length: u64::from(layout.sequence_length.max(1)),
            sent: 0,
            payload: Vec::new(),
        }
    }

    fn push(&mut self, document: &TokenDocument<'_>, tokens: usize) -> Result<(), ShardError> {
        if tokens as u64 > self.length {
            self.long.insert(document.id);
        }
        self.writer.push(document)
    }

    /// Sends the rows that are full, to places in the group of `plan` that `seed` draws.
    fn send(
        &mut self,
        plan: &ShardPlan,
        slices: Slices,
        seed: u64,
        out: &mut ExchangeWriter,
    ) -> Result<(), ExecError> {
        self.writer.places(&mut self.moved);
        self.places.extend(self.moved.drain(..).map(|place| (place.offset, place)));
        let rows = std::mem::take(&mut *self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        for row in rows {
            let start = self.sent * self.length;
            let mut pieces = Vec::with_capacity(row.ends.len());
            let mut at = 0;
            for &end in &row.ends {
                let token = start + u64::from(at);
                let Some((_, place)) = self.places.range(..=token).next_back() else {
                    let path = "the rows of a shard".to_owned();
                    return Err(
                        TokensError::Damaged { path, detail: "a piece has no place" }.into()
                    );
                };
                let length = end - at;
                // Only a document that goes on elsewhere, or began there, need be remembered.
                let whole = place.length == u64::from(length) && !self.long.contains(&place.id);
                let first = whole || self.begun.insert(place.id);
                pieces.push(Piece { id: place.id, length, first });
                at = end;
            }
            let Some(first) = pieces.first() else { continue };
            let order = first.id.random(seed ^ self.sent, "shuffle rows");
            write_record(&pieces, row.loss.as_deref(), &row.tokens, &mut self.payload);
            out.push(key(plan.group, slices, order, self.sent), &self.payload)?;
            self.sent += 1;
            let next = self.sent * self.length;
            while let Some(place) = self.places.first_entry()
                && place.get().offset + place.get().length <= next
            {
                place.remove();
            }
        }
        Ok(())
    }
}

/// Packs the shards of task `task` of `tasks` and sends their rows.
pub(crate) fn send(
    engine: &Engine,
    sharding: &Sharding<'_>,
    slices: Slices,
    (task, tasks): (u32, u32),
    work: &str,
) -> Result<(Vec<Output>, Counters), ExecError> {
    let budget = engine.resources.exchange_bytes();
    let path = format!("{work}.rows");
    let mut out = ExchangeWriter::new(&engine.store, path, Cuts::Blocks, budget);
    let mut counters = Counters::default();
    let mut sent = 0;
    let weights: Vec<u64> = sharding.plans.iter().map(|plan| plan.tokens).collect();
    let own = &sharding.plans[share(&weights, task, tasks)];
    for plans in own.chunk_by(|left, right| left.group == right.group) {
        let Some(mut stream) = sharding.stream(engine, plans, work)? else { continue };
        for plan in plans {
            let mut packer = Packer::new(sharding.layout);
            let mut documents = Documents::new(&mut stream, sharding.layout, plan);
            while let Some(document) = documents.next()? {
                packer.push(&document, document.tokens.len() / sharding.layout.width.bytes())?;
                packer.send(plan, slices, engine.plan.seed, &mut out)?;
            }
            documents.count(&mut counters);
            counters.cut += packer.writer.finish()?.cut;
            packer.send(plan, slices, engine.plan.seed, &mut out)?;
            sent += packer.sent;
        }
        stream.close()?;
    }
    Ok((vec![Output { role: Role::Exchange, written: out.finish()?, rows: sent }], counters))
}

/// Writes one shard from the rows at its places; its places go to `placed`. `None` where there is no
/// row.
pub(crate) fn write(
    store: &Store,
    sharding: &Sharding<'_>,
    plan: &ShardPlan,
    name: &format::ShardName,
    stream: &mut RecordStream,
    placed: &mut dyn FnMut(&mut Vec<Place>) -> Result<(), ExecError>,
) -> Result<Option<FinishedShard>, ExecError> {
    let layout = sharding.layout;
    let width = layout.width.bytes();
    let damaged = |detail| TokensError::Damaged { path: "the exchange of rows".to_owned(), detail };
    let mut writer: Option<Box<dyn SequenceWriter>> = None;
    let mut shard = FinishedShard::default();
    let mut pending = Vec::new();
    let mut offset = 0;
    while let Some(record) = stream.next(plan)? {
        let (pieces, runs, tokens) =
            read_record(&record.payload).ok_or(damaged("a row is too short"))?;
        let count = tokens.len() / width;
        let loss = match runs {
            [] => None,
            runs => Some(read_runs(runs, count).ok_or(damaged("a loss mask is too short"))?),
        };
        let mut ends = Vec::with_capacity(pieces.len());
        let mut end = 0_u32;
        for piece in &pieces {
            let (id, length) = (piece.id, u64::from(piece.length));
            pending.push(Place { id, offset: offset + u64::from(end), length });
            end = end.saturating_add(piece.length);
            ends.push(end);
            shard.tokens += length;
            shard.documents += u64::from(piece.first);
        }
        if u64::from(end) > count as u64 {
            return Err(damaged("pieces are longer than their row").into());
        }
        shard.padding += count as u64 - u64::from(end);
        shard.rows += 1;
        offset += count as u64;
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(format::sequences(store, name, layout)?),
        };
        writer.write(&Sequence { tokens, loss: loss.as_deref(), ends: &ends })?;
        placed(&mut pending)?;
    }
    let Some(writer) = writer else { return Ok(None) };
    let closed = writer.finish()?;
    Ok(Some(FinishedShard { files: closed.files, index: closed.index, ..shard }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back(
            pieces in proptest::collection::vec((any::<u128>(), any::<u32>(), any::<bool>()), 0..20),
            loss in proptest::option::of(proptest::collection::vec(0u8..2, 1..100)),
            tokens in proptest::collection::vec(any::<u8>(), 0..200), cut in 1usize..100,
        ) {
            let pieces: Vec<Piece> = pieces.into_iter()
                .map(|(id, length, first)| Piece { id: DocumentId(id), length, first }).collect();
            let mut bytes = Vec::new();
            write_record(&pieces, loss.as_deref(), &tokens, &mut bytes);
            let (read, runs, rest) = read_record(&bytes).unwrap();
            prop_assert_eq!(&read, &pieces);
            prop_assert_eq!(rest, &tokens[..]);
            if let Some(loss) = &loss {
                let mask = read_runs(runs, loss.len());
                prop_assert_eq!(mask.as_ref(), Some(loss));
            }
            // A part of it is a part of it or nothing, never a panic.
            let _ = read_record(&bytes[..bytes.len().saturating_sub(cut)]);
        }
    }
}
