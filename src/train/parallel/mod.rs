//! Data-parallel training: one process a device, each with the whole model.
//!
//! A step's samples are dealt out by their place in the step ([`split`]), gradients are summed over
//! all processes, and each does the same update. Every process reads the order of the whole step, so
//! the chain of sample ids is the same in all of them and does not depend on how many there are; nor
//! does the digest of a training: it may go on with another number of processes.
//!
//! Process 0 decides, and writes: checkpoints, metrics, the ledger of interventions. The others get the
//! loss and the norm of a step, and at the start and behind a rollback weights and moments, from it.
//! They leave nothing behind, so that a training of which any process dies is one of which process 0
//! died: it goes on from its last checkpoint. Validation is dealt out too, a group of windows at
//! a time, and added up in one order: it gives the same bits for any number of processes.
//!
//! Two ways to sum:
//!
//! * As a rule each process sums its samples, and a [`Collective`] sums these: Gloo ([`gloo`]) on CPUs,
//!   NCCL ([`nccl`]) on CUDA devices, else process 0 ([`star`]). The result has rounding errors of its
//!   own for each number of processes.
//! * With `ordered_sums` a step has at most 16 parts that depend on its samples alone, and process 0 adds
//!   their gradients one after the other: 1, 2 and 4 processes give the same bytes. Each process then
//!   computes with one thread, for libtorch's sums depend on their number. This is the mode to
//!   verify by; it is slower, and moves more.
//!
//! | file | what |
//! |---|---|
//! | [`world`] | which of how many processes this is |
//! | [`workers`] | `--nproc`: starting the others |
//! | [`rendezvous`] | finding each other |
//! | [`star`] | messages between process 0 and the others |
//! | [`split`] | who computes what |
//! | [`buckets`] | gradients as a few long rows |
//! | [`gloo`], [`nccl`] | sums by libraries |

use std::net::TcpListener;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Device, Tensor};

use super::TrainError;

use self::split::Split;
use self::star::Star;
use self::workers::Workers;
use self::world::World;

mod buckets;
#[cfg(gloo)]
mod gloo;
mod nccl;
mod rendezvous;
mod split;
mod star;
#[cfg(test)]
pub(crate) mod tests;
mod workers;
mod world;

/// Bytes of the longest value that processes share as JSON.
const LONGEST_VALUE: u64 = 1 << 30;

/// Why processes cannot train together.
#[derive(Debug, thiserror::Error)]
pub enum ParallelError {
    /// A process died.
    #[error(
        "rank {rank} is gone: {reason}; the same command goes on from the last checkpoint, with any \
         number of processes"
    )]
    Gone {
        /// Its number.
        rank: u32,
        /// How that showed.
        reason: String,
    },
    /// A process failed, and said so.
    #[error("rank {rank} failed: {reason}")]
    Failed {
        /// Its number.
        rank: u32,
        /// What it said.
        reason: String,
    },
    /// A process stopped answering.
    #[error(
        "rank {rank} has not answered for {seconds} s; see what it does, or allow more with --timeout"
    )]
    Silent {
        /// Its number.
        rank: u32,
        /// The time it had.
        seconds: u64,
    },
    /// Processes did not come.
    #[error(
        "of {size} processes rank {ranks} did not come within {seconds} s; look into what they said"
    )]
    Missing {
        /// Their numbers.
        ranks: String,
        /// All processes.
        size: u32,
        /// The time they had.
        seconds: u64,
    },
    /// Process 0 is not found.
    #[error(
        "rank 0 was not found at {address}, port {port} or the next 15, in {seconds} s: {reason}"
    )]
    NoMaster {
        /// Its machine.
        address: String,
        /// The first port.
        port: u16,
        /// The time it had.
        seconds: u64,
        /// What happened last.
        reason: String,
    },
    /// Process 0 cannot be found.
    #[error("rank 0 cannot listen at {address}, port {port} or the next 15: {source}")]
    Listen {
        /// Its machine, as `MASTER_ADDR` or Slurm says.
        address: String,
        /// The first port.
        port: u16,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The launcher's variables do not fit together.
    #[error("the launcher's variables do not fit together: {problem}")]
    Environment {
        /// What is wrong.
        problem: String,
    },
    /// A process cannot be started.
    #[error("rank {rank} cannot be started: {source}")]
    Start {
        /// Its number.
        rank: u32,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// There is no NCCL.
    #[error(
        "this process has no NCCL to sum over CUDA devices with (`{symbol}` is not found); it comes \
         with libtorch for CUDA: `make libtorch-cuda`, or set `train.device` = \"cpu\""
    )]
    NoNccl {
        /// The function that was looked for.
        symbol: String,
    },
    /// A sum failed, and nobody is to blame.
    #[error("gradients could not be summed over the processes: {0}")]
    Collective(String),
}

