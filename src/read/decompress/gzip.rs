//! One gzip member.

use flate2::{Decompress, FlushDecompress, Status};

use super::members::{Outcome, Step};

/// A member being decoded.
pub(super) struct Member {
    decoder: Box<Decompress>,
    /// What the last call said beside the bytes it gave.
    held: Option<Outcome>,
}

impl Member {
    pub(super) fn new() -> Self {
        Self { decoder: Box::new(Decompress::new_gzip(15)), held: None }
    }

    pub(super) fn step(&mut self, input: &[u8], out: &mut [u8]) -> Step {
        if let Some(outcome) = self.held.take() {
            return Step { consumed: 0, produced: 0, outcome };
        }
        let (consumed, produced) = (self.decoder.total_in(), self.decoder.total_out());
        let status = self.decoder.decompress(input, out, FlushDecompress::None);
        // An error leaves the totals right, and what was decoded before it is good. Both differences
        // are lengths within `input` and `out`.
        #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
        let (consumed, produced) = (
            (self.decoder.total_in() - consumed) as usize,
            (self.decoder.total_out() - produced) as usize,
        );
        let outcome = match status {
            Ok(Status::StreamEnd) => Outcome::MemberEnd,
            Ok(Status::Ok | Status::BufError) => Outcome::More,
            Err(_) => Outcome::Damaged,
        };
        if produced > 0 && !matches!(outcome, Outcome::More) {
            // First the bytes, then the news.
            self.held = Some(outcome);
            return Step { consumed, produced, outcome: Outcome::More };
        }
        Step { consumed, produced, outcome }
    }
}
