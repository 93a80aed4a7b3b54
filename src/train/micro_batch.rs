//! Samples that are computed together, on the device.

use tch::{Device, Tensor};

use super::TrainError;
use super::model::{Rows, document_mask, documents};

/// Some rows of tokens with what is to be predicted.
pub(crate) struct MicroBatch {
    /// `[rows, length]`.
    pub(crate) inputs: Tensor,
    pub(crate) targets: Targets,
    /// As [`documents`] has them, where attention stays within documents.
    documents: Option<Tensor>,
    rows: i64,
    length: i64,
}

/// What is to be predicted.
pub(crate) struct Targets {
    /// The tokens that are learnt.
    pub(crate) ids: Tensor,
    /// How many.
    pub(crate) count: i64,
    /// The positions that predict them, where not all do.
    pub(crate) places: Option<Tensor>,
}

impl MicroBatch {
    /// Of rows of `length` + 1 tokens `ids`, of which those with a 1 in `loss` are learnt, or all
    /// where that is empty. `borders` are, for each row, where documents begin in it: given where
    /// attention stays within documents.
    ///
    /// Copies to the device, which waits for all that is under way there: make all that a step needs
    /// before it computes anything.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn new(
        ids: &[i64],
        loss: &[u8],
        length: usize,
        borders: Option<Vec<Vec<u32>>>,
        device: Device,
    ) -> Result<Self, TrainError> {
        let width = length + 1;
        let [rows, length] = [ids.len() / width, length].map(|size| size.cast_signed() as i64);
        let ids = Tensor::f_from_slice(ids)?.f_reshape([rows, length + 1])?.f_to_device(device)?;
        let inputs = ids.f_narrow(1, 0, length)?.f_contiguous()?;
        let targets = ids.f_narrow(1, 1, length)?.f_reshape([rows * length])?;
        let documents = borders.map(|borders| documents(&borders, length, device)).transpose()?;
        Ok(Self { inputs, targets: Targets::new(targets, loss, width)?, documents, rows, length })
    }

    /// What its positions see, where attention stays within documents. As large as its attention, so
    /// it is made when it is needed.
    pub(crate) fn mask(&self) -> Result<Option<Tensor>, TrainError> {
        self.documents.as_ref().map(document_mask).transpose()
    }

    /// Its shape, with the mask that [`MicroBatch::mask`] gave.
    pub(crate) fn rows<'a>(&self, mask: Option<&'a Tensor>) -> Rows<'a> {
        Rows { rows: self.rows, length: self.length, mask }
    }

    /// How many positions it has.
    pub(crate) fn positions(&self) -> i64 {
        self.rows * self.length
    }
}

impl Targets {
    /// Of the tokens `ids`, all but the first of every row, with a byte of `loss` for each token of
    /// rows of `width`.
    fn new(ids: Tensor, loss: &[u8], width: usize) -> Result<Self, TrainError> {
        if loss.is_empty() {
            let count = ids.size1()?;
            return Ok(Self { ids, count, places: None });
        }
        let predicted = loss.chunks(width).flat_map(|row| &row[1..]);
        let places = (0..).zip(predicted).filter(|it| *it.1 == 1).map(|it| it.0);
        let places: Vec<i64> = places.collect();
        let count = places.len().cast_signed() as i64;
        let places = Tensor::f_from_slice(&places)?.f_to_device(ids.device())?;
        Ok(Self { ids: ids.f_index_select(0, &places)?, count, places: Some(places) })
    }

    /// Of all positions `[positions, width]` those that predict what is learnt.
    pub(crate) fn learnt(&self, positions: &Tensor) -> Result<Tensor, TrainError> {
        Ok(match &self.places {
            Some(places) => positions.f_index_select(0, places)?,
            None => positions.shallow_clone(),
        })
    }
}
