//! What can be said against `[tokens]` before anything is read.

use std::collections::BTreeMap;

use super::{Amount, CurriculumStage, Curve, Mixture, Packing, Shuffle, Tokens};
use crate::config::diagnostic::{ConfigError, nearest};
use crate::config::stage::Located;
use crate::tokens::mixture::Pattern;

/// A mistake: the key of `[tokens]` it is under, what is wrong, what to do.
type Mistake = (&'static str, String, String);

/// Every mistake, as far as the file and the names of its sources show them.
pub(in crate::config) fn check(tokens: &Located<Tokens>, sources: &[&str]) -> Vec<ConfigError> {
    let mut mistakes = plain(tokens);
    if let Some(mixture) = &tokens.mixture {
        mistakes.extend(check_mixture(mixture, &tokens.curriculum, sources));
    }
    mistakes.extend(check_curriculum(tokens, sources));
    let error =
        |(key, message, help): Mistake| ConfigError::new(message, tokens.spans.of(key)).help(help);
    mistakes.into_iter().map(error).collect()
}

fn plain(tokens: &Tokens) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = Vec::new();
    let mut wrong =
        |key, message: String, help: &str| mistakes.push((key, message, help.to_owned()));
    if !(0.0..1.0).contains(&tokens.validation_fraction) {
        wrong(
            "validation_fraction",
            format!("validation_fraction = {} is not a share", tokens.validation_fraction),
            "give 0 or more and less than 1, such as 0.005",
        );
    }
    if tokens.sequence_length == 0 {
        wrong("sequence_length", "sequence_length = 0".to_owned(), "give at least 1, such as 1024");
    }
    if tokens.shard_size.is_some_and(|size| size.0 == 0) {
        wrong("shard_size", "shard_size = 0".to_owned(), "give a size such as \"1GiB\"");
    }
    if tokens.shard_tokens == Some(0) {
        wrong("shard_tokens", "shard_tokens = 0".to_owned(), "give a number such as 100_000_000");
    }
    if tokens.shard_tokens.is_some() && tokens.shard_size.is_some() {
        wrong(
            "shard_tokens",
            "shard_size and shard_tokens both say how large a shard is".to_owned(),
            "keep one of them",
        );
    }
    if tokens.shuffle == Shuffle::Sequence && tokens.packing == Packing::Documents {
        wrong(
            "shuffle",
            "there are no rows to shuffle".to_owned(),
            "set packing = \"concatenate\" or \"best-fit\", or leave out `shuffle`",
        );
    }
    mistakes
}

fn check_mixture(
    mixture: &Mixture,
    curriculum: &[CurriculumStage],
    sources: &[&str],
) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = Vec::new();
    let by = mixture.by.as_slice();
    let mut wrong = |message: String, help: &str| {
        mistakes.push(("mixture", format!("[tokens.mixture]: {message}"), help.to_owned()));
    };
    if by.is_empty() {
        wrong("`by` names no field".to_owned(), "name one, such as by = \"source\"");
    }
    if let Some((_, field)) = by.iter().enumerate().find(|(at, field)| by[..*at].contains(field)) {
        wrong(format!("`by` names `{field}` twice"), "name each field once");
    }
    let given: Vec<&str> = [
        ("weights", !mixture.weights.is_empty()),
        ("budget", !mixture.budget.is_empty()),
        ("epochs", !mixture.epochs.is_empty()),
        ("temperature", mixture.temperature.is_some()),
    ]
    .into_iter()
    .filter_map(|(key, given)| given.then_some(key))
    .collect();
    if given.len() > 1 {
        wrong(
            format!("`{}` all say how much of each cell is wanted", given.join("` and `")),
            "keep one of them",
        );
    }
    let fixed = !mixture.budget.is_empty() || !mixture.epochs.is_empty();
    if fixed && mixture.total.is_some() {
        wrong(
            format!("`total` is given, and `{}` says it already", given.first().unwrap_or(&"")),
            "remove `total`",
        );
    }
    if fixed && !curriculum.is_empty() {
        wrong(
            format!("`{}` leaves nothing for the stages to say", given.first().unwrap_or(&"")),
            "give `weights` here, and `share` or `tokens` in each [[tokens.curriculum]]",
        );
    }
    if mixture.temperature.is_some_and(|power| !power.is_finite() || power < 0.0) {
        wrong("`temperature` is negative or no number".to_owned(), "give 0 to 1, such as 0.3");
    }
    if mixture.total == Some(Amount(0)) {
        wrong("`total` = 0".to_owned(), "give a number of tokens such as \"10B\"");
    }
    if mixture.max_epochs.is_some_and(|most| !most.is_finite() || most <= 0.0) {
        wrong("`max_epochs` is not above 0".to_owned(), "give a number such as 4");
    }
    if let Some(curve) = &mixture.curve {
        check_curve(curve, mixture, curriculum, &mut wrong);
    }
    let amounts = mixture.budget.iter().map(|(name, Amount(tokens))| {
        #[expect(clippy::cast_precision_loss, reason = "only compared with 0")]
        (name.clone(), *tokens as f64)
    });
    let budget: BTreeMap<String, f64> = amounts.collect();
    for (key, amounts) in
        [("weights", &mixture.weights), ("budget", &budget), ("epochs", &mixture.epochs)]
    {
        for (message, help) in check_amounts(amounts, by, sources) {
            wrong(format!("`{key}`: {message}"), &help);
        }
    }
    mistakes
}

