//! Hash tables for the parts of one document, kept from document to document.

/// Memory a table may keep for the next document, in slots.
const KEPT: usize = 1 << 20;

/// A multiplier that spreads the low bits of a key over the high ones.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Numbers, and where each was first seen.
#[derive(Default)]
pub(in crate::ops) struct Table {
    /// A key, and one more than the place it was first seen at; 0 in an empty slot.
    slots: Vec<(u64, u32)>,
    shift: u32,
}

impl Table {
    /// Empties it and makes room for `keys` of them.
    pub(in crate::ops) fn prepare(&mut self, keys: usize) {
        let slots = (keys * 2).next_power_of_two().max(16);
        self.slots.clear();
        if slots < KEPT {
            self.slots.shrink_to(KEPT);
        }
        self.slots.resize(slots, (0, 0));
        self.shift = 64 - slots.trailing_zeros();
    }

    /// The place where `key` was seen first, which is `here` if it was not seen before.
    #[inline]
    pub(in crate::ops) fn first(&mut self, key: u64, here: u32) -> u32 {
        let last = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "the shift leaves a slot's number")]
        let mut at = (key.wrapping_mul(SPREAD) >> self.shift) as usize;
        loop {
            let slot = &mut self.slots[at & last];
            if slot.1 == 0 {
                *slot = (key, here + 1);
                return here;
            }
            if slot.0 == key {
                return slot.1 - 1;
            }
            at += 1;
        }
    }
}

/// Tells keys that may be there twice from keys that are there once; may err on the side of twice,
/// a few times in a hundred. Without a branch that depends on the data it is several times as fast as
/// a [`Table`], which then has to hold few keys.
#[derive(Default)]
pub(in crate::ops) struct Sieve {
    /// Bits of keys seen, and of keys seen again.
    bits: Vec<[u64; 2]>,
}

impl Sieve {
    /// Empties it and makes room for `keys` of them.
    pub(in crate::ops) fn prepare(&mut self, keys: usize) {
        let words = (keys / 2).next_power_of_two().clamp(16, 1 << 22);
        self.bits.clear();
        if words < KEPT {
            self.bits.shrink_to(KEPT);
        }
        self.bits.resize(words, [0; 2]);
    }

    #[inline]
    fn place(&self, key: u64) -> (usize, u64) {
        ((key >> 6) as usize & (self.bits.len() - 1), 1 << (key & 63))
    }

    /// Notes a well-mixed key.
    #[inline]
    pub(in crate::ops) fn note(&mut self, key: u64) {
        let (at, bit) = self.place(key);
        let [seen, again] = &mut self.bits[at];
        *again |= *seen & bit;
        *seen |= bit;
    }

    /// Whether it may have been noted more than once.
    #[inline]
    pub(in crate::ops) fn again(&self, key: u64) -> bool {
        let (at, bit) = self.place(key);
        self.bits[at][1] & bit != 0
    }
}
