use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Int64Array, LargeStringArray,
    ListArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};

use super::super::Format;
use super::super::decompress::testing::{self, Row, fields, file};
use super::*;
use crate::document::{DocumentId, Verdict};

fn write(columns: Vec<(&str, ArrayRef)>, rows_a_group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(rows_a_group))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    write_with(columns, properties)
}

fn write_with(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    );
    let batch = batch.unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn rows(bytes: &[u8], metadata: &[&str]) -> Vec<Row> {
    testing::rows(Format::Parquet, &fields("text", metadata), bytes, Part::Whole)
}

fn texts(column: ArrayRef) -> Vec<Result<String, &'static str>> {
    let rows = rows(&write(vec![("text", column)], 100), &[]);
    rows.into_iter().map(|row| row.text).collect()
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn numbered(count: usize) -> ArrayRef {
    Arc::new((0..count).map(|i| Some(format!("text {i}"))).collect::<StringArray>())
}

#[test]
fn texts_of_all_string_types() {
    let values = vec![Some("a"), None, Some(""), Some("é")];
    let good = |text: &str| Ok(text.to_owned());
    let expected = [good("a"), Err("missing-text"), good(""), good("é")];
    assert_eq!(texts(strings(&values)), expected);
    assert_eq!(texts(Arc::new(LargeStringArray::from(values.clone()))), expected);
    assert_eq!(texts(Arc::new(StringViewArray::from(values.clone()))), expected);
    let dictionary: DictionaryArray<Int32Type> = values.iter().copied().collect();
    assert_eq!(texts(Arc::new(dictionary)), expected);
    let bytes = vec![Some(&b"a"[..]), Some(b"\xff"), None];
    let expected = [good("a"), Err("invalid-utf8"), Err("missing-text")];
    assert_eq!(texts(Arc::new(BinaryArray::from(bytes))), expected);
    let numbers = Int64Array::from(vec![Some(1), None]);
    assert_eq!(texts(Arc::new(numbers)), vec![Err("text-not-a-string"); 2]);
    assert_eq!(texts(Arc::new(NullArray::new(2))), vec![Err("missing-text"); 2]);
    assert_eq!(rows(&write(vec![("body", numbered(3))], 2), &[])[2].text, Err("missing-text"));
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
    let number = Int64Array::from(vec![Some(7), None]);
    let bytes = write(
        vec![
            ("text", strings(&[Some("a"), Some("b")])),
            ("id", Arc::new(number)),
            ("time", Arc::new(time)),
            ("list", Arc::new(list)),
            ("m", Arc::new(inner)),
            ("m.dotted", strings(&[Some("d"), None])),
        ],
        100,
    );
    let wanted = ["id", "time", "list", "m.url", "m.score", "m.dotted", "m", "no", "text"];
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
        "a",
    ];
    assert_eq!(shown, expected);
    assert_eq!(rows[0].id.as_deref(), Some("7"));
    assert!(rows[1].metadata[..6].iter().all(Option::is_none) && rows[1].id.is_none());
}

#[test]
fn row_groups_divide_a_file() {
    let bytes = write(
        vec![("text", numbered(1000)), ("id", Arc::new(Int64Array::from_iter_values(0..1000)))],
        300,
    );
    let (_folder, store, piece) = file(&bytes, Part::Whole);
    let groups = row_groups(&store, "file", piece.size).unwrap().unwrap();
    let counts: Vec<u64> = groups.iter().map(|group| group.rows).collect();
    assert_eq!(counts, [300, 300, 300, 100]);
    let whole = rows(&bytes, &["id"]);
    let mut divided = Vec::new();
    for (groups, first_row) in [(0..1, 0), (1..3, 300), (3..4, 900), (4..4, 1000)] {
        let part = Part::RowGroups { groups, first_row };
        divided.extend(testing::rows(Format::Parquet, &fields("text", &["id"]), &bytes, part));
    }
    assert_eq!(divided, whole);
    for (number, row) in whole.iter().enumerate() {
        assert_eq!(row.position, Position::plain(number as u64));
        assert_eq!(row.text, Ok(format!("text {number}")));
        assert_eq!(row.metadata, [Some(number.to_string())]);
    }
    let mut reader = ParquetReader::open(&store, &fields("text", &["id"]), &piece).unwrap();
    // As where Arrow cannot take the file's types.
    reader.file.as_mut().unwrap().arrow = None;
    let lost = testing::drain(&mut reader, 1);
    let starts: Vec<u64> = lost.iter().map(|row| row.position.offset).collect();
    assert_eq!(starts, [0, 300, 600, 900]);
    assert!(lost.iter().all(|row| row.text == Err("corrupt")));
    for (groups, first_row) in [(3..5, 900), (1..2, 299)] {
        let piece = Piece { part: Part::RowGroups { groups, first_row }, ..piece.clone() };
        let opened = ParquetReader::open(&store, &fields("text", &[]), &piece);
        assert!(matches!(opened, Err(ReadError::Changed { .. })));
    }
}

