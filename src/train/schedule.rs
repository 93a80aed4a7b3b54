//! The learning rate as a pure function of the step.

use crate::config::train::{Schedule, TrainSettings};

/// Share of the peak at which the cosine ends.
pub(crate) const COSINE_END: f64 = 0.1;
/// Of the steps up to a horizon, one in so many belongs to the decay of `wsd` and `wsd-s`.
const WSD_DECAY: u64 = 5;

/// The learning rate of step `step`, counted from 1 to `settings.steps`.
///
/// It rises linearly to the peak at step `warmup_steps`, then falls as [`Schedule`] says; the last
/// step is the last point of the curve. Computed with `libm`, so that it has the same bits
/// everywhere.
pub(crate) fn learning_rate(settings: &TrainSettings, step: u64) -> f64 {
    let TrainSettings { steps, warmup_steps, learning_rate: peak, .. } = *settings;
    if step < warmup_steps {
        return peak * ratio(step, warmup_steps);
    }
    // 0 at the end of the warm-up, 1 at the last step.
    let progress = ratio(step - warmup_steps, steps - warmup_steps);
    peak * match settings.schedule {
        Schedule::Constant => 1.0,
        // Step `steps` + 1 would be the zero: the last step shall still move.
        Schedule::Linear => 1.0 - ratio(step - warmup_steps, steps + 1 - warmup_steps),
        Schedule::Cosine => {
            let cosine = libm::cos(std::f64::consts::PI * progress);
            COSINE_END + (1.0 - COSINE_END) * 0.5 * (1.0 + cosine)
        }
        Schedule::Wsd => decayed(step, steps),
        Schedule::WsdS => decayed(step, horizon(settings, step)),
    }
}

/// The share of the peak at step `step` of `wsd` up to the step `horizon`: 1 before the decay, above 0
/// at its end.
fn decayed(step: u64, horizon: u64) -> f64 {
    // Step `horizon` + 1 would be the zero.
    let total = ratio(horizon + 1, 1);
    let decay = (total / ratio(WSD_DECAY, 1)).max(1.0);
    let into = (ratio(step, 1) - (total - decay)).max(0.0) / decay;
    1.0 - libm::sqrt(into)
}

/// The horizon that step `step` belongs to.
fn horizon(settings: &TrainSettings, step: u64) -> u64 {
    let later = settings.horizons.iter().find(|&&horizon| step <= horizon);
    later.copied().unwrap_or(settings.steps)
}

/// Whether `wsd-s` keeps the checkpoint behind step `step`: at the end of a horizon, and where its
/// decay begins.
pub(crate) fn is_landmark(settings: &TrainSettings, step: u64) -> bool {
    settings.horizons.iter().any(|&horizon| {
        step == horizon
            || step < horizon && decayed(step, horizon) >= 1.0 && decayed(step + 1, horizon) < 1.0
    })
}

/// How many horizons lie before step `step`: behind each the rate jumps, and the loss with it.
pub(crate) fn horizons_passed(settings: &TrainSettings, step: u64) -> usize {
    settings.horizons.partition_point(|&horizon| horizon < step)
}

/// Whether the training is validated behind step `step` whatever the distance of validations.
pub(crate) fn is_horizon(settings: &TrainSettings, step: u64) -> bool {
    settings.horizons.contains(&step)
}

/// `part / whole`; 0 where the whole is 0.
#[expect(clippy::cast_precision_loss, reason = "steps below 2^53 are exact")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::train::TrainConfig;

    fn curve(schedule: Schedule, steps: u64, warmup: u64) -> Vec<f64> {
        let mut settings = TrainConfig::default().resolve(8, 100).unwrap();
        (settings.schedule, settings.steps) = (schedule, steps);
        (settings.warmup_steps, settings.learning_rate) = (warmup, 1.0);
        (1..=steps).map(|step| learning_rate(&settings, step)).collect()
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    #[test]
    fn all_warm_up_linearly_and_stay_within_the_peak() {
        for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Constant, Schedule::Wsd] {
            let curve = curve(schedule, 100, 10);
            assert!(close(curve[0], 0.1) && close(curve[4], 0.5));
            assert!(close(curve[9], 1.0), "the peak at the end of the warm-up");
            assert!(curve[9..].windows(2).all(|pair| pair[1] <= pair[0]));
            assert!(curve.iter().all(|rate| *rate > 0.0));
        }
    }

    #[test]
    fn each_ends_where_its_documentation_says() {
        let cosine = curve(Schedule::Cosine, 110, 10);
        assert!(close(cosine[59], 0.55), "half way: {}", cosine[59]);
        assert!(close(cosine[109], COSINE_END));
        let linear = curve(Schedule::Linear, 99, 0);
        assert!(close(linear[49], 0.5) && close(linear[98], 0.01));
        let wsd = curve(Schedule::Wsd, 99, 10);
        assert!(close(wsd[79], 1.0) && wsd[80] < 1.0);
        assert!(close(wsd[98], 1.0 - (19.0_f64 / 20.0).sqrt()));
        assert!(close(curve(Schedule::Constant, 9, 2)[8], 1.0));
    }

    #[test]
    fn wsd_s_is_several_wsd_in_one() {
        let mut settings = TrainConfig::default().resolve(8, 100).unwrap();
        (settings.schedule, settings.horizons) = (Schedule::WsdS, vec![99, 199]);
        (settings.steps, settings.warmup_steps, settings.learning_rate) = (199, 10, 1.0);
        let found: Vec<f64> = (1..=199).map(|step| learning_rate(&settings, step)).collect();
        let short = curve(Schedule::Wsd, 99, 10);
        let long = curve(Schedule::Wsd, 199, 10);
        assert_eq!(found[..99], short[..]);
        assert_eq!(found[99..], long[99..]);
        let landmarks: Vec<u64> = (1..=199).filter(|step| is_landmark(&settings, *step)).collect();
        assert_eq!(landmarks, [80, 99, 160, 199]);
        assert!(close(found[159], 1.0) && found[160] < 1.0);
    }

    #[test]
    fn the_shortest_runs_work() {
        for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Wsd] {
            for (steps, warmup) in [(1, 0), (1, 1), (2, 1), (2, 2)] {
                let curve = curve(schedule, steps, warmup);
                assert!(curve.iter().all(|rate| (0.0..=1.0).contains(rate)));
            }
        }
    }
}
