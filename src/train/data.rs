//! What a sample is: a window of tokens, by its number alone.
//!
//! The documents of a cell (of the whole run, where there is no blend) are cut into windows of
//! `sequence_length` + 1 tokens, which stand in the order of an epoch ([`super::order`]). A window
//! predicts all of its tokens but the first. Document borders are handed out beside the tokens.
//!
//! The state of the loader is one integer, the samples consumed: sample *s* is window *s* mod
//! *windows* of epoch *s* / *windows*. Where shards are a blend of cells, [`super::blend`] says which
//! cell it reads, and how many of its windows came before. Batch size, micro-batches and the way
//! shards were cut change nothing.

use super::TrainError;
use super::blend::{Blend, Windows};
use super::documents::Documents;
use super::order::{Cuts, Order, Piece};
use super::quarantine;
use super::shards::Tokens;

/// Training windows in their visiting order.
pub(crate) struct Loader {
    tokens: Tokens,
    documents: Documents,
    seed: u64,
    cells: Vec<Cell>,
    blend: Option<Windows>,
    masked: bool,
    mask_repeats: bool,
}

/// Documents that stand in one order.
struct Cell {
    cuts: Cuts,
    /// The epoch read last. A training goes forward, so another one is seldom asked for.
    order: Option<(u64, Order)>,
}

/// Some samples.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Tokens, row-major `[samples, length + 1]`.
    pub(crate) ids: Vec<i64>,
    /// For each token, 1 where it is learnt and 0 where not; empty where all are.
    pub(crate) loss: Vec<u8>,
    /// For each sample, the parts of documents it consists of, in order.
    pub(crate) pieces: Vec<Vec<Piece>>,
}

impl Batch {
    /// How many tokens are predicted and learnt.
    pub(crate) fn learnt(&self) -> u64 {
        let samples = self.pieces.len();
        let width = self.ids.len() / samples.max(1);
        if self.loss.is_empty() {
            return (self.ids.len() - samples) as u64;
        }
        let predicted = self.loss.chunks(width.max(1)).flat_map(|row| &row[1..]);
        predicted.map(|&learnt| u64::from(learnt)).sum()
    }

    /// Masks the last sample out if it repeats itself too often.
    fn mask_repeats(&mut self) {
        let samples = self.pieces.len();
        let width = self.ids.len() / samples.max(1);
        let start = self.ids.len() - width;
        let repeats = quarantine::repeated(&self.ids[start..]).1 >= quarantine::MOST_REPEATS;
        if repeats && self.loss.is_empty() {
            self.loss.resize(start, 1);
        }
        if repeats || !self.loss.is_empty() {
            // Masks of the sample itself, where the shards have them, stand there already.
            self.loss.resize(self.ids.len(), 1);
        }
        if repeats {
            self.loss[start..].fill(0);
        }
    }
}

/// Where documents begin in a sample of these pieces, in tokens from its start: attention may stay
/// within them.
pub(crate) fn borders(pieces: &[Piece]) -> impl Iterator<Item = u32> {
    let mut at = 0;
    pieces.iter().map(move |piece| {
        let start = at;
        at += piece.tokens;
        start
    })
}

impl Loader {
    /// Windows of `length` + 1 tokens of cells that are blended, or of everything where the blend is
    /// empty.
    ///
    /// # Errors
    /// When there are fewer tokens than one window takes, all told or of a cell that is asked for.
    pub(crate) fn new(
        tokens: Tokens,
        documents: Documents,
        blend: &Blend,
        length: u32,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let whole = [tokens.len()];
        let blended = !blend.stages.is_empty();
        let sizes = if blended { &blend.cells[..] } else { &whole };
        let mut start = 0;
        let mut cells = Vec::with_capacity(sizes.len());
        for &size in sizes {
            let range = documents.within(&(start..start + size));
            start += size;
            cells.push(Cell { cuts: Cuts::new(&documents, range, length)?, order: None });
        }
        let windows = cells.iter().map(|cell| cell.cuts.windows());
        let blend = if blended { Some(Windows::new(blend, windows, length)?) } else { None };
        if blend.is_none() && cells[0].cuts.windows() == 0 {
            return Err(TrainError::TooFewTrainingTokens {
                tokens: tokens.len(),
                sequence_length: length.into(),
            });
        }
        let masked = tokens.masked();
        Ok(Self { tokens, documents, seed, cells, blend, masked, mask_repeats: false })
    }

