//! The scaling lab: laws fitted to small runs, and what they say of large ones.
//!
//! [`table`] reads a CSV file, [`runs`] makes runs of its rows and leaves out what is none,
//! [`fit`] finds the [`law`], [`bootstrap`] draws how far it can be trusted, [`compare`] says which
//! recipe wins, [`predict`] writes down what is expected of a rung that is not trained yet,
//! [`analysis`] does all of it for a table, [`compute`] plans a budget by published laws. [`page`]
//! and [`pictures`] show the result; [`ladder`] plans the runs of a ladder. None of these needs
//! libtorch or looks at a clock. `lab` (feature `train`) makes data, trainings and verdict of a ladder.

pub mod analysis;
mod approach2;
pub mod bootstrap;
pub mod compare;
pub mod compute;
pub mod crossover;
mod error;
pub mod fit;
mod held_out;
#[cfg(feature = "train")]
pub mod lab;
pub mod ladder;
pub mod law;
mod lbfgs;
mod math;
mod objective;
pub mod page;
pub mod pictures;
mod power;
pub mod predict;
mod random;
pub mod runs;
pub mod statistics;
pub mod table;

pub use self::error::ScaleError;

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53 are exact")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// [`as_f64`] of what is in memory.
#[expect(clippy::cast_precision_loss, reason = "counts of runs and draws")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod backtest;
#[cfg(test)]
mod tests;
