use std::io::{Read, Write};

use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn put_if_absent_lets_the_first_win() {
    let (_folder, store) = store();
    assert!(store.put_if_absent("a/b.json", Bytes::from_static(b"first")).unwrap());
    assert!(!store.put_if_absent("a/b.json", Bytes::from_static(b"second")).unwrap());
    assert_eq!(store.read("a/b.json").unwrap(), "first");
}

#[test]
fn a_writer_shows_nothing_before_it_finishes() {
    let (_folder, store) = store();
    let mut writer = store.writer("out/part").unwrap();
    writer.write_all(b"half").unwrap();
    assert!(!store.exists("out/part").unwrap());
    writer.write_all(b" done").unwrap();
    let written = writer.finish().unwrap();
    assert_eq!(written.bytes, 9);
    assert_eq!(store.read("out/part").unwrap(), "half done");
    assert_eq!(store.read_range("out/part", 5..9).unwrap(), "done");
    let mut text = String::new();
    store.reader("out/part", 0..9).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "half done");
}

#[test]
fn a_dropped_writer_and_a_sweep_leave_nothing() {
    let (folder, store) = store();
    let mut writer = store.writer("out/part").unwrap();
    writer.write_all(b"never").unwrap();
    drop(writer);
    std::fs::create_dir_all(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/left#3"), b"killed").unwrap();
    store.sweep("").unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("out")).unwrap().count(), 0);
    assert!(store.list("").unwrap().is_empty());
}

#[test]
fn a_missing_file_is_named() {
    let (_folder, store) = store();
    let error = store.read("no/such").unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }));
    assert!(error.to_string().contains("no/such"));
}
