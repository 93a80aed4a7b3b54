//! `minhash-dedup`: near duplicates.

#![allow(dead_code, reason = "the op follows")]

mod bands;
mod datatrove;
mod jaccard;
mod signature;
