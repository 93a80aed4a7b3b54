//! The best labels so far.

/// A binary heap with the worst kept label on top. Models trained with negative sampling or one-vs-all give
/// many equal scores, and which of them survive, in which order, follows from how the heap moves its
/// elements; so this one moves them as the C++ standard library (GNU) does under fastText.
#[derive(Debug, Default)]
pub(super) struct TopLabels {
    heap: Vec<(f32, u32)>,
    k: usize,
}

impl TopLabels {
    pub(super) fn reset(&mut self, k: usize) {
        self.heap.clear();
        self.k = k;
    }

    /// Whether a label of this score would be turned away (an equal score is not).
    pub(super) fn refuses(&self, score: f32) -> bool {
        self.heap.len() == self.k && self.heap.first().is_none_or(|worst| score < worst.0)
    }

    pub(super) fn offer(&mut self, score: f32, label: u32) {
        if self.refuses(score) {
            return;
        }
        self.heap.push((score, label));
        let last = self.heap.len() - 1;
        rise(&mut self.heap, last, (score, label));
        if self.heap.len() > self.k {
            pop(&mut self.heap);
            self.heap.pop();
        }
    }

    /// Orders the labels from best to worst; nothing may be offered after it.
    pub(super) fn sort(&mut self) {
        for len in (2..=self.heap.len()).rev() {
            pop(&mut self.heap[..len]);
        }
    }

    /// `(score, label)`, after `sort` the best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (f32, u32)> {
        self.heap.iter().copied()
    }
}

/// Puts `item` where it belongs between `hole` and the root.
fn rise(heap: &mut [(f32, u32)], mut hole: usize, item: (f32, u32)) {
    while hole > 0 && heap[(hole - 1) / 2].0 > item.0 {
        heap[hole] = heap[(hole - 1) / 2];
        hole = (hole - 1) / 2;
    }
    heap[hole] = item;
}

/// Moves the worst to the end and makes a heap of the rest: the hole sinks to the bottom, always to the
/// worse child (the right one if equal), and the last element rises from there.
fn pop(heap: &mut [(f32, u32)]) {
    let Some(last) = heap.len().checked_sub(1).filter(|&last| last > 0) else {
        return;
    };
    let item = heap[last];
    heap[last] = heap[0];
    let rest = &mut heap[..last];
    let mut hole = 0;
    while 2 * hole + 2 < rest.len() {
        let right = 2 * hole + 2;
        let child = if rest[right].0 > rest[right - 1].0 { right - 1 } else { right };
        rest[hole] = rest[child];
        hole = child;
    }
    if 2 * hole + 2 == rest.len() {
        rest[hole] = rest[2 * hole + 1];
        hole = 2 * hole + 1;
    }
    rise(rest, hole, item);
}
