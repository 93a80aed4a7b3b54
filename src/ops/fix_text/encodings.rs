//! Single-byte encodings that UTF-8 is often mistaken for.

use std::sync::LazyLock;

/// A character to the byte 0x80 + its place.
type Table = &'static str;

/// How many encodings there are.
pub(super) const COUNT: usize = 10;

/// Names and tables, in the order in which equals are decided. Holes of a table hold the control with
/// the byte's number, as browsers read them. Latin-1 goes with windows-1252, which has for it all
/// controls beside its own characters; so do ISO 8859-7, -9 and -13 with theirs.
pub(super) const ENCODINGS: [(&str, Table); COUNT] = [
    ("windows-1252", WINDOWS_1252),
    ("windows-1251", WINDOWS_1251),
    ("windows-1250", WINDOWS_1250),
    ("windows-1253", WINDOWS_1253),
    ("windows-1254", WINDOWS_1254),
    ("windows-1257", WINDOWS_1257),
    ("iso-8859-2", ISO_8859_2),
    ("macroman", MACROMAN),
    ("cp437", CP437),
    ("koi8-r", KOI8_R),
];

/// Places in [`ENCODINGS`].
pub(super) const WESTERN: usize = 0;
/// Those that go for their ISO 8859 kin as well; windows-1250 differs too much from its own.
const WITH_CONTROLS: [usize; 4] = [WESTERN, 3, 4, 5];

/// The bytes of one character, 0 where an encoding does not have it.
#[derive(Clone, Copy, Default)]
pub(super) struct Bytes {
    pub(super) of: [u8; COUNT],
    /// Encodings in which it is the first byte of a sequence of UTF-8, one bit each.
    pub(super) leads: u16,
    /// Encodings in which it is a byte behind the first.
    pub(super) follows: u16,
}

/// Greatest code point looked up in the index; the few above it are found by comparison.
const LIMIT: usize = 0x2600;

/// From characters to bytes.
pub(super) struct Lookup {
    index: Vec<u16>,
    bytes: Vec<Bytes>,
    others: Vec<(char, u16)>,
}

/// The lookup of all encodings.
pub(super) static LOOKUP: LazyLock<Lookup> = LazyLock::new(Lookup::new);

impl Lookup {
    fn new() -> Self {
        let mut lookup =
            Self { index: vec![0; LIMIT], bytes: vec![Bytes::default()], others: Vec::new() };
        for (encoding, (_, table)) in ENCODINGS.iter().enumerate() {
            if WITH_CONTROLS.contains(&encoding) {
                for (c, byte) in ('\u{80}'..='\u{9f}').zip(0x80..=0x9f_u8) {
                    lookup.set(c, encoding, byte);
                }
            }
            for (c, byte) in table.chars().zip(0x80..=0xff_u8) {
                lookup.set(c, encoding, byte);
            }
        }
        lookup
    }

    fn set(&mut self, c: char, encoding: usize, byte: u8) {
        let mut at = usize::from(self.place(c));
        if at == 0 {
            at = self.bytes.len();
            // A few hundred characters in all.
            let place = u16::try_from(at).unwrap_or(0);
            self.bytes.push(Bytes::default());
            match self.index.get_mut(c as usize) {
                Some(slot) => *slot = place,
                None => self.others.push((c, place)),
            }
        }
        let bytes = &mut self.bytes[at];
        bytes.of[encoding] = byte;
        match byte {
            0x80..=0xbf => bytes.follows |= 1 << encoding,
            0xc2..=0xf4 => bytes.leads |= 1 << encoding,
            _ => {}
        }
    }

    #[inline]
    fn place(&self, c: char) -> u16 {
        match self.index.get(c as usize) {
            Some(place) => *place,
            None if c as u32 >= 0xf800 => {
                self.others.iter().find(|(other, _)| *other == c).map_or(0, |(_, place)| *place)
            }
            None => 0,
        }
    }

    /// The bytes of a character beyond ASCII.
    #[inline]
    pub(super) fn of(&self, c: char) -> &Bytes {
        &self.bytes[usize::from(self.place(c))]
    }
}

/// What a control of 0x80 to 0x9F means in windows-1252; others, and the holes, stand for themselves.
pub(super) fn decode_western(c: char) -> char {
    if !matches!(c, '\u{80}'..='\u{9f}') {
        return c;
    }
    WINDOWS_1252.chars().nth(c as usize - 0x80).unwrap_or(c)
}

const WINDOWS_1252: &str = concat!(
    "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ",
    "\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿",
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß",
    "àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ",
);

const WINDOWS_1251: &str = concat!(
    "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ",
    "\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї",
    "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ",
    "абвгдежзийклмнопрстуфхцчшщъыьэюя",
);

const WINDOWS_1250: &str = concat!(
    "€\u{81}‚\u{83}„…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}‘’“”•–—\u{98}™š›śťžź",
    "\u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż",
    "ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß",
    "ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
);

const WINDOWS_1253: &str = concat!(
    "€\u{81}‚ƒ„…†‡\u{88}‰\u{8a}‹\u{8c}\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—\u{98}™\u{9a}›\u{9c}\u{9d}\u{9e}\u{9f}",
    "\u{a0}΅Ά£¤¥¦§¨©ª«¬\u{ad}®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ",
    "ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήί",
    "ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ",
);

const WINDOWS_1254: &str = concat!(
    "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}\u{9e}Ÿ",
    "\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿",
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞß",
    "àáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ",
);

const WINDOWS_1257: &str = concat!(
    "€\u{81}‚\u{83}„…†‡\u{88}‰\u{8a}‹\u{8c}¨ˇ¸\u{90}‘’“”•–—\u{98}™\u{9a}›\u{9c}¯˛\u{9f}",
    "\u{a0}¡¢£¤¥¦§Ø©Ŗ«¬\u{ad}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ",
    "ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß",
    "ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙",
);

const ISO_8859_2: &str = concat!(
    "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}",
    "\u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż",
    "ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß",
    "ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
);

const MACROMAN: &str = concat!(
    "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü",
    "†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø",
    "¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ",
    "‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ",
);

const CP437: &str = concat!(
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ",
    "áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐",
    "└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀",
    "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
);

const KOI8_R: &str = concat!(
    "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■∙√≈≤≥\u{a0}⌡°²·÷",
    "═║╒ё╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡Ё╢╣╤╥╦╧╨╩╪╫╬©",
    "юабцдефгхийклмнопярстужвьызшэщчъ",
    "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_has_128_characters() {
        for (name, table) in ENCODINGS {
            assert_eq!(table.chars().count(), 128, "{name}");
        }
        let euro = LOOKUP.of('€');
        assert_eq!((euro.of[0], euro.of[1], euro.of[7]), (0x80, 0x88, 0xdb));
        assert_eq!(LOOKUP.of('\u{9d}').of[0], 0x9d, "a hole of windows-1252");
        assert_eq!(LOOKUP.of('\u{98}').of[8], 0);
        assert_eq!(LOOKUP.of('ﬁ').of[7], 0xde);
        assert_eq!(LOOKUP.of('中').leads, 0);
    }
}
