//! Whether a training fits into memory, asked before it begins: a process that takes more than there
//! is gets killed by the system, without a word.

use tch::Device;

use crate::config::train::TrainSettings;

use super::{TrainError, step};

/// Bytes of memory that Linux can still give; `None` elsewhere. Memory of CUDA devices cannot be asked
/// for through libtorch's C interface.
#[expect(clippy::disallowed_methods, reason = "a file of the system")]
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
    Some(kib << 10)
}

/// Checks that weights, gradients, moments and the activations of a micro-batch fit.
///
/// # Errors
/// When they do not.
pub(super) fn check(settings: &TrainSettings, device: Device) -> Result<(), TrainError> {
    let (Device::Cpu, Some(available)) = (device, available()) else { return Ok(()) };
    let needed = settings.training_bytes(step::micro_batch(settings, device));
    if needed <= available {
        return Ok(());
    }
    Err(TrainError::TooLarge { needed_mib: needed >> 20, available_mib: available >> 20 })
}
