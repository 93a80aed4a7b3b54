use std::fmt::Write;

use super::super::testing::{Trial, refused, trial, trial_at};
use crate::document::SignalValue;

/// A page with all that pages have around their text.
const PAGE: &str = include_str!("page.html");

const PARAGRAPHS: [&str; 3] = [
    "The harbour master of Little Wyke counts ships by hand, as her mother did, and writes each of \
     them into a book that nobody else is allowed to touch.",
    "On the first of May she counted none at all, for the first time in ninety years, and closed \
     the book with a ribbon. The fishermen, who had stayed at home for the wedding, said later \
     that they had not thought of her.",
    "“A book with a hole in it is still a book,” she told us, and opened it again on the second.",
];

fn run(toml: &str, html: &str) -> Trial {
    trial("extract-html", toml, html)
}

fn text(toml: &str, html: &str) -> String {
    run(toml, html).text.unwrap()
}

fn signal(trial: &Trial, name: &str) -> Option<String> {
    match trial.signals.get(name) {
        Some(SignalValue::OwnedText(text)) => Some(text.clone()),
        _ => None,
    }
}

#[test]
fn the_text_and_nothing_around_it() {
    let trial = run("", PAGE);
    let text = trial.text.as_deref().unwrap();
    let wanted = format!(
        "{}\n\n{}\n\n## What the book holds\n\n- ships\n- boats of more than two oars\n\n{}",
        PARAGRAPHS[0], PARAGRAPHS[1], PARAGRAPHS[2]
    );
    let plain = text.replace("## ", "");
    assert_eq!(plain, wanted.replace("## ", ""));
    assert!(trial.number("share") > 0.2 && trial.number("share") < 0.7, "{trial:?}");
    assert!(trial.number("link_density").total_cmp(&0.0).is_eq());
    assert!(trial.number("html").total_cmp(&1.0).is_eq());
    assert_eq!(signal(&trial, "cut"), None);
}

#[test]
fn what_the_page_says_about_itself() {
    let trial = trial_at("extract-html", "", PAGE, Some("https://wyke.example/a?utm=1"));
    assert_eq!(signal(&trial, "title").as_deref(), Some("The Book of Ships"));
    assert_eq!(signal(&trial, "author").as_deref(), Some("Ann Teller"));
    assert_eq!(
        signal(&trial, "date").map(|date| date[..10].to_owned()).as_deref(),
        Some("2021-05-03")
    );
    assert_eq!(signal(&trial, "canonical_url").as_deref(), Some("https://wyke.example/ships"));
    assert_eq!(signal(&trial, "declared_language").as_deref(), Some("en-GB"));
    let silent = run("", "<p>Only a line of text.");
    for name in ["title", "author", "date", "canonical_url", "declared_language", "site_name"] {
        assert_eq!(signal(&silent, name), None, "{name}");
    }
}

#[test]
fn comments_captions_and_leads_by_choice() {
    let has = |toml: &str, part: &str| text(toml, PAGE).contains(part);
    let (comment, caption) = ("My aunt was that harbour master", "The harbour in May");
    let lead = "Ninety years of ships";
    for mode in ["precision", "balanced"] {
        let toml = format!("mode = \"{mode}\"");
        for part in [comment, caption, lead] {
            assert!(!has(&toml, part), "{mode}: {part}");
        }
    }
    assert!(has("mode = \"recall\"", caption));
    assert!(has("mode = \"recall\"", lead));
    assert!(!has("mode = \"recall\"", comment));
    assert!(has("mode = \"recall\"\ncomments = true", comment));
    for toml in ["", "mode = \"precision\"", "mode = \"recall\"\ncomments = true"] {
        for never in ["We use cookies", "Weather", "Buy now", "Imprint", "Subscribe", "gtag"] {
            assert!(!has(toml, never), "{toml}: {never}");
        }
    }
}

#[test]
fn tables_are_kept_unless_unwanted() {
    let rows = "<table><tr><th>Year<th>Ships</tr><tr><td>1931<td>412</tr></table>";
    let html = format!("<article><p>{}<p>{}{rows}</article>", PARAGRAPHS[0], PARAGRAPHS[1]);
    assert!(text("", &html).contains("| 1931 | 412 |"));
    assert!(!text("tables = false", &html).contains("1931"));
    // A table that lays the page out is no data.
    let layout = format!(
        "<table><tr><td><a href=/>Home</a><td><p>{}<p>{}</table>",
        PARAGRAPHS[0], PARAGRAPHS[1]
    );
    assert!(text("tables = false", &layout).contains(PARAGRAPHS[1]));
}