    /// Learns nothing of samples that repeat an n-gram of 1 to 13 tokens 32 times or more at a stretch,
    /// as `OLMo 2` does (<https://arxiv.org/abs/2501.00656>, section 3.1), if `so`.
    pub(crate) fn masking_repeats(self, so: bool) -> Self {
        Self { mask_repeats: so, ..self }
    }

    /// Samples of an epoch: of a blend, the windows of all its cells.
    pub(crate) fn epoch(&self) -> u64 {
        self.cells.iter().map(|cell| cell.cuts.windows()).sum()
    }

    /// The parts of documents that sample `sample` consists of.
    pub(crate) fn pieces(&mut self, sample: u64) -> Vec<Piece> {
        let (cell, nth) = match &mut self.blend {
            Some(blend) => blend.at(sample),
            None => (0, sample),
        };
        let Cell { cuts, order } = &mut self.cells[cell];
        // A cell without a window is asked for none.
        let windows = cuts.windows().max(1);
        let (epoch, at) = (nth / windows, nth % windows);
        let order = match order.take() {
            Some((of, held)) if of == epoch => order.insert((of, held)),
            other => {
                // Not both at a time.
                drop(other);
                order.insert((epoch, Order::new(&self.documents, cuts, self.seed, epoch)))
            }
        };
        let mut pieces = Vec::new();
        order.1.window(&self.documents, cuts, at, |piece| pieces.push(piece));
        pieces
    }

    /// Reads samples.
    ///
    /// # Errors
    /// When an id lies outside the vocabulary.
    pub(crate) fn batch(
        &mut self,
        samples: impl IntoIterator<Item = u64>,
    ) -> Result<Batch, TrainError> {
        let mut batch = Batch::default();
        for sample in samples {
            let pieces = self.pieces(sample);
            for piece in &pieces {
                self.read(*piece, &mut batch.ids)?;
                if self.masked {
                    let start = self.documents.start(piece.document) + u64::from(piece.from);
                    self.tokens.read_loss(start, piece.tokens.into(), &mut batch.loss);
                }
            }
            batch.pieces.push(pieces);
            if self.mask_repeats {
                batch.mask_repeats();
            }
        }
        Ok(batch)
    }

    /// Appends the tokens of a piece.
    pub(crate) fn read(&self, piece: Piece, out: &mut Vec<i64>) -> Result<(), TrainError> {
        let start = self.documents.start(piece.document) + u64::from(piece.from);
        self.tokens.read(start, piece.tokens.into(), out)
    }

    /// The stage of the blend that sample `sample` is in; 0 where there are none.
    pub(crate) fn stage(&self, sample: u64) -> usize {
        self.blend.as_ref().map_or(0, |blend| blend.stage(sample))
    }

    /// All training tokens.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// All training documents.
    pub(crate) fn documents(&self) -> &Documents {
        &self.documents
    }
}

#[cfg(test)]
mod tests {
    use super::super::shards::tests::{id, write_documents, write_shard};
    use super::*;
    use crate::store::Store;

    fn open(store: &Store, stems: &[&str], blend: &Blend, length: u32) -> Loader {
        let stems: Vec<String> = stems.iter().map(|stem| format!("tokens/{stem}")).collect();
        let tokens = Tokens::open(store, &stems, 1_000).unwrap();
        let documents = Documents::load(store, &stems, &tokens).unwrap();
        Loader::new(tokens, documents, blend, length, 7).unwrap()
    }

    /// Documents of one to six tokens, all tokens of all documents different.
    fn texts(count: usize) -> Vec<Vec<u32>> {
        let mut next = 0;
        (0..count)
            .map(|number| {
                let length = u32::try_from(number * 7 % 6 + 1).unwrap();
                next += length;
                (next - length..next).collect()
            })
            .collect()
    }

