//! What every store must do, whatever lies below it.

use std::io::{Read, Write};
use std::process::Command;

use bytes::Bytes;
use tamis::store::{Store, StoreError};

use super::moto::{BUCKET, Moto};

/// Bytes that look the same nowhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 9u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn suite(store: &Store) {
    files(store);
    lists(store);
    commits(store);
    ranges(store);
    writers(store);
    maps(store);
}

fn files(store: &Store) {
    store.put("a/one.txt", Bytes::from_static(b"first")).unwrap();
    store.put("a/one.txt", Bytes::from_static(b"second!")).unwrap();
    assert_eq!(store.read("a/one.txt").unwrap(), "second!");
    assert_eq!(store.entry("a/one.txt").unwrap().size, 7);
    store.put("a/b c+d%20ü=1.txt", Bytes::from_static(b"named")).unwrap();
    assert_eq!(store.read("a/b c+d%20ü=1.txt").unwrap(), "named");
    store.put("a/empty", Bytes::new()).unwrap();
    assert_eq!(store.read("a/empty").unwrap(), "");
    assert!(store.exists("a/empty").unwrap() && !store.exists("a/none").unwrap());
    for error in [
        store.read("a/none").unwrap_err(),
        store.entry("a/none").unwrap_err(),
        store.read_range("a/none", 0..4).unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
        assert!(error.to_string().contains("a/none"), "{error}");
    }
    store.delete("a/empty").unwrap();
    store.delete("a/empty").unwrap();
    assert!(!store.exists("a/empty").unwrap());
}

fn lists(store: &Store) {
    for path in ["tree/x", "tree/y/z", "tree2/x", "tree/y/a"] {
        store.put(path, Bytes::from(path)).unwrap();
    }
    let paths = |prefix: &str| -> Vec<String> {
        store.list(prefix).unwrap().into_iter().map(|entry| entry.path).collect()
    };
    assert_eq!(paths("tree"), ["tree/x", "tree/y/a", "tree/y/z"]);
    assert_eq!(paths("tree/y"), ["tree/y/a", "tree/y/z"]);
    assert_eq!(paths("nothing"), [""; 0]);
    assert!(paths("a").contains(&"a/b c+d%20ü=1.txt".to_owned()));
    let tag = |path: &str| store.entry(path).unwrap().tag;
    let listed = store.list("tree2").unwrap().remove(0);
    assert_eq!((listed.size, &listed.tag), (7, &tag("tree2/x")));
    store.put("tree2/x", Bytes::from_static(b"another")).unwrap();
    assert_ne!(listed.tag, tag("tree2/x"));
    store.delete_below("tree").unwrap();
    store.delete_below("tree").unwrap();
    assert_eq!(paths("tree"), [""; 0]);
    assert_eq!(paths("tree2"), ["tree2/x"]);
}

fn commits(store: &Store) {
    store.check_commits().unwrap();
    assert!(store.put_if_absent("task", Bytes::from_static(b"first")).unwrap());
    assert!(!store.put_if_absent("task", Bytes::from_static(b"second")).unwrap());
    assert_eq!(store.read("task").unwrap(), "first");
    let won = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || store.put_if_absent("race", format!("by {n}").into())))
            .collect();
        all.into_iter().map(|one| one.join().unwrap().unwrap()).collect::<Vec<_>>()
    });
    let winner = won.iter().position(|won| *won).unwrap();
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    assert_eq!(store.read("race").unwrap(), format!("by {winner}"));
}

fn ranges(store: &Store) {
    let bytes = noise(7 << 20);
    let size = bytes.len() as u64;
    store.put("large", Bytes::from(bytes.clone())).unwrap();
    let place = |at: u64| usize::try_from(at).unwrap();
    let part = |start: u64, end: u64| &bytes[place(start)..place(end)];
    for (start, end) in [(0, 4), (size - 8, size), (12_345, 1_234_567), (5, 5), (0, size)] {
        assert!(store.read_range("large", start..end).unwrap() == part(start, end));
        let mut read = Vec::new();
        store.reader("large", start..end).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == part(start, end), "{start}..{end}");
    }
    let wanted = [10..20, 30..40, 6_000_000..6_000_100, 20..30];
    let found = store.read_ranges("large", &wanted).unwrap();
    for (range, found) in wanted.into_iter().zip(found) {
        assert!(found == part(range.start, range.end));
    }
    // Read to the middle and left there.
    let mut start = vec![0; 300_000];
    store.reader("large", 1..size).unwrap().read_exact(&mut start).unwrap();
    assert!(start == part(1, 300_001));

    let input = store.clone().for_input();
    assert_eq!(input.entry("large").unwrap().size, size);
    assert!(input.read_range("large", 0..4).unwrap() == part(0, 4));
    let mut read = Vec::new();
    input.reader("large", 0..size).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == bytes);
}

