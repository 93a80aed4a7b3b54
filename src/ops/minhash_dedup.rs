//! `minhash-dedup`: near duplicates.

#![cfg_attr(not(test), expect(dead_code, reason = "the op follows"))]

mod bands;
mod datatrove;
mod jaccard;
mod signature;
