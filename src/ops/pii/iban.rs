//! International bank account numbers.

use super::kind::{Kind, Span};

/// Countries and how their account numbers are made: `n` digits, `a` letters, `c` either
/// ([registry](https://www.swift.com/standards/data-standards/iban-international-bank-account-number)).
const COUNTRIES: &str = "AD 8n12c AE 19n AL 8n16c AT 16n AZ 4a20c BA 16n BE 12n BG 4a6n8c BH 4a14c \
    BI 23n BR 23n1a1c BY 4c4n16c CH 5n12c CR 18n CY 8n16c CZ 20n DE 18n DJ 23n DK 14n DO 4c20n EE 16n \
    EG 25n ES 20n FI 14n FK 2a12n FO 14n FR 10n11c2n GB 4a14n GE 2a16n GI 4a15c GL 14n GR 7n16c \
    GT 24c HN 4a20n HR 17n HU 24n IE 4a14n IL 19n IQ 4a15n IS 22n IT 1a10n12c JO 4a4n18c KW 4a22c \
    KZ 3n13c LB 4n20c LC 4a24c LI 5n12c LT 16n LU 3n13c LV 4a13c LY 21n MC 10n11c2n MD 20c ME 18n \
    MK 3n10c2n MN 16n MR 23n MT 4a5n18c MU 4a19n3a NI 4a20n NL 4a10n NO 11n OM 3n16c PK 4a16c PL 24n \
    PS 4a21c PT 21n QA 4a21c RO 4a16c RS 18n RU 14n15c SA 2n18c SC 4a20n3a SD 14n SE 20n SI 15n SK 20n \
    SM 1a10n12c SO 19n ST 21n SV 4a20n TL 19n TN 20n TR 5n17c UA 6n19c VA 18n VG 4a16n XK 16n YE 4a4n18c";

/// The longest there may be.
const LONGEST: usize = 34;

/// The number that begins at `start`, in one piece or in groups of four.
pub(super) fn find(bytes: &[u8], start: usize) -> Option<Span> {
    let before = start.checked_sub(1).map(|at| bytes[at]);
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_/-+=.".contains(&byte)) {
        return None;
    }
    let head = bytes.get(start..start + 4)?;
    let goes_on = bytes
        .get(start + 4)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b' ' || *byte == b'-');
    if !head[2].is_ascii_digit() || !head[3].is_ascii_digit() || !goes_on {
        return None;
    }
    let code = [head[0].to_ascii_uppercase(), head[1].to_ascii_uppercase()];
    let structure = structure(code)?;
    let length = 4 + parts(structure).map(|(count, _)| count).sum::<usize>();
    // Its characters, without what stands between groups.
    let mut letters = [0u8; LONGEST];
    let (mut count, mut at, mut group) = (0, start, 0);
    let mut gap = None;
    while count < length {
        match *bytes.get(at)? {
            byte if byte.is_ascii_alphanumeric() => {
                letters[count] = byte.to_ascii_uppercase();
                (count, group) = (count + 1, group + 1);
            }
            byte @ (b' ' | b'-') if group == 4 && (count == 4 || gap.is_some()) => {
                if *gap.get_or_insert(byte) != byte {
                    return None;
                }
                group = 0;
            }
            _ => return None,
        }
        at += 1;
    }
    let behind = bytes.get(at);
    let closed = behind.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    // In small letters it is more often the middle of a hash.
    let mixed = bytes[start..at].iter().any(u8::is_ascii_lowercase)
        && bytes[start..at].iter().any(u8::is_ascii_uppercase);
    let found =
        closed && !mixed && fits(&letters[4..length], structure) && check(&letters[..length]);
    found.then_some(Span { start, end: at, kind: Kind::Iban })
}

fn structure(code: [u8; 2]) -> Option<&'static str> {
    let mut words = COUNTRIES.split_ascii_whitespace();
    while let (Some(country), Some(structure)) = (words.next(), words.next()) {
        if country.as_bytes() == code {
            return Some(structure);
        }
    }
    None
}

/// `4a14n` as `(4, a) (14, n)`.
fn parts(structure: &str) -> impl Iterator<Item = (usize, u8)> {
    structure.split_inclusive(|c: char| c.is_ascii_alphabetic()).filter_map(|part| {
        let (count, class) = part.split_at_checked(part.len() - 1)?;
        Some((count.parse().ok()?, class.bytes().next()?))
    })
}

fn fits(mut account: &[u8], structure: &str) -> bool {
    for (count, class) in parts(structure) {
        let Some((part, rest)) = account.split_at_checked(count) else { return false };
        let right = part.iter().all(|byte| match class {
            b'n' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            _ => byte.is_ascii_alphanumeric(),
        });
        if !right {
            return false;
        }
        account = rest;
    }
    account.is_empty()
}

/// The check of ISO 13616: as a number, the first four characters last and letters as 10 to 35, it
/// leaves 1 when divided by 97.
pub(super) fn check(letters: &[u8]) -> bool {
    letters[2].is_ascii_digit() && letters[3].is_ascii_digit() && remainder(letters) == 1
}

/// What is left when divided by 97.
pub(super) fn remainder(letters: &[u8]) -> u32 {
    let turned = letters[4..].iter().chain(&letters[..4]);
    turned.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    })
}
