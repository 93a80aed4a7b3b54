use std::sync::Arc;

use arrow::array::{
    BinaryArray, BooleanArray, DictionaryArray, Int64Array, LargeStringArray, ListArray, NullArray,
    StringArray, StringViewArray, StructArray, TimestampMillisecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

use super::super::Format;
use super::super::decompress::testing::{self, Row, fields, file, gzip, zstd};
use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

fn options(compression: Option<CompressionType>) -> IpcWriteOptions {
    IpcWriteOptions::default().try_with_compression(compression).unwrap()
}

fn stream_with(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &schema, options(compression)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn file_with(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &schema, options(compression)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Both forms, with each compression.
fn forms(batches: &[RecordBatch]) -> Vec<Vec<u8>> {
    [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)]
        .into_iter()
        .flat_map(|compression| {
            [stream_with(batches, compression), file_with(batches, compression)]
        })
        .collect()
}

fn rows(bytes: &[u8], metadata: &[&str]) -> Vec<Row> {
    testing::rows(Format::Arrow, &fields("text", metadata), bytes, Part::Whole)
}

fn texts(column: ArrayRef) -> Vec<Result<String, &'static str>> {
    let batches = [batch(vec![("text", column)])];
    let mut found = forms(&batches)
        .into_iter()
        .map(|bytes| rows(&bytes, &[]).into_iter().map(|row| row.text).collect::<Vec<_>>());
    let first = found.next().unwrap();
    assert!(found.all(|other| other == first));
    first
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn numbered(from: i32, count: i32) -> ArrayRef {
    Arc::new((from..from + count).map(|i| Some(format!("text {i}"))).collect::<StringArray>())
}

/// Batches of 300, 1, 0 and 99 rows.
fn four_batches() -> Vec<RecordBatch> {
    [(0_i32, 300_i32), (300, 1), (301, 0), (301, 99)]
        .into_iter()
        .map(|(from, count)| {
            let numbers = Int64Array::from_iter_values((from..from + count).map(i64::from));
            batch(vec![("text", numbered(from, count)), ("id", Arc::new(numbers))])
        })
        .collect()
}

#[test]
fn texts_of_all_string_types() {
    let long = "longer than twelve bytes, so that views need a buffer";
    let values = vec![Some("a"), None, Some(""), Some("é"), Some(long)];
    let good = |text: &str| Ok(text.to_owned());
    let expected = [good("a"), Err("missing-text"), good(""), good("é"), good(long)];
    assert_eq!(texts(strings(&values)), expected);
    assert_eq!(texts(Arc::new(LargeStringArray::from(values.clone()))), expected);
    assert_eq!(texts(Arc::new(StringViewArray::from(values.clone()))), expected);
    let dictionary: DictionaryArray<Int32Type> = values.iter().copied().collect();
    assert_eq!(texts(Arc::new(dictionary)), expected);
    let nothing: DictionaryArray<Int32Type> = vec![None::<&str>; 2].into_iter().collect();
    assert_eq!(texts(Arc::new(nothing)), vec![Err("missing-text"); 2]);
    let bytes = vec![Some(&b"a"[..]), Some(b"\xff"), None];
    let expected = [good("a"), Err("invalid-utf8"), Err("missing-text")];
    assert_eq!(texts(Arc::new(BinaryArray::from(bytes))), expected);
    let numbers = Int64Array::from(vec![Some(1), None]);
    assert_eq!(texts(Arc::new(numbers)), vec![Err("text-not-a-string"); 2]);
    assert_eq!(texts(Arc::new(NullArray::new(2))), vec![Err("missing-text"); 2]);
    let other = stream_with(&[batch(vec![("body", numbered(0, 3))])], None);
    assert_eq!(rows(&other, &[])[2].text, Err("missing-text"));
}

#[test]
fn one_string_that_is_not_utf8_fails_alone() {
    let mut bytes = stream_with(&[batch(vec![("text", numbered(0, 5))])], None);
    let at = bytes.windows(6).position(|window| window == b"text 2").unwrap();
    bytes[at] = 0xff;
    let rows = rows(&bytes, &["text"]);
    assert_eq!(rows[2].text, Err("invalid-utf8"));
    assert_eq!(rows.iter().filter(|row| row.text.is_ok()).count(), 4);
}

#[test]
fn metadata_of_all_types() {
    let inner = StructArray::from(vec![
        (Arc::new(Field::new("url", DataType::Utf8, true)), strings(&[Some("u"), None])),
        (
            Arc::new(Field::new("score", DataType::Boolean, true)),
            Arc::new(BooleanArray::from(vec![Some(true), None])) as ArrayRef,
        ),
    ]);
    let list =
        ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), Some(2)]), None]);
    let time =
        TimestampMillisecondArray::from(vec![Some(1500), None]).with_timezone("Europe/Paris");
    let labels: DictionaryArray<Int32Type> = vec![Some("en"), None].into_iter().collect();
    let batches = [batch(vec![
        ("unread", numbered(0, 2)),
        ("text", strings(&[Some("a"), Some("b")])),
        ("id", Arc::new(Int64Array::from(vec![Some(7), None]))),
        ("time", Arc::new(time)),
        ("list", Arc::new(list)),
        ("m", Arc::new(inner)),
        ("m.dotted", strings(&[Some("d"), None])),
        ("label", Arc::new(labels)),
    ])];
    let wanted =
        ["id", "time", "list", "m.url", "m.score", "m.dotted", "m", "no", "m.no", "text", "label"];
    for bytes in forms(&batches) {
        let rows = rows(&bytes, &wanted);
        let shown: Vec<_> =
            rows[0].metadata.iter().map(|value| value.as_deref().unwrap_or("-")).collect();
        let expected = [
            "7",
            "1970-01-01T00:00:01.500Z",
            "[1, 2]",
            "u",
            "true",
            "d",
            "{url: u, score: true}",
            "-",
            "-",
            "a",
            "en",
        ];
        assert_eq!(shown, expected);
        assert_eq!(rows[0].id.as_deref(), Some("7"));
        assert!(rows[1].metadata[..6].iter().all(Option::is_none) && rows[1].id.is_none());
    }
}

