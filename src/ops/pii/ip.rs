//! IP addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::context::{self, Window};

/// What stands where digits begin.
pub(super) enum Quad {
    /// An address, to this byte.
    Address(usize),
    /// Four numbers with dots that are none, or not wanted; to this byte.
    Other(usize),
}

/// The IPv4 address or version number that begins at `start`.
pub(super) fn quad(text: &str, start: usize, public_only: bool) -> Option<Quad> {
    let bytes = text.as_bytes();
    let mut octets = [0u8; 4];
    let mut valid = true;
    let mut end = start;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if bytes.get(end) != Some(&b'.') {
                return None;
            }
            end += 1;
        }
        let digits = bytes[end..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        match text[end..end + digits.min(4)].parse::<u8>() {
            Ok(value) if digits == 1 || bytes[end] != b'0' => *octet = value,
            // `01.84.17.61.18` is a telephone number.
            _ if index == 0 && bytes[end] == b'0' => return None,
            _ if digits == 0 || digits > 5 => return None,
            _ => valid = false,
        }
        end += digits;
    }
    let next = bytes.get(end);
    if let (Some(b'.'), Some(digit)) = (next, bytes.get(end + 1))
        && digit.is_ascii_digit()
    {
        // More than four: an object identifier or a section.
        let more = bytes[end..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
        return Some(Quad::Other(end + more.count()));
    }
    let address = Ipv4Addr::from(octets);
    let free = start == 0 || !matches!(bytes[start - 1], b'.' | b'_' | b'-' | b'+' | b'$');
    let ends = next.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"_%".contains(byte))
        && !(next == Some(&b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric));
    let wanted = valid
        && free
        && ends
        && !is_placeholder(address)
        && (!public_only || is_public(address))
        && !is_version(bytes, start, end, octets);
    Some(if wanted { Quad::Address(end) } else { Quad::Other(end) })
}

/// Whether the four numbers at `start` are rather a version or the number of a section.
fn is_version(bytes: &[u8], start: usize, end: usize, octets: [u8; 4]) -> bool {
    let before = &bytes[..start];
    // `Chrome/114.0.0.0`, but not `http://114.0.0.0` and not `1/114.0.0.0`.
    if let [.., name, b'/'] = before
        && name.is_ascii_alphanumeric()
    {
        return true;
    }
    let window = Window::before(bytes, start);
    if window.has(&context::VERSION) {
        return true;
    }
    if octets.iter().any(|octet| *octet > 99) {
        // Versions end in zeros: `110.0.0.0`.
        return octets[1..] == [0, 0, 0];
    }
    // Small numbers alone are more often a version than an address.
    let port = matches!(bytes.get(end..end + 2), Some([b':', digit]) if digit.is_ascii_digit());
    let net = matches!(bytes.get(end..end + 2), Some([b'/', digit]) if digit.is_ascii_digit());
    !(port || net || before.ends_with(b"://") || window.has(&context::IP))
}

/// Addresses that the [registry](https://www.iana.org/assignments/iana-ipv4-special-registry) has as
/// globally reachable.
fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    let special = matches!((a, b, c), (192, 0, 0)) && !matches!(d, 9 | 10);
    !(a == 0
        || special
        || a == 100 && (64..128).contains(&b)
        || a == 198 && (b == 18 || b == 19)
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

/// Addresses that are nobody's: those for documentation, public name servers, and the six that
/// datatrove puts in place of what it finds.
fn is_placeholder(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    address.is_documentation()
        || RESOLVERS.contains(&octets)
        || super::replace::DATATROVE_IPS.contains(&octets)
}

/// Public name servers, which everybody writes and which belong to nobody in particular.
const RESOLVERS: [[u8; 4]; 9] = [
    [8, 8, 8, 8],
    [8, 8, 4, 4],
    [1, 1, 1, 1],
    [1, 0, 0, 1],
    [9, 9, 9, 9],
    [208, 67, 222, 222],
    [208, 67, 220, 220],
    [114, 114, 114, 114],
    [223, 5, 5, 5],
];

/// The IPv6 address in the run of hexadecimal digits and colons around `at`; its bytes.
pub(super) fn v6(text: &str, at: usize, public_only: bool) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    let start = at - bytes[..at].iter().rev().take(46).take_while(|byte| part(byte)).count();
    let mut end = at + bytes[at..].iter().take(46).take_while(|byte| part(byte)).count();
    // An address inside a sentence may be followed by its colon.
    if text[start..end].ends_with(':') && !text[start..end].ends_with("::") {
        end -= 1;
    }
    let piece = &text[start..end];
    let groups = piece.split(':').filter(|group| !group.is_empty()).count();
    if piece.len() > 39 || groups < 3 {
        return None;
    }
    let near = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
    };
    let before = start.checked_sub(1).map(|at| &bytes[at]);
    // A sentence ends in a dot, a number goes on behind it.
    let goes_on = match bytes.get(end..end + 2) {
        Some([b'.', next]) => next.is_ascii_alphanumeric(),
        _ => near(bytes.get(end)) && bytes.get(end) != Some(&b'.'),
    };
    let address: Ipv6Addr = piece.parse().ok()?;
    let [a, b, ..] = address.segments();
    let documentation = (a, b) == (0x2001, 0x0DB8) || a == 0x3FFF && b < 0x1000;
    let global = a & 0xE000 == 0x2000;
    let private = a & 0xFE00 == 0xFC00 || a & 0xFFC0 == 0xFE80 || a & 0xFF00 == 0xFF00 || a == 0;
    // Names with two colons look like short addresses, and a row of bytes like a long one.
    let short = piece.contains("::");
    let row = piece.split(':').all(|group| group.len() == 2);
    let sure = if public_only { !private && (global || !short) } else { !short || a >= 0x2000 };
    let wanted = sure && !row && !documentation && !near(before) && !goes_on;
    wanted.then_some((start, end))
}
