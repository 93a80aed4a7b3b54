//! OpenAI's encodings, as [tiktoken](https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py)
//! 0.14 defines them: pattern, special tokens, number of ranks.

/// GPT-2's pattern, in the spelling that the engine has a grammar for.
pub(super) const GPT2: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// cl100k's pattern up to tiktoken 0.5, and that of Llama 3; the engine has a grammar for it.
const CL100K: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// cl100k's pattern since.
const CL100K_NOW: &str = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s";

/// GPT-2's pattern in tiktoken, which makes the same words.
const GPT2_NOW: &str =
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s";

/// o200k's pattern; the engine has a grammar for it.
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Qwen's pattern: cl100k's with one digit a word.
pub(super) const QWEN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How words are split, as the engine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub regex: String,
    /// White space at the end of a text is one word.
    pub trailing: bool,
}

impl Pattern {
    /// `written` in the spelling that the engine has a grammar for, where it has one.
    pub(super) fn of(written: &str) -> Self {
        let known = |regex: &str, trailing| Self { regex: regex.to_owned(), trailing };
        // js-tiktoken, whose language has no `(?i:`, writes contractions out.
        let spelled = "'s|'S|'t|'T|'re|'rE|'Re|'RE|'ve|'vE|'Ve|'VE|'m|'M|'ll|'lL|'Ll|'LL|'d|'D";
        let spelled_o200k = O200K.replace("?i:'s|'t|'re|'ve|'m|'ll|'d", spelled);
        match written {
            CL100K_NOW => known(CL100K, true),
            GPT2_NOW => known(GPT2, false),
            other if other == spelled_o200k => known(O200K, false),
            other => known(other, false),
        }
    }

    /// A pattern by name, for `fit-tokenizer`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(Self::of(match name {
            "gpt2" => GPT2,
            "cl100k" => CL100K,
            "o200k" => O200K,
            "qwen" => QWEN,
            _ => return None,
        }))
    }
}

/// One of OpenAI's encodings.
pub(super) struct Encoding {
    pub name: &'static str,
    /// Ranks in its file.
    pub ranks: usize,
    pub pattern: &'static str,
    pub special: &'static [(&'static str, u32)],
}

const END: &str = "<|endoftext|>";

/// Of those with the same number of ranks the first is taken where no name tells.
pub(super) const ENCODINGS: &[Encoding] = &[
    Encoding { name: "r50k_base", ranks: 50_256, pattern: GPT2_NOW, special: &[(END, 50_256)] },
    Encoding { name: "gpt2", ranks: 50_256, pattern: GPT2_NOW, special: &[(END, 50_256)] },
    Encoding { name: "p50k_base", ranks: 50_280, pattern: GPT2_NOW, special: &[(END, 50_256)] },
    Encoding {
        name: "p50k_edit",
        ranks: 50_280,
        pattern: GPT2_NOW,
        special: &[
            (END, 50_256),
            ("<|fim_prefix|>", 50_281),
            ("<|fim_middle|>", 50_282),
            ("<|fim_suffix|>", 50_283),
        ],
    },
    Encoding {
        name: "cl100k_base",
        ranks: 100_256,
        pattern: CL100K_NOW,
        special: &[
            (END, 100_257),
            ("<|fim_prefix|>", 100_258),
            ("<|fim_middle|>", 100_259),
            ("<|fim_suffix|>", 100_260),
            ("<|endofprompt|>", 100_276),
        ],
    },
    Encoding {
        name: "o200k_base",
        ranks: 199_998,
        pattern: O200K,
        special: &[(END, 199_999), ("<|endofprompt|>", 200_018)],
    },
];
