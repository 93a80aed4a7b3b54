//! Addresses of cryptocurrencies, by their checksums.

use sha2::{Digest, Sha256};
use sha3::Keccak256;

use super::kind::{Kind, Span};

const BASE58: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// First characters of addresses in base 58 and their version bytes: Bitcoin, Litecoin, Dogecoin,
/// Tron.
const VERSIONS: [(u8, u8); 6] =
    [(b'1', 0x00), (b'3', 0x05), (b'L', 0x30), (b'M', 0x32), (b'D', 0x1E), (b'T', 0x41)];

/// The address that the word `start..end` is.
pub(super) fn find(bytes: &[u8], start: usize, end: usize) -> Option<Span> {
    let word = &bytes[start..end];
    let joined = start.checked_sub(1).is_some_and(|at| {
        b"-+=/.".contains(&bytes[at]) && {
            // `bitcoin:1…` and `/address/1…` are addresses, `-1…` is a part of something.
            bytes[at] != b'/' && bytes[at] != b'='
        }
    });
    let behind = bytes.get(end).is_some_and(|byte| b"+/=".contains(byte));
    let found = match word {
        [b'0', b'x' | b'X', hex @ ..] => is_ethereum(hex),
        [b'b' | b'B', b'c' | b'C', b'1', ..]
        | [b'l' | b'L', b't' | b'T', b'c' | b'C', b'1', ..]
            if is_bech32(word) =>
        {
            true
        }
        [first, ..] if (26..=35).contains(&word.len()) => {
            let version = VERSIONS.iter().find(|(letter, _)| letter == first);
            version.is_some_and(|(_, version)| is_base58(word, *version))
        }
        _ => false,
    };
    (found && !joined && !behind).then_some(Span { start, end, kind: Kind::Crypto })
}

/// Forty hexadecimal digits: of one case, or of both in the way of
/// [ERC-55](https://eips.ethereum.org/EIPS/eip-55).
fn is_ethereum(hex: &[u8]) -> bool {
    if hex.len() != 40 || !hex.iter().all(u8::is_ascii_hexdigit) || hex.starts_with(&[b'0'; 20]) {
        return false;
    }
    let mut kinds = [0u8; 256];
    for byte in hex {
        kinds[usize::from(*byte)] = 1;
    }
    // `0xffff…`, `0x1234512345…`: masks and examples.
    if kinds.iter().sum::<u8>() < 8 {
        return false;
    }
    let upper = hex.iter().any(u8::is_ascii_uppercase);
    let lower = hex.iter().any(u8::is_ascii_lowercase);
    if !(upper && lower) {
        return true;
    }
    let hash = Keccak256::digest(hex.to_ascii_lowercase());
    hex.iter().enumerate().all(|(index, byte)| {
        let nibble = hash[index / 2] >> (4 * (1 - index % 2)) & 15;
        !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == (nibble >= 8)
    })
}

/// [Base58Check](https://en.bitcoin.it/wiki/Base58Check_encoding): a version, twenty bytes, and four
/// of a hash of them.
fn is_base58(word: &[u8], version: u8) -> bool {
    let mut number = [0u8; 25];
    for letter in word {
        let Some(mut carry) = BASE58.iter().position(|known| known == letter) else { return false };
        for byte in number.iter_mut().rev() {
            carry += 58 * usize::from(*byte);
            [*byte, ..] = carry.to_le_bytes();
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let hash = Sha256::digest(Sha256::digest(&number[..21]));
    number[0] == version && number[21..] == hash[..4]
}

/// [Bech32 and bech32m](https://github.com/bitcoin/bips/blob/master/bip-0350.mediawiki).
pub(super) fn is_bech32(word: &[u8]) -> bool {
    let mixed = word.iter().any(u8::is_ascii_uppercase) && word.iter().any(u8::is_ascii_lowercase);
    let lower = word.to_ascii_lowercase();
    let Some(one) = lower.iter().position(|byte| *byte == b'1') else { return false };
    if mixed || !(14..=90).contains(&lower.len()) {
        return false;
    }
    let mut values = Vec::with_capacity(lower.len());
    for byte in &lower[one + 1..] {
        match (0u8..).zip(BECH32).find(|(_, known)| *known == byte) {
            Some((value, _)) => values.push(value),
            None => return false,
        }
    }
    matches!(polymod(&lower[..one], &values), 1 | 0x2BC8_30A3)
}

/// The checksum over the prefix and the values behind the `1`.
pub(super) fn polymod(prefix: &[u8], values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let high = prefix.iter().map(|byte| byte >> 5);
    let low = prefix.iter().map(|byte| byte & 31);
    let mut sum = 1u32;
    for value in high.chain(std::iter::once(0)).chain(low).chain(values.iter().copied()) {
        let top = sum >> 25;
        sum = (sum & 0x01FF_FFFF) << 5 ^ u32::from(value);
        for (bit, generator) in GENERATOR.into_iter().enumerate() {
            if top >> bit & 1 == 1 {
                sum ^= generator;
            }
        }
    }
    sum
}

/// The characters of values of bech32.
pub(super) fn bech32_letters(values: &[u8]) -> impl Iterator<Item = char> {
    values.iter().map(|value| char::from(BECH32[usize::from(value & 31)]))
}