impl ParallelError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::Failed { .. } | Self::Environment { .. } | Self::NoNccl { .. })
    }
}

/// Sums over all processes.
trait Collective {
    /// Replaces a row of 32-bit numbers, where the model is, by its sum over all processes: the same
    /// bytes in each.
    ///
    /// # Errors
    /// When a process is gone or silent, or the library fails.
    fn all_reduce(&mut self, row: &mut Tensor, star: &mut Star) -> Result<(), TrainError>;
}

/// Sums in process 0, in the order of ranks.
struct ByStar;

impl Collective for ByStar {
    fn all_reduce(&mut self, row: &mut Tensor, star: &mut Star) -> Result<(), TrainError> {
        let mut values = buckets::to_host(row)?;
        let part = values.clone();
        star.sum_parts(&mut values, &mut std::iter::once(&part[..]), &|_| 1)?;
        Ok(row.f_copy_(&Tensor::f_from_slice(&values)?)?)
    }
}

#[cfg(gloo)]
impl Collective for gloo::Gloo {
    fn all_reduce(&mut self, row: &mut Tensor, star: &mut Star) -> Result<(), TrainError> {
        let mut values = buckets::to_host(row)?;
        gloo::Gloo::all_reduce(self, &mut values).map_err(|text| {
            star.reason().unwrap_or_else(|| ParallelError::Collective(format!("Gloo: {text}")))
        })?;
        Ok(row.f_copy_(&Tensor::f_from_slice(&values)?)?)
    }
}

impl Collective for Option<nccl::Nccl> {
    fn all_reduce(&mut self, row: &mut Tensor, star: &mut Star) -> Result<(), TrainError> {
        let Some(nccl) = self else {
            return Err(ParallelError::Collective("NCCL has failed before".to_owned()).into());
        };
        let summed = nccl.all_reduce(row, &mut || star.look());
        if summed.is_err() {
            // Destroying it would wait for those who no longer come.
            if let Some(nccl) = self.take() {
                nccl.abort();
            }
        }
        Ok(summed?)
    }
}

/// The place of this process among those of a training, before they have met.
pub(crate) struct Seat {
    world: World,
    listener: Option<TcpListener>,
    workers: Option<Workers>,
}

impl Seat {
    /// One process alone.
    pub(crate) fn alone() -> Self {
        Self { world: World::alone(Duration::ZERO), listener: None, workers: None }
    }

    /// What a launcher says in the environment: one process alone, where it says nothing. `limit` is how
    /// long another process is waited for.
    ///
    /// # Errors
    /// When the variables do not fit together.
    pub(crate) fn from_environment(limit: Duration) -> Result<Self, ParallelError> {
        let get = |name: &str| std::env::var(name).ok();
        let world = World::from_environment(&get, limit)?;
        Ok(Self { world, listener: None, workers: None })
    }

    /// Starts `processes` − 1 further processes of this program with `arguments`.
    ///
    /// # Errors
    /// When the system does not start them.
    pub(crate) fn start(
        processes: u32,
        arguments: &[std::ffi::OsString],
        limit: Duration,
    ) -> Result<Self, ParallelError> {
        let mut world = World { size: processes, local_size: processes, ..World::alone(limit) };
        let failed = |source| ParallelError::Start { rank: 1, source };
        let listener = TcpListener::bind((world.master.as_str(), 0)).map_err(failed)?;
        world.port = listener.local_addr().map_err(failed)?.port();
        let program = std::env::current_exe().map_err(failed)?;
        let workers = Workers::start(&program, arguments, &world)?;
        Ok(Self { world, listener: Some(listener), workers: Some(workers) })
    }

    /// Whether this process writes and speaks.
    pub(crate) fn is_first(&self) -> bool {
        self.world.rank == 0
    }

    /// Processes that share the processors that this one may use.
    pub(crate) fn local_size(&self) -> u32 {
        self.world.local_size
    }

    /// Its number among the processes of its machine.
    pub(crate) fn local_rank(&self) -> u32 {
        self.world.local_rank
    }
}

/// The processes of a training.
pub(crate) struct Group {
    rank: u32,
    size: u32,
    ordered: bool,
    star: Star,
    collective: Box<dyn Collective>,
    workers: Option<Workers>,
}

impl Group {
    /// One process.
    pub(crate) fn alone(ordered: bool) -> Self {
        Self {
            rank: 0,
            size: 1,
            ordered,
            star: Star::new(0, Vec::new()),
            collective: Box::new(ByStar),
            workers: None,
        }
    }

