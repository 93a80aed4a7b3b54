//! Conversations from records to shards.

use crate::support::{Lab, root, succeed, table, texts};

#[test]
fn conversations_become_tokens_and_edits_that_break_them_are_failures() {
    let lab = Lab::new();
    let sample = |path: &str| root().join("data-samples").join(path).display().to_string();
    let write = |name: &str, stage: &str| {
        let text = format!(
            "name = \"{name}\"\n[[source]]\nname = \"chat\"\npath = \"{}\"\nconversation = \"messages\"\n\
             {stage}\n[tokens]\ntokenizer = \"{}\"\nvalidation_fraction = 0\n[tokens.chat]\n",
            sample("chat/conversations.jsonl"),
            sample("tokenizers/chat/tokenizer.json"),
        );
        let path = lab.path(&format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        let out = lab.text(name);
        succeed(&["run", path.to_str().unwrap(), "--out", &out, "--until", "tokens"]);
        table(&lab.path(name).join("ledger"))
    };
    let verdicts = |ledger: &[arrow::array::RecordBatch]| texts(ledger, "verdict");
    // What keeps lines whole keeps conversations; the exchange carries outlines along.
    let stages = "[[stage]]\nop = \"normalize\"\n[[stage]]\nop = \"exact-dedup\"";
    let kept = write("kept", stages);
    let kept = verdicts(&kept);
    assert_eq!(kept.len(), 40);
    assert!(kept.iter().all(|verdict| verdict.as_deref() == Some("kept")), "{kept:?}");
    // A filter of short lines takes markers away.
    let stage = "[[stage]]\nop = \"line-filter\"\nmin_words = 3\nmin_words_left = 1";
    let ledger = write("broken", stage);
    let (all, reasons) = (verdicts(&ledger), texts(&ledger, "reason"));
    let broken =
        reasons.iter().filter(|reason| reason.as_deref() == Some("conversation-edited")).count();
    assert_eq!(broken, all.iter().filter(|verdict| verdict.as_deref() == Some("failed")).count());
    assert_eq!(broken, 16);
    assert_eq!(all.len(), 40);
}
