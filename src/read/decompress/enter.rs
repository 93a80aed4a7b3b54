//! Where the members of a compressed file begin, found without reading it from its start.
//!
//! A *candidate* is a place where a member's magic bytes stand. It is a *member* if it decodes to
//! its end with the right checksum, or for [`PROOF_BYTES`], and begins as the reader expects. It is
//! an *entry*, where tasks hand over to each other, if the same is true of the members behind it,
//! up to [`PROOF_MEMBERS`] or the end of the file. So a gzip file that lies uncompressed within a
//! member is no entry: behind it there is no member. Not to be told apart is only a payload that
//! itself holds more than [`PROOF_MEMBERS`] members (or [`PROOF_BYTES`]) and begins like a record
//! of the format: a WARC file within a WARC file, stored as it is. Its records may be read twice,
//! never lost.

use memchr::memmem::Finder;

use super::input::{INPUT_BYTES, Input};
use super::members::{Event, Members};
use super::{Compression, Content, Want};
use crate::read::{Piece, ReadError};
use crate::store::Store;

/// Stored bytes that must decode.
const PROOF_BYTES: u64 = 1 << 20;

/// Members that must follow one on the other.
const PROOF_MEMBERS: usize = 8;

/// How much of a member's content `Want::is_entry` sees.
const HEAD_BYTES: usize = 4 << 10;

/// Whether the first member is shorter than [`PROOF_BYTES`]: in such a file, made of many small
/// members, a range of bytes is sure to hold some. Looks at those bytes only.
pub(super) fn has_small_members(store: &Store, piece: &Piece) -> Result<bool, ReadError> {
    let extent = 0..piece.size.min(PROOF_BYTES);
    let compression = Content::compression(store, piece, &extent)?;
    let mut members = Members::new(compression, Input::new(store, piece, extent))?;
    let mut out = vec![0; 64 << 10];
    loop {
        match members.next(&mut out)? {
            Event::Begin { .. } | Event::Bytes { .. } => {}
            // A file of one member has nowhere else to be entered.
            Event::MemberEnd => return Ok(members.reached() < piece.size),
            Event::Damage { .. } | Event::Garbage { .. } | Event::Complete => return Ok(false),
        }
    }
}

/// The first entry from `from` on, before `until`.
pub(super) fn next_entry(
    members: &Members,
    from: u64,
    until: u64,
    want: &Want,
) -> Result<Option<u64>, ReadError> {
    find(members, from, until, |at| is_entry(members, at, want))
}

/// The first member from `from` on: where reading goes on behind damage.
pub(super) fn next_member(
    members: &Members,
    from: u64,
    want: &Want,
) -> Result<Option<u64>, ReadError> {
    find(members, from, u64::MAX, |at| proves(members, at, want, 1))
}

/// Whether tasks hand over at the member that begins at `at`.
pub(super) fn is_entry(members: &Members, at: u64, want: &Want) -> Result<bool, ReadError> {
    proves(members, at, want, PROOF_MEMBERS)
}

fn find(
    members: &Members,
    from: u64,
    until: u64,
    mut accept: impl FnMut(u64) -> Result<bool, ReadError>,
) -> Result<Option<u64>, ReadError> {
    let compression = members.compression();
    let magic = Finder::new(compression.magic());
    let mut input = members.input_at(from);
    loop {
        input.ensure(INPUT_BYTES)?;
        let start = input.position();
        let candidates: Vec<usize> = magic
            .find_iter(input.bytes())
            .filter(|&at| is_plausible(compression, &input.bytes()[at..]))
            .collect();
        for at in candidates.into_iter().map(|at| start + at as u64) {
            if at >= until {
                return Ok(None);
            }
            if accept(at)? {
                return Ok(Some(at));
            }
        }
        if input.is_last() || input.position() >= until {
            return Ok(None);
        }
        // The magic bytes may lie across the end of what is held.
        let keep = compression.magic().len() - 1;
        input.consume(input.bytes().len() - keep);
    }
}

/// What can be told without decoding. Bytes that are not held yet are not judged.
fn is_plausible(compression: Compression, bytes: &[u8]) -> bool {
    match compression {
        // Flags that are not in use are 0.
        Compression::Gzip => bytes.get(3).is_none_or(|flags| flags & 0xe0 == 0),
        Compression::None | Compression::Zstd | Compression::Lz4 => true,
    }
}

/// Whether `count` members stand at `at`, one behind the other.
fn proves(members: &Members, at: u64, want: &Want, count: usize) -> Result<bool, ReadError> {
    let mut proof = members.another(at)?;
    let mut out = vec![0; 64 << 10];
    let mut head = Vec::new();
    // Whether the head of the member is known to be right.
    let mut is_judged = false;
    let mut begun = 0;
    loop {
        let event = proof.next(&mut out)?;
        match event {
            Event::Begin { member } => {
                if begun == 0 && member != at {
                    return Ok(false);
                }
                if begun == count {
                    return Ok(true);
                }
                begun += 1;
            }
            Event::Bytes { len } if begun == 1 && !is_judged => {
                head.extend_from_slice(&out[..len.min(HEAD_BYTES)]);
                if head.len() >= HEAD_BYTES {
                    if !(want.is_entry)(&head) {
                        return Ok(false);
                    }
                    is_judged = true;
                }
            }
            Event::MemberEnd if begun == 1 && !is_judged => {
                if !(want.is_entry)(&head) {
                    return Ok(false);
                }
                is_judged = true;
                if count == 1 {
                    return Ok(true);
                }
            }
            Event::MemberEnd if count == 1 => return Ok(true),
            Event::Bytes { .. } | Event::MemberEnd => {}
            Event::Complete => return Ok(is_judged),
            Event::Damage { .. } | Event::Garbage { .. } => return Ok(false),
        }
        if is_judged && proof.reached() - at > PROOF_BYTES {
            return Ok(true);
        }
    }
}
