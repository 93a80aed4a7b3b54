//! Words near a number that say what it is.
//!
//! What is looked at ends at digits, line ends (the second), `@`, angle brackets and bars, so that
//! whether a number is found does not depend on whether other data beside it has been replaced.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// How many bytes before a number are looked at.
const BEFORE: usize = 28;
/// How many bytes behind it.
const BEHIND: usize = 14;

/// Words before a telephone number. ASCII words stand in lower case and are found as whole words, or
/// with one more letter (`tels`); others wherever they stand.
pub(super) static PHONE: Words = Words::new(&[
    "phone",
    "phones",
    "telephone",
    "tel",
    "tele",
    "fax",
    "telefax",
    "cell",
    "cellphone",
    "hotline",
    "helpline",
    "whatsapp",
    "viber",
    "sms",
    "landline",
    "phone no",
    "telefon",
    "telefoon",
    "telefono",
    "telefone",
    "handy",
    "rufnummer",
    "telefonnummer",
    "celular",
    "cellulare",
    "fon",
    "téléphone",
    "tél",
    "teléfono",
    "móvil",
    "điện thoại",
    "тел",
    "Тел",
    "ТЕЛ",
    "факс",
    "Факс",
    "моб",
    "Моб",
    "звон",
    "Звон",
    "电话",
    "電話",
    "手机",
    "手機",
    "热线",
    "熱線",
    "传真",
    "傳真",
    "致电",
    "致電",
    "拨打",
    "撥打",
    "来电",
    "來電",
    "联系",
    "聯繫",
    "聯絡",
    "联络",
    "咨询",
    "諮詢",
    "微信",
    "携帯",
    "☎",
    "☏",
    "📞",
    "📱",
    "전화",
    "연락처",
    "휴대폰",
    "팩스",
    "هاتف",
    "الهاتف",
    "تلفون",
    "جوال",
    "الجوال",
    "اتصل",
    "فاكس",
    "موبايل",
    "واتساب",
    "تلفن",
    "फोन",
    "मोबाइल",
    "टेलीफोन",
]);

/// Words that also stand before other numbers: these need groups or a number that may be given out.
pub(super) static PHONE_WEAK: Words = Words::new(&[
    "call",
    "calls",
    "calling",
    "dial",
    "answering",
    "desk:",
    "office:",
    "direct:",
    "cell",
    "cellular",
    "mobile",
    "mobil",
    "mob",
    "portable",
    "appelez",
    "llame",
    "llamar",
    "ligue",
    "chiamare",
    "contact",
    "bellen",
]);

/// Names of numbers that are none of telephones, right before.
pub(super) const OTHER_NUMBER: &[&str] = &["qq", "qq号", "qq群", "isbn", "issn", "id"];

/// Words behind a telephone number.
pub(super) const PHONE_BEHIND: &[&str] =
    &["fax", "office", "mob", "mobile", "desk", "phone", "tel", "home", "work", "telefon"];

/// Words before a card number.
pub(super) static CARD: Words = Words::new(&[
    "card",
    "cards",
    "cc",
    "visa",
    "mastercard",
    "amex",
    "maestro",
    "discover",
    "unionpay",
    "credit",
    "debit",
    "pan",
    "creditcard",
    "credit_card",
    "card_number",
    "cardnumber",
    "ccnum",
    "karte",
    "kreditkarte",
    "kartennummer",
    "carte",
    "tarjeta",
    "carta",
    "kaart",
    "cartão",
    "карта",
    "карты",
    "Карта",
    "卡号",
    "卡號",
    "信用卡",
    "银行卡",
    "銀行卡",
    "储蓄卡",
    "カード",
    "카드",
    "بطاقة",
]);

/// Words before a social security number.
pub(super) static SSN: Words =
    Words::new(&["ssn", "ssns", "ss#", "social", "social security", "socialsecurity"]);

/// Words before an address on the internet.
pub(super) static IP: Words = Words::new(&[
    "ip",
    "ips",
    "ipv4",
    "ipv6",
    "address",
    "addr",
    "adresse",
    "host",
    "server",
    "dns",
    "gateway",
    "ping",
    "proxy",
    "client",
    "login",
    "from",
    "inet",
    "nameserver",
    "resolver",
    "listen",
    "bind",
    "地址",
    "服务器",
    "عنوان",
]);

