//! `training/tensorboard/`: the metrics as an event file of TensorBoard.
//!
//! An event file is a sequence of TFRecords (length, its checksum, bytes, their checksum:
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord>), each of them a protocol buffer
//! `Event` (<https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto>).
//! What is needed of it is written by hand: a time, a step and some scalars.

use super::metrics::Line;

/// Where the file stands in a run. TensorBoard wants the middle of the name, and reads what follows as
/// a time and a host.
pub(super) const PATH: &str = "training/tensorboard/events.out.tfevents.0.tamis";

/// The first record of a file.
pub(super) fn head() -> Vec<u8> {
    let mut event = time(0.0);
    bytes_field(3, b"brain.Event:2", &mut event);
    record(&event)
}

/// The record of a step.
pub(super) fn step(line: &Line) -> Vec<u8> {
    let mut event = time(line.time);
    key(2, 0, &mut event);
    varint(line.step, &mut event);
    #[expect(clippy::cast_precision_loss, reason = "for people to look at")]
    let tokens = line.tokens as f64;
    let scalars = [
        ("train/loss", line.loss),
        ("train/gradient_norm", line.gradient_norm),
        ("train/learning_rate", Some(line.learning_rate)),
        ("train/tokens", Some(tokens)),
        ("train/tokens_per_second", Some(line.tokens_per_second)),
        ("train/utilisation", Some(line.utilisation)),
        ("train/loading_seconds", Some(line.loading_seconds)),
        ("train/skipped", Some(f64::from(u8::from(line.skipped)))),
        ("validation/loss", line.validation_loss),
        ("validation/bits_per_byte", line.validation_bits_per_byte),
    ];
    let mut summary = Vec::new();
    for (name, value) in scalars {
        let Some(value) = value else { continue };
        let mut scalar = Vec::new();
        bytes_field(1, name.as_bytes(), &mut scalar);
        key(2, 5, &mut scalar);
        #[expect(clippy::cast_possible_truncation, reason = "what the format has")]
        scalar.extend((value as f32).to_le_bytes());
        bytes_field(1, &scalar, &mut summary);
    }
    bytes_field(5, &summary, &mut event);
    record(&event)
}

/// An event with its time, in seconds since 1970.
fn time(seconds: f64) -> Vec<u8> {
    let mut event = Vec::new();
    key(1, 1, &mut event);
    event.extend(seconds.to_le_bytes());
    event
}

/// The key of a field: its number and how it is written (0: varint, 1: 64 bits, 2: bytes, 5: 32 bits).
fn key(field: u64, kind: u64, out: &mut Vec<u8>) {
    varint(field << 3 | kind, out);
}

fn bytes_field(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    key(field, 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

#[expect(clippy::cast_possible_truncation, reason = "the low seven bits")]
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A TFRecord.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend_from_slice(bytes);
    out.extend(masked(crc32c(bytes)).to_le_bytes());
    out
}

/// The checksum as TFRecords hold it: a checksum of something that holds checksums is weak.
fn masked(checksum: u32) -> u32 {
    checksum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: records are of 300 bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |checksum: u32, byte: &u8| {
        (0..8).fold(checksum ^ u32::from(*byte), |rest, _| {
            rest >> 1 ^ (0x82f6_3b78 & (rest & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    /// Bytes that TensorBoard 2.20's own `EventFileLoader` reads as step 300 with a loss of 2.5; see
    /// `tests/golden/tensorboard_read.py`.
    #[test]
    fn a_record_is_what_tensorboard_reads() {
        let line = Line {
            step: 300,
            time: 1.5,
            tokens: 0,
            loss: Some(2.5),
            learning_rate: 0.0,
            gradient_norm: None,
            tokens_per_second: 0.0,
            utilisation: 0.0,
            loading_seconds: 0.0,
            skipped: false,
            validation_loss: None,
            validation_bits_per_byte: None,
            validation: Vec::new(),
        };
        let record = step(&line);
        let length = u64::from_le_bytes(record[..8].try_into().unwrap());
        assert_eq!(record.len() as u64, 8 + 4 + length + 4);
        let mut start = vec![0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x10, 0xac, 0x02, 0x2a];
        assert_eq!(record[12..25], start);
        start = b"\x0a\x11\x0a\x0atrain/loss\x15\0\0\x20\x40".to_vec();
        assert!(record.windows(start.len()).any(|part| part == start));
    }
}
