//! Runs: rows of a table that say what a training of N parameters on D tokens came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ScaleError;
use super::law::FLOPS_PER_PARAM_TOKEN;
use super::table::{Row, Table};

/// A training, as the fit sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Line of the table.
    pub line: usize,
    /// What the data was made by.
    pub recipe: String,
    /// What the loss was measured on.
    pub evaluation: String,
    /// What tells repetitions of one configuration apart.
    pub seed: String,
    /// N.
    pub params: f64,
    /// D, repetitions counted.
    pub tokens: f64,
    /// Operations; `6·N·D` where the table does not say.
    pub flops: f64,
    /// Different tokens among `tokens`, where the table says.
    pub unique: Option<f64>,
    /// What it came to.
    pub loss: f64,
}

/// A row that is no run, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excluded {
    /// Line of the table.
    pub line: usize,
    /// Why it is left out.
    pub reason: String,
}

/// Names of the columns.
#[derive(Debug, Clone)]
pub struct Columns {
    /// Of N.
    pub params: String,
    /// Of D.
    pub tokens: String,
    /// Of the loss.
    pub loss: String,
    /// Of the recipe; one recipe where there is no such column.
    pub recipe: String,
    /// Of the evaluation; one where there is no such column.
    pub evaluation: String,
    /// Of the seed.
    pub seed: String,
    /// Of the operations.
    pub flops: String,
    /// Of the different tokens.
    pub unique: String,
    /// Of the tokenizer.
    pub tokenizer: String,
}

impl Default for Columns {
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            params: name("params"),
            tokens: name("tokens"),
            loss: name("loss"),
            recipe: name("recipe"),
            evaluation: name("evaluation"),
            seed: name("seed"),
            flops: name("flops"),
            unique: name("unique_tokens"),
            tokenizer: name("tokenizer"),
        }
    }
}

/// The runs of a table, in its order, and what was left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    /// What can be fitted to.
    pub runs: Vec<Run>,
    /// What cannot.
    pub excluded: Vec<Excluded>,
}

impl Runs {
    /// Makes runs of the rows of `table` that `wanted` lets through.
    ///
    /// Left out are: rows without a positive N, D and loss, copies of a row, runs whose loss is not
    /// finite. With `per_token`, losses of different tokenizers cannot be compared.
    ///
    /// # Errors
    /// When a column is missing, a field is no number, or one evaluation has several tokenizers.
    pub fn read(
        table: &Table,
        columns: &Columns,
        wanted: impl Fn(usize) -> bool,
        per_token: bool,
    ) -> Result<Self, ScaleError> {
        let need = |name: &str, what, option| {
            table.column(name).ok_or_else(|| ScaleError::Column {
                name: name.to_owned(),
                what,
                there: table.header.join(", "),
                option,
            })
        };
        let params = need(&columns.params, "the parameters", "--params-column")?;
        let tokens = need(&columns.tokens, "the tokens", "--tokens-column")?;
        let loss = need(&columns.loss, "the loss", "--loss-column")?;
        let optional = |name: &str| table.column(name);
        let (recipe, evaluation) = (optional(&columns.recipe), optional(&columns.evaluation));
        let (seed, flops) = (optional(&columns.seed), optional(&columns.flops));
        let (unique, tokenizer) = (optional(&columns.unique), optional(&columns.tokenizer));
        let mut found = Self::default();
        let mut earlier: BTreeMap<Key, usize> = BTreeMap::new();
        let mut tokenizers: BTreeMap<(String, String), String> = BTreeMap::new();
        for (index, row) in table.rows.iter().enumerate() {
            if !wanted(index) {
                continue;
            }
            let text = |column: Option<usize>| {
                column.map_or(String::new(), |column| row.fields[column].trim().to_owned())
            };
            let optional = |column: Option<usize>, name: &str| {
                column.map_or(Ok(None), |column| value(row, column, name))
            };
            let given = [
                value(row, params, &columns.params)?,
                value(row, tokens, &columns.tokens)?,
                value(row, loss, &columns.loss)?,
            ];
            let names = [&columns.params, &columns.tokens, &columns.loss];
            let bad = given.iter().zip(names).find_map(|(value, name)| match value {
                None => Some(format!("`{name}` is empty")),
                Some(value) if value.is_finite() && *value > 0.0 => None,
                Some(value) => Some(format!("`{name}` is {value}: the run diverged or failed")),
            });
            if let Some(reason) = bad {
                found.excluded.push(Excluded { line: row.line, reason });
                continue;
            }
            let [params, tokens, loss] = given.map(Option::unwrap_or_default);
            let run = Run {
                line: row.line,
                recipe: text(recipe),
                evaluation: text(evaluation),
                seed: text(seed),
                params,
                tokens,
                flops: optional(flops, &columns.flops)?
                    .filter(|flops| flops.is_finite() && *flops > 0.0)
                    .unwrap_or(FLOPS_PER_PARAM_TOKEN * params * tokens),
                unique: optional(unique, &columns.unique)?
                    .filter(|unique| *unique > 0.0 && *unique < tokens),
                loss,
            };
            if tokenizer.is_some() && per_token {
                let key = (run.evaluation.clone(), run.recipe.clone());
                tokenizers.entry(key).or_insert_with(|| text(tokenizer));
                let of_evaluation = tokenizers.iter().find(|((evaluation, _), other)| {
                    *evaluation == run.evaluation && **other != text(tokenizer)
                });
                if let Some(((_, other_recipe), other)) = of_evaluation {
                    return Err(ScaleError::Incomparable(format!(
                        "line {}: recipe `{}` has the tokenizer `{}` and `{other_recipe}` has \
                         `{other}`: losses by token of different tokenizers cannot be compared; \
                         give bits per byte in the loss column and --loss-per byte, or choose rows \
                         by --where",
                        row.line,
                        run.recipe,
                        text(tokenizer)
                    )));
                }
            }
            if let Some(line) = earlier.get(&key(&run)) {
                let reason = format!("the same run as line {line}");
                found.excluded.push(Excluded { line: row.line, reason });
                continue;
            }
            earlier.insert(key(&run), row.line);
            found.runs.push(run);
        }
        if found.runs.is_empty() {
            return Err(ScaleError::TooFew {
                what: "the table".to_owned(),
                problem: match found.excluded.first() {
                    Some(first) => format!("no usable run; line {}: {}", first.line, first.reason),
                    None => "no run".to_owned(),
                },
                hint: "check the columns and --where".to_owned(),
            });
        }
        Ok(found)
    }

