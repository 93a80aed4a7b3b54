//! The two phases of parsing, and the checks that need more than one table.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::bytes::ByteSize;
use super::diagnostic::nearest;
use super::outcome::{Audit, LedgerDetail, Order, Rejected, Test};
use super::overrides::retain;
use super::source::{Documents, Source};
use super::stage::{Located, Spans, Stage, StageKeys};
use super::tokens::{Tokens, check as check_tokens};
use super::train::TrainConfig;
use super::{ConfigError, ConfigErrors, Pipeline, SourceText, forms, overrides, preset};
use crate::ops::{self, OPS};

/// The keys of a pipeline file that are plain values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    #[serde(default)]
    seed: u64,
    memory_limit: Option<ByteSize>,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    ledger: LedgerDetail,
    #[serde(default)]
    rejected: Rejected,
}

/// The tables of a pipeline file.
const TABLES: &[&str] = &["source", "stage", "audit", "documents", "tokens", "train", "test"];

pub(super) fn parse(path: &Path, file: &str, sets: &[String]) -> Result<Pipeline, ConfigErrors> {
    let shown = overrides::append(file, sets);
    let file_length = file.len();
    let text = SourceText { path: path.to_owned(), text: shown, file_length };
    let mut errors = Vec::new();
    let (mut root, syntax) = DeTable::parse_recoverable(text.file());
    if !syntax.is_empty() {
        let errors = syntax.iter().map(|error| ConfigError::from_toml(error, "", 0..0));
        return Err(text.errors(errors.collect()));
    }
    overrides::apply(root.get_mut(), &text.text, file_length, sets, &mut errors);
    let mut tables = BTreeMap::new();
    let mut head = DeTable::new();
    for (key, value) in root.into_inner() {
        match TABLES.iter().find(|table| **table == key.get_ref().as_ref()) {
            Some(table) => {
                tables.insert(*table, value);
            }
            None => {
                head.insert(key, value);
            }
        }
    }
    let base = path.parent().unwrap_or(Path::new(""));
    let start_of_file = 0..0;
    let unknown_tables = take_tables(&mut head, &mut errors);
    let head: Option<Head> = read(Spanned::new(start_of_file, head), "", &mut errors);
    if !tables.contains_key("source") {
        errors.push(
            ConfigError::new("the pipeline has no source", 0..0)
                .help("add [[source]] with `name` and `path`"),
        );
    }
    let sources = list(tables.remove("source"), "source", &mut errors)
        .into_iter()
        .map(|table| {
            let spans = spans(&table);
            (read::<Source>(table, "", &mut errors), spans)
        })
        .collect::<Vec<_>>();
    let stages = list(tables.remove("stage"), "stage", &mut errors);
    let stages = stages.into_iter().flat_map(|table| stages_of(table, base, &mut errors));
    let stages = stages.collect::<Vec<_>>();
    let audit = single::<Audit>(tables.remove("audit"), "audit", &mut errors);
    if let Some(audit) = &audit
        && !(0.0..=1.0).contains(&audit.fraction)
    {
        errors.push(
            ConfigError::new(
                format!("fraction = {} is not a share", audit.fraction),
                audit.spans.of("fraction"),
            )
            .help("give 0 to 1, such as 0.01"),
        );
    }
    let tests = list(tables.remove("test"), "test", &mut errors)
        .into_iter()
        .filter_map(|table| {
            let spans = spans(&table);
            read::<Test>(table, "[[test]]: ", &mut errors).map(|value| Located { value, spans })
        })
        .collect::<Vec<_>>();
    let documents = single::<Documents>(tables.remove("documents"), "documents", &mut errors);
    let mut tokens = single::<Tokens>(tables.remove("tokens"), "tokens", &mut errors);
    let train = single::<TrainConfig>(tables.remove("train"), "train", &mut errors)
        .map(|train| with_paths(train, base));
    if let Some(tokens) = &mut tokens {
        tokens.value.resolve_paths(base);
        check_form_and_tokens(tokens, &sources, &mut errors);
    }
    if let (Some(train), None) = (&train, &tokens) {
        errors.push(
            ConfigError::new("[train] needs token shards to train on", train.spans.table.clone())
                .help("add a [tokens] table with a tokenizer"),
        );
    }
    check_sources(&sources, &mut errors);
    check_stages(&stages, &sources, &mut errors);
    check_tests(&tests, &stages, &sources, &mut errors);
    let (Some(head), true, true) = (head, errors.is_empty(), unknown_tables == 0) else {
        return Err(text.errors(errors));
    };
    Ok(Pipeline {
        name: head.name,
        seed: head.seed,
        memory_limit: head.memory_limit,
        order: head.order,
        ledger: head.ledger,
        rejected: head.rejected,
        audit: audit.map(|audit| audit.value).unwrap_or_default(),
        tests,
        sources: sources
            .into_iter()
            .filter_map(|(source, spans)| Some(Located { value: source?, spans }))
            .collect(),
        stages: stages.into_iter().flatten().collect(),
        documents,
        tokens,
        train,
        text,
    })
}

