use super::*;

fn read(bytes: &[u8], label: Option<&str>, markup: Markup) -> (String, &'static str, bool) {
    let decoded = decode(bytes, label, markup, None).unwrap();
    (decoded.text.into_owned(), decoded.charset, decoded.replaced)
}

fn page(meta: &str, rest: &[u8]) -> (String, &'static str, bool) {
    let bytes = [meta.as_bytes(), rest].concat();
    let (text, charset, replaced) = read(&bytes, None, Markup::Html);
    (text.split_at(meta.len()).1.to_owned(), charset, replaced)
}

#[test]
fn the_order_of_the_standard() {
    let latin = b"<meta charset=iso-8859-2>\xe9";
    assert_eq!(read(b"\xef\xbb\xbfx", Some("latin1"), Markup::Html), ("x".into(), "utf-8", false));
    assert_eq!(read(b"\xff\xfex\0", Some("latin1"), Markup::Html), ("x".into(), "utf-16le", false));
    assert_eq!(read(b"\xfe\xff\0x", None, Markup::Plain), ("x".into(), "utf-16be", false));
    assert_eq!(read(latin, Some("windows-1251"), Markup::Html).1, "windows-1251");
    assert_eq!(read(latin, None, Markup::Html).1, "iso-8859-2");
    assert_eq!(read(latin, Some("nonsense"), Markup::Html).1, "iso-8859-2");
    assert_eq!(read(latin, Some(" ISO-8859-1 "), Markup::Html).1, "windows-1252");
    assert_ne!(read(latin, None, Markup::Plain).1, "iso-8859-2");
}

#[test]
fn bytes_that_are_utf8() {
    let text = "<meta charset=iso-8859-1>é";
    assert_eq!(read(text.as_bytes(), Some("latin1"), Markup::Html), (text.into(), "utf-8", false));
    assert_eq!(read(b"ascii", Some("shift_jis"), Markup::Html).1, "utf-8");
    // Two characters of GBK that are also one of UTF-8 each; five of them are no chance.
    assert_eq!(read("é".as_bytes(), Some("gbk"), Markup::Html).1, "gbk");
    assert_eq!(read("éééééé".as_bytes(), Some("gbk"), Markup::Html).1, "utf-8");
    let escaped = b"\x1b$B$3$s\x1b(B";
    assert_eq!(
        read(escaped, Some("iso-2022-jp"), Markup::Html),
        ("こん".into(), "iso-2022-jp", false)
    );
    assert_eq!(read(b"a\xffb", Some("utf-8"), Markup::Html), ("a\u{fffd}b".into(), "utf-8", true));
    assert_eq!(read(b"a\0b", None, Markup::Html), ("a\0b".into(), "utf-8", false));
    assert!(matches!(decode(b"x", None, Markup::Html, None).unwrap().text, Cow::Borrowed("x")));
}

#[test]
fn labels_that_browsers_refuse() {
    let refused = decode(b"~{<:Ky2;~}", Some("hz-gb-2312"), Markup::Html, None);
    assert_eq!(refused, Err(reasons::UNSUPPORTED_CHARSET));
    assert_eq!(read("é".as_bytes(), Some("hz-gb-2312"), Markup::Html).1, "utf-8");
    assert_eq!(read(b"x", Some("iso-2022-kr"), Markup::Html).1, "utf-8");
}

#[test]
fn utf16_without_a_mark() {
    let little: Vec<u8> = "<p>Grüße</p>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = "<p>Grüße</p>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&little, None, Markup::Html), ("<p>Grüße</p>".into(), "utf-16le", false));
    assert_eq!(read(&big, None, Markup::Html), ("<p>Grüße</p>".into(), "utf-16be", false));
    assert_eq!(read(&big, Some("utf-16be"), Markup::Html).0, "<p>Grüße</p>");
    assert_eq!(read(b"plain ascii", Some("utf-16"), Markup::Html).0, "plain ascii");
    assert_eq!(wide(b"a\0b"), None);
}

