//! The 256 characters by which GPT-2's vocabulary and all after it write bytes.

/// The character for each byte: printable Latin-1 stands for itself, the 68 others are
/// `U+0100` and on, in order
/// ([`bytes_to_unicode`](https://github.com/openai/gpt-2/blob/master/src/encoder.py)).
const CHARACTERS: [char; 256] = {
    let mut table = ['\0'; 256];
    let mut other = 0x100;
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "byte < 256")]
        let value = byte as u8;
        table[byte] = if matches!(value, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff) {
            value as char
        } else {
            other += 1;
            // Never None: these are below U+0144.
            match char::from_u32(other - 1) {
                Some(character) => character,
                None => '\0',
            }
        };
        byte += 1;
    }
    table
};

/// How a token of these bytes is written.
pub(super) fn spelled(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| CHARACTERS[usize::from(byte)]).collect()
}

/// The bytes that `token` stands for. A character that stands for no byte is itself, as the
/// reference library has it.
pub(super) fn bytes(token: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    for character in token.chars() {
        match byte(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// The byte that `character` stands for.
pub(super) fn byte(character: char) -> Option<u8> {
    match character {
        '!'..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => u8::try_from(character).ok(),
        '\u{100}'..='\u{143}' => {
            CHARACTERS.iter().position(|&other| other == character)?.try_into().ok()
        }
        _ => None,
    }
}

/// The alphabet, in the order of the characters: what byte-level trainers begin their vocabulary
/// with.
pub(super) fn alphabet() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.sort_unstable_by_key(|&byte| CHARACTERS[usize::from(byte)]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_character_of_its_own() {
        for value in 0..=255 {
            let character = CHARACTERS[usize::from(value)];
            assert_eq!(byte(character), Some(value), "{character:?}");
        }
        assert_eq!(spelled(" a\n\u{e9}".as_bytes()), "ĠaĊÃ©");
        assert_eq!(bytes("ĠaĊÃ©"), " a\n\u{e9}".as_bytes());
        assert_eq!(byte('\u{144}'), None);
        assert_eq!(byte('\u{ad}'), None);
        assert_eq!(alphabet()[..2], [b'!', b'"']);
        assert_eq!(alphabet()[255], 0xad);
    }
}
