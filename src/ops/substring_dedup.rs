//! `substring-dedup`: one copy of each long passage.
//!
//! The windows of a text choose anchors by their content ([`winnow`]), which divides them into runs;
//! equal windows are in runs of equal fingerprints. Runs meet by a hash of all their bytes, then those
//! at the ends of repeats by their windows ([`meet`]); the ranges that come of it are cut where the
//! settings allow ([`snap`]).

mod meet;
mod snap;
mod windows;
mod winnow;

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use self::meet::{ASIDE, PART, RunKey, WHOLE};
use self::snap::{Snap, merge};
use self::windows::WindowHasher;
use self::winnow::{Run, Winnower};
use super::exchange::{ALL_DUPLICATE, Shorten, TOO_SHORT, counted, share};
use super::{
    BuildContext, Concluded, ExchangeOp, MeetTask, Op, OpError, OpKind, Outbox, Participants,
    Place, Scope, Settings, Step, Target, key_place,
};
use crate::document::{Reason, Signal, SignalColumn, SignalType};

/// Takes out passages that stand somewhere before, word for word.
///
/// A byte is a repeat if it lies in a window of `min_bytes` bytes that also occurs earlier: in a
/// document before (source order in the file, then path, then record), or at an earlier start in the
/// same one. This is decided exactly, whatever the memory, and passages may begin and end anywhere.
/// [Lee et al. 2022](https://arxiv.org/abs/2107.06499) showed that models trained without repeats of
/// 50 tokens recite far less; [RefinedWeb](https://arxiv.org/abs/2306.01116) runs the same behind
/// MinHash. Their [tool](https://github.com/google-research/deduplicate-text-datasets) removes *every*
/// copy of a passage, the first as well, and also finds those that reach over the border of two
/// documents; here the first copy stays and documents are apart, so that nothing vanishes from the
/// corpus as a whole.
///
/// Repeats then become cuts: those with at most `merge_gap` bytes between become one, and `snap` leaves
/// of each what consists of whole sentences (the default), lines or characters, so that no sentence is
/// left without its beginning. A document of which only white space is left is dropped with reason
/// `all-duplicate`, one with less than `min_chars_left` with `too-short`; both keep their text. A
/// document that loses nothing is kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SubstringDedup {
    /// Bytes of a passage that must be equal, 16 or more; shorter repeats are never found. 500 bytes of
    /// English are about 100 words.
    pub min_bytes: u32,
    /// Where cuts may be: `sentence`, `line` or `none` (between any characters).
    pub snap: Snap,
    /// Repeats with at most so many bytes between become one cut, the bytes between included.
    pub merge_gap: u64,
    /// Drops a document that has lost something and has fewer characters left.
    pub min_chars_left: u64,
    /// Which documents can have passages of each other.
    pub scope: Scope,
    /// Sources whose documents stay as they are. What they have is taken out of others as ever.
    pub exempt: Vec<String>,
}

impl Default for SubstringDedup {
    fn default() -> Self {
        Self {
            min_bytes: 500,
            snap: Snap::default(),
            merge_gap: 0,
            min_chars_left: 20,
            scope: Scope::Run,
            exempt: Vec::new(),
        }
    }
}

const fn signal(name: &'static str, kind: SignalType, about: &'static str) -> Signal {
    Signal { name, kind, about }
}

impl Settings for SubstringDedup {
    const NAME: &'static str = "substring-dedup";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Exchange;
    const SIGNALS: &'static [Signal] = &[
        signal("duplicate_bytes", SignalType::Int, "bytes in windows that occur earlier"),
        signal("removed_bytes", SignalType::Int, "bytes cut out, or that would be"),
        signal("removed_share", SignalType::Float, "their share of the bytes of the text"),
    ];
    const REASONS: &'static [Reason] = &[ALL_DUPLICATE, TOO_SHORT];
    const EDITS: bool = true;

    fn steps(&self) -> &'static [Step] {
        &[Step::Send, Step::Meet(Target::Documents), Step::Send, Step::Meet(Target::Documents)]
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Op, OpError> {
        let window = self.min_bytes as usize;
        if !(MIN_BYTES..=MAX_BYTES).contains(&window) {
            let reason = format!("{window} is not between {MIN_BYTES} and {MAX_BYTES}; try 500");
            return Err(OpError::Setting { key: "min_bytes", reason });
        }
        Ok(Op::Exchange(Box::new(Substrings {
            exempt: context.exempt(&self.exempt)?,
            winnower: Winnower::new(window),
            hasher: WindowHasher::new(window),
            window,
            settings: self.clone(),
        })))
    }
}

/// Below this, most of any language is repeats. Tests go further down.
const MIN_BYTES: usize = if cfg!(test) { 4 } else { 16 };
const MAX_BYTES: usize = 1 << 20;

struct Substrings {
    settings: SubstringDedup,
    exempt: Vec<u32>,
    winnower: Winnower,
    hasher: WindowHasher,
    window: usize,
}

