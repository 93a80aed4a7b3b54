//! Rows by the room they have.

/// No row.
const NONE: u32 = u32::MAX;

/// Stacks of rows by room, and which of them are not empty as a tree of bits: the least room that
/// suffices is found in as many steps as the tree has levels, three for rows of 128k tokens.
pub(super) struct Capacities {
    /// The newest row of each room.
    heads: Vec<u32>,
    /// Of each row, the one below it in its stack.
    below: Vec<u32>,
    /// Bits of `heads` that are rows, then bits of words that are not zero, and so on.
    levels: Vec<Vec<u64>>,
}

impl Capacities {
    /// For rows of `length` tokens.
    pub(super) fn new(length: usize) -> Self {
        let mut levels = Vec::new();
        let mut bits = length + 1;
        loop {
            let words = bits.div_ceil(64);
            levels.push(vec![0; words]);
            if words == 1 {
                break;
            }
            bits = words;
        }
        Self { heads: vec![NONE; length + 1], below: Vec::new(), levels }
    }

    /// Adds a row that has `room` left; one without is full and never found.
    pub(super) fn put(&mut self, row: usize, room: usize) {
        if room == 0 {
            return;
        }
        if self.below.len() <= row {
            self.below.resize(row + 1, NONE);
        }
        // A window of 2^32 rows does not fit in any memory.
        let number = u32::try_from(row).unwrap_or(NONE);
        self.below[row] = std::mem::replace(&mut self.heads[room], number);
        let mut at = room;
        for level in &mut self.levels {
            level[at / 64] |= 1 << (at % 64);
            at /= 64;
        }
    }

    /// Takes out the newest of the rows with the least room of at least `needed`.
    pub(super) fn take(&mut self, needed: usize) -> Option<usize> {
        let room = self.next(needed)?;
        let row = self.heads[room];
        self.heads[room] = self.below[row as usize];
        if self.heads[room] == NONE {
            let mut at = room;
            for level in &mut self.levels {
                level[at / 64] &= !(1 << (at % 64));
                if level[at / 64] != 0 {
                    break;
                }
                at /= 64;
            }
        }
        Some(row as usize)
    }

    /// The first bit at or behind `from`.
    fn next(&self, from: usize) -> Option<usize> {
        let mut at = from;
        for (depth, level) in self.levels.iter().enumerate() {
            let rest = level.get(at / 64).map_or(0, |word| word & (u64::MAX << (at % 64)));
            if rest == 0 {
                // Nothing in this word: look for a later word that is not empty.
                at = at / 64 + 1;
                continue;
            }
            let mut found = at / 64 * 64 + rest.trailing_zeros() as usize;
            for level in self.levels[..depth].iter().rev() {
                found = found * 64 + level[found].trailing_zeros() as usize;
            }
            return Some(found);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(
            length in 1usize..9000,
            steps in proptest::collection::vec((any::<bool>(), any::<usize>()), 1..300),
        ) {
            let mut capacities = Capacities::new(length);
            let mut map: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (row, (puts, number)) in steps.into_iter().enumerate() {
                let size = 1 + number % length;
                if puts {
                    capacities.put(row, size);
                    map.entry(size).or_default().push(row);
                    continue;
                }
                let expected = map.range_mut(size..).next().map(|(&room, rows)| (room, rows.pop()));
                prop_assert_eq!(capacities.take(size), expected.and_then(|(_, row)| row));
                if let Some((room, _)) = expected && map[&room].is_empty() {
                    map.remove(&room);
                }
            }
        }
    }
}
