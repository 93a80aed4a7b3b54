//! Files of labels: pairs or clusters, as JSON Lines or Parquet.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::super::LedgerError;
use super::Question;
use crate::document::{SignalType, SignalValue};
use crate::plan::inputs;
use crate::read::{Format, Part, Piece, ReadError, json_lines, table};
use crate::store::Store;

/// What a file of labels says.
pub(super) struct Labels {
    /// Ids, by their hash: the number of each.
    pub(super) ids: HashMap<u128, u32>,
    /// One of them, for a message.
    pub(super) first: Option<String>,
    /// Rows read.
    pub(super) rows: u64,
    /// Column of similarities.
    pub(super) by: Option<String>,
    /// The labels.
    pub(super) truth: Truth,
}

/// Labels, by the numbers of their ids.
pub(super) enum Truth {
    /// Two documents, and whether they are duplicates.
    Pairs(Vec<(u32, u32, bool)>),
    /// A document and its cluster; `None` where it is alone.
    Clusters(Vec<(u32, Option<u32>)>),
}

/// Which columns hold what.
enum Shape {
    Pairs { label: String },
    Clusters,
}

/// A file of labels that is being read.
struct Reader<'a> {
    question: &'a Question,
    file: String,
    shape: Option<Shape>,
    labels: Labels,
    clusters: HashMap<u128, u32>,
    /// The clusters of ids that have one.
    known: HashMap<u32, Option<u32>>,
}

/// Reads the labels.
pub(super) fn read(question: &Question) -> Result<Labels, LedgerError> {
    if question.by.is_some() && question.threshold.is_none() {
        return Err(LedgerError::Question(
            "--by names a column of similarities, which needs --threshold, such as --threshold 0.8"
                .to_owned(),
        ));
    }
    let found = inputs::find(Path::new(""), std::slice::from_ref(&question.truth))
        .map_err(|error| LedgerError::Question(format!("--truth: {error}")))?;
    let mut reader = Reader {
        question,
        file: String::new(),
        shape: None,
        labels: Labels {
            ids: HashMap::new(),
            first: None,
            rows: 0,
            by: None,
            truth: Truth::Pairs(Vec::new()),
        },
        clusters: HashMap::new(),
        known: HashMap::new(),
    };
    for entry in &found.files {
        reader.file.clone_from(&entry.path);
        let piece = Piece { file: entry.path.clone(), size: entry.size, part: Part::Whole };
        match Format::of_name(&entry.path) {
            Some(Format::Parquet) => reader.parquet(&found.store, &piece)?,
            Some(Format::Jsonl) => json_lines(&found.store, &piece, |number, line| {
                let object: Map<String, Value> = serde_json::from_slice(line)
                    .map_err(|error| reader.wrong(number, &format!("no JSON object: {error}")))?;
                reader.object(number, &object)
            })?,
            _ => {
                return Err(LedgerError::Question(format!(
                    "--truth: `{}` is neither JSON Lines (`.jsonl`, also `.jsonl.gz`) nor `.parquet`",
                    entry.path
                )));
            }
        }
    }
    if reader.labels.rows == 0 {
        return Err(LedgerError::Question(format!(
            "--truth: `{}` holds no label; give lines like {{\"a\": id, \"b\": id, \"label\": 1}} or {{\"id\": id, \"cluster\": name}}",
            question.truth
        )));
    }
    Ok(reader.labels)
}