    /// Leaves out the `count` runs of highest loss of each recipe and evaluation.
    pub fn drop_highest(&mut self, count: usize) {
        let mut groups: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (index, run) in self.runs.iter().enumerate() {
            groups.entry((run.evaluation.clone(), run.recipe.clone())).or_default().push(index);
        }
        let mut gone = vec![false; self.runs.len()];
        for mut group in groups.into_values() {
            group.sort_by(|left, right| self.runs[*right].loss.total_cmp(&self.runs[*left].loss));
            for index in group.into_iter().take(count) {
                gone[index] = true;
                self.excluded.push(Excluded {
                    line: self.runs[index].line,
                    reason: format!("--drop-highest {count}: loss {}", self.runs[index].loss),
                });
            }
        }
        let mut gone = gone.into_iter();
        self.runs.retain(|_| !gone.next().unwrap_or(false));
    }

    /// The evaluations, in the order of the table.
    #[must_use]
    pub fn evaluations(&self) -> Vec<String> {
        distinct(self.runs.iter().map(|run| &run.evaluation))
    }

    /// The runs of one evaluation, by recipe in the order of the table.
    #[must_use]
    pub fn of(&self, evaluation: &str) -> Vec<(String, Vec<Run>)> {
        let of = |run: &&Run| run.evaluation == evaluation;
        let recipes = distinct(self.runs.iter().filter(of).map(|run| &run.recipe));
        let runs = |recipe: &String| {
            self.runs.iter().filter(of).filter(|run| run.recipe == *recipe).cloned().collect()
        };
        recipes.into_iter().map(|recipe| (recipe.clone(), runs(&recipe))).collect()
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// What copies of a run have in common.
type Key = (String, String, String, [u64; 4]);

fn key(run: &Run) -> Key {
    let numbers = [run.params, run.tokens, run.loss, run.unique.unwrap_or(0.0)].map(f64::to_bits);
    (run.recipe.clone(), run.evaluation.clone(), run.seed.clone(), numbers)
}

fn value(row: &Row, column: usize, name: &str) -> Result<Option<f64>, ScaleError> {
    let text = row.fields[column].trim();
    if text.is_empty() || text.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| ScaleError::Table {
        line: row.line,
        problem: format!("`{name}` is `{text}`, which is no number"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Runs, ScaleError> {
        Runs::read(&Table::parse(text).unwrap(), &Columns::default(), |_| true, true)
    }

    #[test]
    fn runs_and_what_is_none_of_them() {
        let runs = read(
            "loss,tokens,params,recipe,seed,unique_tokens\n\
             3.5,1e9,1e8,a,1,5e8\n\
             3.5,1e9,1e8,a,1,5e8\n\
             3.5,1e9,1e8,a,2,2e9\n\
             NaN,1e9,1e8,a,3,\n\
             inf,1e9,1e8,a,4,\n\
             -1,1e9,1e8,a,5,\n\
             ,1e9,1e8,b,1,\n",
        )
        .unwrap();
        assert_eq!(runs.runs.len(), 2);
        assert_eq!(runs.runs[0].unique, Some(5e8));
        assert_eq!(runs.runs[1].unique, None, "more unique tokens than tokens");
        assert!((runs.runs[0].flops - 6e17).abs() < 1.0);
        let reasons: Vec<&str> = runs.excluded.iter().map(|e| e.reason.as_str()).collect();
        assert_eq!(reasons[0], "the same run as line 2");
        assert_eq!(reasons[1], "`loss` is NaN: the run diverged or failed");
        assert_eq!(reasons[4], "`loss` is empty");
    }

    #[test]
    fn errors_name_the_column_and_the_next_step() {
        let said = |text: &str| read(text).unwrap_err().to_string();
        let missing = said("n,tokens,loss\n1,2,3\n");
        assert!(missing.contains("no column `params`") && missing.contains("--params-column"));
        assert!(said("params,tokens,loss\n1,2,x\n").contains("line 2: `loss` is `x`"));
        assert!(said("params,tokens,loss\n1,2,nan\n").contains("no usable run"));
        let mixed = said(
            "params,tokens,loss,recipe,tokenizer\n1,2,3,a,gpt2\n1,2,3,b,gpt2\n1,3,3,b,llama\n",
        );
        assert!(mixed.contains("line 4") && mixed.contains("--loss-per byte"), "{mixed}");
    }

    #[test]
    fn the_highest_losses_go_by_recipe() {
        let mut runs =
            read("params,tokens,loss,recipe\n1,1,9,a\n2,1,8,a\n3,1,7,a\n1,1,3,b\n2,1,2,b\n")
                .unwrap();
        runs.drop_highest(1);
        let left: Vec<usize> = runs.runs.iter().map(|run| run.line).collect();
        assert_eq!(left, [3, 4, 6]);
        assert_eq!(runs.of("").len(), 2);
    }
}