#[test]
fn files_without_a_footer_are_one_failed_row() {
    let good = write(vec![("text", numbered(3))], 100);
    for bytes in [&b""[..], b"PAR1", b"\xff\xff\xff\xffPAR1", &[b'x'; 200], &good[..good.len() - 1]]
    {
        let (_folder, store, piece) = file(bytes, Part::Whole);
        assert_eq!(row_groups(&store, "file", piece.size).unwrap(), None);
        let rows = rows(bytes, &[]);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].position, &rows[0].text), (Position::plain(0), &Err("corrupt")));
    }
}

#[test]
fn a_damaged_page_loses_the_rest_of_its_row_group() {
    let mut bytes = write(vec![("text", numbered(900))], 300);
    let (_folder, store, piece) = file(&bytes, Part::Whole);
    let footer = read_footer(&store, "file", piece.size).unwrap().unwrap();
    let (start, length) = footer.row_group(1).column(0).byte_range();
    let middle = usize::try_from(start + length / 2).unwrap();
    bytes[middle..middle + 99].fill(0xee);
    let rows = rows(&bytes, &[]);
    assert_eq!(rows.len(), 601);
    assert_eq!((rows[300].position, &rows[300].text), (Position::plain(300), &Err("corrupt")));
    assert_eq!(
        (rows[301].position, &rows[301].text),
        (Position::plain(600), &Ok("text 600".to_owned()))
    );
}

#[test]
fn a_column_that_nobody_wants_is_not_read() {
    let mut bytes = write(vec![("text", numbered(300)), ("other", numbered(300))], 300);
    let (_folder, store, piece) = file(&bytes, Part::Whole);
    let footer = read_footer(&store, "file", piece.size).unwrap().unwrap();
    let (start, length) = footer.row_group(0).column(1).byte_range();
    let [start, end] = [start, start + length].map(|at| usize::try_from(at).unwrap());
    bytes[start..end].fill(0xee);
    assert!(rows(&bytes, &[]).iter().all(|row| row.text.is_ok()));
    assert_eq!(rows(&bytes, &["other"])[0].text, Err("corrupt"));
}

/// Wants the texts of rows whose first kept field is `keep`.
struct Keep;

impl Selection for Keep {
    fn fields(&self) -> &[usize] {
        &[0]
    }

    fn wanted(&self, ids: &[DocumentId], columns: &[StringArray]) -> Vec<bool> {
        assert_eq!(ids.len(), columns[0].len());
        columns[0].iter().map(|value| value == Some("keep")).collect()
    }
}

/// All rows with their texts; `Ok(None)` where the text was not wanted. Also counts the texts.
fn selected(bytes: &[u8], metadata: &[&str]) -> Vec<(u64, Result<Option<String>, &'static str>)> {
    let (_folder, store, piece) = file(bytes, Part::Whole);
    let mut reader = ParquetReader::open(&store, &fields("text", metadata), &piece).unwrap();
    let builder = BatchBuilder::new("source", metadata.len(), 999, None);
    let mut builder = builder.with_selection(Some(Arc::new(Keep)));
    let mut rows = Vec::new();
    loop {
        let more = reader.fill(&mut builder).unwrap();
        let batch = builder.take();
        for row in 0..batch.len() {
            let text = match batch.verdicts[row] {
                Verdict::Failed { reason } => Err(reason.as_str()),
                _ => Ok(batch.texts.is_valid(row).then(|| batch.text(row).to_owned())),
            };
            let chars = text.as_ref().ok().and_then(|text| Some(text.as_ref()?.chars().count()));
            assert_eq!(batch.chars_in[row], chars.map(|count| count as u64));
            rows.push((batch.positions[row].offset, text));
        }
        if !more {
            return rows;
        }
    }
}

/// A column of `keep` and `drop`.
fn kept(rows: usize, keep: impl Fn(usize) -> bool) -> ArrayRef {
    let label = |row| Some(if keep(row) { "keep" } else { "drop" });
    Arc::new((0..rows).map(label).collect::<StringArray>())
}

/// Where the pages of a column of a row group lie.
fn pages(bytes: &[u8], group: usize, column: usize) -> Vec<Range<usize>> {
    let options = ReadOptionsBuilder::new().with_page_index().build();
    let file = SerializedFileReader::new_with_options(Bytes::copy_from_slice(bytes), options);
    let footer = file.unwrap().metadata().clone();
    let index = footer.page_index_for_row_group(group);
    let page = |page: &PageLocation| {
        let start = usize::try_from(page.offset).unwrap();
        start..start + usize::try_from(page.compressed_page_size).unwrap()
    };
    index.page_locations(column).unwrap().iter().map(page).collect()
}

