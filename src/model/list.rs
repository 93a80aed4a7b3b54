//! Lists in text files, an entry a line: read as a stream, since some have millions of lines.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::{AssetError, open_asset};
use crate::read::Compression;

/// The longest line that may be an entry.
const MAX_LINE: u64 = 64 << 10;

/// Calls `line` with the number (from 1) and the bytes of each line of the list at `path`, line end
/// and white space around it left out. The file is plain, gzip or zstd, as its first bytes say.
///
/// # Errors
/// When the file cannot be read or is no text, or with what `line` says is wrong.
pub(crate) fn for_each_line(
    path: &Path,
    line: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<(), AssetError> {
    for_each_line_up_to(path, MAX_LINE, line)
}

/// [`for_each_line`] for files whose lines may have up to `longest` bytes.
///
/// # Errors
/// As there.
pub(crate) fn for_each_line_up_to(
    path: &Path,
    longest: u64,
    mut line: impl FnMut(u64, &[u8]) -> Result<(), String>,
) -> Result<(), AssetError> {
    let wrong = |reason: String| AssetError::List { path: path.to_owned(), reason };
    let broken = |number: u64, error: std::io::Error| {
        wrong(format!("behind line {number}: {error}; is the file whole?"))
    };
    let mut file = BufReader::with_capacity(1 << 18, open_asset(path)?);
    let start = file.fill_buf().map_err(|error| broken(0, error))?;
    let mut reader: Box<dyn BufRead> = match Compression::detect(start) {
        Compression::None => Box::new(file),
        Compression::Lz4 => {
            let reason = "lz4 lists are not read; pack it with gzip or zstd";
            return Err(wrong(reason.to_owned()));
        }
        Compression::Gzip => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(file))),
        Compression::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(file);
            Box::new(BufReader::new(decoder.map_err(|error| broken(0, error))?))
        }
    };
    let mut buffer = Vec::new();
    for number in 1.. {
        buffer.clear();
        let read = (&mut reader).take(longest).read_until(b'\n', &mut buffer);
        if read.map_err(|error| broken(number - 1, error))? == 0 {
            break;
        }
        if memchr::memchr(0, &buffer).is_some() {
            let reason = "it is no text: it has NUL bytes; a tar archive has to be unpacked first";
            return Err(wrong(reason.to_owned()));
        }
        if buffer.len() as u64 == longest && buffer.last() != Some(&b'\n') {
            return Err(wrong(format!("line {number} is longer than {longest} bytes")));
        }
        let mut bytes = buffer.as_slice();
        if number == 1 {
            bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        }
        line(number, bytes.trim_ascii()).map_err(wrong)?;
    }
    Ok(())
}

/// The entries of a list of words or phrases: a line each, blank lines and those that start with `#`
/// left out.
///
/// # Errors
/// When the file cannot be read, is not UTF-8 or holds no entry.
pub(crate) fn entries(path: &Path) -> Result<Vec<String>, AssetError> {
    let mut entries = Vec::new();
    for_each_line(path, |number, line| {
        if !line.is_empty() && !line.starts_with(b"#") {
            let entry = std::str::from_utf8(line)
                .map_err(|_| format!("line {number} is not UTF-8; convert the file"))?;
            entries.push(entry.to_owned());
        }
        Ok(())
    })?;
    if entries.is_empty() {
        let reason = "it holds no entry; leave it out or fill it".to_owned();
        return Err(AssetError::List { path: path.to_owned(), reason });
    }
    Ok(entries)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write their own files")]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, bytes).unwrap();
        entries(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn plain_gzip_and_zstd_with_comments_and_any_line_end() {
        let text = "\u{feff}# a comment\r\nfirst\r\n\n  second word \n#x\nthird";
        let wanted = ["first", "second word", "third"];
        assert_eq!(read(text.as_bytes()).unwrap(), wanted);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(read(&gzip).unwrap(), wanted);
        assert_eq!(read(&zstd::encode_all(text.as_bytes(), 1).unwrap()).unwrap(), wanted);
        let cut = read(&gzip[..gzip.len() - 9]).unwrap_err();
        assert!(cut.contains("is the file whole?"), "{cut}");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        assert!(read(b"").unwrap_err().contains("no entry"));
        assert!(read(b"# only\n").unwrap_err().contains("no entry"));
        assert!(read(b"domains\0\0\0ustar").unwrap_err().contains("tar"));
        assert!(read(b"one\n\xff\xfe\n").unwrap_err().contains("line 2"));
        assert!(read(&vec![b'x'; 70_000]).unwrap_err().contains("longer than"));
        let exactly = [vec![b'x'; 65_535], b"\nshort\n".to_vec()].concat();
        assert_eq!(read(&exactly).unwrap().len(), 2);
    }
}
