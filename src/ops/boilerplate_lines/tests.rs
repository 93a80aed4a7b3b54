use proptest::prelude::*;

use crate::ops::testing::{Trial, refused, trial};

const ARTICLE: &str = "The council voted on Monday to close the old bridge for two years, and drivers will have to \
take the road by the river.\nRepairs had been put off since the flood, when inspectors found cracks in three of \
the pillars.\nWhat it costs\nEngineers say that the work will cost eleven million, of which the state pays half, \
if it begins before winter.\n“Nobody likes it,” said the mayor, who lives on the other side of the river and \
walks to work.";

const MENU: &str =
    "Skip to content\nHome\nNews\nSports\nBusiness\nLog in\nSubscribe\nHome > News > Local";

const FOOT: &str = "Share this\nFacebook\nTwitter\nRelated Articles\nCouncil to vote on bridge\nRiver rises \
again...\nRead more\nLeave a Reply\nYour email address will not be published.\nContact Us\nPrivacy Policy\n\
Copyright © 2019 The Daily Bridge. All rights reserved.";

fn cleaned(toml: &str, text: &str) -> (String, Trial) {
    let trial = trial("boilerplate-lines", toml, text);
    assert_ne!(trial.text.as_deref(), Some(text), "an edit that changes nothing");
    let rules = ["cookies", "footer", "share", "teaser", "related", "navigation", "comments"];
    let others = ["pagination", "languages", "links", "byline", "repeated", "context"];
    let counted: f64 = rules.iter().chain(&others).map(|rule| trial.number(rule)).sum();
    assert!((counted - trial.number("removed_lines")).abs() < 0.1, "{trial:?}");
    (trial.text.clone().unwrap_or_else(|| text.to_owned()), trial)
}

#[test]
fn the_article_of_a_page_is_left() {
    let (text, trial) = cleaned("", &format!("{MENU}\n{ARTICLE}\n{FOOT}"));
    assert_eq!(text, ARTICLE);
    for rule in
        ["navigation", "links", "share", "teaser", "related", "comments", "footer", "context"]
    {
        assert!(trial.number(rule) >= 1.0, "{rule} {trial:?}");
    }
    assert!((trial.number("lines") - 25.0).abs() < 0.1);
    assert!((trial.number("removed_lines") - 20.0).abs() < 0.1);
    assert!(trial.number("removed_share") > 0.3 && trial.number("removed_share") < 0.6);
}

#[test]
fn chinese_pages_too() {
    let menu = "首页\n新闻\n体育\n财经\n更多>>\n登录\n首页 > 科技频道 > 正文";
    let article = "翱翔于距地球数千公里的太空中，进入广袤漆黑的未知领域，是一项艰苦卓绝的工作。\n这让人感到巨大压力和极度恐慌，\
那么，为什么不能让宇航员来一杯呢？\n出国前后关注点大不同\n在采访中，我们了解到不少学子在出国前就每年守在电脑前观看直播，这是真的。";
    let foot = "责任编辑：肖春芳\n分享到\n微信扫一扫\n相关阅读\n江苏最大规模作弊案27人获刑\n发表评论\n关于我们\n联系我们\n\
版权所有 京ICP备12345号";
    let (text, _) = cleaned("", &format!("{menu}\n{article}\n{foot}"));
    assert_eq!(text, article);
}

#[test]
fn blank_lines_go_with_the_line_behind_them() {
    let parts = ARTICLE.replace('\n', "\n\n");
    let page =
        format!("{}\n\n{parts}\n\n{}", MENU.replace('\n', "\n\n"), FOOT.replace('\n', "\r\n\r\n"));
    assert_eq!(cleaned("", &page).0, parts);
}

#[test]
fn what_is_no_page_is_left_alone() {
    let poem = "Tyger Tyger, burning bright\nIn the forests of the night\nWhat immortal hand or eye\nHome\nCould \
frame thy fearful symmetry?";
    let code = "/* Copyright 2019 */\nfn main() {\n    search();\n}\n// Privacy Policy\n// Contact us\nHome\nLogin\nMenu";
    let list = "Two cups of flour\nOne egg\nSugar\nShare\nButter";
    for text in [poem, code, list, ARTICLE, "", "\n", "Home", "Home\nNews", &poem.repeat(20)] {
        let (new, trial) = cleaned("", text);
        assert_eq!(new, text);
        assert_eq!(trial.reason(), "");
    }
}

#[test]
fn a_page_needs_lines_and_a_share() {
    let page = format!("Home\nLog in\n{ARTICLE}\nPrivacy Policy");
    // Eight lines, three of them with a phrase.
    for (toml, found) in [
        ("", true),
        ("min_furniture_lines = 4", false),
        ("min_furniture_share = 0.375", true),
        ("min_furniture_share = 0.376", false),
    ] {
        let (_, trial) = cleaned(toml, &page);
        assert!((trial.number("furniture_lines") - 3.0).abs() < 0.1);
        assert_eq!(trial.number("removed_lines") > 0.0, found, "{toml}");
    }
}

#[test]
fn scores_and_smoothing_decide() {
    let page = format!("{MENU}\n{ARTICLE}\n{FOOT}");
    let lines = |toml: &str| cleaned(toml, &page).1.number("removed_lines");
    assert!(lines("min_line_score = -50") < 0.1, "all stays");
    assert!(lines("min_line_score = 50\nmin_chars_left = 0") > 24.9, "all goes");
    assert!(lines("min_line_score = 2") >= lines(""));
    assert!(lines("smoothing = 100") < 0.1 || lines("smoothing = 100") > 24.9, "no change at all");
}

#[test]
fn little_left_is_dropped() {
    let menu = MENU.to_owned();
    let trial = cleaned("", &menu).1;
    assert_eq!(trial.reason(), "too-little-left");
    assert_eq!(trial.text, None);
    assert_eq!(cleaned("min_chars_left = 0", &menu).0, "");
    let page = format!("{MENU}\n{ARTICLE}\n{FOOT}");
    let (_, trial) = cleaned("", &page);
    let (left, share) = (trial.number("chars_left"), trial.number("removed_share"));
    for (toml, reason) in [
        (format!("min_chars_left = {left}"), ""),
        (format!("min_chars_left = {}", left + 1.0), "too-little-left"),
        (format!("max_removed_share = {share}"), ""),
        (format!("max_removed_share = {}", share - 0.001), "too-much-removed"),
    ] {
        assert_eq!(cleaned(&toml, &page).1.reason(), reason, "{toml}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    for (toml, part) in [
        ("max_removed_share = 1.5", "no share"),
        ("min_furniture_share = -0.1", "no share"),
        ("smoothing = -1", "out of range"),
        ("min_line_score = 1000", "out of range"),
    ] {
        assert!(refused("boilerplate-lines", toml).to_string().contains(part), "{toml}");
    }
}

#[test]
fn odd_documents() {
    let zero_width = "\u{200b}".repeat(5_000);
    let huge = "word ".repeat(20_000);
    for text in ["\0", "…", "|||", "> > >", "\u{2028}", zero_width.as_str(), huge.as_str()] {
        for copies in [1, 40] {
            cleaned(
                "min_furniture_lines = 0\nmin_furniture_share = 0",
                &format!("{text}\n").repeat(copies),
            );
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "(Home|Log in|©|\\.\\.\\.|[a-z]{1,9} |[\\x00-\\xff中文。，|>»]| |\n|\r\n){0,60}") {
        cleaned("min_furniture_lines = 0\nmin_furniture_share = 0\nmin_chars_left = 0", &text);
        cleaned("", &text);
    }
}