#[test]
fn labels_in_pages() {
    let czech = b"\xe8e\xb9tina";
    for meta in [
        "<meta charset=iso-8859-2>",
        "<META CHARSET='ISO-8859-2' />",
        "<meta/charset=\"iso-8859-2\">",
        "<!-- <meta charset=utf-8> --><meta charset=iso-8859-2>",
        "<!--><meta charset=iso-8859-2>",
        "<meta http-equiv=Content-Type content='text/html; charset=iso-8859-2'>",
        "<meta content='text/html;charset = \"iso-8859-2\"' http-equiv=\"content-type\">",
        "<meta name=x content=y><meta charset=iso-8859-2>",
        "<a title='<meta charset=koi8-r>'><meta charset=iso-8859-2>",
        "<!doctype html><?php x?><html lang=cs a b = c><meta charset=iso-8859-2>",
        "<meta charset=iso-8859-2 charset=koi8-r>",
        "<meta charset=nonsense><meta charset=iso-8859-2>",
        "<title>1 < 2</title><meta charset=iso-8859-2>",
    ] {
        assert_eq!(page(meta, czech), ("čeština".into(), "iso-8859-2", false), "{meta}");
    }
    for meta in [
        "<meta content='text/html; charset=iso-8859-2'>",
        "<metal charset=iso-8859-2>",
        "<!-- <meta charset=iso-8859-2>",
        "<meta charset=iso-8859-2",
        "<meta http-equiv=refresh content='0; charset=iso-8859-2'>",
        "<x y='<meta charset=iso-8859-2>",
    ] {
        assert_eq!(prescan::find(meta.as_bytes(), Markup::Html), None, "{meta}");
    }
    let late = format!("{}<meta charset=koi8-r>", " ".repeat(1020));
    assert_ne!(page(&late, czech).1, "koi8-r");
    assert_eq!(page("<meta charset=utf-16>", b"\xff").1, "utf-8");
    assert_eq!(page("<meta charset=x-user-defined>", b"\x80").0, "€");
}

#[test]
fn xml_declarations() {
    let xml = b"<?xml version='1.0' encoding=\"iso-8859-5\"?><a>\xd0</a>";
    assert_eq!(read(xml, None, Markup::Xml).1, "iso-8859-5");
    assert_eq!(read(xml, None, Markup::Html).1, "iso-8859-5");
    assert_eq!(
        read(b"<?xml version='1.0'?><meta charset=koi8-r>\xd0", None, Markup::Xml).1,
        "koi8-r"
    );
}

#[test]
fn no_label_at_all() {
    let russian = "Все люди рождаются свободными и равными в своём достоинстве и правах.";
    let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(russian);
    assert_eq!(read(&bytes, None, Markup::Plain), (russian.into(), "windows-1251", false));
    let japanese =
        "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。";
    for (encoding, name) in [(encoding_rs::EUC_JP, "euc-jp"), (encoding_rs::SHIFT_JIS, "shift_jis")]
    {
        let (bytes, ..) = encoding.encode(japanese);
        assert_eq!(read(&bytes, None, Markup::Html), (japanese.into(), name, false));
    }
    // One word could be anything; the domain tells.
    let (word, ..) = encoding_rs::WINDOWS_1253.encode("Καλημέρα");
    let greek = decode(&word, None, Markup::Plain, Some("GR")).unwrap();
    assert_eq!(greek.text, "Καλημέρα");
    for odd in ["", "é", "127", "co.uk"] {
        assert!(decode(&word, None, Markup::Plain, Some(odd)).is_ok());
    }
}

#[test]
fn every_name_is_known() {
    for label in ["koi8-u", "macintosh", "windows-874", "x-mac-cyrillic", "big5", "gb18030"] {
        let encoding = Encoding::for_label(label.as_bytes()).unwrap();
        assert_eq!(name(encoding), label);
    }
}
