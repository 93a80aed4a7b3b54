//! The anchors of one component: documents that others may be like.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::Minhash;
use super::jaccard::alike;
use super::verify::Candidate;
use crate::exchange::ExchangeError;
use crate::ops::spread::Spread;
use crate::ops::{Figures, MeetTask, OpError};
use crate::store::Store;

/// Anchors remembered for one band: where templates fill a band with thousands of anchors, the
/// other bands tell them apart.
const A_BAND: usize = 64;

/// Finds the anchor that a document is like.
pub(super) struct Anchors {
    store: Store,
    /// How names of files begin that sets are put aside in.
    work: String,
    /// Bytes of sets held.
    budget: usize,
    /// Of each band, the anchors that have it, by the number of the band and its digest.
    bands: HashMap<(u32, u32), Vec<u32>, BuildHasherDefault<Spread>>,
    /// Texts and the anchors that have them.
    texts: HashMap<u128, u32, BuildHasherDefault<Spread>>,
    /// Where the set of each anchor lies.
    sets: Vec<Place>,
    /// Sets that are held.
    held: Vec<u32>,
    files: Vec<String>,
    /// Sets read back from files, by anchor: where a band is full, the same are asked for again and
    /// again.
    cache: HashMap<u32, Vec<u32>, BuildHasherDefault<Spread>>,
    /// Shingles in the cache.
    cached: usize,
    /// Anchors there are, those that are compared with none included.
    count: u32,
    nominees: Vec<u32>,
    figures: Figures,
}

/// Where a set lies.
#[derive(Clone, Copy)]
struct Place {
    /// The file, or the held ones behind the last.
    file: usize,
    start: usize,
    length: usize,
}

/// What there is for a document.
pub(super) enum Found {
    /// An anchor that it is like.
    Anchor {
        /// Number of the anchor in its component.
        number: u32,
        /// How alike they are.
        similarity: f64,
    },
    /// None.
    None,
}

impl Anchors {
    pub(super) fn new(task: &MeetTask<'_>) -> Self {
        Self {
            store: task.store.clone(),
            work: format!("{}.sets", task.work),
            budget: task.budget / 3,
            bands: HashMap::default(),
            texts: HashMap::default(),
            sets: Vec::new(),
            held: Vec::new(),
            files: Vec::new(),
            cache: HashMap::default(),
            cached: 0,
            count: 0,
            nominees: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// Forgets all, for another component.
    pub(super) fn clear(&mut self) -> Result<(), OpError> {
        self.bands.clear();
        self.texts.clear();
        // Most components are small, and a table that once was large takes long to empty.
        self.bands.shrink_to(1 << 12);
        self.texts.shrink_to(1 << 12);
        self.sets.clear();
        self.held.clear();
        self.cache.clear();
        self.cached = 0;
        self.count = 0;
        for file in self.files.drain(..) {
            self.store.delete(&file).map_err(ExchangeError::from)?;
        }
        Ok(())
    }

    /// Figures of all components.
    pub(super) fn report(&mut self, figures: &mut Figures) {
        figures.add(&std::mem::take(&mut self.figures));
    }

    /// The first anchor that the document is like, of those that it may be compared with.
    pub(super) fn find(&mut self, op: &Minhash, document: &Candidate) -> Result<Found, OpError> {
        if let Some(&number) = self.texts.get(&document.label) {
            return Ok(Found::Anchor { number, similarity: 1.0 });
        }
        self.nominees.clear();
        for band in (0u32..).zip(document.bands.iter().copied()) {
            if let Some(anchors) = self.bands.get(&band) {
                self.nominees.extend_from_slice(anchors);
            }
        }
        self.nominees.sort_unstable();
        // The most bands in common first, then the first to survive.
        let mut ranked: Vec<(std::cmp::Reverse<usize>, u32)> = self
            .nominees
            .chunk_by(|left, right| left == right)
            .map(|same| (std::cmp::Reverse(same.len()), same[0]))
            .collect();
        ranked.sort_unstable();
        for &(_, number) in ranked.iter().take(op.max_comparisons) {
            self.figures.count("compared", 1);
            let place = self.sets[number as usize];
            let similarity = if place.file == self.files.len() {
                let set = &self.held[place.start..place.start + place.length];
                alike(op.measure, op.threshold, set, &document.set)
            } else {
                alike(op.measure, op.threshold, self.read(number, place)?, &document.set)
            };
            if let Some(similarity) = similarity {
                return Ok(Found::Anchor { number, similarity });
            }
        }
        Ok(Found::None)
    }

    /// Adds an anchor, so that others are compared with it if it is one of the first `most`.
    pub(super) fn add(&mut self, most: usize, document: &Candidate) -> Result<(), OpError> {
        let number = self.count;
        self.count += 1;
        self.figures.largest("largest_anchors", u64::from(self.count));
        if number as usize >= most {
            self.figures.count("beyond_max_cluster", 1);
            return Ok(());
        }
        self.texts.insert(document.label, number);
        for band in (0u32..).zip(document.bands.iter().copied()) {
            let anchors = self.bands.entry(band).or_default();
            if anchors.len() < A_BAND {
                anchors.push(number);
            }
        }
        let (start, length) = (self.held.len(), document.set.len());
        self.sets.push(Place { file: self.files.len(), start, length });
        self.held.extend_from_slice(&document.set);
        if self.held.len() * size_of::<u32>() > self.budget {
            self.put_aside()?;
        }
        Ok(())
    }

    /// Writes the sets that are held to a file.
    fn put_aside(&mut self) -> Result<(), OpError> {
        let path = format!("{}-{}", self.work, self.files.len());
        let bytes: Vec<u8> = self.held.iter().flat_map(|shingle| shingle.to_le_bytes()).collect();
        self.store.put(&path, bytes.into()).map_err(ExchangeError::from)?;
        self.files.push(path);
        self.held.clear();
        Ok(())
    }

    /// A set that was put aside.
    fn read(&mut self, number: u32, place: Place) -> Result<&[u32], OpError> {
        if !self.cache.contains_key(&number) {
            let width = size_of::<u32>() as u64;
            let range = place.start as u64 * width..(place.start + place.length) as u64 * width;
            let bytes = self
                .store
                .read_range(&self.files[place.file], range)
                .map_err(ExchangeError::from)?;
            let set = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word));
            if (self.cached + place.length) * size_of::<u32>() > self.budget / 2 {
                self.cache.clear();
                self.cached = 0;
            }
            self.cached += place.length;
            self.cache.insert(number, set.collect());
        }
        Ok(self.cache.get(&number).map_or(&[], Vec::as_slice))
    }
}
