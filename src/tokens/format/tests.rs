//! What goes into a shard comes out of it, in every format; damage is told, never a panic.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const FORMATS: [ShardFormat; 7] = [
    ShardFormat::Megatron,
    ShardFormat::Mds,
    ShardFormat::Nanogpt,
    ShardFormat::Llmc,
    ShardFormat::Datatrove,
    ShardFormat::Parquet,
    ShardFormat::Npy,
];

const END: u32 = 5;

fn layout(format: ShardFormat, packing: Packing, vocab_size: u32, masked: bool) -> ShardLayout {
    ShardLayout {
        format,
        width: width(format, vocab_size),
        vocab_size,
        end_of_document: END,
        sequence_length: 8,
        packing,
        compression: ShardCompression::Auto,
        masked,
    }
}

fn shard() -> ShardName {
    ShardName { folder: "tokens".to_owned(), validation: false, number: 3 }
}

type Document = (Vec<u32>, Option<Vec<u8>>);

/// Writes documents; gives what became of the shard and where they lie.
fn write(
    store: &Store,
    layout: &ShardLayout,
    documents: &[Document],
) -> (FinishedShard, Vec<Place>) {
    let mut writer = create(store, &shard(), layout).unwrap();
    let mut places = Vec::new();
    for (number, (ids, loss)) in documents.iter().enumerate() {
        let mut tokens = Vec::new();
        layout.width.append(ids, &mut tokens);
        let id = DocumentId(number as u128);
        writer.push(&TokenDocument { id, tokens: &tokens, loss: loss.as_deref() }).unwrap();
        writer.places(&mut places);
    }
    let finished = writer.finish().unwrap();
    writer.places(&mut places);
    (finished, places)
}

fn hints(layout: &ShardLayout) -> Hints {
    Hints { width: Some(layout.width), end_of_document: Some(layout.end_of_document) }
}

/// Tokens, masks and ends of documents.
type Content = (Vec<u32>, Option<Vec<u8>>, Vec<u64>);

/// All tokens and masks of a shard, and where pieces of documents end.
fn read_all(store: &Store, path: &str, hints: &Hints) -> Result<Content, ShardError> {
    let mut reader = open_with(store, path, hints)?;
    let mut sequence = ReadSequence::default();
    let (mut tokens, mut ends) = (Vec::new(), Vec::new());
    let mut loss = reader.facts().masked.then(Vec::new);
    while reader.next(&mut sequence)? {
        ends.extend(sequence.ends.iter().map(|&end| tokens.len() as u64 + u64::from(end)));
        tokens.extend_from_slice(&sequence.tokens);
        if let (Some(all), Some(some)) = (&mut loss, &sequence.loss) {
            all.extend_from_slice(some);
        }
        let row = reader.facts().row_length.unwrap_or(sequence.tokens.len() as u64);
        assert_eq!(sequence.tokens.len() as u64, row);
    }
    Ok((tokens, loss, ends))
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    let document = (proptest::collection::vec(6u32..300, 0..40), any::<u64>()).prop_map(
        |(mut tokens, bits)| {
            tokens.push(END);
            let mask =
                tokens.iter().enumerate().map(|(at, _)| (bits >> (at % 64) & 1) as u8).collect();
            (tokens, (bits % 3 > 0).then_some(mask))
        },
    );
    proptest::collection::vec(document, 1..20)
}

