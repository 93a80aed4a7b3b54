//! Which texts are worth decoding, told from a record's other fields.

use arrow::array::StringArray;

use crate::document::DocumentId;

/// Says whether anybody will look at the text of a record, before a reader of columns decodes it.
///
/// What it says must follow from the record alone, so that it is the same whatever records stand
/// beside it in a call.
pub trait Selection: Send + Sync {
    /// The kept fields that it looks at, by their index in [`Fields::metadata`](super::Fields),
    /// in order.
    fn fields(&self) -> &[usize];

    /// Whether the text is needed, for each of the records `ids`. `columns` holds the values of
    /// [`Selection::fields`], one column each.
    fn wanted(&self, ids: &[DocumentId], columns: &[StringArray]) -> Vec<bool>;
}