#[test]
fn blank_lines_or_none() {
    let html = format!("<article><p>{}</p><p>{}</p></article>", PARAGRAPHS[0], PARAGRAPHS[2]);
    let two = format!("{}\n\n{}", PARAGRAPHS[0], PARAGRAPHS[2]);
    assert_eq!(text("", &html), two);
    assert_eq!(text("blank_lines = false", &html), two.replace("\n\n", "\n"));
}

#[test]
fn pages_without_paragraphs_and_other_scripts() {
    // Lines parted by breaks in a table, as pages were written once.
    let old = format!(
        "<body><table><tr><td><a href=a>Home</a><br><a href=b>Guest book</a><br><a href=c>Links</a>\
         </td><td><font size=2>{}<br><br>{}<br><br>{}</font></td></tr></table></body>",
        PARAGRAPHS[0], PARAGRAPHS[1], PARAGRAPHS[2]
    );
    let found = text("", &old);
    for paragraph in PARAGRAPHS {
        assert!(found.contains(paragraph), "{found}");
    }
    assert!(!found.contains("Guest book"), "{found}");
    // No spaces between words, punctuation of its own.
    let chinese = "港口管理员每天用手数船，像她的母亲一样，把每一条船都写进一本谁也不许碰的书里。";
    let html = format!(
        "<div id=top><a href=/>首页</a><a href=/n>新闻</a></div><div class=w>{}</div>\
         <div class=footer>版权所有</div>",
        format!("<div>{chinese}</div>").repeat(3)
    );
    assert_eq!(text("", &html).matches(chinese).count(), 3);
    assert!(!text("", &html).contains("版权所有"));
    assert!(!text("", &html).contains("新闻"));
    // From right to left.
    let arabic = "تعدّ مديرة الميناء السفن بيدها كما كانت تفعل أمها، وتكتب كل سفينة في كتاب لا يُسمح لأحد بلمسه.";
    let html = format!(
        "<nav><a href=/>الرئيسية</a></nav><div dir=rtl><p>{arabic}<p>{arabic} {arabic}</div>"
    );
    let found = text("", &html);
    assert_eq!(found.matches(arabic).count(), 3);
    assert!(!found.contains("الرئيسية"));
}

