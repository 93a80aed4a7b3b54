use super::*;
use crate::extract::dom::{Budget, parse};

fn of(page: &str) -> Metadata {
    read(&parse(page, Budget::default()), Some("https://a.example/b/c"))
}

#[test]
fn json_ld_of_an_article_comes_first() {
    let page = r#"<html lang="en_us"><title>T | Site</title><meta property="og:title" content="OG">
        <script type="application/ld+json">{"@graph":[{"@type":"WebPage","name":"Page","datePublished":"2001-01-01"},
        {"@type":["Article"],"headline":"The &amp; headline","author":{"@id":"id:p"},"datePublished":"2024-03-09T10:00:00Z","publisher":{"name":"Site"}},
        {"@type":"Person","@id":"id:p","name":"Ann Author"}]}</script>"#;
    let found = of(page);
    assert_eq!(found.title.as_deref(), Some("The & headline"));
    assert_eq!(found.author.as_deref(), Some("Ann Author"));
    assert_eq!(found.date.as_deref(), Some("2024-03-09T10:00:00Z"));
    assert_eq!(found.language.as_deref(), Some("en-US"));
    assert_eq!(found.site_name.as_deref(), Some("Site"));
}

#[test]
fn tags_for_sharing() {
    let page = r#"<meta property="og:title" content="On sieves and flour | Daily"><meta property="og:site_name" content="Daily">
        <meta name="author" content="By Bo Baker"><meta property="article:published_time" content="2024-03-09">
        <link rel="canonical" href="/x?y=1"><meta http-equiv="content-language" content="zh_hant_tw, en">"#;
    let found = of(page);
    assert_eq!(found.title.as_deref(), Some("On sieves and flour"));
    assert_eq!(found.author.as_deref(), Some("Bo Baker"));
    assert_eq!(found.date.as_deref(), Some("2024-03-09"));
    assert_eq!(found.canonical.as_deref(), Some("https://a.example/x?y=1"));
    assert_eq!(found.language.as_deref(), Some("zh-Hant-TW"));
}

#[test]
fn what_stands_in_the_text() {
    let page = r#"<title>Flour and its many uses - Daily</title><h1>Flour and its many uses</h1>
        <p class="byline">by <a>Cy Cook</a></p><time datetime="2020-02-02 10:00">then</time>"#;
    let found = of(page);
    assert_eq!(found.title.as_deref(), Some("Flour and its many uses"));
    assert_eq!(found.author.as_deref(), Some("Cy Cook"));
    assert_eq!(found.date.as_deref(), Some("2020-02-02T10:00:00"));
    let page = r#"<div itemprop="author" itemscope><a>x</a><span itemprop="name">Di Dough</span></div>
        <meta itemprop="datePublished" content="20200202"><h1>Heading</h1>"#;
    let found = of(page);
    assert_eq!(found.author.as_deref(), Some("Di Dough"));
    assert_eq!(found.date.as_deref(), Some("2020-02-02"));
    assert_eq!(found.title.as_deref(), Some("Heading"));
}

#[test]
fn broken_and_huge_json_ld() {
    for script in [
        "{",
        "[1,{\"@type\":3}]",
        "{\"@type\":\"Article\",\"author\":[[[]]],\"headline\":7}",
        "null",
    ] {
        let page = format!(
            "<title>A title of words</title><script type='application/ld+json'>{script}</script>"
        );
        assert_eq!(of(&page).title.as_deref(), Some("A title of words"));
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(
        of(&format!("<script type='application/ld+json'>{deep}</script>")),
        Metadata::default()
    );
    let broken =
        "<script type='application/ld+json'>{\"@type\":\"Article\",\"headline\":\"a\nb\"}</script>";
    assert_eq!(of(broken).title.as_deref(), Some("a b"));
}

#[test]
fn bylines_end_before_dates() {
    assert_eq!(byline("By Flo Flour | 22 Dec 2016 651").as_deref(), Some("Flo Flour"));
    assert_eq!(byline("user 77").as_deref(), Some("user 77"));
    assert_eq!(byline(" Written by Gil  Grain, ").as_deref(), Some("Gil Grain"));
    assert_eq!(byline("2016"), None);
}

#[test]
fn no_author_is_an_address() {
    let page = "<meta property='article:author' content='https://facebook.example/x'><a rel=author>Ed Eater</a>";
    assert_eq!(of(page).author.as_deref(), Some("Ed Eater"));
    assert_eq!(of("<meta name=author content=' '>").author, None);
    assert_eq!(of("").language, None);
    assert_eq!(of("<html lang='x-default'>").language, None);
}