#[test]
fn texts_are_decoded_where_they_are_wanted() {
    let texts = (0..3000).map(|row| (row % 7 != 3).then(|| format!("text {row}")));
    let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
    let cases: [fn(usize) -> bool; 6] = [
        |_| true,
        |_| false,
        |row| row % 20 == 19,
        |row| row == 2999,
        |row| (300..1100).contains(&row),
        |row| row % 600 < 256,
    ];
    for (number, keep) in cases.into_iter().enumerate() {
        let columns = vec![("text", texts.clone()), ("label", kept(3000, keep))];
        let rows = selected(&write(columns, 700), &["label"]);
        assert_eq!(rows.len(), 3000);
        for (row, (position, found)) in rows.into_iter().enumerate() {
            let expected = match (keep(row), row % 7 != 3) {
                (false, _) => Ok(None),
                (true, true) => Ok(Some(format!("text {row}"))),
                (true, false) => Err("missing-text"),
            };
            assert_eq!((position, found), (row as u64, expected), "case {number}");
        }
    }
}

/// Damage shows what was decoded.
#[test]
fn pages_and_row_groups_without_wanted_texts_are_not_decoded() {
    let columns =
        |keep: fn(usize) -> bool| vec![("text", numbered(4000)), ("label", kept(4000, keep))];
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(2000))
        .set_data_page_row_count_limit(100)
        .set_write_batch_size(100)
        .set_dictionary_enabled(false)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    // Of the first row group rows 1234 to 1299, of the second none.
    let mut bytes = write_with(columns(|row| (1234..1300).contains(&row)), properties.clone());
    let places = pages(&bytes, 0, 0);
    assert_eq!(places.len(), 20);
    for (number, place) in places.into_iter().enumerate() {
        if number != 12 {
            // Behind the page's header, which is read to pass over it.
            bytes[place.start + 60..place.end].fill(0xee);
        }
    }
    for place in pages(&bytes, 1, 0) {
        bytes[place].fill(0xee);
    }
    let rows = selected(&bytes, &["label"]);
    assert_eq!(rows.len(), 4000);
    for (row, (_, text)) in rows.into_iter().enumerate() {
        let expected = (1234..1300).contains(&row).then(|| format!("text {row}"));
        assert_eq!(text, Ok(expected));
    }
    // One wanted row more, and the damage is met: the rest of the group is lost from its block on.
    let mut bytes = write_with(columns(|row| row % 2000 == 1999), properties);
    let last = pages(&bytes, 1, 0).pop().unwrap();
    bytes[last.start + 60..last.end].fill(0xee);
    let rows = selected(&bytes, &["label"]);
    assert_eq!(rows[1999], (1999, Ok(Some("text 1999".to_owned()))));
    assert_eq!(rows.last(), Some(&(2000 + 1792, Err("corrupt"))));
}

#[test]
fn a_selection_changes_no_failure_of_the_fields_it_reads() {
    let mut bytes = write(vec![("text", numbered(900)), ("label", kept(900, |_| false))], 300);
    let (_folder, store, piece) = file(&bytes, Part::Whole);
    let footer = read_footer(&store, "file", piece.size).unwrap().unwrap();
    let (start, length) = footer.row_group(1).column(1).byte_range();
    let [start, end] = [start, start + length].map(|at| usize::try_from(at).unwrap());
    bytes[start..end].fill(0xee);
    let rows = selected(&bytes, &["label"]);
    assert_eq!((rows.len(), &rows[300]), (601, &(300, Err("corrupt"))));
    // Strings that are none fail their records, whatever the condition would say of null.
    let mut bytes = write(
        vec![("text", numbered(3)), ("label", strings(&[Some("aXXXb"), None, Some("keep")]))],
        9,
    );
    let at = bytes.windows(5).position(|window| window == b"aXXXb");
    if let Some(at) = at {
        bytes[at + 1] = 0xff;
        assert_eq!(selected(&bytes, &["label"])[0].1, Err("invalid-utf8"));
    }
    // Without texts there is nothing to select from.
    let rows = selected(&write(vec![("label", kept(2, |_| false))], 9), &["label"]);
    assert!(rows.iter().all(|(_, text)| *text == Err("missing-text")));
}

#[test]
fn no_flipped_byte_panics_hangs_or_makes_up_rows() {
    let inner =
        StructArray::from(vec![(Arc::new(Field::new("url", DataType::Utf8, true)), numbered(20))]);
    let bytes = write(
        vec![
            ("text", numbered(20)),
            ("id", Arc::new(Int64Array::from_iter_values(0..20))),
            ("m", Arc::new(inner)),
        ],
        8,
    );
    for index in 0..bytes.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[index] ^= mask;
            let rows = rows(&bytes, &["id", "m.url", "m"]);
            assert!((1..=20).contains(&rows.len()), "byte {index}: {} rows", rows.len());
        }
    }
}
