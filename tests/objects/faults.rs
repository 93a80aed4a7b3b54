//! A web server that breaks off, is busy, changes its files and ignores what it is asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tamis::store::{Store, StoreError};

use crate::support::{Lab, assert_same, fail, sample, succeed};

/// A file every request for which goes wrong in one way, named by the folder of its address.
struct Server {
    address: String,
    /// Requests so far, by address.
    asked: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Server {
    fn start(body: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let (body, counts) = (Arc::new(body), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (body, counts) = (Arc::clone(&body), Arc::clone(&counts));
                // A client that goes away is its own business.
                std::thread::spawn(move || drop(answer(&stream.unwrap(), &body, &counts)));
            }
        });
        Self { address, asked }
    }

    fn url(&self, folder: &str) -> String {
        format!("http://{}/{folder}", self.address)
    }

    fn asked(&self, folder: &str) -> u32 {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(path, _)| path.starts_with(folder)).map(|(_, times)| times).sum()
    }
}

fn answer(
    stream: &TcpStream,
    body: &[u8],
    counts: &Mutex<BTreeMap<String, u32>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let Some(request) = lines.next().transpose()? else { return Ok(()) };
    let mut range = None;
    for line in lines.by_ref() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            let (start, end) = bytes.split_once('-').unwrap();
            let start: usize = start.parse().unwrap();
            let end = end.parse().map_or(body.len(), |end: usize| (end + 1).min(body.len()));
            range = Some(start..end);
        }
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("").to_owned());
    let folder = path.split('/').nth(1).unwrap_or("").to_owned();
    let times = {
        let mut counts = counts.lock().unwrap();
        let times = counts.entry(path[1..].to_owned()).or_default();
        *times += u32::from(method == "GET");
        if method == "GET" { *times } else { 0 }
    };
    let mut out = stream;
    let plain = |status: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    };
    let busy = match folder.as_str() {
        "busy" if times % 3 == 1 => Some("503 Busy"),
        "busy" if times % 3 == 2 => Some("429 Slow down"),
        "gone" => Some("404 Not found"),
        "closed" => Some("403 Forbidden"),
        _ => None,
    };
    if let Some(status) = busy {
        return out.write_all(plain(status).as_bytes());
    }
    let part = match (range, folder.as_str()) {
        (_, "whole") | (None, _) => None,
        (Some(range), "shifted") if range.start > 0 => Some(range.start - 1..range.end),
        (Some(range), _) => Some(range),
    };
    let tag = match folder.as_str() {
        "untagged" => "Last-Modified: Tue, 01 Jul 2025 10:00:00 GMT\r\n".to_owned(),
        "redated" => {
            format!("Last-Modified: Tue, 01 Jul 2025 10:00:0{} GMT\r\n", (times / 2).min(9))
        }
        "changing" => format!("ETag: \"v{}\"\r\n", times / 2),
        _ => "ETag: W/\"same\"\r\n".to_owned(),
    };
    let sent = part.clone().map_or(body, |range| &body[range]);
    let (status, content_range) = match &part {
        Some(range) => (
            "206 Partial Content",
            format!("Content-Range: bytes {}-{}/{}\r\n", range.start, range.end - 1, body.len()),
        ),
        None => ("200 OK", String::new()),
    };
    let length = sent.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{content_range}{tag}Accept-Ranges: bytes\r\nConnection: close\r\n\r\n"
    );
    out.write_all(head.as_bytes())?;
    if method == "HEAD" {
        return Ok(());
    }
    match folder.as_str() {
        // Two answers of three break off.
        "cut" | "untagged" | "redated" if times % 3 != 0 && length > 1000 => {
            out.write_all(&sent[..length / 2])
        }
        "slow" => sent.chunks(length.div_ceil(8)).try_for_each(|chunk| {
            std::thread::sleep(Duration::from_millis(60));
            out.write_all(chunk)
        }),
        _ => out.write_all(sent),
    }
}