    #[test]
    fn an_epoch_predicts_every_token_once_and_the_next_one_in_another_order() {
        let store = Store::in_memory();
        let texts = texts(100);
        write_shard(&store, "train_00000", &texts);
        let total: u64 = texts.iter().map(|text| text.len() as u64).sum();
        let mut loader = open(&store, &["train_00000"], &Blend::default(), 8);
        let windows = (total - 1) / 8;
        let epoch = |loader: &mut Loader, epoch: u64| {
            let batch = loader.batch(epoch * windows..(epoch + 1) * windows).unwrap();
            let rows = batch.ids.chunks(9);
            assert!(rows.clone().zip(rows.skip(1)).all(|(one, next)| one[8] == next[0]));
            let targets: Vec<i64> = batch.ids.chunks(9).flat_map(|row| row[1..].to_vec()).collect();
            let once: std::collections::BTreeSet<&i64> = targets.iter().collect();
            assert_eq!(once.len(), targets.len());
            assert_eq!(targets.len() as u64, windows * 8);
            targets
        };
        let orders = [0, 1, 2, 0].map(|number| epoch(&mut loader, number));
        assert!(orders[0] != orders[1] && orders[1] != orders[2]);
        assert_eq!(orders[0], orders[3], "an epoch is a function of its number");
        // Tokens of a document stand together: most are followed by the one after.
        let follow = orders[0].windows(2).filter(|pair| pair[0] + 1 == pair[1]).count();
        assert!(follow * 2 > orders[0].len());
    }

    #[test]
    fn a_batch_has_windows_of_many_documents() {
        let store = Store::in_memory();
        let texts: Vec<Vec<u32>> = (0..20).map(|text| vec![text; 100]).collect();
        write_shard(&store, "train_00000", &texts);
        let mut loader = open(&store, &["train_00000"], &Blend::default(), 8);
        // 12 whole windows a document, and its last 4 tokens.
        let ids = loader.batch(0..249).unwrap().ids;
        let rows: Vec<&[i64]> = ids.chunks(9).collect();
        let of_one = |row: &&&[i64]| row.iter().all(|token| *token == row[0]);
        assert_eq!(rows.iter().filter(of_one).count(), 240);
        let repeats = rows.windows(2).filter(|pair| pair[0][0] == pair[1][0]).count();
        assert!(repeats < 30, "{repeats} of 248");
    }

    #[test]
    fn what_repeats_itself_32_times_is_read_and_not_learnt() {
        let store = Store::in_memory();
        let mut texts: Vec<Vec<u32>> =
            (0..4).map(|text| (text * 99..text * 99 + 97).collect()).collect();
        // 32 times and 31 times: the first alone is too often.
        texts.push([900, 901, 902].repeat(32).into_iter().chain([7]).collect());
        texts.push([800, 801, 802].repeat(31).into_iter().chain([7; 4]).collect());
        write_shard(&store, "train_00000", &texts);
        let all = open(&store, &["train_00000"], &Blend::default(), 96).batch(0..6).unwrap();
        let mut masking =
            open(&store, &["train_00000"], &Blend::default(), 96).masking_repeats(true);
        let masked = masking.batch(0..6).unwrap();
        assert_eq!((&masked.ids, &masked.pieces), (&all.ids, &all.pieces));
        assert_eq!((all.learnt(), masked.learnt()), (6 * 96, 5 * 96));
        for (ids, loss) in masked.ids.chunks(97).zip(masked.loss.chunks(97)) {
            assert!(loss.iter().all(|&learnt| (learnt == 0) == (ids[0] == 900)), "{ids:?}");
        }
    }

