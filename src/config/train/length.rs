//! How long a training is.

use super::{Schedule, TrainConfig, TrainConfigError, wrong};

impl TrainConfig {
    /// The steps of a training without horizons.
    pub(super) fn steps(&self, n: u64, batch_tokens: u64) -> Result<u64, TrainConfigError> {
        match (self.steps, self.tokens) {
            (Some(_), Some(_)) => wrong(
                "steps",
                "`tokens` is given as well, and both say how long to train",
                "keep one of the two",
            ),
            (Some(0), None) => wrong("steps", "is 0", "give at least 1"),
            (None, Some(0)) => wrong("tokens", "is 0", "give at least one step's worth"),
            (Some(steps), None) => Ok(steps),
            (None, tokens) => Ok(tokens.unwrap_or(20 * n).div_ceil(batch_tokens)),
        }
    }

    /// The steps at which a training with `wsd-s` has decayed; none for other schedules.
    pub(super) fn horizons(
        &self,
        schedule: Schedule,
        batch_tokens: u64,
    ) -> Result<Vec<u64>, TrainConfigError> {
        let example = "for example [1000000, 2000000, 4000000]";
        let tokens = match (schedule, &self.horizons) {
            (Schedule::WsdS, Some(tokens)) if !tokens.is_empty() => tokens,
            (Schedule::WsdS, _) => {
                let problem = "is missing, and `schedule` = \"wsd-s\" decays at them";
                return wrong("horizons", problem, format!("give numbers of tokens, {example}"));
            }
            (_, None) => return Ok(Vec::new()),
            (_, Some(_)) => {
                let problem = "is for `schedule` = \"wsd-s\" alone";
                return wrong("horizons", problem, "set that schedule, or leave it out");
            }
        };
        if self.steps.is_some() || self.tokens.is_some() {
            return wrong(
                "horizons",
                "`steps` or `tokens` is given as well, and the last horizon says how long to train",
                "leave the other one out",
            );
        }
        let steps: Vec<u64> = tokens.iter().map(|tokens| tokens.div_ceil(batch_tokens)).collect();
        let far =
            |pair: &[u64]| pair[0].checked_mul(5).is_some_and(|low| pair[1] >= low.div_ceil(4));
        if steps[0] == 0 || !steps.windows(2).all(|pair| pair[1] > pair[0] && far(pair)) {
            return wrong(
                "horizons",
                format!("{tokens:?} tokens, which are {steps:?} steps, lie too near each other"),
                format!("give rising numbers, each at least 5/4 of the one before, {example}"),
            );
        }
        Ok(steps)
    }
}