fn check_curve(
    curve: &Curve,
    mixture: &Mixture,
    curriculum: &[CurriculumStage],
    wrong: &mut impl FnMut(String, &str),
) {
    let by = mixture.by.as_slice();
    if !by.contains(&curve.bucket) {
        wrong(
            format!("the curve's bucket `{}` is not one of `by`", curve.bucket),
            "add it to `by`; a stage `set` makes buckets",
        );
    }
    if !(0.0..1.0).contains(&curve.drop_below) {
        let message = format!("the curve's `drop_below` = {} is not a share", curve.drop_below);
        wrong(message, "give 0 or more and less than 1, such as 0.4");
    }
    if !curve.max.is_finite() || curve.max <= 0.0 {
        wrong(format!("the curve's `max` = {}", curve.max), "give a number above 0, such as 7");
    }
    let fixed = mixture.total.is_some()
        || !mixture.budget.is_empty()
        || !mixture.epochs.is_empty()
        || curriculum.iter().any(|stage| stage.tokens.is_some());
    if !fixed {
        wrong(
            "a curve needs to know how much to use up".to_owned(),
            "give `total`, `budget` or `epochs`",
        );
    }
}

/// What is wrong with amounts by cell, and what to do.
fn check_amounts(
    amounts: &BTreeMap<String, f64>,
    by: &[String],
    sources: &[&str],
) -> Vec<(String, String)> {
    let mut mistakes = Vec::new();
    let source = by.iter().position(|field| field == "source");
    let patterns: Vec<(&String, Pattern<'_>)> =
        amounts.keys().map(|name| (name, Pattern::new(name))).collect();
    for (name, amount) in amounts {
        if *amount == 0.0 {
            mistakes.push((
                format!("`{name}` = 0"),
                "leave out what is not wanted with a stage `where`, or remove its source"
                    .to_owned(),
            ));
        } else if !amount.is_finite() || *amount < 0.0 {
            mistakes.push((format!("`{name}` = {amount}"), "give a number above 0".to_owned()));
        }
    }
    for (index, (name, pattern)) in patterns.iter().enumerate() {
        if let Some(values) = pattern.len()
            && values != by.len()
        {
            mistakes.push((
                format!("`{name}` has {values} values, and `by` has {} fields", by.len()),
                format!("write names such as {}", by.join("/")),
            ));
            continue;
        }
        if let Some(value) = source.and_then(|place| pattern.value(place))
            && !sources.contains(&value)
        {
            let help = match nearest(value, sources) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", sources.join(", ")),
            };
            mistakes.push((format!("no source is named `{value}`"), help));
        }
        for (other, _) in patterns[..index].iter().filter(|(_, other)| other.collides(pattern)) {
            mistakes.push((
                format!("`{other}` and `{name}` may both mean the same cell"),
                "name that cell itself, or give one of them more values".to_owned(),
            ));
        }
    }
    if let (Some(place), false) = (source, patterns.is_empty()) {
        let named = |source: &str| {
            patterns
                .iter()
                .any(|(_, pattern)| pattern.value(place).is_none_or(|value| value == source))
        };
        for source in sources.iter().filter(|source| !named(source)) {
            mistakes.push((
                format!("nothing is said about the source `{source}`"),
                "give it an amount, or \"*\" for all others".to_owned(),
            ));
        }
    }
    mistakes
}

fn check_curriculum(tokens: &Tokens, sources: &[&str]) -> Vec<Mistake> {
    let mut mistakes: Vec<Mistake> = Vec::new();
    let stages = &tokens.curriculum;
    if stages.is_empty() {
        return mistakes;
    }
    let mut wrong = |message: String, help: &str| {
        mistakes.push(("curriculum", format!("[[tokens.curriculum]]: {message}"), help.to_owned()));
    };
    let Some(mixture) = &tokens.mixture else {
        wrong("there is no mixture to take from".to_owned(), "add [tokens.mixture] with `by`");
        return mistakes;
    };
    for (index, stage) in stages.iter().enumerate() {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if stage.name.is_empty() || !stage.name.chars().all(plain) || stage.name == "mixture" {
            wrong(
                format!("`{}` cannot be a stage's name", stage.name),
                "use letters, digits, `-` and `_`; files are named after it",
            );
        }
        if stages[..index].iter().any(|other| other.name == stage.name) {
            wrong(format!("two stages are named `{}`", stage.name), "give each its own name");
        }
        match (stage.share, stage.tokens) {
            (Some(_), Some(_)) => wrong(
                format!("stage `{}` has a `share` and `tokens`", stage.name),
                "keep one of them",
            ),
            (None, None) => wrong(
                format!("stage `{}` has neither `share` nor `tokens`", stage.name),
                "say how long it is: share = 0.1, or tokens = \"10B\"",
            ),
            (Some(share), None) if !share.is_finite() || share <= 0.0 => wrong(
                format!("stage `{}` has the share {share}", stage.name),
                "give a share above 0 and up to 1",
            ),
            (None, Some(Amount(0))) => {
                wrong(
                    format!("stage `{}` has 0 tokens", stage.name),
                    "give a number such as \"10B\"",
                );
            }
            _ => {}
        }
        for (message, help) in check_amounts(&stage.weights, mixture.by.as_slice(), sources) {
            wrong(format!("stage `{}`: {message}", stage.name), &help);
        }
    }
    let shares: Vec<f64> = stages.iter().filter_map(|stage| stage.share).collect();
    let fixed = stages.iter().filter(|stage| stage.tokens.is_some()).count();
    if !shares.is_empty() && fixed > 0 {
        wrong("some stages have a `share` and some `tokens`".to_owned(), "use one kind for all");
    } else if fixed > 0 && mixture.total.is_some() {
        wrong(
            "the stages have `tokens`, and the mixture a `total`".to_owned(),
            "remove `total`, or give the stages a `share`",
        );
    }
    let sum: f64 = shares.iter().sum();
    if shares.len() == stages.len() && (sum - 1.0).abs() > 1e-6 {
        wrong(format!("the shares sum to {sum}"), "make them sum to 1");
    }
    mistakes
}