#[test]
fn texts_within_structs() {
    let inner = StructArray::from(vec![(
        Arc::new(Field::new("body", DataType::Utf8, true)),
        strings(&[Some("x"), None]),
    )]);
    let bytes = stream_with(&[batch(vec![("content", Arc::new(inner))])], None);
    let wanted = fields("content.body", &[]);
    let rows = testing::rows(Format::Arrow, &wanted, &bytes, Part::Whole);
    assert_eq!(rows[0].text.as_deref(), Ok("x"));
    assert_eq!(rows[1].text, Err("missing-text"));
}

#[test]
fn rows_are_numbered_through_all_batches() {
    let batches = four_batches();
    for bytes in forms(&batches) {
        let whole = rows(&bytes, &["id"]);
        assert_eq!(whole.len(), 400);
        for (number, row) in whole.iter().enumerate() {
            assert_eq!(row.position, Position::plain(number as u64));
            assert_eq!(row.text, Ok(format!("text {number}")));
            assert_eq!(row.metadata, [Some(number.to_string())]);
        }
        for packed in [gzip(&bytes), zstd(&bytes)] {
            assert!(rows(&packed, &["id"]) == whole);
        }
    }
}

#[test]
fn record_batches_divide_a_file() {
    let batches = four_batches();
    let bytes = file_with(&batches, None);
    let (_folder, store, piece) = file(&bytes, Part::Whole);
    let entry = store.entry(&piece.file).unwrap();
    let groups = record_batches(&store, &entry).unwrap().unwrap();
    let counts: Vec<u64> = groups.iter().map(|group| group.rows).collect();
    assert_eq!(counts, [300, 1, 0, 99]);
    let mut divided = Vec::new();
    for (groups, first_row) in [(0..1, 0), (1..3, 300), (3..4, 301), (4..4, 400)] {
        let part = Part::RowGroups { groups, first_row };
        divided.extend(testing::rows(Format::Arrow, &fields("text", &["id"]), &bytes, part));
    }
    assert_eq!(divided, rows(&bytes, &["id"]));
    let groups = Part::RowGroups { groups: 3..5, first_row: 301 };
    let opened = ArrowReader::open(&store, &fields("text", &[]), &Piece { part: groups, ..piece });
    assert!(matches!(opened, Err(ReadError::Changed { .. })));
    for whole in [stream_with(&batches, None), gzip(&bytes)] {
        let (_folder, store, piece) = file(&whole, Part::Whole);
        let entry = store.entry(&piece.file).unwrap();
        assert_eq!(record_batches(&store, &entry).unwrap(), None);
    }
}

#[test]
fn dictionaries_may_change_within_a_stream() {
    let column = |values: &[&str]| -> ArrayRef {
        let values: DictionaryArray<Int32Type> = values.iter().copied().map(Some).collect();
        Arc::new(values)
    };
    let batches =
        [batch(vec![("text", column(&["a", "b"]))]), batch(vec![("text", column(&["c", "a"]))])];
    let rows = rows(&stream_with(&batches, None), &[]);
    let texts: Vec<_> = rows.iter().map(|row| row.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["a", "b", "c", "a"]);
}