fn body() -> Vec<u8> {
    (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn read(server: &Server, folder: &str) -> Result<Vec<u8>, String> {
    let store = Store::open_existing(server.url(folder)).map_err(|error| error.to_string())?;
    let store = store.for_input();
    let size = store.entry("file").map_err(|error| error.to_string())?.size;
    let mut read = Vec::new();
    let mut reader = store.reader("file", 0..size).map_err(|error| error.to_string())?;
    reader.read_to_end(&mut read).map_err(|error| error.to_string())?;
    Ok(read)
}

#[test]
fn what_breaks_off_is_read_to_its_end() {
    let server = Server::start(body());
    for folder in ["good", "cut", "untagged", "busy", "slow"] {
        assert!(read(&server, folder).unwrap() == body(), "{folder}");
        let store = Store::open_existing(server.url(folder)).unwrap();
        assert!(store.read("file").unwrap() == body(), "{folder}");
        assert!(*store.map("file").unwrap() == *body(), "{folder}");
        assert_eq!(store.read_range("file", 7..9).unwrap(), body()[7..9], "{folder}");
    }
    assert!(server.asked("cut") > server.asked("good"));
}

#[test]
fn contents_are_never_mixed() {
    let server = Server::start(body());
    for folder in ["changing", "redated"] {
        let message = read(&server, folder).unwrap_err();
        assert!(message.contains("changed while it was read"), "{folder}: {message}");
    }
    let message = read(&server, "whole").unwrap_err();
    assert!(message.contains("does not answer requests for a part"), "{message}");
    let message = read(&server, "shifted").unwrap_err();
    assert!(message.contains("Requested"), "{message}");
    let message = read(&server, "gone").unwrap_err();
    assert!(message.contains("does not exist"), "{message}");
    let message = read(&server, "closed").unwrap_err();
    assert!(message.contains("no access to"), "{message}");
}

#[test]
fn the_web_is_read_only_and_has_no_lists() {
    let server = Server::start(body());
    let store = Store::open(server.url("good")).unwrap();
    for error in [
        store.put("x", "y".into()).unwrap_err(),
        store.put_if_absent("x", "y".into()).unwrap_err(),
        store.writer("x").err().unwrap(),
        store.delete("x").unwrap_err(),
        store.delete_below("x").unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    }
    assert!(matches!(store.list(""), Err(StoreError::NoListing { .. })));
    assert_eq!(server.asked(""), 0);
}

fn pipeline(lab: &Lab, name: &str, path: &str) -> String {
    let text = format!(
        "name = \"{name}\"\n[[source]]\nname = \"web\"\npath = {path:?}\nsplit_size = \"500KiB\"\n\
         [[stage]]\nop = \"sample\"\nfraction = 0.5\n"
    );
    lab.write(&format!("{name}.toml"), text)
}

#[test]
fn a_run_from_a_bad_web_server_gives_the_same() {
    let lab = Lab::new();
    let local = sample("web/part-2.jsonl");
    succeed(&["run", &pipeline(&lab, "local", &local), "--out", &lab.text("local")]);
    let server = Server::start(std::fs::read(&local).unwrap());
    for folder in ["cut", "untagged", "busy"] {
        let url = server.url(&format!("{folder}/part-2.jsonl"));
        succeed(&["run", &pipeline(&lab, folder, &url), "--out", &lab.text(folder)]);
        assert_same(&lab.path("local"), &lab.path(folder));
    }
    let url = server.url("changing/part-2.jsonl");
    let message = fail(65, &["run", &pipeline(&lab, "changing", &url), "--out", &lab.text("c")]);
    assert!(message.contains("changed while it was read"), "{message}");
    let globbed = server.url("good/*.jsonl");
    let message = fail(2, &["run", &pipeline(&lab, "globbed", &globbed), "--out", &lab.text("g")]);
    assert!(message.contains("cannot be listed"), "{message}");
}
