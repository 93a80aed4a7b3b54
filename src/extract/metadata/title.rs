//! A page's `<title>` without the name of its site.

/// What stands between a title and a site's name.
const SEPARATORS: [&str; 11] =
    [" | ", " – ", " — ", " - ", " » ", " « ", " :: ", " · ", " • ", " / ", " > "];
/// Fewer words are no title of an article.
const LEAST_WORDS: usize = 3;

/// Words alone, in lower case.
fn bare(text: &str) -> String {
    let letters = text.chars().filter(|character| character.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether a page's title holds a text.
pub(super) fn repeats(title: &str, text: &str) -> bool {
    let text = bare(text);
    !text.is_empty() && bare(title).contains(&text)
}

/// A text with single blanks.
pub(super) fn collapse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Words, or characters of scripts that do not part them.
fn words(text: &str) -> usize {
    let parted =
        text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
    let wide = text.chars().filter(|&character| character > '\u{2E80}').count();
    parted.max(wide / 2)
}

fn last_separator(title: &str) -> Option<(usize, &'static str)> {
    SEPARATORS.into_iter().filter_map(|sign| Some((title.rfind(sign)?, sign))).max()
}

fn first_separator(title: &str) -> Option<(usize, &'static str)> {
    SEPARATORS.into_iter().filter_map(|sign| Some((title.find(sign)?, sign))).min()
}

/// Removes a site's name from the end or the start of a title.
fn without_name(title: &str, name: &str) -> Option<String> {
    let name = bare(name);
    if name.is_empty() {
        return None;
    }
    if let Some((at, sign)) = last_separator(title)
        && bare(&title[at + sign.len()..]) == name
        && !bare(&title[..at]).is_empty()
    {
        return Some(title[..at].trim().to_owned());
    }
    if let Some((at, sign)) = first_separator(title)
        && bare(&title[..at]) == name
        && !bare(&title[at + sign.len()..]).is_empty()
    {
        return Some(title[at + sign.len()..].trim().to_owned());
    }
    None
}

/// The title of a page that does not say it elsewhere: `title` is the `<title>`, `heading` its only
/// first-level heading, `site` the site's name.
pub(super) fn without_site(title: &str, heading: Option<&str>, site: Option<&str>) -> String {
    let title = collapse(title);
    if let Some(shorter) = site.and_then(|site| without_name(&title, site)) {
        return shorter;
    }
    // A heading that the title repeats is where the title ends.
    if let Some(heading) = heading.map(collapse).filter(|heading| words(heading) >= LEAST_WORDS)
        && bare(&title).contains(&bare(&heading))
    {
        return heading;
    }
    if let Some((at, sign)) = last_separator(&title) {
        let before = title[..at].trim();
        if words(before) >= LEAST_WORDS {
            return before.to_owned();
        }
        let behind = title[at + sign.len()..].trim();
        if words(behind) > LEAST_WORDS {
            return behind.to_owned();
        }
    }
    title
}

/// A title that the page names itself, without the site's name if that is known.
pub(super) fn named(title: &str, site: Option<&str>) -> String {
    let title = collapse(title);
    match site.and_then(|site| without_name(&title, site)) {
        Some(shorter) if words(&shorter) >= LEAST_WORDS => shorter,
        _ => title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sites_go() {
        let title = |title| without_site(title, None, None);
        assert_eq!(title("How to sieve flour | The Daily Sieve"), "How to sieve flour");
        assert_eq!(title("A - B testing explained - Blog"), "A - B testing explained");
        assert_eq!(title("Sieves | All that one needs to know"), "All that one needs to know");
        assert_eq!(title("About | Sieves"), "About | Sieves");
        assert_eq!(title("  One\n two "), "One two");
        assert_eq!(title("如何使用筛子 | 日报"), "如何使用筛子");
        assert_eq!(without_site("About - Sieves", None, Some("sieves")), "About");
        assert_eq!(
            without_site("Sieves: On the use of sieves, Daily", Some("On the use of sieves"), None),
            "On the use of sieves"
        );
        assert_eq!(named("On sieves and flour - Daily", Some("Daily")), "On sieves and flour");
        assert_eq!(named("On sieves - flour", Some("Daily")), "On sieves - flour");
    }
}
