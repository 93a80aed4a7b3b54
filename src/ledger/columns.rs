//! Names of columns as people write them.

use super::LedgerError;
use crate::config::diagnostic::nearest;

/// The column that `name` means among `known`: itself, or the one signal called so.
pub(super) fn resolve<'a>(name: &str, known: &[&'a str]) -> Result<&'a str, LedgerError> {
    if let Some(found) = known.iter().find(|column| **column == name) {
        return Ok(found);
    }
    match signals(name, known).as_slice() {
        [one] => Ok(one),
        [] => Err(LedgerError::Question(unknown(name, known))),
        several => Err(LedgerError::Question(ambiguous(name, several))),
    }
}

/// The signals that are called `name` by themselves.
pub(super) fn signals<'a>(name: &str, known: &[&'a str]) -> Vec<&'a str> {
    let bare = |column: &&&str| column.rsplit_once('.').is_some_and(|(_, bare)| bare == name);
    known.iter().filter(bare).copied().collect()
}

/// What to say of a name that is no column.
pub(super) fn unknown(name: &str, known: &[&str]) -> String {
    let mut candidates = known.to_vec();
    candidates.extend(known.iter().filter_map(|column| Some(column.rsplit_once('.')?.1)));
    match nearest(name, &candidates) {
        Some(near) => format!("there is no column `{name}`; did you mean `{near}`?"),
        None => format!("there is no column `{name}`; there are: {}", known.join(", ")),
    }
}

/// What to say of a name that several signals have.
pub(super) fn ambiguous(name: &str, signals: &[&str]) -> String {
    let list: Vec<_> = signals.iter().map(|signal| format!("`{signal}`")).collect();
    format!("`{name}` could be {}; name the stage", list.join(" or "))
}
