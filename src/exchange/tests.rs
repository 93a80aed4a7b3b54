#![expect(
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "test data of any shape"
)]

use proptest::prelude::*;

use super::*;
use crate::store::Store;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    (folder, store)
}

fn key(number: u128) -> Key {
    let mut key = [0; KEY_BYTES];
    key[..16].copy_from_slice(&number.to_be_bytes());
    key
}

fn write(store: &Store, path: &str, cuts: Cuts, budget: usize, records: &[(u128, Vec<u8>)]) {
    let mut writer = ExchangeWriter::new(store, path.to_owned(), cuts, budget);
    for (number, payload) in records {
        writer.push(key(*number), payload).unwrap();
    }
    writer.finish().unwrap();
}

fn read(store: &Store, files: &[String], part: u32, fan_in: usize) -> Vec<Record> {
    let mut merge =
        Merge::with_fan_in(store, files, u64::from(part)..=u64::from(part), "scratch", fan_in)
            .unwrap();
    let mut records = Vec::new();
    let mut record = Record::default();
    while merge.next_into(&mut record).unwrap() {
        records.push(record.clone());
    }
    merge.remove_scratch().unwrap();
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the memory, the number of files and the fan-in: each part holds exactly its
    /// records, in key order, and the file's bytes do not depend on memory.
    #[test]
    fn nothing_is_lost_and_parts_are_sorted(
        numbers in proptest::collection::btree_set(any::<u128>(), 0..3000),
        files in 1usize..7,
        parts in 1u32..9,
        fan_in in 2usize..8,
        small in 0usize..4,
    ) {
        let (_folder, store) = store();
        let cuts = Cuts::Even { parts };
        let mut records: Vec<(u128, Vec<u8>)> = numbers
            .iter()
            .map(|&number| (number, vec![number as u8; (number % 300) as usize]))
            .collect();
        // Arrival order is any order.
        records.sort_by_key(|(number, _)| number.swap_bytes());
        let mut paths = Vec::new();
        for (index, chunk) in records.chunks(records.len().div_ceil(files).max(1)).enumerate() {
            let path = format!("file-{index}");
            write(&store, &path, cuts, (1 << 16) << small, chunk);
            write(&store, "whole", cuts, 1 << 30, chunk);
            prop_assert_eq!(store.read(&path).unwrap(), store.read("whole").unwrap());
            paths.push(path);
        }
        let mut found = Vec::new();
        for part in 0..parts {
            let records = read(&store, &paths, part, fan_in);
            for record in &records {
                prop_assert_eq!(cuts.part(&record.key), u64::from(part));
            }
            found.extend(records);
        }
        let expected: Vec<Record> = numbers
            .iter()
            .map(|&number| Record { key: key(number), payload: vec![number as u8; (number % 300) as usize] })
            .collect();
        prop_assert_eq!(found, expected);
        let left: Vec<_> = store.list("").unwrap().into_iter().filter(|entry| entry.path.contains("run") || entry.path.contains("scratch")).collect();
        prop_assert!(left.is_empty(), "{:?}", left);
    }

    #[test]
    fn cuts_never_fall_and_stay_in_range(numbers in proptest::collection::vec(any::<u128>(), 2..50), count in 1u32..50) {
        let mut numbers = numbers;
        numbers.sort_unstable();
        for cuts in [Cuts::Even { parts: count }, Cuts::Blocks, Cuts::Splits] {
            let parts: Vec<u64> = numbers.iter().map(|&number| cuts.part(&key(number))).collect();
            prop_assert!(parts.is_sorted());
            let even = matches!(cuts, Cuts::Even { .. });
            prop_assert!(!even || parts.iter().all(|&part| part < u64::from(count)));
        }
    }

    /// A range of parts is what its parts are one by one, whatever the number of files.
    #[test]
    fn a_range_is_its_parts(
        numbers in proptest::collection::btree_set(0u128..1 << 10, 0..300),
        files in 1usize..4, fan_in in 2usize..4, from in 0u64..1 << 10, length in 0u64..1 << 10,
    ) {
        let (_folder, store) = store();
        let records: Vec<(u128, Vec<u8>)> =
            numbers.iter().map(|&number| (number << 64, vec![7; (number % 5) as usize])).collect();
        let mut paths = Vec::new();
        for file in 0..files {
            let path = format!("file-{file}");
            let own: Vec<_> = records.iter().skip(file).step_by(files).cloned().collect();
            write(&store, &path, Cuts::Blocks, 1 << 20, &own);
            paths.push(path);
        }
        let wanted = from..=from + length;
        let mut merge = Merge::with_fan_in(&store, &paths, wanted.clone(), "scratch", fan_in).unwrap();
        let mut record = Record::default();
        let mut found = Vec::new();
        while merge.next_into(&mut record).unwrap() {
            found.push(record.key);
        }
        let inside = records.iter().filter(|(number, _)| wanted.contains(&((number >> 64) as u64)));
        prop_assert_eq!(found, inside.map(|(number, _)| key(*number)).collect::<Vec<_>>());
    }
}

#[test]
fn a_flipped_byte_is_found() {
    let (folder, store) = store();
    let records: Vec<_> = (0..100).map(|number| (number << 100, vec![7; 50])).collect();
    write(&store, "file", Cuts::Even { parts: 1 }, 1 << 20, &records);
    let path = folder.path().join("file");
    let good = std::fs::read(&path).unwrap();
    let data = 100 * (KEY_BYTES + 4 + 50);
    for at in (0..data).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).unwrap();
        let mut reader = PartReader::one(&store, "file", 0).unwrap().unwrap();
        let mut record = Record::default();
        let error = loop {
            match reader.next_into(&mut record) {
                Ok(true) => {}
                Ok(false) => panic!("the flip at {at} was not noticed"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ExchangeError::Damaged { .. }), "{error}");
    }
}

/// One record a key remains, whether they meet in memory, in a run or between runs.
#[test]
fn unique_keeps_one_of_equal_keys() {
    let (_folder, store) = store();
    let mut files = Vec::new();
    for budget in [1 << 16, 1 << 30] {
        let path = format!("budget-{budget}");
        let mut writer =
            ExchangeWriter::new(&store, path.clone(), Cuts::Even { parts: 3 }, budget).unique();
        // 5000 keys, four times each, some next to each other and some far apart.
        for number in (0..10_000_u128).flat_map(|number| [number % 5000, number % 5000]) {
            writer.push(key(number << 115), &number.to_le_bytes()).unwrap();
        }
        writer.finish().unwrap();
        files.push(path);
    }
    assert_eq!(store.read(&files[0]).unwrap(), store.read(&files[1]).unwrap());
    let found: Vec<_> = (0..3).flat_map(|part| read(&store, &files[..1], part, 256)).collect();
    let expected = (0..5000_u128)
        .map(|number| Record { key: key(number << 115), payload: number.to_le_bytes().to_vec() });
    assert!(found.into_iter().eq(expected));
    assert_eq!(store.list("").unwrap().len(), 2);
}
