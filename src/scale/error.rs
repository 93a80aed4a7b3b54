/// What is wrong with a table of runs, or with what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    /// The file is no table.
    #[error("line {line}: {problem}")]
    Table {
        /// Line of the file, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A column is not there.
    #[error("there is no column `{name}` for {what} (there are: {there}); name it by {option}")]
    Column {
        /// The name looked for.
        name: String,
        /// What it should hold.
        what: &'static str,
        /// The columns of the table.
        there: String,
        /// The option that names it.
        option: &'static str,
    },
    /// Too little to fit to.
    #[error("{what}: {problem}; {hint}")]
    TooFew {
        /// The recipe and evaluation.
        what: String,
        /// What is missing.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// Runs that cannot be compared.
    #[error("{0}")]
    Incomparable(String),
    /// A search or a budget that makes no sense.
    #[error("{0}")]
    Setting(String),
}