impl Reader<'_> {
    fn wrong(&self, line: u64, what: &str) -> LedgerError {
        self.damaged(&format!("line {line}: {what}"))
    }

    fn damaged(&self, detail: &str) -> LedgerError {
        ReadError::Table { file: self.file.clone(), detail: detail.to_owned() }.into()
    }

    /// Tells the columns from their names, and which of them are numbers.
    fn shape(&mut self, columns: &[(&str, bool)]) -> Result<(), String> {
        let has = |name: &str| columns.iter().any(|(known, _)| *known == name);
        let names = || columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let shape = if has("a") && has("b") {
            let label = match (self.question.threshold, &self.question.by) {
                (None, _) if has("label") => "label".to_owned(),
                (None, _) => {
                    return Err(format!(
                        "no column `label` (there are: {}); add it as 0 or 1, or give --threshold for a column of similarities",
                        names()
                    ));
                }
                (Some(_), Some(by)) if has(by) => by.clone(),
                (Some(_), Some(by)) => {
                    return Err(format!("no column `{by}`; there are: {}", names()));
                }
                (Some(_), None) => {
                    let numbers = columns
                        .iter()
                        .filter(|(name, number)| *number && !["a", "b", "label"].contains(name));
                    match numbers.map(|(name, _)| *name).collect::<Vec<_>>().as_slice() {
                        [one] => (*one).to_owned(),
                        [] => {
                            return Err(format!(
                                "no column of similarities to hold --threshold against; there are: {}",
                                names()
                            ));
                        }
                        several => {
                            return Err(format!(
                                "several columns of numbers: {}; say by --by which of them --threshold is about",
                                several.join(", ")
                            ));
                        }
                    }
                }
            };
            self.labels.by = self.question.threshold.map(|_| label.clone());
            Shape::Pairs { label }
        } else if has("id") && has("cluster") {
            if self.question.threshold.is_some() {
                return Err(
                    "--threshold is about pairs, and these are clusters: leave it away".to_owned()
                );
            }
            self.labels.truth = Truth::Clusters(Vec::new());
            Shape::Clusters
        } else {
            return Err(format!(
                "labels are pairs with `a`, `b` and `label`, or clusters with `id` and `cluster`; there are: {}",
                names()
            ));
        };
        self.shape = Some(shape);
        Ok(())
    }

    fn object(&mut self, line: u64, object: &Map<String, Value>) -> Result<(), LedgerError> {
        if self.shape.is_none() {
            let columns: Vec<(&str, bool)> =
                object.iter().map(|(name, value)| (name.as_str(), value.is_number())).collect();
            self.shape(&columns).map_err(|what| self.wrong(line, &what))?;
        }
        let text = |name: &str| match object.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(_) => Err(format!("`{name}` is neither text nor a number")),
            None => Err(format!("no `{name}`")),
        };
        let row = if let Some(Shape::Pairs { label }) = &self.shape {
            let value = match object.get(label) {
                Some(Value::Bool(value)) => Ok(f64::from(u8::from(*value))),
                Some(Value::Number(number)) => Ok(number.as_f64().unwrap_or(f64::NAN)),
                Some(_) => Err(format!("`{label}` is no number")),
                None => Err(format!("no `{label}`")),
            };
            let pair = || Ok((text("a")?, text("b")?, value?));
            pair().and_then(|(a, b, value)| self.pair(&a, &b, value))
        } else {
            let cluster = match object.get("cluster") {
                Some(Value::Null) => Ok(None),
                _ => text("cluster").map(Some),
            };
            let member = || Ok((text("id")?, cluster?));
            member().and_then(|(id, cluster)| self.member(&id, cluster.as_deref()))
        };
        row.map_err(|what: String| self.wrong(line, &what))
    }

    fn parquet(&mut self, store: &Store, piece: &Piece) -> Result<(), LedgerError> {
        let columns = table::columns(store, &piece.file, piece.size)?;
        if self.shape.is_none() {
            let number = |kind: &Option<SignalType>| {
                matches!(kind, Some(SignalType::Int | SignalType::Float))
            };
            let columns: Vec<(&str, bool)> =
                columns.iter().map(|(name, kind)| (name.as_str(), number(kind))).collect();
            self.shape(&columns).map_err(|what| self.damaged(&what))?;
        }
        let (key, wanted) = match &self.shape {
            Some(Shape::Pairs { label }) => {
                ("a", vec![("b".to_owned(), SignalType::Text), (label.clone(), SignalType::Float)])
            }
            _ => ("id", vec![("cluster".to_owned(), SignalType::Text)]),
        };
        table::rows(store, piece, key, &wanted, |row, id, values| {
            let line = row + 1;
            let mut rest = values;
            let mut kinds = wanted.iter().map(|(_, kind)| *kind);
            let mut next = || table::value(kinds.next()?, &mut rest)?;
            let done = match key {
                "a" => match (next(), next()) {
                    (Some(SignalValue::Text(b)), Some(SignalValue::Float(value))) => {
                        self.pair(id, b, value)
                    }
                    _ => Err(format!("no `b` or no `{}`", wanted[1].0)),
                },
                _ => match next() {
                    Some(SignalValue::Text(cluster)) => self.member(id, Some(cluster)),
                    _ => self.member(id, None),
                },
            };
            done.map_err(|what| self.damaged(&format!("row {line}: {what}")))
        })
    }

    fn id(&mut self, id: &str) -> Result<u32, String> {
        if self.labels.first.is_none() {
            self.labels.first = Some(id.to_owned());
        }
        number(&mut self.labels.ids, id)
    }

    fn pair(&mut self, a: &str, b: &str, value: f64) -> Result<(), String> {
        let positive = match self.question.threshold {
            Some(threshold) if !value.is_nan() => value >= threshold,
            None if [0.0, 1.0].contains(&value) => value > 0.5,
            None => {
                return Err(format!(
                    "the label is {value}, not 0 or 1; give --threshold where labels are similarities"
                ));
            }
            Some(_) => return Err("the similarity is no number".to_owned()),
        };
        let (a, b) = (self.id(a)?, self.id(b)?);
        self.labels.rows += 1;
        if let Truth::Pairs(pairs) = &mut self.labels.truth {
            pairs.push((a, b, positive));
        }
        Ok(())
    }

    fn member(&mut self, id: &str, cluster: Option<&str>) -> Result<(), String> {
        let cluster = cluster.map(|name| number(&mut self.clusters, name)).transpose()?;
        let node = self.id(id)?;
        self.labels.rows += 1;
        match self.known.insert(node, cluster) {
            Some(before) if before == cluster => return Ok(()),
            Some(_) => {
                return Err(format!("`{id}` has another cluster further up; keep one of them"));
            }
            None => {}
        }
        if let Truth::Clusters(members) = &mut self.labels.truth {
            members.push((node, cluster));
        }
        Ok(())
    }
}

fn number(known: &mut HashMap<u128, u32>, name: &str) -> Result<u32, String> {
    let next = u32::try_from(known.len()).map_err(|_| "more than 2³² ids".to_owned())?;
    Ok(*known.entry(xxh3_128(name.as_bytes())).or_insert(next))
}
