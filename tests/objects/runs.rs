//! Whole runs whose input and run directory lie in a bucket.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use super::moto::{BUCKET, Moto, SECRET, TOKEN};
use crate::support::{Lab, results, sample, succeed, tamis, write_scores};

fn call(moto: &Moto, arguments: &[&str]) -> Output {
    moto.lend(&mut tamis()).args(arguments).output().unwrap()
}

fn good(moto: &Moto, arguments: &[&str]) -> String {
    let output = call(moto, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tamis {arguments:?}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// A pipeline with two exchanges, one of them a join, whose files lie below `place`; the tokenizer,
/// too.
fn pipeline(lab: &Lab, name: &str, place: &str) -> String {
    let text = format!(
        r#"
name = "corpus"
seed = 3
rejected = "all"

[[source]]
name = "web"
path = "{place}/web/**/*.jsonl*"
split_size = "400KiB"
keep_fields = ["url"]

[[source]]
name = "books"
path = ["{place}/books/novels-de.parquet", "{place}/books/novels-e?.parquet"]
split_size = "700KiB"

[[stage]]
op = "sample"
fraction = 0.7

[[stage]]
op = "join"
path = "{place}/scores/*.parquet"
on = "source_id"
key = "id"

[[stage]]
op = "exact-dedup"

[tokens]
tokenizer = "{place}/gpt2.json"
validation_fraction = 0.1
shard_size = "1MiB"
"#
    );
    lab.write(&format!("{name}.toml"), text)
}

/// The input, in a folder and on the server.
fn input(lab: &Lab, moto: &Moto) -> String {
    let folder = lab.path("in");
    for name in [
        "web/part-0.jsonl.gz",
        "web/part-2.jsonl",
        "books/novels-de.parquet",
        "books/novels-en.parquet",
    ] {
        lab.write(&format!("in/{name}"), std::fs::read(sample(name)).unwrap());
    }
    lab.write("in/gpt2.json", std::fs::read(sample("tokenizers/gpt2.json")).unwrap());
    std::fs::create_dir_all(folder.join("scores")).unwrap();
    let ids: Vec<_> = (0..600).map(|n| format!("web-{n:05}")).collect();
    write_scores(&folder.join("scores/0.parquet"), "id", &ids, (0..600).map(f64::from).collect());
    for name in [
        "web/part-0.jsonl.gz",
        "web/part-2.jsonl",
        "books/novels-de.parquet",
        "books/novels-en.parquet",
        "gpt2.json",
        "scores/0.parquet",
    ] {
        moto.put(&format!("in/{name}"), &std::fs::read(folder.join(name)).unwrap());
    }
    folder.display().to_string()
}

#[test]
fn a_run_in_a_bucket_gives_the_same_bytes() {
    let Some(moto) = Moto::start("a_run_in_a_bucket_gives_the_same_bytes") else { return };
    let lab = Lab::new();
    let folder = input(&lab, &moto);
    succeed(&["run", &pipeline(&lab, "local", &folder), "--out", &lab.text("local")]);
    let local = results(&lab.path("local"));
    assert!(local.len() > 10, "{:?}", local.keys());
    let remote = pipeline(&lab, "remote", &format!("s3://{BUCKET}/in"));
    for (run, extra) in [("threads", "--threads=3"), ("processes", "--on=processes")] {
        let out = format!("s3://{BUCKET}/runs/{run}");
        good(&moto, &["run", &remote, "--out", &out, extra]);
        assert!(moto.results(&format!("runs/{run}")) == local, "{run}");
        assert!(moto.keys(&format!("runs/{run}/work/")).is_empty());
    }

    // Killed as soon as something is committed, it goes on.
    let out = format!("s3://{BUCKET}/runs/killed");
    let mut child = moto
        .lend(&mut tamis())
        .args(["run", &remote, "--out", &out, "--threads", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while moto.keys("runs/killed/manifests/").len() < 3 {
        assert!(start.elapsed() < Duration::from_mins(5));
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = moto.keys("runs/killed/manifests/");
    good(&moto, &["run", &remote, "--out", &out]);
    assert!(moto.results("runs/killed") == local);
    let after = moto.keys("runs/killed/manifests/");
    assert!(before.iter().all(|key| after.contains(key)) && before.len() < after.len());
    // And once more there is nothing to do.
    good(&moto, &["run", &remote, "--out", &out]);
    assert_eq!(moto.keys("runs/killed/manifests/"), after);

    ask(&moto, &lab, &out);
}

/// Every command that reads a run.
fn ask(moto: &Moto, lab: &Lab, out: &str) {
    let local = lab.text("local");
    let sql = "SELECT verdict, COUNT(*) AS n FROM ledger GROUP BY verdict ORDER BY verdict";
    for question in [
        &["query", "RUN", sql][..],
        &["why", "RUN", "web-00003"],
        &["inspect", "RUN", "-n", "3"],
        &["whatif", "RUN", "--set", "stage.sample.fraction=0.5"],
    ] {
        let ask = |run: &str| {
            question
                .iter()
                .map(|word| if *word == "RUN" { run } else { word }.to_owned())
                .collect::<Vec<_>>()
        };
        let (here, there) = (ask(&local), ask(out));
        let here: Vec<&str> = here.iter().map(String::as_str).collect();
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        assert_eq!(succeed(&here), good(moto, &there), "{question:?}");
    }
    let scores = format!("s3://{BUCKET}/in/scores/0.parquet");
    good(moto, &["join", out, &scores, "--on", "source-id", "--key", "id", "--name", "late"]);
    let sql = "SELECT COUNT(*) AS n FROM ledger WHERE late.score >= 0";
    let found = good(moto, &["query", out, sql, "--format", "json"]);
    assert!(!found.contains("\"n\":0") && found.contains('n'), "{found}");
    let exported = format!("s3://{BUCKET}/exports/kept.parquet");
    good(moto, &["export", out, "--out", &exported]);
    succeed(&["export", &local, "--out", &lab.text("kept.parquet")]);
    let same =
        moto.body("exports/kept.parquet") == std::fs::read(lab.path("kept.parquet")).unwrap();
    assert!(same);
}

#[test]
fn an_index_may_lie_in_a_bucket() {
    let Some(moto) = Moto::start("an_index_may_lie_in_a_bucket") else { return };
    let lab = Lab::new();
    lab.write("a.jsonl", "{\"text\": \"one and two\"}\n{\"text\": \"three\"}\n");
    lab.write("b.jsonl", "{\"text\": \"four\"}\n{\"text\": \"one and two\"}\n");
    for crawl in ["a", "b"] {
        let text = format!(
            "name = \"{crawl}\"\n[[source]]\nname = \"{crawl}\"\npath = \"{crawl}.jsonl\"\n[[stage]]\n\
             op = \"exact-dedup\"\nindex = \"s3://{BUCKET}/index\"\nindex_action = \"drop\"\n"
        );
        let file = lab.write(&format!("{crawl}.toml"), text);
        good(&moto, &["run", &file, "--out", &lab.text(crawl)]);
    }
    let verdicts: Vec<_> =
        crate::support::ledger(&lab.path("b")).into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(verdicts, ["kept", "dropped"]);
    assert_eq!(moto.keys("index/versions/").len(), 2);
}

#[test]
fn what_is_missing_in_the_environment_is_said() {
    let lab = Lab::new();
    let text = "name = \"x\"\n[[source]]\nname = \"web\"\npath = \"s3://shelf/*.jsonl\"\n";
    let file = lab.write("x.toml", format!("{text}[[stage]]\nop = \"sample\"\nfraction = 0.5\n"));
    let run = |allow: &str| {
        let mut command = tamis();
        command.args(["run", &file, "--out", &lab.text("out")]);
        // Nobody listens there.
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_ALLOW_HTTP", allow);
        command.env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "y");
        let output = command.env("TAMIS_RETRY_SECONDS", "1").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run("false");
    assert!(code == Some(2) && said.contains("AWS_ALLOW_HTTP=true"), "{code:?} {said}");
    let (code, said) = run("true");
    assert!(code == Some(75) && said.contains("cannot list `s3://shelf"), "{code:?} {said}");
}

/// Everything below a folder, as one text.
fn everything(folder: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            bytes.extend(everything(&entry.path()));
        } else {
            bytes.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    bytes
}

#[test]
fn no_credential_is_ever_shown() {
    let Some(moto) = Moto::start("no_credential_is_ever_shown") else { return };
    let hushed = |what: &str, bytes: &[u8]| {
        for secret in [SECRET, TOKEN] {
            let seen = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!seen, "{what}: {}", String::from_utf8_lossy(bytes));
        }
    };
    let lab = Lab::new();
    moto.put("in/a.jsonl", b"{\"text\": \"one and two\"}\n");
    let source = |path: &str| {
        format!(
            "name = \"x\"\n[[source]]\nname = \"web\"\npath = \"{path}\"\n[[stage]]\nop = \"exact-dedup\"\n"
        )
    };
    let plain = lab.write("plain.toml", source(&format!("s3://{BUCKET}/in/a.jsonl")));
    for (out, bucket_exists) in [
        (format!("s3://{BUCKET}/run"), true),
        (lab.text("run"), true),
        ("s3://no-such-bucket/run".to_owned(), false),
    ] {
        let output = moto
            .lend(&mut tamis())
            .env("TAMIS_LOG", "trace")
            .args(["run", &plain, "--out", &out])
            .output()
            .unwrap();
        assert_eq!(output.status.success(), bucket_exists, "{output:?}");
        hushed("stdout", &output.stdout);
        hushed("stderr", &output.stderr);
    }
    hushed("the bucket", &moto.everything());
    hushed("the folder", &everything(lab.folder.path()));

    // In a URL it is refused, and the report of the pipeline's line does not repeat it.
    for (n, url) in [
        format!("s3://me:{SECRET}@{BUCKET}/in/a.jsonl"),
        format!("https://{SECRET}@example.org/a.jsonl"),
        format!("https://example.org/a.jsonl?X-Amz-Signature={SECRET}"),
        format!("s3://{BUCKET}/in/a.jsonl?sig={SECRET}&x={TOKEN}"),
    ]
    .iter()
    .enumerate()
    {
        let file = lab.write(&format!("{n}.toml"), source(url));
        let output = call(&moto, &["run", &file, "--out", &lab.text("refused")]);
        assert_eq!(output.status.code(), Some(2), "{url}");
        hushed(url, &output.stderr);
        assert!(String::from_utf8_lossy(&output.stderr).contains("environment"), "{output:?}");
        for arguments in [
            ["run", &plain, "--out", url].as_slice(),
            &["query", url, "SELECT 1"],
            &["join", &lab.text("run"), url],
            &["export", &lab.text("run"), "--out", url],
        ] {
            let output = call(&moto, arguments);
            assert!(!output.status.success(), "{arguments:?}");
            hushed("stderr", &output.stderr);
        }
    }
    assert!(!lab.path("refused").exists());
}
