//! The learning rate as a pure function of the step.

use crate::config::train::{Schedule, TrainSettings};

/// Share of the peak at which the cosine ends.
pub(crate) const COSINE_END: f64 = 0.1;
/// Share of the steps over which `wsd` decays.
pub(crate) const WSD_DECAY: f64 = 0.2;

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
        Schedule::Wsd => {
            // 0 before the decay, below 1 at the last step.
            let total = ratio(steps + 1, 1);
            let decay = (total * WSD_DECAY).max(1.0);
            let into = (ratio(step, 1) - (total - decay)).max(0.0) / decay;
            1.0 - libm::sqrt(into)
        }
    }
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
    fn the_shortest_runs_work() {
        for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Wsd] {
            for (steps, warmup) in [(1, 0), (1, 1), (2, 1), (2, 2)] {
                let curve = curve(schedule, steps, warmup);
                assert!(curve.iter().all(|rate| (0.0..=1.0).contains(rate)));
            }
        }
    }
}