/// Reports tables that no pipeline has, with the one that may have been meant.
fn take_tables(head: &mut DeTable<'_>, errors: &mut Vec<ConfigError>) -> usize {
    let before = errors.len();
    retain(head, |key, value| {
        let is_table = match value.get_ref() {
            DeValue::Table(_) => true,
            DeValue::Array(items) => items.iter().any(|item| item.get_ref().is_table()),
            _ => false,
        };
        if is_table {
            let error = ConfigError::new(format!("unknown table `{}`", key.get_ref()), key.span());
            let near = nearest(key.get_ref(), TABLES);
            errors.push(match near {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!("known: {}", TABLES.join(", "))),
            });
        }
        !is_table
    });
    errors.len() - before
}

/// Reads a table into its type. After a mistake it goes on without the key at fault, so that one
/// run shows every mistake.
pub(super) fn read<T: DeserializeOwned>(
    table: Spanned<DeTable<'_>>,
    context: &str,
    errors: &mut Vec<ConfigError>,
) -> Option<T> {
    read_with(table, context, errors, |table| T::deserialize(table))
}

fn read_with<T>(
    mut table: Spanned<DeTable<'_>>,
    context: &str,
    errors: &mut Vec<ConfigError>,
    parse: impl Fn(Deserializer<'_>) -> Result<T, toml::de::Error>,
) -> Option<T> {
    let whole = table.span();
    let mut faulty = false;
    let mut removed: Vec<String> = Vec::new();
    loop {
        let error = match parse(Deserializer::from(table.clone())) {
            Ok(value) => return (!faulty).then_some(value),
            Err(error) => error,
        };
        let missing = |key: &String| error.message() == format!("missing field `{key}`");
        if !removed.iter().any(missing) {
            // A key that was taken out for its mistake is not missing on top.
            errors.push(ConfigError::from_toml(&error, context, whole.clone()));
        }
        faulty = true;
        let span = error.span()?;
        let inside = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
        let before = table.get_ref().len();
        retain(table.get_mut(), |key, value| {
            let wrong = inside(key.span()) || inside(value.span());
            if wrong {
                removed.push(key.get_ref().to_string());
            }
            !wrong
        });
        if table.get_ref().len() == before {
            return None;
        }
    }
}

/// The tables of `[[name]]`.
pub(super) fn list<'a>(
    value: Option<Spanned<DeValue<'a>>>,
    name: &str,
    errors: &mut Vec<ConfigError>,
) -> Vec<Spanned<DeTable<'a>>> {
    let Some(value) = value else { return Vec::new() };
    let span = value.span();
    let not_a_list = || {
        ConfigError::new(format!("`{name}` is not a list of tables"), span.clone())
            .help(format!("write [[{name}]] with two brackets"))
    };
    let DeValue::Array(items) = value.into_inner() else {
        errors.push(not_a_list());
        return Vec::new();
    };
    let mut tables = Vec::new();
    for item in items {
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => tables.push(Spanned::new(span, table)),
            _ => errors.push(not_a_list()),
        }
    }
    tables
}

/// `[train]` with paths relative to `base` made paths from here.
fn with_paths(mut train: Located<TrainConfig>, base: &Path) -> Located<TrainConfig> {
    train.value.resolve_paths(base);
    train
}

