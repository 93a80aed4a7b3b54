//! Log-likelihoods of continuations, many at a time.

use tch::{Kind, Tensor};

use crate::train::TrainError;
use crate::train::model::{Model, Rows};

/// Tokens that one forward pass reads at most. Which requests share one follows from the requests
/// alone, so that scores do not depend on anything else.
pub(super) const BATCH_TOKENS: usize = 8 << 10;
/// Bytes of logits at a time.
const LOGIT_BYTES: i64 = 64 << 20;

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// The tokens it reads.
    input: Vec<i64>,
    /// The tokens that follow the last ones of these.
    targets: Vec<i64>,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Answer {
    /// Of all targets, nats.
    pub(super) log_likelihood: f64,
    /// Whether each of them is the likeliest token.
    pub(super) greedy: bool,
}

impl Request {
    /// Of tokens of which the last `scored` are scored, cut from the left to what a model of `length`
    /// tokens reads.
    pub(super) fn new(ids: &[i64], scored: usize, length: usize) -> Result<Self, String> {
        if scored == 0 {
            return Err("the continuation has no tokens of its own".to_owned());
        }
        if scored > length {
            return Err(format!(
                "a continuation has {scored} tokens, and the model reads {length}; leave the item \
                 out or raise `tokens.sequence_length`"
            ));
        }
        let first = ids.len().saturating_sub(length + 1);
        let input = ids[first..ids.len() - 1].to_vec();
        Ok(Self { input, targets: ids[ids.len() - scored..].to_vec() })
    }
}

/// The answers in the order of the requests.
///
/// # Errors
/// When libtorch fails (out of memory, say).
pub(super) fn score(
    model: &Model,
    requests: &[Request],
    batch_tokens: usize,
) -> Result<Vec<Answer>, TrainError> {
    let _guard = tch::no_grad_guard();
    // The longest first: what memory does not hold is seen at once, and rows have equal lengths.
    let mut order: Vec<usize> = (0..requests.len()).collect();
    order.sort_by(|&left, &right| {
        let [left, right] = [left, right].map(|number| &requests[number].input);
        right.len().cmp(&left.len()).then_with(|| left.cmp(right))
    });
    let mut answers = vec![Answer { log_likelihood: 0.0, greedy: true }; requests.len()];
    let mut rest = &order[..];
    while let Some(&longest) = rest.first() {
        let length = requests[longest].input.len();
        let most = (batch_tokens / length.max(1)).max(1);
        // Requests of one input are neighbours, and one row.
        let mut rows: Vec<&[usize]> = Vec::new();
        let same = |left: &usize, right: &usize| requests[*left].input == requests[*right].input;
        for group in rest.chunk_by(same).take(most) {
            rows.push(group);
        }
        let taken = rows.iter().map(|row| row.len()).sum();
        batch(model, requests, &rows, length, &mut answers)?;
        rest = &rest[taken..];
    }
    Ok(answers)
}

/// One forward pass: each row is the input of all requests in it, filled up at its end, which no
/// position before sees.
fn batch(
    model: &Model,
    requests: &[Request],
    rows: &[&[usize]],
    length: usize,
    answers: &mut [Answer],
) -> Result<(), TrainError> {
    let mut ids = Vec::with_capacity(rows.len() * length);
    let (mut positions, mut targets, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for (row, group) in rows.iter().enumerate() {
        let input = &requests[group[0]].input;
        ids.extend_from_slice(input);
        ids.resize((row + 1) * length, 0);
        for &number in *group {
            let scored = &requests[number].targets;
            let first = row * length + input.len() - scored.len();
            for (place, &target) in (first..).zip(scored) {
                positions.push(place.cast_signed() as i64);
                targets.push(target);
                owners.push(number);
            }
        }
    }
    let [count, length] = [rows.len(), length].map(|size| size.cast_signed() as i64);
    let ids = Tensor::f_from_slice(&ids)?.f_reshape([count, length])?.f_to_device(model.device)?;
    let hidden = model.hidden(&ids, Rows { rows: count, length, mask: None })?;
    let hidden = hidden.f_reshape([count * length, -1])?;
    let at = Tensor::f_from_slice(&positions)?.f_to_device(model.device)?;
    let hidden = hidden.f_index_select(0, &at)?;
    let wanted = Tensor::f_from_slice(&targets)?.f_to_device(model.device)?;
    let (nats, greedy) = log_likelihoods(model, &hidden, &wanted)?;
    for ((owner, nats), greedy) in owners.into_iter().zip(nats).zip(greedy) {
        answers[owner].log_likelihood += f64::from(nats);
        answers[owner].greedy &= greedy;
    }
    Ok(())
}

/// For each row of `hidden` `[positions, width]` the log-likelihood of its target, and whether that is
/// the likeliest token.
fn log_likelihoods(
    model: &Model,
    hidden: &Tensor,
    targets: &Tensor,
) -> Result<(Vec<f32>, Vec<bool>), TrainError> {
    let vocabulary = model.head().size()[0];
    let chunk = (LOGIT_BYTES / (4 * vocabulary)).max(1);
    let (mut nats, mut greedy) = (Vec::new(), Vec::new());
    for (hidden, targets) in hidden.f_split(chunk, 0)?.iter().zip(targets.f_split(chunk, 0)?) {
        let logits = model.logits(hidden)?;
        let all = logits.f_log_softmax(-1, Kind::Float)?;
        let mine = all.f_gather(1, &targets.f_unsqueeze(1)?, false)?.f_reshape([-1])?;
        nats.extend(Vec::<f32>::try_from(mine)?);
        let best = logits.f_argmax(-1, false)?.f_eq_tensor(&targets)?;
        greedy.extend(Vec::<bool>::try_from(best)?);
    }
    Ok((nats, greedy))
}
