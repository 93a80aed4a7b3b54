//! Writing models: the layout of the C++ tool's files, version 12.

use super::super::dictionary::Dictionary;
use super::super::ngrams::{Buckets, Shape};
use super::super::reader::Reader;
use super::super::{MAGIC, SUPERVISED};
use super::quantiser::{Coded, Quantiser};
use super::vocabulary::Vocabulary;
use super::{TrainLoss, TrainSettings, Trained};

/// Bytes of the file before the dictionary: magic, version, twelve settings and one of eight bytes.
pub(super) const HEADER_BYTES: usize = 4 * (2 + 12) + 8;

/// Bytes of a dictionary's entry beside its text: NUL, count, type.
pub(super) const ENTRY_BYTES: usize = 1 + 8 + 1;

/// Little-endian fields.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    fn i32(&mut self, value: i32) {
        self.0.extend(value.to_le_bytes());
    }

    /// A number that fits: dimensions and sizes are checked before.
    fn count(&mut self, value: usize) {
        self.i32(i32::try_from(value).unwrap_or(i32::MAX));
    }

    fn i64(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    fn wide(&mut self, value: usize) {
        self.i64(i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn flag(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    fn floats(&mut self, values: &[f32]) {
        self.0.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    fn header(&mut self, settings: &TrainSettings) {
        self.i32(MAGIC);
        self.i32(12);
        let loss = match settings.loss {
            TrainLoss::Softmax => 3,
            TrainLoss::OneVsAll => 4,
        };
        let buckets = settings.used_buckets();
        // Window (5), negatives (5) and update rate (100) are not used by these losses.
        let fields = [
            settings.dimension,
            5,
            settings.epochs,
            settings.min_count,
            5,
            settings.word_ngrams,
            loss,
            SUPERVISED.cast_unsigned(),
            buckets,
            settings.min_chars,
            settings.max_chars,
            100,
        ];
        for field in fields {
            self.i32(field.cast_signed());
        }
        self.0.extend(1e-4f64.to_le_bytes());
    }

    fn dictionary(&mut self, vocabulary: &Vocabulary, kept: Option<&[u32]>) {
        let Vocabulary { words, labels, tokens, .. } = vocabulary;
        self.count(words.len() + labels.len());
        self.count(words.len());
        self.count(labels.len());
        self.i64(*tokens);
        match kept {
            None => self.i64(-1),
            Some(kept) => self.wide(kept.len()),
        }
        let words = words.iter().map(|word| (word, 0));
        for (entry, kind) in words.chain(labels.iter().map(|label| (label, 1))) {
            self.0.extend_from_slice(&entry.text);
            self.0.push(0);
            self.i64(entry.count);
            self.0.push(kind);
        }
        for (row, &bucket) in kept.unwrap_or_default().iter().enumerate() {
            self.i32(bucket.cast_signed());
            self.count(row);
        }
    }

    fn dense(&mut self, values: &[f32], dimension: usize) {
        self.wide(values.len() / dimension);
        self.wide(dimension);
        self.floats(values);
    }

    fn quantiser(&mut self, quantiser: &Quantiser) {
        let [dimension, parts, width, last] = quantiser.shape();
        for field in [dimension, parts, width, last] {
            self.count(field);
        }
        self.floats(&quantiser.centroids);
    }

    fn coded(&mut self, coded: &Coded) {
        self.flag(coded.norms.is_some());
        self.wide(coded.rows);
        self.wide(coded.quantiser.shape()[0]);
        self.count(coded.codes.len());
        self.0.extend_from_slice(&coded.codes);
        self.quantiser(&coded.quantiser);
        if let Some((codes, quantiser)) = &coded.norms {
            self.0.extend_from_slice(codes);
            self.quantiser(quantiser);
        }
    }
}

/// The dictionary of a model's file, read back as scoring reads it.
pub(super) fn dictionary(
    settings: &TrainSettings,
    vocabulary: &Vocabulary,
    kept: Option<&[u32]>,
) -> Dictionary {
    let mut writer = Writer::default();
    writer.dictionary(vocabulary, kept);
    let shape = Shape {
        min_chars: settings.min_chars,
        max_chars: settings.max_chars,
        word_ngrams: settings.word_ngrams,
        buckets: Buckets::new(settings.used_buckets()),
    };
    // What was just written has every field where it belongs.
    #[expect(clippy::expect_used, reason = "the bytes come from the line above")]
    Dictionary::read(&mut Reader::new(&writer.0), shape).expect("a written dictionary")
}

impl Trained {
    /// The model as a `.bin` file, which the fastText tool reads too.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = self.start();
        let dimension = self.settings.dimension as usize;
        writer.flag(false);
        writer.dense(&self.input, dimension);
        writer.flag(false);
        writer.dense(&self.output, dimension);
        writer.0
    }

    /// The file with the input matrix as `coded`; the output matrix, which is small, stays dense.
    pub(super) fn to_coded_bytes(&self, coded: &Coded) -> Vec<u8> {
        let mut writer = self.start();
        writer.flag(true);
        writer.coded(coded);
        writer.flag(false);
        writer.dense(&self.output, self.settings.dimension as usize);
        writer.0
    }

    fn start(&self) -> Writer {
        let mut writer = Writer::default();
        writer.header(&self.settings);
        writer.dictionary(&self.vocabulary, self.kept.as_deref());
        writer
    }
}