#[test]
fn what_is_cut_off_is_one_failed_row_behind_the_whole_batches() {
    let batches = four_batches();
    let bytes = stream_with(&batches, None);
    let mut ends = Vec::new();
    for cut in (0..bytes.len()).step_by(37) {
        let rows = rows(&bytes[..cut], &[]);
        let good = rows.iter().filter(|row| row.text.is_ok()).count();
        assert!(matches!(good, 0 | 300 | 301 | 400), "cut at {cut}: {good} rows");
        assert!(good + 1 == rows.len() || cut + 8 >= bytes.len() || good == rows.len());
        let last = rows.last().unwrap();
        if last.text.is_err() {
            assert_eq!(last.position, Position::plain(good as u64));
            let reason = if cut == 0 { "corrupt" } else { "truncated" };
            assert_eq!(last.text, Err(reason), "cut at {cut}");
        }
        ends.push(good);
    }
    assert!(ends.is_sorted() && ends.contains(&301));
    // What stands behind the end of a stream is no part of it, and is not passed over in silence.
    let twice = rows(&[&bytes[..], &bytes].concat(), &[]);
    assert_eq!((twice.len(), twice[400].text.clone()), (401, Err("corrupt")));
    // A file that has lost its footer is read from the front.
    let bytes = file_with(&batches, None);
    let rows = rows(&bytes[..bytes.len() - 20], &["id"]);
    assert_eq!(rows.iter().filter(|row| row.text.is_ok()).count(), 400);
}

#[test]
fn a_damaged_batch_is_lost_alone() {
    let batches = four_batches();
    for form in [file_with, stream_with] {
        let mut bytes = form(&batches, Some(CompressionType::ZSTD));
        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        // The first compressed buffer of the first batch.
        let at = bytes.windows(4).position(|window| window == magic).unwrap();
        bytes[at + 4..at + 40].fill(0xee);
        let rows = rows(&bytes, &["id"]);
        assert_eq!((rows[0].position, &rows[0].text), (Position::plain(0), &Err("corrupt")));
        assert_eq!(rows[1].position, Position::plain(300));
        assert_eq!((rows[1].text.as_deref(), rows.len()), (Ok("text 300"), 101));
    }
}

#[test]
fn a_column_that_nobody_wants_is_not_read() {
    let one = batch(vec![("other", numbered(0, 300)), ("text", numbered(0, 300))]);
    for form in [file_with, stream_with] {
        let mut bytes = form(std::slice::from_ref(&one), Some(CompressionType::ZSTD));
        let magic = [0x28, 0xb5, 0x2f, 0xfd];
        let at = bytes.windows(4).position(|window| window == magic).unwrap();
        bytes[at + 4..at + 40].fill(0xee);
        assert!(rows(&bytes, &[]).iter().all(|row| row.text.is_ok()));
        assert_eq!(rows(&bytes, &["other"])[0].text, Err("corrupt"));
    }
}

#[test]
fn files_that_are_none_are_one_failed_row() {
    for bytes in [&b""[..], b"ARROW1", b"ARROW1\0\0", &[b'x'; 200], b"\xff\xff\xff\xff\0\0\0\0"] {
        let rows = rows(bytes, &[]);
        assert_eq!(rows.len(), 1);
        assert!(rows[0].text.is_err() && rows[0].position == Position::plain(0));
    }
}

#[test]
fn no_flipped_byte_panics_hangs_or_makes_up_rows() {
    let inner = StructArray::from(vec![(
        Arc::new(Field::new("url", DataType::Utf8, true)),
        numbered(0, 8),
    )]);
    let labels: DictionaryArray<Int32Type> = vec![Some("en"); 8].into_iter().collect();
    let one =
        batch(vec![("text", numbered(0, 8)), ("m", Arc::new(inner)), ("label", Arc::new(labels))]);
    let two = [one.clone(), one.slice(2, 4)];
    assert_eq!(concat_batches(&one.schema(), &two).unwrap().num_rows(), 12);
    let mut forms = vec![stream_with(&two, None), file_with(&two, None)];
    forms.push(stream_with(&two, Some(CompressionType::ZSTD)));
    for bytes in forms {
        for index in 0..bytes.len() {
            for mask in [0x01, 0xff] {
                let mut bytes = bytes.clone();
                bytes[index] ^= mask;
                let rows = rows(&bytes, &["m.url", "label"]);
                let count = rows.len();
                assert!((1..=14).contains(&count), "byte {index} ^ {mask}: {count} rows");
            }
        }
    }
}
