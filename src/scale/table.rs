//! A small CSV file (RFC 4180) in memory: a header, and rows of texts.

use super::ScaleError;

/// The content of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows, each as wide as the header.
    pub rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line it starts at, from 1.
    pub line: usize,
    /// Its fields.
    pub fields: Vec<String>,
}

impl Table {
    /// Reads CSV.
    ///
    /// # Errors
    /// Where the text is empty, a column comes twice, a row has another number of fields, or a
    /// quote is not closed.
    pub fn parse(text: &str) -> Result<Self, ScaleError> {
        let wrong = |line, problem: String| ScaleError::Table { line, problem };
        let mut records = records(text.trim_start_matches('\u{feff}'))?.into_iter();
        let Some(Row { fields: header, .. }) = records.next() else {
            return Err(wrong(1, "the table is empty; give a CSV file with a header".to_owned()));
        };
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        for (index, name) in header.iter().enumerate() {
            if header[..index].contains(name) {
                return Err(wrong(1, format!("two columns are named `{name}`")));
            }
        }
        let rows: Vec<Row> = records.collect();
        for row in &rows {
            if row.fields.len() != header.len() {
                return Err(wrong(
                    row.line,
                    format!(
                        "{} fields, but the header names {} columns",
                        row.fields.len(),
                        header.len()
                    ),
                ));
            }
        }
        Ok(Self { header, rows })
    }

    /// The number of the column `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name)
    }
}

fn records(text: &str) -> Result<Vec<Row>, ScaleError> {
    let mut rows = Vec::new();
    let (mut line, mut start) = (1, 1);
    let mut fields: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            c if quoted => field.push(c),
            ',' => fields.push(std::mem::take(&mut field)),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => {
                end(&mut rows, &mut fields, &mut field, start);
                start = line;
            }
            c => field.push(c),
        }
    }
    if quoted {
        let problem = "a quote is opened and not closed".to_owned();
        return Err(ScaleError::Table { line: start, problem });
    }
    end(&mut rows, &mut fields, &mut field, start);
    Ok(rows)
}

/// Ends a record; a blank line is none.
fn end(rows: &mut Vec<Row>, fields: &mut Vec<String>, field: &mut String, line: usize) {
    if !fields.is_empty() || !field.trim().is_empty() {
        fields.push(std::mem::take(field));
        rows.push(Row { line, fields: std::mem::take(fields) });
    }
    field.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_line_ends_and_blank_lines() {
        let table = Table::parse("\u{feff}a, b\r\n\"x,\n\"\"y\"\"\",1\n\n2,\"\"").unwrap();
        assert_eq!(table.header, ["a", "b"]);
        assert_eq!(table.rows[0], Row { line: 2, fields: vec!["x,\n\"y\"".into(), "1".into()] });
        assert_eq!(table.rows[1], Row { line: 5, fields: vec!["2".into(), String::new()] });
        assert_eq!(table.column("b"), Some(1));
    }

    #[test]
    fn what_is_no_table_is_refused_at_its_line() {
        let said = |text: &str| Table::parse(text).unwrap_err().to_string();
        assert!(said("").contains("the table is empty"));
        assert_eq!(said("a,b\n1,2\n3\n"), "line 3: 1 fields, but the header names 2 columns");
        assert_eq!(said("a,a\n"), "line 1: two columns are named `a`");
        assert_eq!(said("a\n\"x\n"), "line 2: a quote is opened and not closed");
    }
}
