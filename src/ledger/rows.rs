//! Rows of the ledger by the ids of documents.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use serde_json::{Map, Value};

use super::LedgerError;
use super::table::Table;
use super::why::value;
use crate::document::DocumentId;
use crate::store::Store;

/// The rows of the documents `ids`: all columns, or those that `columns` names, without the empty
/// ones. Documents that the ledger of the run `store` does not know are left out, all of them where
/// it has no ledger.
///
/// # Errors
/// When the ledger does not read.
pub fn find(
    store: &Store,
    ids: &BTreeSet<DocumentId>,
    columns: Option<&[&str]>,
) -> Result<BTreeMap<DocumentId, Map<String, Value>>, LedgerError> {
    let mut found = BTreeMap::new();
    let Some(table) = Table::open(store, "ledger")? else { return Ok(found) };
    let all: Vec<&str> =
        table.schema().fields().iter().map(|field| field.name().as_str()).collect();
    let columns = columns.unwrap_or(&all);
    for part in 0..table.parts() {
        let (mut rows, mut numbers, mut first) = (Vec::new(), Vec::new(), 0_u64);
        for batch in table.read(part, &["id"])? {
            let batch = batch?;
            let column = batch.column(0).as_string::<i32>();
            for (row, id) in (first..).zip(column) {
                let id = id.and_then(|id| u128::from_str_radix(id, 16).ok()).map(DocumentId);
                if let Some(id) = id.filter(|id| ids.contains(id)) {
                    rows.push(id);
                    numbers.push(row);
                }
            }
            first += batch.num_rows() as u64;
        }
        if rows.is_empty() {
            continue;
        }
        let batch = table.pick(part, &numbers, columns)?;
        let schema = batch.schema();
        for (row, id) in rows.into_iter().enumerate() {
            let cells = schema.fields().iter().zip(batch.columns());
            let cells = cells.map(|(field, column)| (field.name().clone(), value(column, row)));
            found.insert(id, cells.filter(|(_, value)| !value.is_null()).collect());
        }
    }
    Ok(found)
}
