//! Anchors: places of a text that its windows choose by their content alone.
//!
//! Each window of `window` bytes chooses one of its grams, the one of the least hash (the leftmost
//! among equals), so that equal windows choose at equal offsets wherever they stand: winnowing
//! ([Schleimer, Wilkerson and Aiken 2003](https://doi.org/10.1145/872757.872770)). Windows that choose
//! one gram stand one behind the other: a run. Equal windows are in runs of equal fingerprints, so
//! that only those need to be compared.

/// Windows, one behind the other, that chose one gram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Start of the first window.
    pub start: u32,
    /// Number of windows, at least one.
    pub count: u32,
    /// Hash of the gram. Two grams may share it: then more is compared than need be.
    pub fingerprint: u64,
}

/// Divides texts into runs.
#[derive(Debug)]
pub(super) struct Winnower {
    /// Bytes of a window.
    window: usize,
    /// Grams of a window.
    grams: usize,
    /// [`BASE`] to the power of a gram's length: what a byte has become when it leaves.
    leaving: u64,
}

/// Odd, and without a pattern.
const BASE: u64 = 0x9e6c_63d0_876a_68ed;

/// A window has a gram for each so many of its bytes: with few grams, texts have more runs to send; with
/// many, grams are short and shared by chance. Of 2, 4, 8 and 16 this was the fastest.
const SPREAD: usize = 2;

impl Winnower {
    /// For windows of `window` bytes.
    pub(super) fn new(window: usize) -> Self {
        let grams = (window / SPREAD).max(1);
        let gram = window - grams + 1;
        let leaving = (0..gram).fold(1u64, |power, _| power.wrapping_mul(BASE));
        Self { window, grams, leaving }
    }

    /// Calls `each` with the runs of a text, in order; together they have each of its windows once.
    pub(super) fn runs(&self, text: &[u8], mut each: impl FnMut(Run)) {
        let Some(final_start) = text.len().checked_sub(self.window) else { return };
        let mut grams = Hashes::new(text, self.window - self.grams + 1, self.leaving);
        let mut chooser = Chooser { run: None, each: &mut each };
        // Grams in blocks of as many as a window has: a window's are the end of one block and the
        // beginning of the next, and the least of either is known in one step.
        let mut block: Vec<(u64, usize)> = Vec::with_capacity(self.grams);
        block.extend((0..self.grams).map(|at| (grams.next(), at)));
        let mut ahead: Vec<(u64, usize)> = Vec::with_capacity(self.grams);
        let mut start = 0;
        loop {
            let mut least = (u64::MAX, usize::MAX);
            for gram in block.iter_mut().rev() {
                // The leftmost of equals: positions are in order.
                least = if gram.0 <= least.0 { *gram } else { least };
                *gram = least;
            }
            chooser.push(start, block[0]);
            let mut least = (u64::MAX, usize::MAX);
            ahead.clear();
            for offset in 1..=self.grams {
                if start + offset > final_start {
                    chooser.finish();
                    return;
                }
                let gram = (grams.next(), start + self.grams + offset - 1);
                ahead.push(gram);
                least = if gram.0 < least.0 { gram } else { least };
                if let Some(behind) = block.get(offset) {
                    let chosen = if least.0 < behind.0 { least } else { *behind };
                    chooser.push(start + offset, chosen);
                }
            }
            start += self.grams;
            std::mem::swap(&mut block, &mut ahead);
        }
    }
}

/// Hashes of one gram after the other.
struct Hashes<'a> {
    text: &'a [u8],
    gram: usize,
    leaving: u64,
    hash: u64,
    next: usize,
}

impl<'a> Hashes<'a> {
    fn new(text: &'a [u8], gram: usize, leaving: u64) -> Self {
        let hash = text[..gram - 1].iter().fold(0, |hash, byte| enter(hash, *byte));
        Self { text, gram, leaving, hash, next: gram - 1 }
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.hash = enter(self.hash, self.text[self.next]);
        self.next += 1;
        if let Some(before) = self.next.checked_sub(self.gram + 1) {
            let gone = u64::from(self.text[before]) + 1;
            self.hash = self.hash.wrapping_sub(gone.wrapping_mul(self.leaving));
        }
        // Mixed, so that the least is anywhere in a window.
        (self.hash ^ self.hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93)
    }
}

#[inline]
fn enter(hash: u64, byte: u8) -> u64 {
    hash.wrapping_mul(BASE).wrapping_add(u64::from(byte) + 1)
}

/// Gathers windows that chose one gram.
struct Chooser<'a, F: FnMut(Run)> {
    /// The run so far, and the gram's position.
    run: Option<(Run, usize)>,
    each: &'a mut F,
}

impl<F: FnMut(Run)> Chooser<'_, F> {
    #[inline]
    fn push(&mut self, window: usize, (hash, position): (u64, usize)) {
        if let Some((run, at)) = &mut self.run
            && *at == position
        {
            run.count += 1;
            return;
        }
        self.finish();
        // Texts are at most 256 MiB.
        let start = u32::try_from(window).unwrap_or(u32::MAX);
        self.run = Some((Run { start, count: 1, fingerprint: spread(hash) }, position));
    }

    fn finish(&mut self) {
        if let Some((run, _)) = self.run.take() {
            (self.each)(run);
        }
    }
}

/// The least of many hashes are small numbers; as keys they must be even over their range.
fn spread(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 33 ^ 0x5bd1_e995_9e37_79b9).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Each window is in one run, and chose as it would standing alone.
        #[test]
        fn windows_choose_by_their_content(
            text in prop_oneof![
                prop::collection::vec(0u8..3, 0..150),
                (prop::collection::vec(0u8..3, 1..5), 0usize..80).prop_map(|(piece, n)| piece.repeat(n)),
            ],
            window in 1usize..30,
        ) {
            let winnower = Winnower::new(window);
            let mut next = 0;
            let mut runs = Vec::new();
            winnower.runs(&text, |run| runs.push(run));
            for run in runs {
                prop_assert_eq!(run.start, next);
                for start in run.start..run.start + run.count {
                    let start = start as usize;
                    let mut alone = Vec::new();
                    winnower.runs(&text[start..start + window], |run| alone.push(run));
                    prop_assert_eq!(alone, [Run { start: 0, count: 1, ..run }]);
                }
                next += run.count;
            }
            prop_assert_eq!(next as usize, (text.len() + 1).saturating_sub(window));
        }
    }
}