/// The table `[name]`.
pub(super) fn single<T: DeserializeOwned>(
    value: Option<Spanned<DeValue<'_>>>,
    name: &str,
    errors: &mut Vec<ConfigError>,
) -> Option<Located<T>> {
    let value = value?;
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        errors.push(
            ConfigError::new(format!("`{name}` is not a table"), span)
                .help(format!("write [{name}] with one bracket, once")),
        );
        return None;
    };
    let table = Spanned::new(span, table);
    let spans = spans(&table);
    read(table, &format!("[{name}]: "), errors).map(|value| Located { value, spans })
}

pub(super) fn spans(table: &Spanned<DeTable<'_>>) -> Spans {
    let keys = table.get_ref().iter();
    Spans {
        table: table.span(),
        keys: keys.map(|(key, value)| (key.get_ref().to_string(), value.span())).collect(),
    }
}

/// Takes the keys with these names out of a table.
pub(super) fn take_keys<'a>(table: &mut DeTable<'a>, names: &[&str]) -> DeTable<'a> {
    let mut taken = DeTable::new();
    retain(table, |key, value| {
        let wanted = names.contains(&key.get_ref().as_ref());
        if wanted {
            taken.insert(key.clone(), value.clone());
        }
        !wanted
    });
    taken
}

/// Reads one `[[stage]]`: the keys every stage has, then the op's settings.
fn stage(table: Spanned<DeTable<'_>>, base: &Path, errors: &mut Vec<ConfigError>) -> Option<Stage> {
    let spans = spans(&table);
    let span = table.span();
    let mut settings = table.into_inner();
    let name = settings.get("op").and_then(|name| name.get_ref().as_str());
    // What `action` means, such an op says itself.
    let own_action = name.and_then(ops::find).is_some_and(|op| op.own_action);
    let names: Vec<&str> = StageKeys::NAMES
        .iter()
        .copied()
        .filter(|name| !(own_action && *name == "action"))
        .collect();
    let keys = take_keys(&mut settings, &names);
    let keys: StageKeys = read(Spanned::new(span.clone(), keys), "", errors)?;
    let Some(op) = ops::find(&keys.op) else {
        let names: Vec<&str> = OPS.iter().map(|entry| entry.name).collect();
        let error = ConfigError::new(format!("unknown op `{}`", keys.op), spans.of("op"));
        errors.push(match nearest(&keys.op, &names) {
            Some(near) => error.help(format!("did you mean `{near}`? `tamis ops` lists all")),
            None => error.help(format!("there are: {}", names.join(", "))),
        });
        return None;
    };
    let preset_text;
    let mut settings: DeTable<'_> = settings;
    if let Some(path) = &keys.preset {
        let (path, span) = (base.join(path), spans.of("preset"));
        let applied = match preset::load(&path, &span) {
            Ok(text) => {
                preset_text = text;
                preset::apply(&mut settings, op.name, &preset_text, &path, &span)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = applied {
            errors.push(error);
            return None;
        }
    }
    let context = format!("op `{}`: ", op.name);
    let mut settings =
        read_with(Spanned::new(span, settings), &context, errors, |table| (op.from_toml)(table))?;
    settings.resolve_paths(base);
    Some(Stage {
        name: keys.name.unwrap_or(keys.op),
        op,
        settings,
        only: keys.only,
        when: keys.when,
        action: keys.action,
        spans,
    })
}

/// The stages that one `[[stage]]` asks for: two, where the op's settings ask for another behind it.
fn stages_of(
    table: Spanned<DeTable<'_>>,
    base: &Path,
    errors: &mut Vec<ConfigError>,
) -> impl Iterator<Item = Option<Stage>> + use<> {
    let stage = stage(table, base, errors);
    let behind = stage.as_ref().and_then(|stage| {
        let (name, settings) = stage.settings.behind(&stage.name)?;
        let read = ops::find(name).map(|op| (op, (op.from_json)(settings)));
        let Some((op, Ok(settings))) = read else {
            // Left out, it would let pass what it should drop.
            let message =
                format!("op `{}`: `{name}` behind it has no such settings", stage.op.name);
            let error = ConfigError::new(message, stage.spans.table.clone());
            errors.push(error.help("this is a bug of tamis"));
            return None;
        };
        Some(Stage {
            name: format!("{}-{}", stage.name, op.name),
            op,
            settings,
            only: stage.only.clone(),
            when: stage.when.clone(),
            action: stage.action,
            spans: stage.spans.clone(),
        })
    });
    std::iter::once(stage).chain(behind.map(Some))
}

fn check_form_and_tokens(
    tokens: &Located<Tokens>,
    sources: &[(Option<Source>, Spans)],
    errors: &mut Vec<ConfigError>,
) {
    forms::check(tokens, sources, errors);
    let names = sources.iter().filter_map(|(source, _)| source.as_ref());
    let names: Vec<&str> = names.map(|source| source.name.as_str()).collect();
    errors.extend(check_tokens(tokens, &names));
}

fn check_sources(sources: &[(Option<Source>, Spans)], errors: &mut Vec<ConfigError>) {
    let mut seen: Vec<&str> = Vec::new();
    for (source, spans) in sources {
        let Some(source) = source else { continue };
        if seen.contains(&source.name.as_str()) {
            errors.push(
                ConfigError::new(
                    format!("two sources are named `{}`", source.name),
                    spans.of("name"),
                )
                .help("give each its own name; ids and the ledger go by it"),
            );
        }
        if source.path.as_slice().is_empty() {
            errors.push(ConfigError::new("`path` lists no file", spans.of("path")));
        }
        if source.split_size.0 == 0 {
            errors.push(
                ConfigError::new("split_size = 0", spans.of("split_size"))
                    .help("give a size such as \"64MiB\""),
            );
        }
        source.check(spans, errors);
        seen.push(&source.name);
    }
}

fn check_stages(
    stages: &[Option<Stage>],
    sources: &[(Option<Source>, Spans)],
    errors: &mut Vec<ConfigError>,
) {
    let names: Vec<&str> =
        sources.iter().filter_map(|(source, _)| Some(source.as_ref()?.name.as_str())).collect();
    let mut seen: Vec<&str> = Vec::new();
    for stage in stages.iter().flatten() {
        if seen.contains(&stage.name.as_str()) {
            errors.push(
                ConfigError::new(
                    format!("two stages are named `{}`", stage.name),
                    stage.spans.of("op"),
                )
                .help("give one of them a `name` of its own"),
            );
        }
        if stage.name.contains('.') || stage.name.contains('"') || stage.name.is_empty() {
            errors.push(
                ConfigError::new(
                    format!("`{}` cannot name a stage", stage.name),
                    stage.spans.of("name"),
                )
                .help("use letters, digits, `-` and `_`: signals are called `<stage>.<signal>`"),
            );
        }
        for wanted in stage.only.iter().flatten() {
            if !names.contains(&wanted.as_str()) {
                let error = ConfigError::new(
                    format!("there is no source `{wanted}`"),
                    stage.spans.of("only"),
                );
                errors.push(match nearest(wanted, &names) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help(format!("there are: {}", names.join(", "))),
                });
            }
        }
        seen.push(&stage.name);
    }
}

fn check_tests(
    tests: &[Located<Test>],
    stages: &[Option<Stage>],
    sources: &[(Option<Source>, Spans)],
    errors: &mut Vec<ConfigError>,
) {
    let mut outcomes = vec!["kept", "dropped"];
    outcomes.extend(stages.iter().flatten().map(|stage| stage.name.as_str()));
    for test in tests {
        let stage = test.expect.split_once(':').map_or(test.expect.as_str(), |(stage, _)| stage);
        // A stage with a mistake of its own is not listed, so nothing can be said about its tests.
        if !outcomes.contains(&stage) && stages.iter().all(Option::is_some) {
            let error = ConfigError::new(
                format!("[[test]]: there is no stage `{stage}` to drop the document"),
                test.spans.of("expect"),
            );
            errors.push(match nearest(stage, &outcomes) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => {
                    error.help("write \"kept\", \"dropped\", \"<stage>\" or \"<stage>:<reason>\"")
                }
            });
        }
        let known = |name: &String| {
            sources.iter().any(|(source, _)| source.as_ref().is_some_and(|s| s.name == *name))
        };
        if let Some(name) = test.source.as_ref().filter(|name| !known(name)) {
            errors.push(ConfigError::new(
                format!("[[test]]: there is no source `{name}`"),
                test.spans.of("source"),
            ));
        }
    }
}