#[test]
fn threads_and_manuals_are_texts_too() {
    let mut html =
        String::from("<body><div class=menu><a href=/>Board index</a></div><div id=thread>");
    for n in 0..6 {
        let post = PARAGRAPHS[n % 3];
        write!(html, "<div class=post><div class=author>user{n}</div><div class=content>{n}. {post}</div></div>").unwrap();
    }
    html.push_str("</div><div class=footer>Powered by a board</div>");
    let found = text("", &html);
    for n in 0..6 {
        assert!(found.contains(&format!("{n}. {}", PARAGRAPHS[n % 3])), "{found}");
    }
    assert!(!found.contains("Powered by"), "{found}");
    let manual = "<header><a href=/>Help</a></header><div id=DisplayArea><h2>YEAR</h2><p>Returns the \
                  year as a number according to the internal calculation rule.</p><div class=note>This \
                  function is part of the format. It is old, and it is stable, as most of them are.</div>\
                  <h3>Syntax</h3><p>YEAR(Number)</p><pre>  =YEAR(1)\n    =YEAR(2)</pre></div>";
    let found = text("", manual);
    for part in
        ["Returns the year", "It is old", "Syntax", "YEAR(Number)", "  =YEAR(1)\n    =YEAR(2)"]
    {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn what_is_short_or_no_page_at_all() {
    assert_eq!(run("", "<html><body></body></html>").reason(), "empty");
    assert_eq!(run("", "<nav><a href=/>Home</a></nav>").reason(), "empty");
    assert_eq!(run("min_chars = 0", "<html></html>").reason(), "");
    let html = "<p>Twelve chars";
    assert!(run("", html).number("chars").total_cmp(&12.0).is_eq());
    assert_eq!(run("min_chars = 12", html).reason(), "");
    assert_eq!(run("min_chars = 13", html).reason(), "too-short");
    for plain in ["No page, but a < b and <3.", "", "\0", "{\"a\": \"<p>\"}", "1 <p> 2"] {
        let trial = run("min_chars = 100", plain);
        assert_eq!((trial.reason(), trial.text.as_deref()), ("", None), "{plain:?}");
        assert!(trial.number("html").total_cmp(&0.0).is_eq());
    }
    assert_eq!(text("input = \"html\"", "1 &lt; 2"), "1 < 2");
    for page in ["\u{feff}\n<!-- x --><p>Hello.", "junk <HTML><body><p>Hello.", "<?xml?><p>Hello."]
    {
        assert!(text("", page).ends_with("Hello."), "{page}");
    }
}

#[test]
fn a_short_choice_is_doubted() {
    // All of the text is in a box whose name says that it is something else.
    let html = format!(
        "<div class=modal><div class=sidebar><p>{}<p>{}</div></div><div class=text>Loading, please wait.</div>",
        PARAGRAPHS[0], PARAGRAPHS[1]
    );
    assert!(text("", &html).contains(PARAGRAPHS[1]));
}

#[test]
fn second_copies_go() {
    let body = format!("<p>{}</p>", PARAGRAPHS.join("</p><p>"));
    let html = format!("<main><div class=wide>{body}</div><div class=narrow>{body}</div></main>");
    assert_eq!(text("", &html).matches(PARAGRAPHS[1]).count(), 1);
    // A line said again is no copy.
    let html = format!(
        "<main><p>{0}<p>{1}<p>{0}<p>{2}</main>",
        PARAGRAPHS[2], PARAGRAPHS[0], PARAGRAPHS[1]
    );
    assert_eq!(text("", &html).matches(PARAGRAPHS[2]).count(), 2);
}

#[test]
fn pages_made_to_hurt() {
    let word = "word, and words. ";
    let cases: Vec<(&str, String)> = vec![
        ("deep", format!("{}{}", "<div>".repeat(10_000), word.repeat(20))),
        ("deep, closed", format!("{}{word}{}", "<div>".repeat(10_000), "</div>".repeat(10_000))),
        ("deep inline", format!("<p>{}{word}", "<b><i>".repeat(20_000))),
        ("deep lists", format!("{}{word}", "<ul><li>".repeat(20_000))),
        ("deep tables", format!("{}{word}", "<table><tr><td>".repeat(5_000))),
        (
            "formatting",
            (0..3_000).fold(String::new(), |mut all, n| {
                write!(all, "<p><b id=b{n}>x</p>").unwrap();
                all
            }),
        ),
        (
            "attributes",
            format!(
                "<p {}>{word}</p>",
                (0..200_000).fold(String::new(), |mut all, n| {
                    write!(all, "a{n} ").unwrap();
                    all
                })
            ),
        ),
        ("one long attribute", format!("<p title=\"{}\">{word}</p>", "x y ".repeat(200_000))),
        ("script", format!("<script>{}</script><p>{word}", "if (a<b) { '<p>' } ".repeat(50_000))),
        ("open script", format!("<p>{word}<script>{}", "x".repeat(100_000))),
        ("open comment", format!("<p>{word}<!-- {}", "<a b ".repeat(50_000))),
        ("unclosed", format!("<p>{}", "<a href='".repeat(1_000))),
        ("NUL", format!("<p>{word}\0\0{word}<\0p>")),
        ("entities", "<p>&amp&lt;&#0;&#x110000;&nosuch;&#55296;".repeat(2_000)),
        ("misnested", "<table><p><form><select><b></table></p><li></b><td>".repeat(2_000)),
    ];
    for (name, html) in cases {
        let trial = run("min_chars = 0\ninput = \"html\"", &html);
        assert!(trial.text.is_some(), "{name}");
        if name.starts_with("deep") {
            assert_eq!(signal(&trial, "cut").as_deref(), Some("depth"), "{name}");
            assert!(trial.text.unwrap().contains("word, and"), "{name}");
        } else if name == "attributes" {
            assert_eq!(signal(&trial, "cut").as_deref(), Some("nodes"), "{name}");
        } else if ["one long attribute", "script", "open script", "open comment", "NUL"]
            .contains(&name)
        {
            assert_eq!(signal(&trial, "cut"), None, "{name}");
            assert!(trial.text.unwrap().contains(word.trim()), "{name}");
        }
    }
}

#[test]
fn limits_cut_and_say_so() {
    let html = format!("<p>{}</p>", "A line of text, and more of it. ".repeat(4_000));
    let trial = run("max_bytes = 10000", &html);
    assert_eq!(signal(&trial, "cut").as_deref(), Some("bytes"));
    assert!(trial.number("chars") < 10_000.0);
    let html = "<p>A line of text, and more of it.</p>".repeat(4_000);
    let trial = run("max_nodes = 1000", &html);
    assert_eq!(signal(&trial, "cut").as_deref(), Some("nodes"));
    assert!(trial.number("chars") > 10_000.0 && trial.number("chars") < 100_000.0);
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    let html = format!("<body><p>{}", "A sentence of a very long line. ".repeat(3_400_000));
    let trial = run("", &html);
    assert_eq!(signal(&trial, "cut").as_deref(), Some("bytes"));
    assert!(trial.number("chars") > 30e6);
}

#[test]
fn settings_that_cannot_work_say_what_would() {
    for (toml, part) in
        [("max_bytes = 0", "33554432"), ("max_nodes = 3", "1048576"), ("max_depth = 4", "512")]
    {
        assert!(refused("extract-html", toml).to_string().contains(part), "{toml}");
    }
}

/// Share of the 4-grams of words, as in scrapinghub's benchmark: (precision, recall).
fn score(gold: &str, found: &str) -> (f64, f64) {
    fn grams(text: &str) -> std::collections::BTreeMap<Vec<&str>, u32> {
        let words: Vec<&str> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let mut grams = std::collections::BTreeMap::new();
        for gram in words.windows(4.min(words.len().max(1))) {
            *grams.entry(gram.to_vec()).or_default() += 1;
        }
        grams
    }
    let (gold, found) = (grams(gold), grams(found));
    let both: u32 =
        found.iter().map(|(gram, n)| (*n).min(gold.get(gram).copied().unwrap_or(0))).sum();
    let all =
        |grams: &std::collections::BTreeMap<Vec<&str>, u32>| f64::from(grams.values().sum::<u32>());
    let part = |all: f64| if all == 0.0 { 0.0 } else { f64::from(both) / all };
    (part(all(&found)), part(all(&gold)))
}

/// The gold set is too large to ship; `benches/peers/extract.py` has the whole of it and the peers.
#[test]
#[expect(clippy::disallowed_methods, clippy::print_stderr, reason = "a test reads its gold")]
fn a_sample_of_the_gold() {
    use std::io::Read;
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../shared/data", "../../shared/data"]
        .map(|up| root.join(up).join("extract-gold-scrapinghub"));
    let Some(folder) = found.into_iter().find(|folder| folder.is_dir()) else {
        eprintln!(
            "SKIPPED: no ../shared/data/extract-gold-scrapinghub, so no measure of extraction"
        );
        return;
    };
    let unpack = |path: std::path::PathBuf| {
        let mut bytes = Vec::new();
        let packed = std::fs::read(path).unwrap();
        flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let gold: serde_json::Value =
        serde_json::from_str(&unpack(folder.join("ground-truth.json.gz"))).unwrap();
    let (mut precision, mut recall, mut pages) = (0.0, 0.0, 0.0);
    // Every fourth page, in the order of their names.
    let gold: std::collections::BTreeMap<_, _> = gold.as_object().unwrap().iter().collect();
    for (id, page) in gold.into_iter().step_by(4) {
        let html = unpack(folder.join(format!("html/{id}.html.gz")));
        let trial = run("min_chars = 0", &html);
        let (p, r) =
            score(page["articleBody"].as_str().unwrap(), trial.text.as_deref().unwrap_or(""));
        (precision, recall, pages) = (precision + p, recall + r, pages + 1.0);
    }
    let (precision, recall) = (precision / pages, recall / pages);
    let f1 = 2.0 * precision * recall / (precision + recall);
    assert!(f1 > 0.96, "F1 {f1:.3} of precision {precision:.3} and recall {recall:.3}");
}
