use std::io::Write;

use super::*;

struct Memory<'a>(&'a [u8]);

impl Ranges for Memory<'_> {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_range(&mut self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        Ok(self.0[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
            .to_vec())
    }
}

fn short(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap().to_le_bytes()
}

fn long(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

/// An archive of files with their methods; with `wide`, all numbers stand in ZIP64 fields.
fn archive(files: &[(&str, u16, &[u8])], wide: bool, comment: &[u8]) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (name, method, content) in files {
        let stored = if *method == 8 {
            let mut encoder =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.to_vec()
        };
        let header = bytes.len();
        let numbers = [content.len(), stored.len(), header];
        bytes.extend(b"PK\x03\x04\x2d\0\0\0");
        bytes.extend(
            [&method.to_le_bytes()[..], &[0; 8], &long(stored.len()), &long(content.len())]
                .concat(),
        );
        bytes.extend(
            [&short(name.len())[..], &short(4), name.as_bytes(), b"\x99\x99\0\0", &stored].concat(),
        );
        let number = |at: usize| if wide { [0xff; 4] } else { long(numbers[at]) };
        let extra: Vec<u8> = if wide {
            let numbers = numbers.iter().flat_map(|&number| (number as u64).to_le_bytes());
            b"\x99\x99\x02\0xx\x01\0\x18\0".iter().copied().chain(numbers).collect()
        } else {
            Vec::new()
        };
        list.extend(b"PK\x01\x02\x2d\0\x2d\0\0\0");
        list.extend([&method.to_le_bytes()[..], &[0; 8], &number(1), &number(0)].concat());
        list.extend([&short(name.len())[..], &short(extra.len()), &[0; 10], &number(2)].concat());
        list.extend([name.as_bytes(), &extra].concat());
    }
    let (start, length) = (bytes.len(), list.len());
    bytes.extend(&list);
    if wide {
        let record = bytes.len() as u64;
        bytes.extend([&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[0; 12], &[1; 16]].concat());
        bytes.extend([(length as u64).to_le_bytes(), (start as u64).to_le_bytes()].concat());
        bytes.extend([&b"PK\x06\x07\0\0\0\0"[..], &record.to_le_bytes(), &[1, 0, 0, 0]].concat());
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = if wide { [0xff; 2] } else { short(files.len()) };
    let end = |value| if wide { [0xff; 4] } else { long(value) };
    bytes.extend(
        [&count[..], &count, &end(length), &end(start), &short(comment.len()), comment].concat(),
    );
    bytes
}

fn names(bytes: &[u8]) -> Result<Vec<Result<String, Damage>>, Damage> {
    let found = entries(&mut Memory(bytes)).unwrap()?;
    Ok(found.into_iter().map(|entry| entry.map(|entry| entry.name)).collect())
}

#[test]
fn files_and_where_they_are() {
    for wide in [false, true] {
        let files = [
            ("archive/", 0, &b""[..]),
            ("archive/a.warc.gz", 0, b"stored"),
            ("b", 8, b"deflated deflated"),
        ];
        let bytes = archive(&files, wide, b"a comment with PK\x05\x06 in it");
        let found = entries(&mut Memory(&bytes)).unwrap().unwrap();
        let found: Vec<Entry> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!(found.len(), 2, "folders are none");
        assert_eq!(
            (found[0].method, found[0].bytes, found[0].stored_bytes),
            (Method::Stored, 6, 6)
        );
        let range = data(&mut Memory(&bytes), &found[0]).unwrap().unwrap();
        assert_eq!(Memory(&bytes).read_range(range).unwrap(), b"stored");
        let range = data(&mut Memory(&bytes), &found[1]).unwrap().unwrap();
        let packed = Memory(&bytes).read_range(range).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(
            &mut flate2::bufread::DeflateDecoder::new(&packed[..]),
            &mut text,
        )
        .unwrap();
        assert_eq!((text.as_str(), found[1].bytes), ("deflated deflated", 17));
        assert!(found[0].is_warc() && !found[1].is_warc());
    }
    assert_eq!(names(&archive(&[], false, b"")), Ok(Vec::new()));
}

#[test]
fn damaged_archives_say_so() {
    let bytes = archive(&[("archive/a.warc", 0, b"text"), ("x", 99, b"")], false, b"");
    let method = Damage::Method { name: "x".to_owned(), method: 99 };
    assert_eq!(names(&bytes), Ok(vec![Ok("archive/a.warc".to_owned()), Err(method)]));
    assert_eq!(names(b""), Err(Damage::NoEnd));
    assert_eq!(names(b"PK\x03\x04 no archive"), Err(Damage::NoEnd));
    for end in 0..bytes.len() {
        assert_eq!(names(&bytes[..end]), Err(Damage::NoEnd), "cut at {end}");
    }
    let entry = entries(&mut Memory(&bytes)).unwrap().unwrap().remove(0).unwrap();
    let shifted = data(&mut Memory(&bytes[1..]), &entry).unwrap();
    assert_eq!(shifted, Err(Damage::BadEntry("archive/a.warc".to_owned())));
    assert!(matches!(names(&bytes[1..]), Err(Damage::BadList(_))));
    let list = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    let mut encrypted = bytes.clone();
    encrypted[list + 8] |= 1;
    assert_eq!(names(&encrypted).unwrap()[0], Err(Damage::Encrypted("archive/a.warc".to_owned())));
    let mut parts = bytes.clone();
    let end = memchr::memmem::rfind(&bytes, b"PK\x05\x06").unwrap();
    parts[end + 4] = 3;
    assert_eq!(names(&parts), Err(Damage::Parts));
}

proptest::proptest! {
    #[test]
    fn damage_is_survived(at in 0usize..400, byte in proptest::prelude::any::<u8>(), wide in proptest::prelude::any::<bool>()) {
        let mut bytes = archive(&[("archive/a.warc", 0, b"text"), ("b", 8, b"more")], wide, b"");
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(found) = entries(&mut Memory(&bytes)).unwrap() {
            for entry in found.into_iter().flatten() {
                let _ = data(&mut Memory(&bytes), &entry).unwrap();
            }
        }
    }
}
