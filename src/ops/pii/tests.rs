use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::kind::{Kind, Kinds};
use super::scan::{Scanner, Scratch};
use crate::document::SignalValue;
use crate::ops::SignalLookup;
use crate::ops::testing::{Trial, refused, trial};

/// The kinds and pieces that are found with the settings by default.
fn found(text: &str) -> Vec<(Kind, &str)> {
    let regions = super::Pii::default().phone_regions;
    let scanner = Scanner::new(Kinds::of(&Kind::ALL), true, &regions).unwrap();
    let mut scratch = Scratch::default();
    scanner.find(text, &mut scratch);
    scratch.spans.iter().map(|span| (span.kind, &text[span.start..span.end])).collect()
}

fn is(kind: Kind, text: &str, piece: &str) {
    assert_eq!(found(text), [(kind, piece)], "{text}");
}

fn none(text: &str) {
    assert_eq!(found(text), [], "{text}");
}

fn spans(trial: &Trial) -> String {
    match trial.signal("spans") {
        Some(SignalValue::OwnedText(spans)) => spans,
        other => panic!("{other:?}"),
    }
}

fn replaced(toml: &str, text: &str) -> String {
    trial("pii", toml, text).text.unwrap_or_else(|| text.to_owned())
}

/// Ethereum's Keccak-256 is not SHA-3, of which the padding is another.
#[test]
fn known_hashes() {
    use sha3::{Digest, Keccak256};
    let hex = |bytes: &[u8]| {
        Keccak256::digest(bytes)
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    };
    let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
    assert_eq!(hex(b""), empty);
    let abc = "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45";
    assert_eq!(hex(b"abc"), abc);
}

#[test]
fn mail_addresses() {
    for address in
        ["a@b.co", "jo.p+x@mail.co.uk", "müller@bücher.de", "o'hara@x.org", "24037mds@comb.es"]
    {
        is(Kind::Email, &format!("an {address}, so"), address);
    }
    is(Kind::Email, "邮箱767514612@qq.com谢谢", "767514612@qq.com");
    is(Kind::Email, "ask me@host.org.Then go", "me@host.org");
    is(Kind::Email, "<mailto:me@host.org>", "me@host.org");
    is(Kind::Email, "q=1%20me@host.org", "me@host.org");
    is(Kind::Email, "ku: edumedia@pgwc.gov.za http", "edumedia@pgwc.gov.za");
    for text in [
        "email@example.com",
        "x@mail.example.org",
        "logo@2x.png",
        "lodash@4.17.21",
        "git@github.com:a/b",
        "@app.route",
        "a @ b.com",
        "x@y",
        "foo@bar.nosuchtop",
        "ssh://git@github.com/x",
        "a@.com",
        "＠",
    ] {
        none(text);
    }
}

#[test]
fn ip_addresses() {
    is(Kind::Ip, "from 48.90.248.226 again", "48.90.248.226");
    is(Kind::Ip, "http://104.131.115.192:8090/x", "104.131.115.192");
    is(Kind::Ip, "the host 12.34.56.79.", "12.34.56.79");
    is(Kind::Ip, "看48.90.248.226吧", "48.90.248.226");
    is(Kind::Ip, "at 2a00:1450:4001:81b::200e.", "2a00:1450:4001:81b::200e");
    is(
        Kind::Ip,
        "6e40:4041:c617:e898:c11:40d2:c669:2eb4",
        "6e40:4041:c617:e898:c11:40d2:c669:2eb4",
    );
    for text in [
        "version 114.23.56.178",
        "v1.2.3.4",
        "Chrome/114.0.0.0",
        "see 3.2.1.4",
        "1.2.3.4.5.6",
        "192.168.1.1",
        "10.0.0.1",
        "127.0.0.1",
        "host 203.0.113.7",
        "8.8.8.8",
        "OID 1.3.6.1.4.1.311",
        "256.300.1.1",
        "std::vector",
        "12:30:45",
        "00:1a:2b:3c:4d:5e",
        "fe80::1ff:fe23:4567:890a",
        "2001:db8::1:2:3",
        "01:02:03:04:05:06:07:08",
        "dead::beef",
        "1.1.1.1",
    ] {
        none(text);
    }
    let all = trial(
        "pii",
        "public_ip_only = false",
        "192.168.1.17 and fe80:0:0:0:1:2:3:4 and 10.0.0.0/8",
    );
    assert_eq!(spans(&all), "ip@0+12 ip@17+18 ip@40+8");
}

