//! Where the bytes of a buffer stand in their file.

use std::collections::VecDeque;

use crate::document::Position;

/// Where members begin in a buffer that content is read into; of the member that began before the
/// buffer does, some place in it.
#[derive(Default)]
pub(in crate::read) struct Places(VecDeque<(usize, Position)>);

impl Places {
    /// A chunk that stands at `at` was read to `index`.
    pub(in crate::read) fn read(&mut self, index: usize, at: Position) {
        if self.0.back().is_none_or(|(_, last)| last.member != at.member) {
            self.0.push_back((index, at));
        }
    }

    /// Bytes before `start` will not be asked for.
    pub(in crate::read) fn pass(&mut self, start: usize) {
        while self.0.get(1).is_some_and(|(index, _)| *index <= start) {
            self.0.pop_front();
        }
    }

    /// What stands at `start` moves to the front of the buffer; all before it has been passed.
    pub(in crate::read) fn shift(&mut self, start: usize) {
        for (index, position) in &mut self.0 {
            // Only the first can begin before what is held.
            position.offset += start.saturating_sub(*index) as u64;
            *index = index.saturating_sub(start);
        }
    }

    /// Nothing is held any more.
    pub(in crate::read) fn clear(&mut self) {
        self.0.clear();
    }

    /// Where the byte at `index` stands.
    pub(in crate::read) fn of(&self, index: usize) -> Option<Position> {
        let behind = self.0.partition_point(|(start, _)| *start <= index);
        let (start, position) = self.0.get(behind.checked_sub(1)?)?;
        let offset = position.offset + (index - start) as u64;
        Some(Position { member: position.member, offset })
    }

    /// How many members the buffer holds bytes of.
    pub(in crate::read) fn count(&self) -> usize {
        self.0.len()
    }

    /// Where the first member of a compressed file begins, from `index` on.
    pub(in crate::read) fn next_member(&self, index: usize) -> Option<usize> {
        let first = self.0.partition_point(|(start, _)| *start < index);
        self.0
            .range(first..)
            .find(|(_, position)| position.member != Position::PLAIN && position.offset == 0)
            .map(|(start, _)| *start)
    }
}
