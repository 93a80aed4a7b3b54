//! An S3 server of our own, on a free port of this machine.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What must never be seen anywhere.
pub(crate) const SECRET: &str = "HushHushNobodyMaySeeThisKey";
pub(crate) const TOKEN: &str = "HushHushNobodyMaySeeThisToken";
/// moto wants to see a signature and does not check it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAHUSHHUSHHUSHHUSH/20250701/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none";
pub(crate) const BUCKET: &str = "shelf";

pub(crate) struct Moto {
    server: Child,
    address: String,
}

fn program() -> Option<PathBuf> {
    let cache = PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/tamis");
    let folders = [
        std::env::var_os("TAMIS_MOTO").map(PathBuf::from),
        Some(cache.join("moto")),
        Some(cache.join("web")),
    ];
    let programs = folders.into_iter().flatten().map(|folder| folder.join("bin/moto_server"));
    programs.into_iter().find(|program| program.exists())
}

impl Moto {
    /// A server with one bucket; `None`, loudly, where there is none to start.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("SKIPPED: {test} needs tests/objects/setup.sh to have run");
            return None;
        };
        for _ in 0..3 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = Command::new(&program)
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let address = format!("127.0.0.1:{port}");
            let start = Instant::now();
            while start.elapsed() < Duration::from_mins(2) {
                if TcpStream::connect(&address).is_ok() {
                    let moto = Self { server, address };
                    moto.request("PUT", &format!("/{BUCKET}"), b"");
                    return Some(moto);
                }
                if server.try_wait().unwrap().is_some() {
                    // Somebody else took the port meanwhile.
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = server.kill();
            let _ = server.wait();
        }
        panic!("moto does not start");
    }

    /// Lets a program use the server, with credentials that must not be seen.
    pub(crate) fn lend<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAHUSHHUSHHUSHHUSH")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_SESSION_TOKEN", TOKEN)
            .env("TAMIS_RETRY_SECONDS", "20")
    }

    fn request(&self, method: &str, target: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{method} {target} HTTP/1.0\r\nHost: {}\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        let status = String::from_utf8_lossy(&answer[..end]).into_owned();
        assert!(status.split(' ').nth(1).unwrap().starts_with('2'), "{method} {target}: {status}");
        answer.split_off(end)
    }

    pub(crate) fn put(&self, key: &str, body: &[u8]) {
        self.request("PUT", &format!("/{BUCKET}/{key}"), body);
    }

    pub(crate) fn keys(&self, prefix: &str) -> Vec<String> {
        let target = format!("/{BUCKET}?list-type=2&prefix={prefix}");
        let listing = String::from_utf8(self.request("GET", &target, b"")).unwrap();
        let keys = listing.split("<Key>").skip(1);
        keys.map(|rest| rest.split("</Key>").next().unwrap().to_owned()).collect()
    }

    /// The objects below `run/` that must be the same whatever wrote them.
    pub(crate) fn results(&self, run: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for part in ["documents", "ledger", "rejected", "tokens"] {
            for key in self.keys(&format!("{run}/{part}/")) {
                files.insert(key[run.len() + 1..].to_owned(), self.body(&key));
            }
        }
        files
    }

    pub(crate) fn body(&self, key: &str) -> Vec<u8> {
        self.request("GET", &format!("/{BUCKET}/{key}"), b"")
    }

    /// All that the server holds, as one text.
    pub(crate) fn everything(&self) -> Vec<u8> {
        let keys = self.keys("").into_iter();
        keys.flat_map(|key| self.body(&key)).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
