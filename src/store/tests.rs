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

/// More than a writer gathers goes to a staged file.
#[test]
fn large_files_are_staged_and_whole_whatever_the_writes_were() {
    let (folder, store) = store();
    let bytes: Vec<u8> = (0..=250).cycle().take((1 << 20) + 77).collect();
    let mut hashes = Vec::new();
    for size in [1000, 256 << 10, (256 << 10) + 1, bytes.len()] {
        let mut writer = store.writer("deep/er/part").unwrap();
        for piece in bytes.chunks(size) {
            writer.write_all(piece).unwrap();
        }
        let names = std::fs::read_dir(folder.path().join("deep/er")).unwrap();
        assert!(names.map(|entry| entry.unwrap().file_name()).any(|name| name == "part#1"));
        assert_eq!(store.list("").unwrap().len(), hashes.len().min(1), "seen before it is whole");
        assert_eq!(writer.position(), bytes.len() as u64);
        let written = writer.finish().unwrap();
        assert_eq!(written.bytes, bytes.len() as u64);
        assert!(store.read("deep/er/part").unwrap() == bytes, "writes of {size}");
        hashes.push(written.xxh3);
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
    assert_eq!(std::fs::read_dir(folder.path().join("deep/er")).unwrap().count(), 1);
}

#[test]
fn staged_files_make_room_for_each_other_and_are_gone_with_their_writers() {
    let (folder, store) = store();
    let bytes = vec![7; 300 << 10];
    let mut writers = [store.writer("a/part").unwrap(), store.writer("a/part").unwrap()];
    writers[0].write_all(&bytes).unwrap();
    writers[1].write_all(&bytes[..290 << 10]).unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 2);
    let [first, second] = writers;
    second.finish().unwrap();
    drop(first);
    assert_eq!(store.read("a/part").unwrap().len(), 290 << 10);
    assert_eq!(std::fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    // A file where a folder is to be.
    std::fs::write(folder.path().join("b"), b"").unwrap();
    let error = store.writer("b/part").unwrap().write_all(&bytes).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("cannot write") && text.contains("b/part"), "{text}");
}

#[test]
fn a_missing_file_is_named() {
    let (_folder, store) = store();
    let error = store.read("no/such").unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }));
    assert!(error.to_string().contains("no/such"));
}
