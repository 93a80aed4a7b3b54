//! What stands between tokenizer and tree builder, so that no page costs more than its length.
//!
//! Both are quick on pages that people wrote, and slow on some that nobody did: much of the
//! builder's work grows with the depth of the tree, and each attribute is compared with all
//! before it in the tag. A page of open tags, or a tag of a million attributes, would take a time
//! that grows with the square of its length.

use std::cell::Cell;

use html5ever::local_name;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::TreeBuilder;

use super::sink::{Handle, Sink};

/// Attributes of one tag; what is behind them is text.
const ATTRIBUTES: usize = 4_096;

/// Keeps the tree flat enough.
pub(super) struct Guard {
    pub(super) builder: TreeBuilder<Handle, Sink>,
    pub(super) deepest: u16,
    /// Whether an element was left out.
    pub(super) cut: Cell<bool>,
    /// Tokens seen.
    pub(super) tokens: Cell<u64>,
}

impl TokenSink for Guard {
    type Handle = Handle;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Handle> {
        match &token {
            Token::ParseError(_) => return TokenSinkResult::Continue,
            Token::CommentToken(_) => {
                self.tokens.set(self.tokens.get() + 1);
                return TokenSinkResult::Continue;
            }
            Token::TagToken(tag)
                if tag.kind == TagKind::StartTag
                    && self.builder.sink.depth.get() >= self.deepest
                    && !changes_tokens(tag) =>
            {
                self.cut.set(true);
                return TokenSinkResult::Continue;
            }
            _ => {}
        }
        self.tokens.set(self.tokens.get() + 1);
        self.builder.process_token(token, line)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Whether what follows the start tag is no markup, or the element ends at once: such tags must be
/// seen by the builder.
fn changes_tokens(tag: &Tag) -> bool {
    matches!(
        tag.name,
        local_name!("script")
            | local_name!("style")
            | local_name!("textarea")
            | local_name!("title")
            | local_name!("xmp")
            | local_name!("iframe")
            | local_name!("noembed")
            | local_name!("noframes")
            | local_name!("br")
            | local_name!("img")
            | local_name!("hr")
    )
}

/// Counts the attributes of a tag that does not end.
#[derive(Debug, Default)]
pub(super) struct LongTag {
    /// Tokens after the step before; none before the first.
    seen: Option<u64>,
    inside: bool,
    quote: u8,
    attributes: usize,
}

impl LongTag {
    /// Ends whatever tag or value of an attribute is open; in a comment or a text it is text.
    pub(super) const END: &'static str = "'\">";

    /// After `step` was tokenized and there have been `tokens`: whether an open tag has too many
    /// attributes by now.
    pub(super) fn floods(&mut self, step: &str, tokens: u64) -> bool {
        let bytes = step.as_bytes();
        if self.seen != Some(tokens) {
            // An open tag can only begin behind the last token, which ends behind the last `>`.
            let from = memchr::memrchr(b'>', bytes).map_or(0, |at| at + 1);
            let from = memchr::memchr_iter(b'<', &bytes[from..])
                .map(|at| from + at)
                .find(|&at| bytes.get(at + 1).is_none_or(|next| !next.is_ascii_whitespace()))
                // A comment may go on for long, and has no attributes.
                .filter(|&at| bytes.get(at + 1).is_none_or(u8::is_ascii_alphabetic));
            *self = Self { seen: Some(tokens), inside: from.is_some(), ..Self::default() };
            self.count(&bytes[from.unwrap_or(bytes.len())..]);
        } else if self.inside {
            self.count(bytes);
        }
        if self.attributes > ATTRIBUTES {
            self.inside = false;
            self.attributes = 0;
            return true;
        }
        false
    }

    fn count(&mut self, bytes: &[u8]) {
        let mut before = b' ';
        for &byte in bytes {
            if self.quote != 0 {
                if byte == self.quote {
                    self.quote = 0;
                }
            } else if matches!(byte, b'"' | b'\'') && before == b'=' {
                self.quote = byte;
            } else if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/' | b'=')
                && matches!(before, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c' | b'/' | b'"' | b'\'')
            {
                self.attributes += 1;
            }
            before = byte;
        }
    }
}
