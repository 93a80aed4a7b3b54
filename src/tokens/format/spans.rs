//! `.csv.gz` beside OLMo-core's `.npy`: where documents start and end.

use std::io::{BufRead, BufReader, Cursor};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::ShardError;
use super::read::{Numbers, damaged};
use crate::store::Store;

/// Bytes of a line at most.
const LINE: u64 = 4096;

/// The ends of all documents; they are held, 8 bytes each.
pub(super) struct Spans(Vec<u64>);

impl Spans {
    pub(super) fn read(store: &Store, path: &str) -> Result<Self, ShardError> {
        let bytes = Cursor::new(Bytes::from_owner(store.map(path)?));
        let mut lines = BufReader::new(MultiGzDecoder::new(bytes));
        let (mut ends, mut line, mut last) = (Vec::new(), Vec::new(), 0);
        loop {
            line.clear();
            let read = std::io::Read::take(&mut lines, LINE).read_until(b'\n', &mut line);
            match read {
                Ok(0) => return Ok(Self(ends)),
                Ok(_) => {}
                Err(error) => return Err(damaged(path, &error.to_string())),
            }
            let span = span(&line).filter(|&(start, end)| start == last && end >= start);
            let Some((_, end)) = span else {
                let detail = format!(
                    "line {} is not `start,end`, going on where the last ended",
                    ends.len() + 1
                );
                return Err(damaged(path, &detail));
            };
            last = end;
            ends.push(end);
        }
    }
}

fn span(line: &[u8]) -> Option<(u64, u64)> {
    let mut fields = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?.trim_end().split(',');
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

impl Numbers for Spans {
    fn get(&self, index: usize) -> Option<u64> {
        self.0.get(index).copied()
    }
}