fn combinations() -> impl Iterator<Item = (ShardFormat, Packing)> {
    FORMATS.into_iter().flat_map(|format| {
        [Packing::Documents, Packing::Concatenate, Packing::BestFit]
            .map(|packing| (format, packing))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_written_is_read(documents in documents(), wide in any::<bool>(), masked in any::<bool>()) {
        for (format, packing) in combinations() {
            let layout = layout(format, packing, if wide { 200_000 } else { 1000 }, masked);
            if check(&layout, 100).is_err() {
                continue;
            }
            let documents: Vec<Document> = documents
                .iter()
                .map(|(tokens, loss)| (tokens.clone(), loss.clone().filter(|_| masked)))
                .collect();
            let store = Store::in_memory();
            let (finished, places) = write(&store, &layout, &documents);
            for file in &finished.files {
                prop_assert_eq!(store.entry(&file.path).unwrap().size, file.bytes);
            }
            let found = shards_below(&store, "tokens").unwrap();
            prop_assert_eq!(found.len(), 1, "{:?}", found);
            let (tokens, loss, ends) = read_all(&store, &found[0], &hints(&layout)).unwrap();
            let case = format!("{format:?} {packing:?} {masked} {places:?}");

            prop_assert_eq!(finished.documents, documents.len() as u64);
            prop_assert_eq!(finished.tokens, documents.iter().map(|(t, _)| t.len() as u64).sum::<u64>());
            prop_assert_eq!(finished.tokens + finished.padding, tokens.len() as u64, "{}", &case);
            let mut back: BTreeMap<u128, (Vec<u32>, Vec<u8>)> = BTreeMap::new();
            let mut learnt = vec![0u8; tokens.len()];
            for place in &places {
                let range = usize::try_from(place.offset).unwrap()
                    ..usize::try_from(place.offset + place.length).unwrap();
                let entry = back.entry(place.id.0).or_default();
                entry.0.extend_from_slice(&tokens[range.clone()]);
                if let Some(loss) = &loss {
                    entry.1.extend_from_slice(&loss[range.clone()]);
                }
                learnt[range].fill(1);
            }
            for (number, (expected, mask)) in documents.iter().enumerate() {
                let mut expected = expected.clone();
                if format == ShardFormat::Llmc {
                    expected.rotate_right(1);
                }
                let (tokens, loss) = &back[&(number as u128)];
                prop_assert_eq!(tokens, &expected, "{}", &case);
                if layout.has_masks() {
                    let all = vec![1; expected.len()];
                    prop_assert_eq!(loss, mask.as_ref().unwrap_or(&all), "{}", &case);
                }
            }
            for (at, _) in learnt.iter().enumerate().filter(|(_, learnt)| **learnt == 0) {
                prop_assert_eq!(tokens[at], END);
                prop_assert!(loss.as_ref().is_none_or(|loss| loss[at] == 0));
            }
            if packing == Packing::Documents {
                let expected: Vec<u64> = places.iter().map(|place| place.offset + place.length).collect();
                prop_assert_eq!(ends, expected, "{}", &case);
            } else {
                prop_assert_eq!(finished.rows * 8, tokens.len() as u64);
                let cut = documents.iter().filter(|(tokens, _)| tokens.len() > 8).count() as u64;
                prop_assert!(finished.cut >= cut && (packing == Packing::Concatenate || finished.cut == cut));
                if packing == Packing::BestFit && format != ShardFormat::Megatron {
                    for place in &places {
                        prop_assert!(ends.contains(&(place.offset + place.length)), "{}", &case);
                    }
                }
            }
        }
    }

    /// Whatever is done to a file: an error or other tokens, never a panic, never more than the file
    /// could hold.
    #[test]
    fn damage_is_no_panic(documents in documents(), at in any::<usize>(), bit in 0u8..8, cuts in any::<bool>(), which in any::<usize>()) {
        for (format, packing) in combinations() {
            for compression in [ShardCompression::Auto, ShardCompression::Zstd] {
                let mut layout = layout(format, packing, 1000, true);
                layout.compression = compression;
                layout.masked = check(&layout, 100).is_ok();
                if check(&layout, 100).is_err() {
                    continue;
                }
                let store = Store::in_memory();
                let (finished, _) = write(&store, &layout, &documents);
                let path = shards_below(&store, "tokens").unwrap().remove(0);
                let file = &finished.files[which % finished.files.len()].path;
                let mut bytes = store.read(file).unwrap().to_vec();
                let place = at % bytes.len();
                if cuts {
                    bytes.truncate(place);
                } else {
                    bytes[place] ^= 1 << bit;
                }
                store.put(file, Bytes::from(bytes)).unwrap();
                if let Ok((tokens, ..)) = read_all(&store, &path, &hints(&layout)) {
                    prop_assert!(tokens.len() <= 10_000);
                }
            }
        }
    }
}

#[test]
fn a_shard_without_documents_leaves_nothing() {
    for format in FORMATS {
        let store = Store::in_memory();
        let (finished, _) = write(&store, &layout(format, Packing::Documents, 1000, false), &[]);
        assert!(finished.files.is_empty() && store.list("").unwrap().is_empty());
    }
}

#[test]
fn the_same_documents_are_the_same_bytes() {
    let documents: Vec<Document> = (0..500u32)
        .map(|number| ((0..number % 37).map(|at| 6 + at).chain([END]).collect(), None))
        .collect();
    for (format, packing) in combinations() {
        let layout = layout(format, packing, 1000, false);
        if check(&layout, 100).is_err() {
            continue;
        }
        let [one, two] = [(); 2].map(|()| write(&Store::in_memory(), &layout, &documents).0.files);
        assert_eq!(one, two, "{format:?} {packing:?}");
    }
}

#[test]
fn impossible_layouts_are_told_before_any_work() {
    let message = |layout: ShardLayout, tokens| check(&layout, tokens).unwrap_err().to_string();
    let of = |format| layout(format, Packing::Documents, 1000, false);
    let masked = ShardLayout { masked: true, ..of(ShardFormat::Llmc) };
    assert!(message(masked, 1).contains("loss masks"));
    let rows = ShardLayout { packing: Packing::BestFit, ..of(ShardFormat::Nanogpt) };
    assert!(message(rows, 1).contains("`packing = \"documents\"`"));
    let zstd = ShardLayout { compression: ShardCompression::Zstd, ..of(ShardFormat::Megatron) };
    assert!(message(zstd, 1).contains("`compression`"));
    let huge = ShardLayout { vocab_size: u32::MAX, ..of(ShardFormat::Megatron) };
    assert!(message(huge, 1).contains("4294967295"));
    assert!(message(of(ShardFormat::Llmc), 1 << 31).contains("2^31"));
    assert!(message(of(ShardFormat::Mds), 1 << 32).contains("4 GiB"));
    let none =
        ShardLayout { packing: Packing::Concatenate, sequence_length: 0, ..of(ShardFormat::Mds) };
    assert!(message(none, 1).contains("sequence_length"));
}

#[test]
fn documents_that_do_not_fit_the_layout_are_refused() {
    let store = Store::in_memory();
    let mut writer =
        create(&store, &shard(), &layout(ShardFormat::Npy, Packing::Documents, 1000, true))
            .unwrap();
    let id = DocumentId(1);
    for (tokens, loss) in [(&b""[..], None), (b"abc", None), (b"ab", Some(&b""[..]))] {
        let refused = writer.push(&TokenDocument { id, tokens, loss });
        assert!(matches!(refused, Err(ShardError::Document { .. })));
    }
}

#[test]
fn folders_of_shards_have_their_index_in_order() {
    let layout = layout(ShardFormat::Mds, Packing::Documents, 1000, false);
    let shard = |number, validation| {
        let name = ShardName { folder: "tokens".to_owned(), validation, number };
        let index = Some(serde_json::json!({ "samples": number }));
        (name, FinishedShard { index, ..FinishedShard::default() })
    };
    let shards = [shard(2, false), shard(0, true), shard(0, false), shard(1, false)];
    let [(path, bytes)] = &folder_index(&layout, "tokens", false, &shards)[..] else { panic!() };
    assert_eq!(path, "tokens/train/index.json");
    let text = r#"{"shards": [{"samples": 0}, {"samples": 1}, {"samples": 2}], "version": 2}"#;
    assert_eq!(std::str::from_utf8(bytes).unwrap(), text);
    assert!(folder_index(&layout, "tokens/other", false, &shards).is_empty());
}