fn writers(store: &Store) {
    let bytes = noise(21 << 20);
    let mut writer = store.writer("out/part").unwrap();
    for piece in bytes.chunks(999_983) {
        writer.write_all(piece).unwrap();
    }
    assert_eq!(writer.position(), bytes.len() as u64);
    assert!(!store.exists("out/part").unwrap());
    let written = writer.finish().unwrap();
    assert_eq!((written.bytes, written.path.as_str()), (bytes.len() as u64, "out/part"));
    assert_eq!(written.xxh3, format!("{:016x}", xxhash_rust::xxh3::xxh3_64(&bytes)));
    assert!(store.read("out/part").unwrap() == bytes);

    let mut dropped = store.writer("out/dropped").unwrap();
    dropped.write_all(&bytes[..9 << 20]).unwrap();
    drop(dropped);
    store.writer("out/empty").unwrap().finish().unwrap();
    store.sweep("").unwrap();
    let names: Vec<_> = store.list("out").unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(names, ["out/empty", "out/part"]);
}

fn maps(store: &Store) {
    assert!(*store.map("large").unwrap() == *noise(7 << 20));
    assert_eq!(*store.map("task").unwrap(), *b"first");
    assert_eq!(*store.map("out/empty").unwrap(), *b"");
    assert!(matches!(store.map("none"), Err(StoreError::NotFound { .. })));
}

#[test]
fn folders_and_memory_pass_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    suite(&Store::open(folder.path().join("new/root")).unwrap());
    suite(&Store::open(format!("file://{}/other", folder.path().display())).unwrap());
    suite(&Store::in_memory());
}

/// The suite on what the environment names; credentials are read from there once a process.
#[test]
#[ignore = "started by other tests, with a server in its environment"]
fn child() {
    suite(&Store::open(std::env::var("TAMIS_TEST_ROOT").unwrap()).unwrap());
}

/// Prints how fast a large file is written and read at what the environment names.
#[test]
#[ignore = "a measurement: TAMIS_TEST_ROOT=s3://… cargo test -- --ignored throughput --nocapture"]
fn throughput() {
    let store = Store::open(std::env::var("TAMIS_TEST_ROOT").unwrap()).unwrap();
    // What is there already is only read: a place on the web, say.
    if !store.exists("large").unwrap() {
        let bytes = noise(128 << 20);
        let start = std::time::Instant::now();
        let mut writer = store.writer("large").unwrap();
        writer.write_all(&bytes).unwrap();
        writer.finish().unwrap();
        eprintln!("written at {:.0} MB/s", 134.2 / start.elapsed().as_secs_f64());
    }
    let size = store.entry("large").unwrap().size;
    let start = std::time::Instant::now();
    let mut reader = store.reader("large", 0..size).unwrap();
    let mut read = vec![0; 1 << 20];
    let mut length = 0;
    while let Ok(more @ 1..) = reader.read(&mut read) {
        length += more as u64;
    }
    eprintln!("{size} bytes read in {:.3} s", start.elapsed().as_secs_f64());
    assert_eq!(length, size);
}

#[test]
fn s3_passes_the_suite() {
    let Some(moto) = Moto::start("s3_passes_the_suite") else { return };
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["objects::suite::child", "--exact", "--ignored", "--nocapture"]);
    child.env("TAMIS_TEST_ROOT", format!("s3://{BUCKET}/deep/root"));
    let output = moto.lend(&mut child).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    // Nothing outside the root.
    assert!(moto.keys("").iter().all(|key| key.starts_with("deep/root/")));
}
