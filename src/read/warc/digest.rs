//! The digests that WARC headers give of blocks and payloads: `sha1:` and a value in Base32 or in
//! hexadecimal digits, or `sha256:`, `md5:`.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What a labelled digest says about some bytes; `None` where the algorithm is not known.
pub(super) fn is_right(labelled: &str, bytes: &[u8]) -> Option<bool> {
    let (algorithm, value) = labelled.split_once(':')?;
    let value = value.trim().trim_end_matches('=');
    match algorithm.trim().to_ascii_lowercase().as_str() {
        "sha1" | "sha-1" => Some(is_value::<Sha1>(value, bytes)),
        "sha256" | "sha-256" => Some(is_value::<Sha256>(value, bytes)),
        "md5" => Some(is_value::<Md5>(value, bytes)),
        _ => None,
    }
}

fn is_value<D: Digest>(value: &str, bytes: &[u8]) -> bool {
    let size = <D as Digest>::output_size();
    let decoded = if value.len() == 2 * size { hexadecimal(value) } else { base32(value) };
    decoded.is_some_and(|decoded| decoded.len() == size && decoded == D::digest(bytes).as_slice())
}

fn hexadecimal(value: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = value.chars().map(|digit| digit.to_digit(16)).collect();
    // Two digits are less than 256.
    #[expect(clippy::cast_possible_truncation, reason = "see the line above")]
    Some(digits?.chunks(2).map(|pair| (pair[0] << 4 | pair.get(1).unwrap_or(&0)) as u8).collect())
}

/// Base32 of [RFC 4648](https://www.rfc-editor.org/rfc/rfc4648#section-6) in either case.
fn base32(value: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(value.len() * 5 / 8);
    let (mut bits, mut held) = (0u32, 0);
    for digit in value.bytes() {
        let digit = match digit.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(digit);
        held += 5;
        if held >= 8 {
            held -= 8;
            // The bits above were handed over before.
            decoded.push((bits >> held & 0xff).to_le_bytes()[0]);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_and_alphabets() {
        for right in [
            "sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N",
            "SHA1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
            "sha-1:AAF4C61DDCC5E8A2DABEDE0F3B482CD9AEA9434D",
            "sha1: vl2mmho4yxukfwv63yhtwsbm3gxksq2n",
            "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            "sha256:FTZE3OS7WCRQ4JXIHMVMLOPCTYNRMHS4D6TUEXTTAQZWFE4LTASA====",
            "md5:5d41402abc4b2a76b9719d911017c592",
            "md5:LVAUAKV4JMVHNOLRTWIRAF6FSI======",
        ] {
            assert_eq!(is_right(right, b"hello"), Some(true), "{right}");
            assert_eq!(is_right(right, b"hellp"), Some(false), "{right}");
        }
    }

    #[test]
    fn odd_values() {
        for wrong in ["sha1:", "sha1:x", "sha1:VL2MMHO4", "md5:é", "sha256:not base 32"] {
            assert_eq!(is_right(wrong, b"hello"), Some(false), "{wrong}");
        }
        for unknown in ["", "VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N", "crc32:abcd"] {
            assert_eq!(is_right(unknown, b"hello"), None, "{unknown}");
        }
    }
}
