//! What the tests share: folders, the program, and files as bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, StringArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file or folder of data-samples, as an absolute path.
pub(crate) fn sample(path: &str) -> String {
    root().join("data-samples").join(path).display().to_string()
}

/// The program.
pub(crate) fn tamis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
    command.env("NO_COLOR", "1").env_remove("TAMIS_LOG");
    command
}

/// Runs the program to its end.
pub(crate) fn call(arguments: &[&str]) -> Output {
    tamis().args(arguments).output().unwrap()
}

/// Runs the program, which must succeed; gives its stdout.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let output = call(arguments);
    assert!(
        output.status.success(),
        "tamis {arguments:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the program, which must fail with `code` and without a panic; gives its stderr.
pub(crate) fn fail(code: i32, arguments: &[&str]) -> String {
    let output = call(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "tamis {arguments:?}:\n{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

/// A folder for one test, with a pipeline file in it.
pub(crate) struct Lab {
    pub folder: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

/// The files that must be the same whatever ran them, by path.
pub(crate) fn results(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for part in ["documents", "ledger", "rejected", "tokens"] {
        collect(&run.join(part), part, &mut files);
    }
    files
}

fn collect(folder: &Path, name: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &name, files);
        } else {
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// Compares two runs file by file; names the files that differ.
pub(crate) fn assert_same(left: &Path, right: &Path) {
    let (left_files, right_files) = (results(left), results(right));
    assert!(!left_files.is_empty(), "{} has no results", left.display());
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&left_files), names(&right_files));
    let differing: Vec<_> = left_files
        .iter()
        .filter(|(name, bytes)| right_files[*name] != **bytes)
        .map(|(name, _)| name)
        .collect();
    assert!(
        differing.is_empty(),
        "{} and {} differ in {differing:?}",
        left.display(),
        right.display()
    );
}

/// All rows of the Parquet files in a folder of a run, in the order of the files.
pub(crate) fn table(folder: &Path) -> Vec<RecordBatch> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut batches = Vec::new();
    for path in paths {
        let file = std::fs::File::open(path).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        batches.extend(reader.map(Result::unwrap));
    }
    batches
}

/// A text column of a table; null as `None`.
pub(crate) fn texts(batches: &[RecordBatch], column: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    for batch in batches {
        let column = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
        let column = column.as_string::<i32>();
        values.extend(
            (0..column.len()).map(|row| column.is_valid(row).then(|| column.value(row).to_owned())),
        );
    }
    values
}

/// Writes a Parquet file with a column of keys and the column `score`.
pub(crate) fn write_scores(path: &Path, key: &str, keys: &[String], scores: Vec<f64>) {
    let columns: [(&str, ArrayRef); 2] = [
        (key, Arc::new(StringArray::from(keys.to_vec()))),
        ("score", Arc::new(Float64Array::from(scores))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A column of numbers of a table; null as `None`.
pub(crate) fn numbers(batches: &[RecordBatch], column: &str) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    for batch in batches {
        let column = batch.column_by_name(column).unwrap_or_else(|| panic!("no column {column}"));
        let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Float64).unwrap();
        let column = column.as_primitive::<arrow::datatypes::Float64Type>();
        values.extend(column.iter());
    }
    values
}

/// A ledger as `(file, record, verdict, stage, reason)`.
pub(crate) fn ledger(run: &Path) -> Vec<[String; 5]> {
    let table = table(&run.join("ledger"));
    let columns = ["file", "record", "verdict", "stage", "reason"].map(|name| texts(&table, name));
    let rows = columns[0].len();
    (0..rows)
        .map(|row| columns.each_ref().map(|column| column[row].clone().unwrap_or_default()))
        .collect()
}