    /// Meets the other processes of the training `digest`, which compute on devices like `device`.
    ///
    /// # Errors
    /// When they do not come, train something else, or a library fails.
    pub(crate) fn join(
        seat: Seat,
        digest: &str,
        ordered: bool,
        device: Device,
    ) -> Result<Self, ParallelError> {
        let Seat { world, listener, mut workers } = seat;
        if world.size == 1 {
            return Ok(Self::alone(ordered));
        }
        let digest = xxhash_rust::xxh3::xxh3_128(digest.as_bytes());
        let mut star = if world.rank == 0 {
            let listener = match listener {
                Some(listener) => listener,
                None => rendezvous::listen(&world)?,
            };
            rendezvous::gather(&listener, &world, digest, &mut || {
                workers.as_mut().map_or(Ok(()), Workers::check)
            })?
        } else {
            rendezvous::join(&world, digest)?
        };
        let collective = match collective(&mut star, &world, ordered, device) {
            Ok(collective) => collective,
            Err(error) => {
                star.end(&error);
                return Err(error);
            }
        };
        let World { rank, size, .. } = world;
        Ok(Self { rank, size, ordered, star, collective, workers })
    }

    /// Whether this process decides and writes.
    pub(crate) fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// All processes.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    fn is_alone(&self) -> bool {
        self.size == 1
    }

    /// How `samples` of a step are dealt out.
    pub(crate) fn split(&self, samples: usize) -> Split {
        Split::new(samples, self.rank, self.size, self.ordered)
    }

    /// Whether this process does piece `number` of some work that is dealt out in turn.
    pub(crate) fn is_mine(&self, number: usize) -> bool {
        number % self.size as usize == self.rank as usize
    }

    /// Keeps the gradient of a part, where parts are added later.
    ///
    /// # Errors
    /// When libtorch fails.
    pub(crate) fn keep(&self, gradients: &[Tensor], kept: &mut Kept) -> Result<(), TrainError> {
        if !self.ordered {
            return Ok(());
        }
        let mut part = Vec::new();
        for range in buckets::of(gradients) {
            part.push(buckets::to_host(&buckets::flatten(&gradients[range])?)?);
        }
        match kept.parts.last_mut() {
            // Process 0 has the first parts, and adds from the first on.
            Some(sum) if self.is_first() => {
                for (sum, part) in sum.iter_mut().zip(&part) {
                    sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
                }
            }
            _ => kept.parts.push(part),
        }
        Ok(())
    }

    /// Sums the gradients of the step over all processes: `gradients`, or with `ordered_sums` what was
    /// `kept`.
    ///
    /// # Errors
    /// When a process is gone, silent or ends, or libtorch fails.
    pub(crate) fn sum(
        &mut self,
        split: &Split,
        gradients: &mut [Tensor],
        kept: &Kept,
    ) -> Result<(), TrainError> {
        if self.is_alone() && !self.ordered {
            return Ok(());
        }
        let _guard = tch::no_grad_guard();
        for (number, range) in buckets::of(gradients).into_iter().enumerate() {
            let gradients = &mut gradients[range];
            if self.ordered {
                let device = gradients[0].device();
                let parts = || kept.parts.iter().map(|part| &part[number][..]);
                let length = gradients.iter().map(Tensor::numel).sum();
                let first = parts().next().filter(|_| self.is_first());
                let mut sum = first.map_or_else(|| vec![0.0; length], <[f32]>::to_vec);
                self.star.sum_parts(&mut sum, &mut parts(), &|rank| split.of(rank).len())?;
                let row = Tensor::f_from_slice(&sum)?.f_to_device(device)?;
                buckets::unflatten(&row, gradients)?;
            } else {
                let mut row = buckets::flatten(gradients)?;
                self.collective.all_reduce(&mut row, &mut self.star)?;
                buckets::unflatten(&row, gradients)?;
            }
        }
        Ok(())
    }

    /// Replaces values, of which each process has filled in its own and left the others 0, by their sums
    /// over all processes, in the order of ranks.
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub(crate) fn add(&mut self, values: &mut [f64]) -> Result<(), TrainError> {
        if self.is_alone() {
            return Ok(());
        }
        Ok(self.star.sum_doubles(values)?)
    }

    /// The value of process 0; what the others give does not matter.
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub(crate) fn share<T: Serialize + DeserializeOwned>(
        &mut self,
        value: T,
    ) -> Result<T, TrainError> {
        if self.is_alone() {
            return Ok(value);
        }
        let bytes = if self.is_first() { serde_json::to_vec(&value)? } else { Vec::new() };
        let bytes = self.star.broadcast(bytes, LONGEST_VALUE)?;
        if self.is_first() { Ok(value) } else { Ok(serde_json::from_slice(&bytes)?) }
    }

    /// Gives two numbers those of process 0, bit for bit.
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub(crate) fn agree(&mut self, numbers: [f64; 2]) -> Result<[f64; 2], TrainError> {
        let mut numbers = if self.is_first() { numbers } else { [0.0; 2] };
        self.add(&mut numbers)?;
        Ok(numbers)
    }

    /// Gives tensors of 32-bit numbers the values that they have in process 0.
    ///
    /// # Errors
    /// As [`Group::sum`].
    pub(crate) fn share_tensors<'a>(
        &mut self,
        tensors: impl Iterator<Item = &'a mut Tensor>,
    ) -> Result<(), TrainError> {
        if self.is_alone() {
            return Ok(());
        }
        let _guard = tch::no_grad_guard();
        for tensor in tensors {
            if self.is_first() {
                self.star.send_values(&buckets::to_host(&tensor.f_detach()?)?)?;
            } else {
                let values = self.star.receive_values(tensor.numel())?;
                let row = Tensor::f_from_slice(&values)?;
                tensor.f_copy_(&row.f_reshape(tensor.size())?)?;
            }
        }
        Ok(())
    }

    /// Waits until process 0 is through with everything; in process 0, until the others have ended.
    ///
    /// # Errors
    /// As [`Group::sum`]; when a process that was started ends badly.
    pub(crate) fn finish(&mut self) -> Result<(), TrainError> {
        self.share(())?;
        if let Some(workers) = &mut self.workers {
            workers.finish()?;
        }
        Ok(())
    }

    /// Tells the others that this process ends for `error`; gives it with what is known of its cause.
    pub(crate) fn fail(&mut self, error: TrainError) -> TrainError {
        if self.is_alone() {
            return error;
        }
        match error {
            TrainError::Parallel(error) => {
                let error = match &mut self.workers {
                    Some(workers) => workers.explain(error),
                    None => error,
                };
                self.star.end(&error);
                TrainError::Parallel(error)
            }
            error => {
                let reason = error.to_string();
                self.star.end(&ParallelError::Failed { rank: self.rank, reason });
                error
            }
        }
    }
}