/// Words before a number with dots that make it a version or a section.
pub(super) static VERSION: Words = Words::new(&[
    "version",
    "versions",
    "ver",
    "v",
    "release",
    "releases",
    "rev",
    "revision",
    "build",
    "firmware",
    "section",
    "sections",
    "sec",
    "chapter",
    "clause",
    "article",
    "rule",
    "update",
    "patch",
    "driver",
    "kernel",
    "upgrade",
    "upgraded",
    "oid",
    "table",
    "figure",
    "fig",
    "page",
    "version_",
    "versión",
    "abschnitt",
    "kapitel",
    "版本",
    "第",
]);

/// A list of words with what searches for all of them at once.
pub(super) struct Words {
    list: &'static [&'static str],
    search: OnceLock<Option<AhoCorasick>>,
}

impl Words {
    const fn new(list: &'static [&'static str]) -> Self {
        Self { list, search: OnceLock::new() }
    }

    /// A few constant words always make an automaton.
    fn search(&self) -> Option<&AhoCorasick> {
        let build = || {
            let builder = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(self.list);
            builder.ok()
        };
        self.search.get_or_init(build).as_ref()
    }
}

/// A piece of text beside a number, ASCII in lower case.
pub(super) struct Window {
    bytes: [u8; 96],
    length: usize,
    /// Whether a digit ended it.
    digit_behind: bool,
}

impl Window {
    fn of(piece: &[u8]) -> Self {
        let mut bytes = [0; 96];
        let length = piece.len().min(bytes.len());
        bytes[..length].copy_from_slice(&piece[..length]);
        bytes[..length].make_ascii_lowercase();
        Self { bytes, length, digit_behind: false }
    }

    /// The piece before `at`.
    pub(super) fn before(text: &[u8], at: usize) -> Self {
        Self::within(text, at, BEFORE)
    }

    /// The `reach` bytes (at most 96) before `at`.
    pub(super) fn within(text: &[u8], at: usize, reach: usize) -> Self {
        let mut start = at;
        let mut lines = 0;
        while start > at.saturating_sub(reach) {
            let byte = text[start - 1];
            lines += u8::from(byte == b'\n');
            if lines == 2 || stops(byte) {
                break;
            }
            start -= 1;
        }
        Self::of(&text[start..at])
    }

    /// The piece behind `at`: brackets, spaces and then a word.
    pub(super) fn behind(text: &[u8], at: usize) -> Self {
        let end = text.len().min(at + BEHIND);
        let piece = &text[at..end];
        let stop = piece.iter().position(|byte| stops(*byte) || *byte == b'\n');
        let mut window = Self::of(&piece[..stop.unwrap_or(piece.len())]);
        window.digit_behind = stop.is_some_and(|at| piece[at].is_ascii_digit());
        window
    }

    /// Whether one of the words stands in it.
    pub(super) fn has(&self, words: &Words) -> bool {
        let window = &self.bytes[..self.length];
        words.search().is_some_and(|search| {
            search.find_overlapping_iter(window).any(|hit| {
                // Words of languages without spaces may stand within others.
                let word = words.list[hit.pattern().as_usize()];
                let (start, end) = (hit.start(), hit.end());
                let free = start == 0 || !window[start - 1].is_ascii_alphanumeric();
                let ends = window.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
                !word.is_ascii() || free && ends
            })
        })
    }

    /// Whether one of the words is the last in it, before signs.
    pub(super) fn ends(&self, words: &[&str]) -> bool {
        let window = &self.bytes[..self.length];
        let sign = |byte: &u8| b" :#.\t\"'=(".contains(byte);
        let mut end = window.len() - window.iter().rev().take_while(|byte| sign(byte)).count();
        if window[..end].ends_with("：".as_bytes()) {
            end -= "：".len();
        }
        let window = &window[..end];
        words.iter().any(|word| {
            let head = window.strip_suffix(word.as_bytes());
            head.is_some_and(|head| !head.last().is_some_and(u8::is_ascii_alphanumeric))
        })
    }

    /// Whether one of the words is the first in it.
    pub(super) fn begins(&self, words: &[&str]) -> bool {
        let window = &self.bytes[..self.length];
        let Some(start) = window.iter().position(|byte| !b" \t([-,/".contains(byte)) else {
            return false;
        };
        let length = window[start..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, rest) = window[start..].split_at(length);
        // `, phone 415…` stands before the next number.
        let next = self.digit_behind && rest.iter().all(|byte| b" :.-".contains(byte));
        !next && words.iter().any(|known| known.as_bytes() == word)
    }
}

fn stops(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'@' | b'<' | b'>' | b'|')
}
