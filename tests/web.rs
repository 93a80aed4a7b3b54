//! The web: from a crawler's archive to documents.

use crate::support::{Lab, ledger, sample, succeed, table, texts};

fn pipeline(lab: &Lab, name: &str, more: &str) -> String {
    lab.write(
        name,
        format!(
            "name = \"web\"\n[[source]]\nname = \"crawl\"\npath = \"{}\"\n\
             keep_fields = [\"url\", \"charset\", \"http.content-encoding\"]\n{more}\n[documents]\n",
            sample("crawl/*.warc.gz")
        ),
    )
}

fn summary(lab: &Lab, run: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(lab.path(run).join("summary.json")).unwrap()).unwrap()
}

#[test]
fn every_record_of_an_archive_is_accounted_for() {
    let lab = Lab::new();
    succeed(&["run", &pipeline(&lab, "web.toml", ""), "--out", &lab.text("run")]);
    let summary = summary(&lab, "run");
    assert_eq!((&summary["input"], &summary["kept"]), (&153.into(), &150.into()));
    assert_eq!(summary["failures"], serde_json::json!({"http-error": 2, "not-text": 1}));
    let others = serde_json::json!({"metadata": 150, "request": 150, "revisit": 1, "warcinfo": 1});
    assert_eq!(summary["passed_over"], others);
    let documents = table(&lab.path("run").join("documents"));
    // No character is lost, whatever it was written in.
    let charsets: std::collections::BTreeSet<_> =
        texts(&documents, "charset").into_iter().flatten().collect();
    for charset in ["gb18030", "windows-1251", "windows-1252", "windows-1253", "utf-8"] {
        assert!(charsets.contains(charset), "{charset} of {charsets:?}");
    }
    let pages = texts(&documents, "text");
    assert!(pages.iter().flatten().all(|page| page.contains("<html") || page.contains("<HTML")));
    assert!(!pages.iter().flatten().any(|page| page.contains('\u{fffd}')));
    assert!(texts(&documents, "http.content-encoding").contains(&Some("gzip".to_owned())));
}

#[test]
fn an_archive_in_pieces_gives_the_same_documents() {
    let lab = Lab::new();
    let whole = pipeline(&lab, "whole.toml", "");
    let pieces = pipeline(&lab, "pieces.toml", "split_size = 40000");
    succeed(&["run", &whole, "--out", &lab.text("whole")]);
    succeed(&["run", &pieces, "--out", &lab.text("pieces"), "--on", "processes"]);
    let parts = std::fs::read_dir(lab.path("pieces").join("documents")).unwrap().count();
    assert!(parts > 10, "{parts} parts");
    for column in ["id", "text", "url", "charset"] {
        let read = |run: &str| texts(&table(&lab.path(run).join("documents")), column);
        assert_eq!(read("pieces"), read("whole"), "{column}");
    }
    assert_eq!(ledger(&lab.path("pieces")), ledger(&lab.path("whole")));
    let (whole, pieces) = (summary(&lab, "whole"), summary(&lab, "pieces"));
    assert_eq!(whole["passed_over"], pieces["passed_over"]);
}

#[test]
fn options_of_archives_are_checked_and_work() {
    let lab = Lab::new();
    let all = pipeline(&lab, "all.toml", "http_errors = true\ncheck_digests = true");
    succeed(&["run", &all, "--out", &lab.text("all")]);
    let summary = summary(&lab, "all");
    assert_eq!(summary["failures"], serde_json::json!({"not-text": 1}));
    let urls = texts(&table(&lab.path("all").join("documents")), "url");
    assert!(urls.contains(&Some("https://example.org/gone.html".to_owned())));
    let wrong = lab.write(
        "wrong.toml",
        format!(
            "name = \"w\"\n[[source]]\nname = \"s\"\npath = \"{}\"\nformat = \"jsonl\"\n\
             http_errors = true\n",
            sample("web/part-2.jsonl")
        ),
    );
    let message = crate::support::fail(2, &["check", &wrong]);
    assert!(message.contains("`http_errors` is for web archives"), "{message}");
}