#[test]
fn telephone_numbers() {
    for (text, number) in [
        ("call +49 30 901820 now", "+49 30 901820"),
        ("tel:+1-212-736-5000", "+1-212-736-5000"),
        ("+41 (0)96 471 07 95", "+41 (0)96 471 07 95"),
        ("(212) 736-5000", "(212) 736-5000"),
        ("at 212-736-5000.", "212-736-5000"),
        ("dial 345-899-3560x4587 ok", "345-899-3560x4587"),
        ("0049 30 901820", "0049 30 901820"),
        ("Rufen Sie 030 901820 an", "030 901820"),
        ("le 01.84.17.61.18 ?", "01.84.17.61.18"),
        ("彭玲 021-36070335 1370", "021-36070335"),
        ("■ＴＥＬ：０１２０－９１１－８５７", "０１２０－９１１－８５７"),
        ("Phone: 467 3395", "467 3395"),
        ("电话13812345678请", "13812345678"),
        ("打13722348520吧", "13722348520"),
        ("电话：１３８１２３４５６７８", "１３８１２３４５６７８"),
        ("هاتف: ٠١٢٣٤٥٦٧٨٨", "٠١٢٣٤٥٦٧٨٨"),
        ("Тел. 8 (495) 123-45-68", "8 (495) 123-45-68"),
        ("(060 42) my fax 71-33-52-22", "71-33-52-22"),
    ] {
        is(Kind::Phone, text, number);
    }
    for text in [
        "in 2019-2020 and 2001 2002 2003",
        "2019-03-04 12:30:00",
        "phone, 2019-03-04",
        "1234567890",
        "ISBN 978-0-13-468599-1",
        "0-306-40615-2",
        "ISSN 0028-0836",
        "MA 02110-1301 USA",
        "CA 94129-0244, phone",
        "3.14159265358979",
        "110bcd25-a55d-453a-8046-1297901ea002",
        "$1,234,567",
        "1748503543012",
        "$x_{12345678}$",
        "= (50000 - 1000) Rs",
        "00 64 08 06 00 00 00",
        "0 0 0 1 15 13 76 97 121",
        "GSC 03549-02811",
        "a = 5551234567;",
        "qq：2811437428",
        "555-0123",
        "(212) 555-0123",
        "6-7 (3-7) 6-3 6-3",
        "call 7.30-17.30",
        "10.1038/0028083",
        "| 1234567 | 7654321 |",
        "0.0492126 0 0",
        "commit 4512345678",
    ] {
        none(text);
    }
    is(Kind::Phone, "06 1234 5678", "06 1234 5678");
    let elsewhere = trial("pii", "phone_regions = [\"US\"]", "06 1234 5678");
    assert_eq!(elsewhere.text, None);
}

#[test]
fn cards_and_accounts() {
    for number in
        ["4111 1111 1111 1111", "5500005555555559", "3782-822463-10005", "6011111111111117"]
    {
        is(Kind::CreditCard, &format!("paid {number} then"), number);
    }
    is(Kind::CreditCard, "my card [501864667909]", "501864667909");
    is(Kind::CreditCard, "卡号4012888888881881，", "4012888888881881");
    is(Kind::CreditCard, "card 4012888888881881 12/25", "4012888888881881");
    for text in [
        "4111111111111112",
        "0.4111111111111111",
        "id=4111111111111111",
        "a4111111111111111",
        "4012888888881881_x",
        "501864667909",
        "1748503543012",
        "4350 3350 3150 3350",
        "4111 1111 1111 1111 2222 3333",
    ] {
        none(text);
    }
    for number in
        ["GB82WEST12345698765432", "DE89 3704 0044 0532 0130 00", "gb42nawi04454264788619"]
    {
        is(Kind::Iban, &format!("to {number}."), number);
    }
    for text in [
        "GB83WEST12345698765432",
        "XX89370400440532013000",
        "xDE89370400440532013000",
        "DE89370400440532013000AB",
    ] {
        none(text);
    }
    is(Kind::UsSsn, "SSN: 078-05-1120.", "078-05-1120");
    is(Kind::UsSsn, "social security 078 05 1120", "078 05 1120");
    for text in [
        "178 05 1120",
        "000-12-3456",
        "666-12-3456",
        "912-12-3456",
        "Nr. 219-05-2006",
        "1078-05-1120",
    ] {
        none(text);
    }
    is(Kind::CnId, "身份证号11010519491231002X。", "11010519491231002X");
    none("110105194912310021");
}

