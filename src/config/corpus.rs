//! Corpora that the field publishes: where their records have the text, the id and the metadata.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `corpus` of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Corpus {
    /// FineWeb, FineWeb-Edu, FineWeb-2 (Parquet). Keeps `url`, `date`, `dump`, `language`,
    /// `language_score`.
    Fineweb,
    /// Dolma and what its toolkit writes (JSONL, gzip or zstd). Keeps `url` (from `metadata.url`),
    /// `date` (`created`), `subset` (`source`).
    Dolma,
    /// DCLM-Baseline (JSONL, zstd). The id is `metadata.WARC-Record-ID`; keeps `url`, `date`
    /// (`metadata.WARC-Date`), `language_score` (`language_id_whole_page_fasttext.en`), `quality`
    /// (`fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob`).
    Dclm,
    /// RedPajama-Data-V2, its documents (JSONL, gzip). The text is `raw_content`, the id `digest`;
    /// keeps `url`, `date` (`date_download`), `language`, `language_score`, `perplexity`, `title`.
    RedpajamaV2,
    /// OSCAR 22.01 and later (JSONL, gzip or zstd). The text is `content`, the id
    /// `warc_headers.warc-record-id`; keeps `url` (`warc_headers.warc-target-uri`), `date`
    /// (`warc_headers.warc-date`), `language` (`metadata.identification.label`), `language_score`
    /// (`metadata.identification.prob`).
    Oscar,
    /// The Pile (JSONL, zstd). Keeps `subset` (from `meta.pile_set_name`).
    Pile,
    /// C4 and mC4 (JSONL, gzip). Keeps `url`, `date` (from `timestamp`).
    C4,
    /// CulturaX (Parquet). Keeps `url`, `date` (from `timestamp`), `subset` (`source`).
    Culturax,
    /// SlimPajama (JSONL, zstd). Keeps `subset` (from `meta.redpajama_set_name`).
    Slimpajama,
    /// StarCoderData (Parquet). The text is `content`; keeps `repository` (from
    /// `max_stars_repo_name`), `path` (`max_stars_repo_path`).
    Starcoder,
    /// The Stack (Parquet). The text is `content`, the id `hexsha`; keeps `language` (from `lang`),
    /// `repository` (`max_stars_repo_name`), `path` (`max_stars_repo_path`), `license`
    /// (`max_stars_repo_licenses`).
    Stack,
    /// RefinedWeb (Parquet). The text is `content`; keeps `url`, `date` (from `timestamp`), `dump`.
    Refinedweb,
    /// Wikipedia as Hugging Face has it (Parquet). Keeps `url`, `title`.
    Wikipedia,
}

/// What a corpus says about its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Field of the text.
    pub text: &'static str,
    /// Field of the id.
    pub id: &'static str,
    /// Columns and the fields they are read from.
    pub keep: &'static [(&'static str, &'static str)],
}

impl Corpus {
    /// Where its records have what is wanted.
    #[must_use]
    pub fn facts(self) -> Facts {
        let (text, id, keep): (_, _, &[_]) = match self {
            Self::Fineweb => (
                "text",
                "id",
                &[
                    ("url", "url"),
                    ("date", "date"),
                    ("dump", "dump"),
                    ("language", "language"),
                    ("language_score", "language_score"),
                ],
            ),
            Self::Dolma => (
                "text",
                "id",
                &[("url", "metadata.url"), ("date", "created"), ("subset", "source")],
            ),
            Self::Dclm => (
                "text",
                "metadata.WARC-Record-ID",
                &[
                    ("url", "url"),
                    ("date", "metadata.WARC-Date"),
                    ("language_score", "language_id_whole_page_fasttext.en"),
                    ("quality", "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob"),
                ],
            ),
            Self::RedpajamaV2 => (
                "raw_content",
                "digest",
                &[
                    ("url", "url"),
                    ("date", "date_download"),
                    ("language", "language"),
                    ("language_score", "language_score"),
                    ("perplexity", "perplexity"),
                    ("title", "title"),
                ],
            ),
            Self::Oscar => (
                "content",
                "warc_headers.warc-record-id",
                &[
                    ("url", "warc_headers.warc-target-uri"),
                    ("date", "warc_headers.warc-date"),
                    ("language", "metadata.identification.label"),
                    ("language_score", "metadata.identification.prob"),
                ],
            ),
            Self::Pile => ("text", "id", &[("subset", "meta.pile_set_name")]),
            Self::C4 => ("text", "id", &[("url", "url"), ("date", "timestamp")]),
            Self::Culturax => {
                ("text", "id", &[("url", "url"), ("date", "timestamp"), ("subset", "source")])
            }
            Self::Slimpajama => ("text", "id", &[("subset", "meta.redpajama_set_name")]),
            Self::Starcoder => (
                "content",
                "id",
                &[("repository", "max_stars_repo_name"), ("path", "max_stars_repo_path")],
            ),
            Self::Stack => (
                "content",
                "hexsha",
                &[
                    ("language", "lang"),
                    ("repository", "max_stars_repo_name"),
                    ("path", "max_stars_repo_path"),
                    ("license", "max_stars_repo_licenses"),
                ],
            ),
            Self::Refinedweb => {
                ("content", "id", &[("url", "url"), ("date", "timestamp"), ("dump", "dump")])
            }
            Self::Wikipedia => ("text", "id", &[("url", "url"), ("title", "title")]),
        };
        Facts { text, id, keep }
    }
}
