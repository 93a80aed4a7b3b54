//! `compression-ratio`: how well a text compresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zstd::bulk::Compressor;

use super::{
    BuildContext, Decision, Document, DocumentOp, Op, OpError, OpKind, Row, Settings, SignalLookup,
};
use crate::document::{Reason, Signal, SignalType};

/// Drops documents by how well they compress: very well means repetition (spam, boilerplate, logs),
/// hardly at all means noise (keys, base64, random strings).
///
/// The ratio is compressed bytes / bytes: running English text of some kilobytes has about 0.4 to
/// 0.55, one sentence over and over less than 0.05. Short texts compress worse, and every text has
/// about 12 bytes of overhead, so give a limit that suits the length of the documents. The
/// compressor is Zstandard at level 3 ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878)), one frame
/// without checksum or dictionary; the library is libzstd 1.5, built from source in the version that
/// tamis' Cargo.lock pins, and does not depend on the processor. Another version of libzstd may give
/// other sizes by a few bytes; the version of this op is raised with it. A text over 8 MiB is
/// measured on its first 8 MiB. A value equal to a limit passes; an empty text has no ratio and
/// passes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CompressionRatio {
    /// Least ratio: below it the text repeats itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ratio: Option<f64>,
    /// Greatest ratio: above it the text is noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<f64>,
}

const TOO_REPETITIVE: Reason = Reason::new("compresses-too-well");
const TOO_RANDOM: Reason = Reason::new("compresses-too-badly");

const LEVEL: i32 = 3;

/// Bytes of a text that are looked at, which bounds the compressor's memory.
const PREFIX: usize = 8 << 20;

impl CompressionRatio {
    fn decide(&self, ratio: f64) -> Decision {
        if self.min_ratio.is_some_and(|min| ratio < min) {
            Decision::Drop(TOO_REPETITIVE)
        } else if self.max_ratio.is_some_and(|max| ratio > max) {
            Decision::Drop(TOO_RANDOM)
        } else {
            Decision::Keep
        }
    }
}

impl Settings for CompressionRatio {
    const NAME: &'static str = "compression-ratio";
    const VERSION: u32 = 1;
    const KIND: OpKind = OpKind::Document;
    const SIGNALS: &'static [Signal] = &[Signal {
        name: "ratio",
        kind: SignalType::Float,
        about: "compressed bytes / bytes (zstd, level 3)",
    }];
    const REASONS: &'static [Reason] = &[TOO_REPETITIVE, TOO_RANDOM];
    const COST: u32 = 5_500;
    const THRESHOLDS: &'static [&'static str] = &["min_ratio", "max_ratio"];

    fn judge(&self, signals: &dyn SignalLookup) -> Option<Decision> {
        Some(signals.number("ratio").map_or(Decision::Keep, |ratio| self.decide(ratio)))
    }

    fn build(&self, _context: &BuildContext<'_>) -> Result<Op, OpError> {
        let limits = [("min_ratio", self.min_ratio), ("max_ratio", self.max_ratio)];
        for (key, limit) in limits {
            if let Some(limit) = limit
                && (limit.is_nan() || limit < 0.0)
            {
                let reason = format!("{limit} is not a ratio; give 0 or more, such as 0.1");
                return Err(OpError::Setting { key, reason });
            }
        }
        if let (Some(min), Some(max)) = (self.min_ratio, self.max_ratio)
            && min > max
        {
            let reason = format!("{min} is over max_ratio = {max}: nothing could pass");
            return Err(OpError::Setting { key: "min_ratio", reason });
        }
        Ok(Op::Document(Box::new(self.clone())))
    }
}

#[derive(Default)]
pub(super) struct Buffers {
    compressor: Option<Compressor<'static>>,
    output: Vec<u8>,
}

impl DocumentOp for CompressionRatio {
    type Scratch = Buffers;