#[test]
fn coins_and_keys() {
    for address in [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    ] {
        is(Kind::Crypto, &format!("to {address}!"), address);
    }
    for text in [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "0x0000000000000000000000000000000000000001",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "0xda39a3ee5e6b4b0d3255bfef95601890afd807090a",
    ] {
        none(text);
    }
    let random = "k3Jd92mfKs83jfLs92mdQ";
    let github = format!("ghp_{}", "aB3dE9fG1".repeat(4));
    for (text, key) in [
        ("id AKIAZ5FJ3XQWERTYUIOP.".to_owned(), "AKIAZ5FJ3XQWERTYUIOP"),
        (format!("use {github} now"), &github),
        (format!("api_key = \"{random}\""), random),
        (format!("\"accessToken\": '{random}',"), random),
        (format!("PASSWORD={random}\n"), random),
    ] {
        is(Kind::Secret, &text, key);
    }
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.dozjgNryP4J3jVmNHl0w";
    is(Kind::Secret, &format!("Bearer {jwt}"), jwt);
    let pem = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEA".repeat(5)
    );
    is(Kind::Secret, &format!("{pem}\n"), &pem);
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "sk-learn-pipeline-with-many-parts-in-it",
        "the token: a-small-thing-it-is-not",
        "password = os.environ.get(\"MY_PASSWORD_2\")",
        "PublicKeyToken=b77a5c561934e089",
        "secret: /etc/a1/b2/c3/d4e5",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "eyJhbGciOiJIUzI1NiJ9",
        "api_key = \"<SECRET>\"",
    ] {
        none(text);
    }
    is(Kind::UrlCredentials, "at https://bob:hunter2x@host.com/", "bob:hunter2x");
    for text in [
        "https://bob@host.com/",
        "http://user:password@host.com",
        "postgres://postgres:postgres@localhost/x",
    ] {
        none(text);
    }
}

#[test]
fn what_stands_in_place() {
    let text = "Write a@b.co or +49 30 901820, from 48.90.248.226.";
    let typed = "Write <EMAIL_ADDRESS> or <PHONE_NUMBER>, from <IP_ADDRESS>.";
    assert_eq!(replaced("", text), typed);
    let dolma = replaced("placeholders = \"dolma\"", text);
    assert_eq!(dolma, "Write |||EMAIL_ADDRESS||| or |||PHONE_NUMBER|||, from |||IP_ADDRESS|||.");
    let own = replaced("kinds = [\"email\"]\nreplacements = { email = \"[mail]\" }", text);
    assert_eq!(own, "Write [mail] or +49 30 901820, from 48.90.248.226.");
    let datatrove = replaced("placeholders = \"datatrove\"", text);
    assert!(datatrove.contains("@example."), "{datatrove}");
    assert_eq!(replaced("placeholders = \"datatrove\"", &datatrove), datatrove);
    assert_eq!(replaced("action = \"annotate\"", text), text);
    let trial = trial("pii", "", "看 a@b.co，电话13812345678");
    assert_eq!(spans(&trial), "email@2+6 phone@11+11");
    assert_eq!(
        (trial.number("email"), trial.number("total"), trial.number("iban")),
        (1.0, 2.0, 0.0)
    );
}

/// The same value gets the same surrogate, however it is written; another seed gives another.
#[test]
fn surrogates() {
    let surrogate = |text: &str| replaced("action = \"surrogate\"", text);
    let twice = surrogate("Jo@B.co and jo@b.co");
    let (first, second) = twice.split_once(" and ").unwrap();
    assert_eq!(first, second);
    assert!(first.starts_with("user-") && first.ends_with("@example.org"), "{first}");
    assert_ne!(surrogate("jo@b.co"), surrogate("jo@c.co"));
    assert_eq!(surrogate("+49 30 901820"), surrogate("+49-30-901820"));
    let mut out = String::new();
    super::replace::surrogate(Kind::Email, "jo@b.co", 8, &mut out);
    assert_ne!(out, first);
    let card = surrogate("card 4111111111111111");
    let digits: Vec<u8> = card.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
    assert!(digits.len() == 16 && super::card::luhn(&digits), "{card}");
    let iban = surrogate("GB82WEST12345698765432");
    assert!(iban.starts_with("ZZ") && super::iban::check(iban.as_bytes()), "{iban}");
    let coin = surrogate("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
    assert!(coin.starts_with("tb1q") && super::crypto::is_bech32(coin.as_bytes()), "{coin}");
}

#[test]
fn limits() {
    let two = "a@b.co and c@d.co";
    let reason = |toml: &str, text: &str| trial("pii", toml, text).reason();
    assert_eq!(reason("", two), "");
    assert_eq!(reason("action = \"drop\"", two), "personal-data");
    assert_eq!(reason("action = \"drop\"", "nothing"), "");
    assert_eq!(reason("action = \"drop\"\nmax_total = 2", two), "");
    assert_eq!(reason("max_total = 1", two), "personal-data");
    assert_eq!(reason("max_counts = { email = 1 }", two), "email");
    assert_eq!(reason("max_counts = { phone = 0 }", two), "");
    assert_eq!(reason("action = \"annotate\"\nmax_total = 0", two), "");
    let dropped = trial("pii", "action = \"drop\"\nmax_counts = { email = 2 }", two);
    assert_eq!((dropped.reason(), dropped.text), ("", None));
}

#[test]
fn settings_that_cannot_work_say_what_would() {
    let message = |toml: &str| refused("pii", toml).to_string();
    assert!(message("kinds = []").contains("nothing to look for"));
    assert!(message("phone_regions = [\"XY\"]").contains("no numbering plan of `XY`"));
    assert!(message("replacements = { ip = \"48.90.248.226\" }").contains("would be found again"));
    assert!(message("kinds = [\"ip\"]\nmax_counts = { email = 1 }").contains("not in `kinds`"));
}

/// Texts of the Presidio project's synthetic set (MIT), a file of `text` and `spans`.
#[test]
fn a_labelled_set() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/pii_synth.jsonl");
    #[expect(clippy::disallowed_methods, reason = "the test reads its own data")]
    let lines = std::fs::read_to_string(path).unwrap();
    let mut missed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    for line in lines.lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        let text = document["text"].as_str().unwrap();
        let found = found(text);
        let characters: Vec<char> = text.chars().collect();
        let wanted: Vec<(String, String)> = document["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|span| {
                let at = |index: usize| usize::try_from(span[index].as_u64().unwrap()).unwrap();
                (span[2].as_str().unwrap().to_owned(), characters[at(0)..at(1)].iter().collect())
            })
            .collect();
        count += wanted.len();
        let found: Vec<(String, String)> = found
            .into_iter()
            .map(|(kind, piece)| (kind.name().to_owned(), piece.to_owned()))
            .collect();
        for span in wanted.iter().filter(|span| !found.contains(span)) {
            missed.entry(format!("missed {}", span.0)).or_default().push(span.1.clone());
        }
        for span in found.iter().filter(|span| !wanted.contains(span)) {
            missed.entry(format!("wrong {}", span.0)).or_default().push(span.1.clone());
        }
    }
    assert!(count > 150, "{count}");
    assert_eq!(missed, BTreeMap::new());
}

