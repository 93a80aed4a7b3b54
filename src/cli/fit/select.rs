//! `--where`: rows of a table for which a SQL condition holds.

use polars::error::PolarsError;
use polars::prelude::{Column, DataFrame, DataType, IntoLazy, NamedFrom, Series};

use super::Usage;
use crate::ops::rewrite_sql;
use crate::read::caught;
use crate::scale::table::Table;

/// Whether `condition` holds, for each row; a null is no.
pub(super) fn select(table: &Table, condition: &str) -> Result<Vec<bool>, Usage> {
    let names: Vec<&str> = table.header.iter().map(String::as_str).collect();
    let wrong = |problem: &dyn std::fmt::Display| {
        Usage(format!("--where \"{condition}\": {problem} (columns: {})", names.join(", ")))
    };
    let condition = &plain(condition);
    let quoted = rewrite_sql(condition, &names, |_, _| Ok(None)).map_err(|error| wrong(&error))?;
    // polars asserts where it should refuse some odd conditions.
    let result = caught(|| -> Result<Vec<bool>, PolarsError> {
        let expression = polars::sql::sql_expr(&quoted)?.alias("value");
        let columns = (0..names.len()).map(|index| column(table, index)).collect();
        let frame = DataFrame::new(table.rows.len(), columns)?;
        let result = frame.lazy().select([expression]).collect()?;
        let values = result.column("value")?;
        if values.dtype() != &DataType::Boolean {
            let message = format!("it gives {}, not true or false", values.dtype());
            return Err(PolarsError::ComputeError(message.into()));
        }
        let mask: Vec<bool> = values
            .as_materialized_series()
            .bool()?
            .iter()
            .map(|value| value.unwrap_or(false))
            .collect();
        // A condition without columns is one value for all.
        let one = mask.len() == 1 && table.rows.len() != 1;
        Ok(if one { vec![mask[0]; table.rows.len()] } else { mask })
    });
    let mask = result.ok_or_else(|| wrong(&"polars breaks off over it"))?;
    let mask = mask.map_err(|error| wrong(&error))?;
    if mask.len() != table.rows.len() {
        return Err(wrong(&"it does not give a value for each row"));
    }
    Ok(mask)
}

/// SQL with numbers such as `1e9` written out, which polars does not read.
fn plain(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut quote = None;
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let mut length = first.len_utf8();
        match quote {
            Some(open) if first == open => quote = None,
            None if first == '\'' || first == '"' => quote = Some(first),
            None if word(first) => {
                length = rest.find(|c| !word(c)).unwrap_or(rest.len());
                // The sign of an exponent belongs to its number.
                let signed = rest[length..].strip_prefix(['-', '+']);
                if let (true, Some(power)) = (rest[..length].ends_with(['e', 'E']), signed) {
                    length += 1 + power.find(|c: char| !c.is_ascii_digit()).unwrap_or(power.len());
                }
                let number = rest[..length].parse::<f64>().ok().filter(|number| number.is_finite());
                let exponent = first.is_ascii_digit() && rest[..length].contains(['e', 'E']);
                if let (true, Some(number)) = (exponent, number) {
                    let digits = number.to_string();
                    out.push_str(&digits);
                    out.push_str(if digits.contains('.') { "" } else { ".0" });
                    rest = &rest[length..];
                    continue;
                }
            }
            _ => {}
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// A column: of numbers where every field is one or empty, else of texts.
fn column(table: &Table, index: usize) -> Column {
    let fields = || table.rows.iter().map(|row| row.fields[index].trim());
    let name = table.header[index].as_str().into();
    let numbers: Option<Vec<Option<f64>>> = fields()
        .map(|field| if field.is_empty() { Some(None) } else { field.parse().ok().map(Some) })
        .collect();
    if let Some(numbers) = numbers {
        return Series::new(name, numbers).into();
    }
    let texts: Vec<Option<&str>> =
        fields().map(|field| (!field.is_empty()).then_some(field)).collect();
    Series::new(name, texts).into()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn numbers_with_exponents_are_written_out() {
        for (sql, expected) in [
            ("params < 1e9 AND e1 = 'x 1e9'", "params < 1000000000.0 AND e1 = 'x 1e9'"),
            ("loss > 2.5E-1-x", "loss > 0.25-x"),
            ("a_1e5 >= 3 AND \"1e3\" = 1e+21", "a_1e5 >= 3 AND \"1e3\" = 1000000000000000000000.0"),
        ] {
            assert_eq!(plain(sql), expected);
        }
    }
}