/// Gradients of the parts of a step that this process has computed, with `ordered_sums`.
#[derive(Default)]
pub(crate) struct Kept {
    /// A row for each bucket; process 0 has the sum of its parts alone.
    parts: Vec<Vec<Vec<f32>>>,
}

/// What sums gradients.
fn collective(
    star: &mut Star,
    world: &World,
    ordered: bool,
    device: Device,
) -> Result<Box<dyn Collective>, ParallelError> {
    if ordered {
        return Ok(Box::new(ByStar));
    }
    if let Device::Cuda(device) = device {
        let id = if world.rank == 0 { nccl::unique_id()? } else { Vec::new() };
        let id = star.broadcast(id, nccl::ID_BYTES as u64)?;
        let nccl = nccl::Nccl::join(&id, device, world.rank, world.size, world.limit)?;
        return Ok(Box::new(Some(nccl)));
    }
    #[cfg(gloo)]
    {
        Ok(Box::new(meet_in_gloo(star, world)?))
    }
    #[cfg(not(gloo))]
    Ok(Box::new(ByStar))
}

#[cfg(gloo)]
fn meet_in_gloo(star: &mut Star, world: &World) -> Result<gloo::Gloo, ParallelError> {
    let said = |text: String| ParallelError::Collective(format!("Gloo: {text}"));
    let unknown = |error: std::io::Error| said(error.to_string());
    let address = star.own_address().map_err(unknown)?.to_string();
    let host = star.first_address().map_err(unknown)?.to_string();
    let World { rank, size, limit, .. } = *world;
    let open = |port| gloo::Meeting::open(&host, port, size, limit).map_err(said);
    let meeting = if rank == 0 {
        let meeting = open(0)?;
        star.broadcast(meeting.port.to_le_bytes().to_vec(), 2)?;
        meeting
    } else {
        let port = star.broadcast(Vec::new(), 2)?;
        open(u16::from_le_bytes(port.try_into().unwrap_or_default()))?
    };
    let joined = gloo::Gloo::join(&meeting, &address, rank, size, limit);
    let joined = joined.map_err(|text| star.reason().unwrap_or_else(|| said(text)))?;
    // The meeting is over when all have joined.
    star.sum_doubles(&mut [])?;
    Ok(joined)
}