impl Substrings {
    /// The bytes of a run's windows.
    fn segment<'a>(&self, text: &'a [u8], start: u32, count: u32) -> &'a [u8] {
        let start = start as usize;
        &text[start..start + count as usize - 1 + self.window]
    }

    /// Calls `each` with the runs of a text and the hashes of their bytes. Where one document has the
    /// same run again, the hash is `None`: a page of one character has millions.
    fn runs(&self, text: &[u8], mut each: impl FnMut(Run, Option<u128>)) {
        let mut seen = meet::Hashes::default();
        self.winnower.runs(text, |run| {
            let hash = xxh3_128(self.segment(text, run.start, run.count));
            each(run, seen.insert(hash).then_some(hash));
        });
    }

    /// What brings only documents in scope of each other together.
    fn salt(&self, documents: &Participants<'_>) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
        let salt = self.settings.scope.salt(documents) as u64;
        salt
    }

    fn send_runs(&self, documents: &Participants<'_>, out: &mut Outbox) -> Result<(), OpError> {
        let salt = self.salt(documents);
        for &row in documents.rows {
            let place = documents.place(row)?;
            self.runs(documents.batch.text(row).as_bytes(), |run, hash| {
                let Some(hash) = hash else { return };
                let Run { start, count, fingerprint } = run;
                let run = RunKey { fingerprint: fingerprint ^ salt, place, start, count };
                out.push(run.to_meet(), &hash.to_le_bytes());
            });
        }
        Ok(())
    }

    fn send_segments(&self, documents: &Participants<'_>, out: &mut Outbox) -> Result<(), OpError> {
        let mut repeats: Vec<(u32, u32)> = Vec::new();
        for &row in documents.rows {
            let place = documents.place(row)?;
            let text = documents.batch.text(row).as_bytes();
            repeats.clear();
            self.runs(text, |run, hash| {
                if hash.is_none() {
                    extend(&mut repeats, run.start, run.count);
                }
            });
            for (_, record) in documents.answers(row) {
                let run = RunKey::answered(&record.key);
                match record.payload.as_slice() {
                    WHOLE => repeats.push((run.start, run.count)),
                    PART => out.push(run.to_meet(), self.segment(text, run.start, run.count)),
                    _ => {}
                }
            }
            if repeats.is_empty() {
                continue;
            }
            // What is known already travels along, as the documents get the last answers alone.
            repeats.sort_unstable();
            let mut payload = Vec::new();
            let mut ranges = Vec::new();
            for (start, count) in &repeats {
                extend(&mut ranges, *start, *count);
            }
            for (start, count) in ranges {
                payload.extend_from_slice(&start.to_le_bytes());
                payload.extend_from_slice(&count.to_le_bytes());
            }
            let aside = RunKey { fingerprint: xxh3_64(&place), place, start: ASIDE, count: 0 };
            out.push(aside.to_meet(), &payload);
        }
        Ok(())
    }

    /// The repeats that the document at `row` was told of, as ranges of its bytes.
    fn repeats(&self, documents: &Participants<'_>, row: usize) -> Vec<Range<usize>> {
        let mut windows: Vec<(u32, u32)> = Vec::new();
        for (_, record) in documents.answers(row) {
            let run = RunKey::answered(&record.key);
            if run.start != ASIDE {
                windows.push((run.start, run.count));
                continue;
            }
            let (pairs, _) = record.payload.as_chunks::<8>();
            windows.extend(pairs.iter().map(|pair| {
                let number = |at: usize| {
                    u32::from_le_bytes([pair[at], pair[at + 1], pair[at + 2], pair[at + 3]])
                };
                (number(0), number(4))
            }));
        }
        windows.sort_unstable();
        let length = documents.batch.text(row).len();
        let bytes = |(start, count): (u32, u32)| {
            let end = start as usize + count as usize - 1 + self.window;
            start as usize..end.min(length)
        };
        merge(windows.into_iter().map(bytes), 0)
    }
}

/// Adds windows to ranges of windows in order.
fn extend(ranges: &mut Vec<(u32, u32)>, start: u32, count: u32) {
    match ranges.last_mut() {
        Some((first, length)) if *first + *length == start => *length += count,
        _ => ranges.push((start, count)),
    }
}

impl ExchangeOp for Substrings {
    fn send(
        &self,
        step: usize,
        documents: &Participants<'_>,
        out: &mut Outbox,
    ) -> Result<(), OpError> {
        if step == 0 { self.send_runs(documents, out) } else { self.send_segments(documents, out) }
    }

    fn meet(&self, step: usize, task: &mut MeetTask<'_>) -> Result<(), OpError> {
        if step == 1 { meet::whole(task) } else { meet::windows(task, &self.hasher) }
    }

    fn conclude(
        &self,
        documents: &Participants<'_>,
        signals: &mut [SignalColumn],
    ) -> Result<Concluded, OpError> {
        let shorten = Shorten {
            exempt: self.exempt.contains(&documents.source),
            min_chars_left: self.settings.min_chars_left,
        };
        let gap = usize::try_from(self.settings.merge_gap).unwrap_or(usize::MAX);
        Ok(shorten.conclude(documents, signals, |row, values| {
            let text = documents.batch.text(row);
            let repeats = self.repeats(documents, row);
            let bytes = |ranges: &[Range<usize>]| ranges.iter().map(Range::len).sum::<usize>();
            values[0] = Some(counted(bytes(&repeats)));
            let removed = self.settings.snap.apply(text, &merge(repeats.into_iter(), gap));
            values[1] = Some(counted(bytes(&removed)));
            values[2] = Some(share(bytes(&removed), text.len()));
            removed
        }))
    }
}

#[cfg(test)]
mod tests;