    #[test]
    fn neither_shards_nor_batches_change_it() {
        let texts = texts(90);
        let ids: Vec<_> = (0..90).map(|number| id("text", number)).collect();
        let one = Store::in_memory();
        write_documents(&one, "train_00000", &texts, &ids);
        // Another order, in three shards.
        let three = Store::in_memory();
        let stems = ["train_00000", "train_00001", "train_00002"];
        for (number, stem) in stems.into_iter().enumerate() {
            let mine = || (0..90).rev().filter(move |at| at % 3 == number);
            let texts: Vec<_> = mine().map(|at| texts[at].clone()).collect();
            write_documents(&three, stem, &texts, &mine().map(|at| ids[at]).collect::<Vec<_>>());
        }
        let mut left = open(&one, &["train_00000"], &Blend::default(), 8);
        let mut right = open(&three, &stems, &Blend::default(), 8);
        let whole = left.batch(0..150).unwrap();
        let mut singly = Vec::new();
        for sample in (0..150).step_by(3) {
            singly.extend(right.batch(sample..sample + 3).unwrap().ids);
        }
        assert!(whole.ids == singly);
    }

    #[test]
    fn borders_are_where_documents_begin() {
        let store = Store::in_memory();
        write_shard(&store, "train_00000", &texts(60));
        let mut loader = open(&store, &["train_00000"], &Blend::default(), 16);
        let batch = loader.batch(0..3).unwrap();
        for row in 0..3 {
            let ids = &batch.ids[row * 17..(row + 1) * 17];
            let borders: Vec<usize> = borders(&batch.pieces[row]).map(|at| at as usize).collect();
            assert_eq!(borders[0], 0);
            for at in 1..17 {
                // Ids rise by one within a document; two neighbours could do so by chance.
                assert!(borders.contains(&at) || ids[at] == ids[at - 1] + 1);
            }
            assert!(borders.len() > 2);
        }
    }

    #[test]
    fn copies_of_a_document_are_spread() {
        let store = Store::in_memory();
        let texts: Vec<Vec<u32>> = (0..200).map(|text| vec![text % 50]).collect();
        let ids: Vec<_> = (0..200).map(|text| id("text", text % 50)).collect();
        write_documents(&store, "train_00000", &texts, &ids);
        let mut loader = open(&store, &["train_00000"], &Blend::default(), 1);
        let tokens = loader.batch(0..199).unwrap().ids;
        let repeats = tokens.chunks(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(repeats < 12, "{repeats} of 199");
    }

    #[test]
    fn a_blend_reads_its_cells_in_their_order() {
        let store = Store::in_memory();
        let texts = texts(60);
        let (left, right) = texts.split_at(30);
        write_shard(&store, "a/train_00000", left);
        write_shard(&store, "b/train_00000", right);
        let size = |texts: &[Vec<u32>]| texts.iter().map(|text| text.len() as u64).sum::<u64>();
        let cells = vec![size(left), size(right)];
        let blend = Blend { stages: vec![vec![40, 80]], cells };
        let mut loader = open(&store, &["a/train_00000", "b/train_00000"], &blend, 4);
        let batch = loader.batch(0..60).unwrap();
        let of_left = |row: &[i64]| row[0] < i64::try_from(size(left)).unwrap();
        let rows: Vec<&[i64]> = batch.ids.chunks(5).collect();
        assert_eq!(rows.iter().filter(|row| of_left(row)).count(), 20);
        let mut alone = open(&store, &["a/train_00000"], &Blend::default(), 4);
        let expected = alone.batch(0..20).unwrap();
        let found: Vec<i64> =
            rows.iter().filter(|row| of_left(row)).flat_map(|row| row.to_vec()).collect();
        assert_eq!(found, expected.ids, "a cell has the order it has alone");
    }

    #[test]
    fn an_index_that_does_not_fit_is_named() {
        let store = Store::in_memory();
        write_shard(&store, "train_00000", &[vec![1, 2], vec![3]]);
        let other = Store::in_memory();
        write_shard(&other, "train_00000", &[vec![1, 2], vec![3, 4]]);
        let path = "tokens/index/train_00000.parquet";
        store.put(path, other.read(path).unwrap()).unwrap();
        let stems = ["tokens/train_00000".to_owned()];
        let tokens = Tokens::open(&store, &stems, 9).unwrap();
        let error = Documents::load(&store, &stems, &tokens).unwrap_err().to_string();
        assert!(error.contains("train_00000.bin") && error.contains("--fresh"), "{error}");
        store.delete(path).unwrap();
        let error = Documents::load(&store, &stems, &tokens).unwrap_err().to_string();
        assert!(error.contains("tokens/index"), "{error}");
    }
}
