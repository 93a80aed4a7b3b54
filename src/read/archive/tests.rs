use super::super::decompress::testing::{Row, file, gzip, rows};
use super::super::{Format, Part};
use super::*;

fn page(number: usize) -> Vec<u8> {
    let block = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>page {number}</p>");
    let url = format!("https://example.org/{number}");
    let head = format!(
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nContent-Type: application/http\r\n\
         Content-Length: {}\r\n\r\n{block}\r\n\r\n",
        block.len()
    );
    head.into_bytes()
}

fn request() -> Vec<u8> {
    b"WARC/1.1\r\nWARC-Type: request\r\nContent-Length: 4\r\n\r\nGET \r\n\r\n".to_vec()
}

fn fields() -> Fields {
    super::super::decompress::testing::fields("text", &["url"])
}

fn read(bytes: &[u8], part: Part) -> Vec<Row> {
    rows(Format::Warc, &fields(), bytes, part)
}

/// A ZIP archive of stored files.
fn zip(files: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    let long = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    for (name, method, content) in files {
        let start = bytes.len();
        let mut common = vec![20, 0, 0, 0, *method, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(long(content.len()));
        common.extend(long(content.len()));
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(*content);
        list.extend(b"PK\x01\x02\x14\0");
        list.extend(&common);
        list.extend([0; 10]);
        list.extend(long(start));
        list.extend(name.as_bytes());
    }
    let start = bytes.len();
    bytes.extend(&list);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    bytes.extend([count, count].concat());
    bytes.extend(long(list.len()));
    bytes.extend(long(start));
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn any_division_gives_the_same_records() {
    let records: Vec<Vec<u8>> = (0..24).flat_map(|number| [request(), page(number)]).collect();
    let plain = records.concat();
    let packed: Vec<u8> = records.iter().flat_map(|record| gzip(record)).collect();
    let archive = zip(&[
        ("archive/one.warc.gz", 0, &packed),
        ("pages/pages.jsonl", 0, b"{}"),
        ("archive/two.warc", 0, &plain),
        ("archive/deflated.warc", 8, b"whatever"),
    ]);
    for (bytes, count) in [(plain, 24), (packed, 24), (archive, 49)] {
        let whole = read(&bytes, Part::Whole);
        assert_eq!(whole.len(), count);
        for step in [90, 333, 1000, 4096] {
            let size = bytes.len() as u64;
            let parts = (0..size).step_by(step).map(|at| at..size.min(at + step as u64));
            let mut divided: Vec<Row> =
                parts.flat_map(|range| read(&bytes, Part::Bytes(range))).collect();
            if count == 49 {
                assert_eq!(divided.last().map(|row| row.text.clone()), Some(Err("packed-twice")));
                // Pieces come one behind the other; within one, file by file.
                divided.sort_by_key(|row| row.position);
                let mut whole = whole.clone();
                whole.sort_by_key(|row| row.position);
                assert_eq!(divided, whole, "pieces of {step} bytes");
            } else {
                assert_eq!(divided, whole, "pieces of {step} bytes");
            }
        }
    }
}

#[test]
fn what_is_no_document_is_counted_once() {
    let packed: Vec<u8> =
        (0..9).flat_map(|number| [gzip(&request()), gzip(&page(number))]).flatten().collect();
    let mut counted = 0;
    for start in (0..packed.len() as u64).step_by(500) {
        let part = Part::Bytes(start..(start + 500).min(packed.len() as u64));
        let (_folder, store, piece) = file(&packed, part);
        let mut reader = ArchiveReader::open(&store, &fields(), &piece).unwrap();
        super::super::decompress::testing::drain(&mut reader, 1);
        counted += reader.passed_over().get("request").copied().unwrap_or_default();
    }
    assert_eq!(counted, 9);
}

#[test]
fn a_damaged_archive_is_one_failed_row() {
    let mut archive = zip(&[("archive/one.warc", 0, &page(1))]);
    archive.truncate(archive.len() - 5);
    let found = read(&archive, Part::Whole);
    assert_eq!((found[0].position, &found[0].text), (Position::plain(0), &Err("corrupt")));
    assert_eq!(read(&archive, Part::Bytes(1..100)), []);
}

/// Records of real archives by type, as `benches/parity/warc_counts.md` compares and explains them.
#[test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "real files, if they are there"
)]
fn real_archives_have_the_records_that_the_table_says() {
    #[derive(serde::Deserialize)]
    struct Tools {
        tamis: Counted,
    }
    #[derive(serde::Deserialize)]
    struct Counted {
        counts: BTreeMap<String, u64>,
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = root.join("../shared/data");
    if !data.join("warc").is_dir() {
        eprintln!("SKIPPED: real web archives are not at {}", data.display());
        return;
    }
    let table = std::fs::read(root.join("benches/parity/warc_counts.json")).unwrap();
    let table: BTreeMap<String, Tools> = serde_json::from_slice(&table).unwrap();
    assert_eq!(table.len(), 64);
    for (name, Tools { tamis }) in table {
        let bytes = std::fs::read(data.join(&name)).unwrap();
        let count = |part| {
            let (_folder, store, piece) = file(&bytes, part);
            let mut reader = ArchiveReader::open(&store, &fields(), &piece).unwrap();
            let rows = super::super::decompress::testing::drain(&mut reader, 1);
            (rows, reader.counts.into_iter().filter(|(_, count)| *count > 0).collect())
        };
        let (whole, counts): (Vec<Row>, BTreeMap<String, u64>) = count(Part::Whole);
        assert_eq!(counts, tamis.counts, "{name}");
        if name.contains("__waczs__") {
            continue;
        }
        let (mut rows, mut sums) = (Vec::new(), BTreeMap::new());
        let step = (bytes.len() / 5).max(7);
        for start in (0..bytes.len()).step_by(step) {
            let end = bytes.len().min(start + step);
            let (more, counts) = count(Part::Bytes(start as u64..end as u64));
            rows.extend(more);
            add(&mut sums, counts);
        }
        assert!(rows == whole, "{name} in five pieces: {} rows of {}", rows.len(), whole.len());
        assert_eq!(sums, tamis.counts, "{name} in five pieces");
    }
}
