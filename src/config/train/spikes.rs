//! `[train.spikes]`: what counts as a loss spike, and what is done about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Loss spikes: how they are found and answered.
///
/// A step spikes where its loss, or the logarithm of its gradient norm, lies more than `threshold`
/// robust standard deviations (1.4826 × the median absolute deviation) above the median of the last
/// `window` steps that did not spike, along the line that these fall by, and above all of the last
/// quarter of them; or is not a finite number. The update of such a step is left
/// out, as OLMo does. Where `patience` of the last 2 × `patience` steps spike, the training goes back
/// `rollback_steps` before the first of them and on behind the samples of `skip_steps` steps, as PaLM
/// did by hand (<https://arxiv.org/abs/2204.02311>, section 5.1). If that does not help, the learning
/// rate is halved with each further time, and after `max_rollbacks` in a row the training stops with
/// an error. Everything is written to `training/ledger.jsonl`, the documents of skipped samples to
/// `training/quarantine.jsonl`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikesConfig {
    /// Whether spikes are looked for. Where not, only a loss or gradient that is not finite stops
    /// the training. Default: true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Robust standard deviations above the median from which on a step spikes; above 0.
    /// Default: 6; 12 for batches of fewer than 65,536 tokens, which hold few documents each and differ
    /// by what these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Steps that a step is compared with, from 8 to 4,096; nothing but numbers that are not finite
    /// is found before there are half as many. Default: 128.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// Spikes among the last 2 × `patience` steps that make the training go back; at least 1.
    /// Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u32>,
    /// Steps to go back before the first spike. Default: a hundredth of the training, from 2 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_steps: Option<u64>,
    /// Steps whose samples are left out, from where the training goes back to; at least all up to the
    /// last spike are. Default: 3 × `rollback_steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_steps: Option<u64>,
    /// Times in a row that the training goes back before it stops. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rollbacks: Option<u32>,
}

/// [`SpikesConfig`] with nothing left to decide.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpikeSettings {
    /// Whether spikes are looked for.
    pub enabled: bool,
    /// Robust standard deviations.
    pub threshold: f64,
    /// Steps that a step is compared with.
    pub window: u32,
    /// Spikes among the last 2 × `patience` steps that make the training go back.
    pub patience: u32,
    /// Steps to go back before the first spike.
    pub rollback_steps: u64,
    /// Steps whose samples are left out.
    pub skip_steps: u64,
    /// Times in a row that the training goes back before it stops.
    pub max_rollbacks: u32,
}

impl SpikesConfig {
    /// Decides what was left open for a training of `steps` steps of `batch_tokens` tokens; `Err` names the key, what is
    /// wrong with it and what to do.
    pub(super) fn resolve(
        &self,
        steps: u64,
        batch_tokens: u64,
    ) -> Result<SpikeSettings, (&'static str, String, &'static str)> {
        let rollback_steps = self.rollback_steps.unwrap_or((steps / 100).clamp(2, 100));
        let settings = SpikeSettings {
            enabled: self.enabled.unwrap_or(true),
            threshold: self.threshold.unwrap_or(if batch_tokens < 65_536 { 12.0 } else { 6.0 }),
            window: self.window.unwrap_or(128),
            patience: self.patience.unwrap_or(3),
            rollback_steps,
            skip_steps: self.skip_steps.unwrap_or(rollback_steps.saturating_mul(3)),
            max_rollbacks: self.max_rollbacks.unwrap_or(3),
        };
        let wrong = |key, value: String, hint| Err((key, format!("{value} is out of range"), hint));
        if !(settings.threshold.is_finite() && settings.threshold > 0.0) {
            let hint = "give a number above 0; 6 is usual";
            return wrong("spikes.threshold", settings.threshold.to_string(), hint);
        }
        if !(8..=4096).contains(&settings.window) {
            let hint = "give a number of steps from 8 to 4096";
            return wrong("spikes.window", settings.window.to_string(), hint);
        }
        if !(1..=1000).contains(&settings.patience) {
            let hint = "give a number of steps from 1 to 1000";
            return wrong("spikes.patience", settings.patience.to_string(), hint);
        }
        if settings.skip_steps == 0 {
            return wrong("spikes.skip_steps", "0".to_owned(), "give at least 1");
        }
        Ok(settings)
    }
}
