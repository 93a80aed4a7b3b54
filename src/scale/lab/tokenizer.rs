//! The tokenizer that all recipes have.

use std::path::PathBuf;

use super::recipe::Draft;
use super::{Lab, LabError};
use crate::exec::summary::grouped;
use crate::store::StoreError;
use crate::tokens::sample;
use crate::tokens::tokenizer::Tokenizer;
use crate::tokens::tokenizer::fit::{self, Settings, WordPattern, Words};

const PATH: &str = "tokenizer.json";
/// What it was fitted to.
const NOTE: &str = "tokenizer.txt";
/// Text that it is fitted to, of all recipes together.
const BYTES: u64 = 32 << 20;
const END: &str = "<|endoftext|>";

/// A tokenizer, and what a document ends with.
pub(super) struct Chosen {
    pub(super) path: PathBuf,
    pub(super) end: Option<String>,
}

/// The tokenizer of the file, or one fitted to the same number of bytes of what each recipe keeps, so
/// that it is no recipe's own.
///
/// # Errors
/// When a recipe cannot be run, or its text is too little.
pub(super) fn settle(lab: &Lab<'_>, drafts: &[Draft]) -> Result<Chosen, LabError> {
    let ladder = &lab.config.ladder;
    if let Some(path) = &ladder.tokenizer {
        return Ok(Chosen { path: path.clone(), end: None });
    }
    let chosen = Chosen { path: lab.path(PATH), end: Some(END.to_owned()) };
    let mut different: Vec<&Draft> = Vec::new();
    for draft in drafts {
        if !different.iter().any(|other| other.digest == draft.digest) {
            different.push(draft);
        }
    }
    let digests: Vec<&str> = different.iter().map(|draft| draft.digest.as_str()).collect();
    let seed = lab.config.head.seed;
    let note = format!("{} tokens, seed {seed}, of\n{}\n", ladder.vocabulary, digests.join("\n"));
    match lab.store.read(NOTE) {
        Ok(before) if *before == *note.as_bytes() && lab.store.exists(PATH)? => return Ok(chosen),
        Ok(_) | Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let pattern = WordPattern::new("o200k")?;
    let mut texts = Vec::new();
    for draft in &different {
        lab.tell(&format!("{}: its documents, to fit the tokenizer to", draft.name));
        draft.curate(lab).map_err(LabError::of(&draft.name))?;
        let documents = lab.path(&draft.folder).join("documents/*.parquet");
        let share = BYTES / different.len() as u64;
        let paths = [documents.display().to_string()];
        texts.extend(sample::draw_from(&paths, "text", seed, share)?.texts);
    }
    let settings =
        Settings { vocab_size: ladder.vocabulary, min_frequency: 2, special: vec![END.to_owned()] };
    let fitted = fit::fit(&Words::of(&texts, &pattern)?, &settings)?;
    let json = fitted.to_json(&pattern);
    Tokenizer::from_bytes(PATH, json.as_bytes())?;
    lab.store.put(PATH, json.into())?;
    lab.store.put(NOTE, note.into())?;
    lab.tell(&format!("tokenizer: {} tokens", grouped(fitted.vocab_size() as u64)));
    Ok(chosen)
}
