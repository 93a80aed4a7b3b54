//! Numbering plans of the world: which national numbers a calling code has.

use std::sync::OnceLock;

/// What `benches/parity/phone_plans.py` wrote from libphonenumber's metadata (Apache-2.0).
const TABLE: &str = include_str!("plans.txt");

/// The plan of a region.
pub(super) struct Plan {
    /// Calling code: 49.
    code: u16,
    /// Region: `DE`.
    region: &'static str,
    /// What stands before a national number at home: `0`; empty for none.
    trunk: &'static str,
    lengths: Vec<Prefixes>,
}

/// The first three digits of national numbers of a length.
struct Prefixes {
    length: usize,
    bits: [u64; 16],
}

/// All plans, by calling code.
pub(super) fn all() -> &'static [Plan] {
    static PLANS: OnceLock<Vec<Plan>> = OnceLock::new();
    PLANS.get_or_init(|| TABLE.lines().filter_map(Plan::parse).collect())
}

/// The plan of a region, in capitals.
pub(super) fn of(region: &str) -> Option<&'static Plan> {
    all().iter().find(|plan| plan.region == region)
}

impl Plan {
    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.split(' ');
        let code = columns.next()?.parse().ok()?;
        let region = columns.next()?;
        let trunk = columns.next()?.trim_matches('-');
        let lengths = columns.filter_map(Prefixes::parse).collect();
        Some(Self { code, region, trunk, lengths })
    }

    /// Whether a number of these digits, without code and trunk prefix, may be given out.
    pub(super) fn has(&self, digits: &[u8]) -> bool {
        let [a, b, c, ..] = digits else { return false };
        let prefix = usize::from(*a) * 100 + usize::from(*b) * 10 + usize::from(*c);
        self.lengths.iter().any(|prefixes| {
            prefixes.length == digits.len() && prefixes.bits[prefix / 64] >> (prefix % 64) & 1 == 1
        })
    }

    /// Whether numbers of this length may be given out.
    fn has_length(&self, digits: &[u8]) -> bool {
        self.lengths.iter().any(|prefixes| prefixes.length == digits.len())
    }

    /// The digits without the trunk prefix, if they begin with it.
    pub(super) fn without_trunk<'a>(&self, digits: &'a [u8]) -> Option<&'a [u8]> {
        let trunk = self.trunk.as_bytes();
        let head = digits.get(..trunk.len())?;
        let same = head.iter().zip(trunk).all(|(digit, trunk)| digit + b'0' == *trunk);
        (same && !trunk.is_empty()).then(|| &digits[trunk.len()..])
    }

    /// Whether national numbers stand without a prefix at home.
    pub(super) fn no_trunk(&self) -> bool {
        self.trunk.is_empty()
    }
}

impl Prefixes {
    fn parse(column: &str) -> Option<Self> {
        let (length, ranges) = column.split_once(':')?;
        let mut bits = [0; 16];
        for range in ranges.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            for prefix in first.parse::<usize>().ok()?..=last.parse().ok()? {
                *bits.get_mut(prefix / 64)? |= 1 << (prefix % 64);
            }
        }
        Some(Self { length: length.parse().ok()?, bits })
    }
}

/// Whether the digits are a calling code and a national number, with or without the trunk prefix
/// (`+49 (0)30`). `strict`: one that may be given out; else one of a length that there is.
pub(super) fn is_international(digits: &[u8], strict: bool) -> bool {
    let mut code = 0;
    for (index, digit) in digits.iter().enumerate().take(3) {
        code = code * 10 + u16::from(*digit);
        let national = &digits[index + 1..];
        let fits = |plan: &Plan, digits: &[u8]| {
            if strict { plan.has(digits) } else { plan.has_length(digits) }
        };
        let plans = all();
        let first = plans.partition_point(|plan| plan.code < code);
        let of_code = plans[first..].iter().take_while(|plan| plan.code == code);
        for plan in of_code {
            let trunk = plan.without_trunk(national);
            if fits(plan, national) || trunk.is_some_and(|bare| fits(plan, bare)) {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
    }

    #[test]
    fn the_table_is_read_whole() {
        assert_eq!(all().len(), TABLE.lines().count());
        assert!(all().len() > 240);
        assert!(all().is_sorted_by_key(|plan| plan.code));
        assert!(all().iter().all(|plan| !plan.lengths.is_empty()));
    }

    #[test]
    fn numbers_of_several_plans() {
        assert!(of("US").unwrap().has(&digits("212 736 5000")));
        assert!(!of("US").unwrap().has(&digits("123 456 7890")));
        assert!(of("CN").unwrap().has(&digits("138 1234 5678")));
        assert!(of("DE").unwrap().has(&digits("30 901820")));
        for (number, valid, length) in [
            ("+49 30 901820", true, true),
            ("+49 (0)30 901820", true, true),
            ("+44 20 7946 0958", true, true),
            ("+41 96 471 07 95", false, true),
            ("+1 000 000 0000", false, true),
            ("+999 1234567", false, false),
        ] {
            assert_eq!(is_international(&digits(number), true), valid, "{number}");
            assert_eq!(is_international(&digits(number), false), length, "{number}");
        }
    }
}