/// Pieces of text in which all kinds and what looks like them are frequent.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "Tel.",
        "phone: ",
        "call ",
        "fax ",
        "card ",
        "电话",
        "SSN ",
        "ip ",
        "version ",
        "GB82 WEST 1234 5698 7654 32",
        "4111 1111 1111 1111",
        "555-123-4567",
        "(212) 736-5000",
        "+49 30 901820",
        "13812345678",
        "a@b.co",
        "https://bob:hunter2x@host.com/",
        "48.90.248.226",
        "2a00:1450:4001::200e",
        "078-05-1120",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        "AKIAZ5FJ3XQWERTYUIOP",
        "api_key = \"k3Jd92mfKs83jfLs92mdQ\"",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        "11010519491231002X",
        "x123",
        " ext. 12",
        "EXAMPLE",
        "１３８",
        "١٢٣",
        "é",
        "你",
        "🙂",
        "<",
        ">",
        "|",
        "://",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => "[0-9 .()/+@x:-]{1,14}",
        1 => "\\PC{0,6}",
        1 => " ",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// No text makes it panic, spans are in order and on character boundaries, and what has been
    /// replaced once stays.
    #[test]
    fn twice_is_once(pieces in proptest::collection::vec(piece(), 0..14)) {
        let text = pieces.concat();
        for (_, piece) in found(&text) {
            prop_assert!(!piece.is_empty());
        }
        for toml in ["", "action = \"surrogate\"", "placeholders = \"datatrove\"", "placeholders = \"dolma\""] {
            let once = replaced(toml, &text);
            prop_assert_eq!(&replaced(toml, &once), &once, "{}", toml);
        }
        // Outside the spans nothing changes.
        let trial = trial("pii", "", &text);
        if let Some(new) = &trial.text {
            let spans = spans(&trial);
            let characters: Vec<char> = text.chars().collect();
            let (mut rest, mut at) = (new.as_str(), 0);
            for span in spans.split(' ') {
                let (start, length) = span.split_once('@').unwrap().1.split_once('+').unwrap();
                let (start, length): (usize, usize) = (start.parse().unwrap(), length.parse().unwrap());
                let kept: String = characters[at..start].iter().collect();
                rest = rest.strip_prefix(kept.as_str()).unwrap();
                rest = &rest[rest.find('>').unwrap() + 1..];
                at = start + length;
            }
            prop_assert_eq!(rest, characters[at..].iter().collect::<String>());
        }
    }

    #[test]
    fn any_text(text in "\\PC*") {
        found(&text);
    }
}

/// Texts that other ops tripped over.
#[test]
fn odd_texts() {
    let long = "1234567890-".repeat(90_000);
    let letters = "a1".repeat(300_000);
    let colons = "ab:".repeat(200_000);
    for text in
        ["", "1", "@", "\0", "😀", "en 12\tde 12", &long, &letters, &colons, &"@".repeat(100_000)]
    {
        found(text);
    }
}
