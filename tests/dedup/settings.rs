//! Settings that cannot work: what is said, before anything runs.

use super::pipeline;
use crate::support::{Lab, fail, succeed};

fn said(stage: &str) -> String {
    let lab = Lab::new();
    let text = pipeline(&lab, "p", &[("web", "none.jsonl")], &format!("[[stage]]\n{stage}\n"));
    // miette wraps long lines.
    let said = fail(2, &["check", &text]);
    said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn wrong_settings_are_refused_with_a_way_out() {
    let minhash = |rest: &str| said(&format!("op = \"minhash-dedup\"\n{rest}"));
    let exact = |rest: &str| said(&format!("op = \"exact-dedup\"\n{rest}"));
    for threshold in ["0", "0.0", "-0.1", "1.01", "nan"] {
        let said = minhash(&format!("threshold = {threshold}"));
        assert!(said.contains("above 0 and up to 1"), "{threshold}: {said}");
    }
    let cases = [
        (minhash("bands = 16"), "`rows` is needed too"),
        (minhash("rows = 6"), "`bands` is needed too"),
        (minhash("bands = 512\nrows = 16"), "bands × rows has to be from 1 to 4096"),
        (minhash("bands = 0\nrows = 16"), "bands × rows has to be from 1 to 4096"),
        // A product that is small again beyond 64 bits.
        (minhash("bands = 4294967296\nrows = 4294967297"), "bands × rows has to be from 1 to 4096"),
        (minhash("bands = -1\nrows = 3"), "bands"),
        (minhash("ngram = 0"), "from 1 to 1000"),
        (minhash("max_comparisons = 0"), "`verify = false` compares none"),
        (minhash("max_cluster = 0"), "from 1 to 10 million"),
        (minhash("keep = { highest = \"title\" }"), "is a text; a number is needed to rank by"),
        (minhash("keep = { highest = \"titel\" }"), "titel"),
        (minhash("keep = { most = \"title\" }"), "most"),
        (minhash("keep = \"best\""), "best"),
        (minhash("exempt = [\"wbe\"]"), "there is no source `wbe`; there are: web"),
        (minhash("dialect = \"datatrove\"\nunit = \"char\""), "datatrove knows words only"),
        (minhash("dialect = \"text-dedup\""), "text-dedup"),
        (minhash("scope = \"file\""), "file"),
        (minhash("measure = \"cosine\""), "cosine"),
        (minhash("treshold = 0.7"), "did you mean `threshold`"),
        (exact("by = \"nonsense\""), "neither `text` nor `normalized-text` nor SQL that works"),
        (exact("by = \"\""), "neither `text` nor `normalized-text` nor SQL that works"),
        (exact("keep = { lowest = \"LOWER(title)\" }"), "is a text; a number is needed to rank by"),
        (exact("exempt = [\"wbe\"]"), "there is no source `wbe`; there are: web"),
    ];
    for (at, (said, wanted)) in cases.iter().enumerate() {
        assert!(said.contains(wanted), "case {at}: {wanted:?} is not in {said}");
    }
}

#[test]
fn the_cut_is_explained() {
    let lab = Lab::new();
    lab.write("web.jsonl", "{\"text\": \"a b c\"}\n");
    let explain = |stage: &str| {
        let stage = format!("[[stage]]\nop = \"minhash-dedup\"\n{stage}\n");
        succeed(&["explain", &pipeline(&lab, "p", &[("web", "web.jsonl")], &stage)])
    };
    assert!(explain("").contains("16 bands of 6 rows"));
    assert!(explain("dialect = \"datatrove\"").contains("14 bands of 8 rows"));
    assert!(explain("bands = 20\nrows = 5").contains("20 bands of 5 rows"));
}
