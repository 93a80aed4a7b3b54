//! The random numbers of numpy's `RandomState`, which datatrove draws its permutations from.

const WORDS: usize = 624;

/// The [Mersenne Twister](https://doi.org/10.1145/272991.272995) MT19937, seeded with one number.
pub(super) struct RandomState {
    words: [u32; WORDS],
    at: usize,
}

impl RandomState {
    pub(super) fn new(seed: u32) -> Self {
        let mut words = [seed; WORDS];
        let mut last = seed;
        for (number, word) in (1u32..).zip(&mut words[1..]) {
            last = (last ^ last >> 30).wrapping_mul(1_812_433_253).wrapping_add(number);
            *word = last;
        }
        Self { words, at: WORDS }
    }

    fn next_u32(&mut self) -> u32 {
        if self.at == WORDS {
            for at in 0..WORDS {
                let both =
                    self.words[at] & 1 << 31 | self.words[(at + 1) % WORDS] & (u32::MAX >> 1);
                let twist = if both & 1 == 1 { 0x9908_b0df } else { 0 };
                self.words[at] = self.words[(at + 397) % WORDS] ^ both >> 1 ^ twist;
            }
            self.at = 0;
        }
        let mut word = self.words[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    /// `randint(low, high, dtype=uint64)` for a range of more than 2³² numbers: draws of as many bits
    /// as the range has, until one is in it.
    pub(super) fn next_in(&mut self, low: u64, high: u64) -> u64 {
        let most = high - 1 - low;
        let mask = u64::MAX >> most.leading_zeros();
        loop {
            let upper = u64::from(self.next_u32());
            let draw = (upper << 32 | u64::from(self.next_u32())) & mask;
            if draw <= most {
                return low + draw;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_the_paper_and_of_numpy() {
        // What the authors' mt19937ar.c gives, and what the standard of C++ says of its own.
        let mut state = RandomState::new(5489);
        assert_eq!(state.next_u32(), 3_499_211_612);
        assert_eq!((1..10_000).map(|_| state.next_u32()).last(), Some(4_123_659_995));
        // `numpy.random.RandomState(7).randint(5, 2**40 + 9, dtype="uint64", size=3)`
        let mut state = RandomState::new(7);
        let draws = [(); 3].map(|()| state.next_in(5, (1 << 40) + 9));
        assert_eq!(draws, [752_595_690_697, 108_744_157_691, 291_964_244_184]);
    }
}