    fn document<'a>(
        &'a self,
        document: Document<'a>,
        buffers: &mut Buffers,
        row: &mut Row<'a>,
    ) -> Decision {
        let bytes = &document.text.as_bytes()[..document.text.len().min(PREFIX)];
        let Some(compressed) = compressed_size(bytes, buffers) else { return Decision::Keep };
        #[expect(clippy::cast_precision_loss, reason = "at most 8 MiB")]
        let ratio = compressed as f64 / bytes.len() as f64;
        row.float(0, ratio);
        self.decide(ratio)
    }
}

/// `None` for no bytes.
fn compressed_size(bytes: &[u8], buffers: &mut Buffers) -> Option<usize> {
    if bytes.is_empty() {
        return None;
    }
    if buffers.compressor.is_none() {
        // Fails only where there is no memory for it.
        buffers.compressor = Compressor::new(LEVEL).ok();
    }
    let wanted = zstd::zstd_safe::compress_bound(bytes.len());
    if buffers.output.len() < wanted {
        buffers.output.resize(wanted, 0);
    }
    // With room for the bound it cannot fail.
    buffers.compressor.as_mut()?.compress_to_buffer(bytes, &mut buffers.output[..]).ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read samples")]
mod tests {
    use super::*;
    use crate::ops::testing::{refused, trial};

    fn size(text: &str) -> usize {
        compressed_size(text.as_bytes(), &mut Buffers::default()).unwrap()
    }

    /// If this fails after an update of libzstd, raise [`CompressionRatio::VERSION`].
    #[test]
    fn sizes_are_those_of_the_pinned_library() {
        let novel = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/data-samples/plain/alice-en.txt"
        ))
        .unwrap();
        let sizes = [size("a"), size("the same again. "), size(&"ab ".repeat(1000)), size(&novel)];
        assert_eq!((sizes, novel.len()), ([10, 25, 20, 4940], 11_472));
    }

    #[test]
    fn the_size_of_a_text_does_not_depend_on_those_before() {
        let mut buffers = Buffers::default();
        for text in ["x".repeat(100_000), "one two three ".repeat(50), "a".to_owned()] {
            assert_eq!(compressed_size(text.as_bytes(), &mut buffers), Some(size(&text)));
        }
    }

    #[test]
    fn limits_let_their_own_value_pass() {
        let text = "the cat sat on the mat, the cat sat on the hat. ".repeat(20);
        let ratio = trial("compression-ratio", "", &text).number("ratio");
        assert!(ratio < 0.1, "{ratio}");
        let reason = |toml: String| trial("compression-ratio", &toml, &text).reason();
        assert_eq!(reason(format!("min_ratio = {ratio:?}")), "");
        assert_eq!(reason(format!("min_ratio = {:?}", ratio + 1e-9)), "compresses-too-well");
        assert_eq!(reason(format!("max_ratio = {ratio:?}")), "");
        assert_eq!(reason(format!("max_ratio = {:?}", ratio - 1e-9)), "compresses-too-badly");
    }

    #[test]
    fn nothing_and_odd_things() {
        assert_eq!(trial("compression-ratio", "min_ratio = 0.5", "").reason(), "");
        for text in ["\0".repeat(100_000), "\u{200b}".repeat(10_000), "\r\n".repeat(9000)] {
            let trial = trial("compression-ratio", "min_ratio = 0.01", &text);
            assert_eq!(trial.reason(), "compresses-too-well");
        }
        let long = "no two are alike ".repeat(600_000);
        let whole = trial("compression-ratio", "", &long).number("ratio");
        let prefix = trial("compression-ratio", "", &long[..PREFIX]).number("ratio");
        assert!((whole - prefix).abs() < 1e-300);
    }

    #[test]
    fn limits_that_cannot_work_are_refused() {
        let message = |toml: &str| refused("compression-ratio", toml).to_string();
        assert!(message("min_ratio = -1.0").contains("not a ratio"));
        assert!(message("max_ratio = nan").contains("not a ratio"));
        assert!(message("min_ratio = 0.6\nmax_ratio = 0.5").contains("nothing could pass"));
    }
}
