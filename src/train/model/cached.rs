//! Token after token: keys and values of what came before are kept, so that each one costs a forward
//! pass of one position.

use tch::Tensor;

use super::super::TrainError;
use super::{Form, Model, Rows, gpt2, llama};

/// Keys and values of a block, `[1, heads, positions, size]`, keys with their positions turned in.
#[derive(Debug, Default)]
pub(super) struct Past(Option<(Tensor, Tensor)>);

impl Past {
    /// Positions kept.
    pub(super) fn length(&self) -> i64 {
        self.0.as_ref().map_or(0, |(key, _)| key.size()[2])
    }

    /// Adds those of the next positions; gives all.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(super) fn extend(
        &mut self,
        key: &Tensor,
        value: &Tensor,
    ) -> Result<(Tensor, Tensor), TrainError> {
        let all = match &self.0 {
            Some((keys, values)) => {
                (Tensor::f_cat(&[keys, key], 2)?, Tensor::f_cat(&[values, value], 2)?)
            }
            None => (key.f_contiguous()?, value.f_contiguous()?),
        };
        self.0 = Some((all.0.shallow_clone(), all.1.shallow_clone()));
        Ok(all)
    }
}

/// What a model remembers of a text.
#[derive(Debug, Default)]
pub(crate) struct Cache(Vec<Past>);

impl Cache {
    /// Tokens read.
    pub(crate) fn length(&self) -> i64 {
        self.0.first().map_or(0, Past::length)
    }
}

impl Model {
    /// Reads the next tokens of a text; gives the logits of what follows the last of them. Into an
    /// empty cache go any number of tokens, then one at a time.
    ///
    /// # Errors
    /// When libtorch fails; the text must not grow longer than the model's sequence.
    pub(crate) fn read(&self, ids: &[i64], cache: &mut Cache) -> Result<Vec<f32>, TrainError> {
        let _guard = tch::no_grad_guard();
        let start = cache.length();
        cache.0.resize_with(self.layers, Past::default);
        let length = ids.len().cast_signed() as i64;
        let ids = Tensor::f_from_slice(ids)?.f_reshape([1, length])?.f_to_device(self.device)?;
        // One position sees all before it, which is no triangle.
        let all = Tensor::f_ones([1, 1, length, start + length], (tch::Kind::Bool, self.device))?;
        let mask = (start > 0).then_some(&all);
        let rows = Rows { rows: 1, length, mask };
        let mut stream = match &self.form {
            Form::Llama(_) => llama::Llama::embed(self.body(), &ids)?,
            Form::Gpt2(form) => gpt2::Gpt2::embed(form, self.body(), &ids, rows, start)?,
        };
        for (layer, past) in cache.0.iter_mut().enumerate() {
            let weights = &self.parameters[self.block_weights(layer)];
            stream = match &self.form {
                Form::Llama(form) => form.block_behind(weights, &stream, rows, Some(past))?,
                Form::Gpt2(form) => form.block_behind(weights, &stream, rows, Some(past))?,
            };
        }
        let last = self.finish(&stream.f_narrow(1, length - 1, 1)?)?;
        let logits = self.logits(&last.f_reshape([1, -1])?)?;
        Ok(Vec::try_from(logits.f_reshape([-1])?)?)
    }
}
