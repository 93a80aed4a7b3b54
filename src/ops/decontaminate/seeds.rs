//! Which runs of words stand where in the benchmarks: a filter that says no to nearly all runs of a
//! clean text with one look, and a table behind it.

use super::narrow;

/// A run of words of an item: the item, and the place of the run's first word in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Posting {
    pub(super) item: u32,
    pub(super) at: u32,
}

/// Runs of one number of words.
#[derive(Debug)]
pub(super) struct Seeds {
    /// Words of a run.
    size: usize,
    /// [`FACTOR`] to the power of `size`.
    leaving: u64,
    /// Three bits for each run, in one word of 64.
    filter: Vec<u64>,
    /// Open addressing.
    slots: Vec<Slot>,
    postings: Vec<Posting>,
}

/// Postings of one run; free where there are none.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Half of the run's hash.
    tag: u32,
    first: u32,
    count: u32,
}

const FACTOR: u64 = 0xd1b5_4a32_d192_ed03;
const SPREAD: u64 = 0x9e6c_63d0_876a_46bb;

/// Bits of the filter for each run: about one run in a hundred that is not there passes.
const FILTER_BITS: usize = 12;

#[inline]
fn add(sum: u64, word: u32) -> u64 {
    sum.wrapping_mul(FACTOR).wrapping_add(u64::from(word))
}

#[inline]
fn spread(sum: u64) -> u64 {
    let product = sum.wrapping_mul(SPREAD);
    product ^ product >> 32
}

/// The hash of a run of words; equal to what [`Seeds::scan`] rolls.
pub(super) fn run_hash(words: &[u32]) -> u64 {
    spread(words.iter().fold(0, |sum, word| add(sum, *word)))
}

#[inline]
fn filter_bits(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
}

/// One of `count` places, by the upper half of a hash.
#[inline]
fn place(hash: u64, count: usize) -> usize {
    // The product of two numbers of 32 bits; less than `count` when shifted back.
    (((hash >> 32) * count as u64) >> 32) as usize
}

#[inline]
fn tag(hash: u64) -> u32 {
    // The lower half holds the bits of the upper, too.
    #[expect(clippy::cast_possible_truncation, reason = "half of it is meant")]
    let tag = hash as u32;
    tag
}

impl Seeds {
    /// Seeds of runs of `size` words, 1 or more, given by their hashes.
    pub(super) fn new(size: usize, mut runs: Vec<(u64, Posting)>) -> Self {
        runs.sort_unstable();
        let distinct = runs.chunk_by(|a, b| a.0 == b.0).count();
        let mut seeds = Self {
            size: size.max(1),
            leaving: FACTOR.wrapping_pow(narrow(size)),
            filter: vec![0; distinct * FILTER_BITS / 64 + 16],
            slots: vec![Slot::default(); distinct + distinct / 2 + 16],
            postings: runs.iter().map(|run| run.1).collect(),
        };
        let mut first = 0;
        for chunk in runs.chunk_by(|a, b| a.0 == b.0) {
            let hash = chunk[0].0;
            let word = place(hash, seeds.filter.len());
            seeds.filter[word] |= filter_bits(hash);
            let mut slot = place(hash, seeds.slots.len());
            while seeds.slots[slot].count > 0 {
                slot = (slot + 1) % seeds.slots.len();
            }
            let count = narrow(chunk.len());
            seeds.slots[slot] = Slot { tag: tag(hash), first, count };
            first += count;
        }
        seeds
    }

    /// Postings of a run; now and then those of another.
    fn find(&self, hash: u64) -> &[Posting] {
        let mut at = place(hash, self.slots.len());
        loop {
            let slot = self.slots[at];
            if slot.count == 0 {
                return &[];
            }
            if slot.tag == tag(hash) {
                return &self.postings[slot.first as usize..(slot.first + slot.count) as usize];
            }
            at = (at + 1) % self.slots.len();
        }
    }

    /// Calls `hit` with the place of each run of `words` that stands in an item, and its postings;
    /// now and then with another run, whose words are not those of the postings.
    #[inline]
    pub(super) fn scan(&self, words: &[u32], mut hit: impl FnMut(usize, &[Posting])) {
        let Some((head, tail)) = words.split_at_checked(self.size - 1) else { return };
        let mut sum = head.iter().fold(0, |sum, word| add(sum, *word));
        let mut leaving = 0;
        for (at, (word, first)) in tail.iter().zip(words).enumerate() {
            sum = add(sum, *word).wrapping_sub(leaving);
            leaving = u64::from(*first).wrapping_mul(self.leaving);
            let hash = spread(sum);
            let bits = filter_bits(hash);
            if self.filter[place(hash, self.filter.len())] & bits == bits {
                let postings = self.find(hash);
                if !postings.is_empty() {
                    hit(at, postings);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_wherever_they_stand() {
        let words: Vec<u32> = (0..5000_u32).map(|n| n.wrapping_mul(0x9e37_79b1)).collect();
        for size in [1, 2, 4, 13] {
            let runs = words.windows(size).enumerate().step_by(7);
            let runs: Vec<_> = runs
                .map(|(at, run)| (run_hash(run), Posting { item: 3, at: narrow(at) }))
                .collect();
            let seeds = Seeds::new(size, runs.clone());
            let mut text = vec![7; 100];
            text.extend(&words);
            let mut found = Vec::new();
            seeds.scan(&text, |at, postings| {
                assert_eq!(postings.len(), 1, "{size}");
                found.push((at, postings[0].at as usize));
            });
            let expected = runs.iter().map(|(_, posting)| posting.at as usize);
            let expected: Vec<_> = expected.map(|at| (at + 100, at)).collect();
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn short_texts_and_empty_indexes_have_nothing() {
        let seeds = Seeds::new(4, Vec::new());
        for length in 0..6 {
            seeds.scan(&vec![1; length], |_, _| panic!("found"));
        }
    }

    #[test]
    fn equal_runs_share_their_postings() {
        let run = [1, 2, 3, 4];
        let posting = |item| (run_hash(&run), Posting { item, at: 0 });
        let seeds = Seeds::new(4, vec![posting(5), posting(2)]);
        let mut found = Vec::new();
        seeds.scan(&[9, 1, 2, 3, 4], |at, postings| found.push((at, postings.to_vec())));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 1);
        assert_eq!(found[0].1.iter().map(|posting| posting.item).collect::<Vec<_>>(), [2, 5]);
    }
}
