//! Unicode characters of mathematics and their LaTeX commands.
//!
//! The tables are pairs of a character and a command without its backslash, so that one line holds
//! many of them; they are sorted once, at the first use.

use std::sync::LazyLock;

/// What a character is in a formula; it decides about blanks around it and where limits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A letter, a digit or anything without a rule of its own.
    Ordinary,
    /// An infix operator: blanks on both sides, unless it is the first of its row.
    Binary,
    /// A relation or an arrow: blanks on both sides.
    Relation,
    /// A large operator: what stands under and over it are its limits.
    Large,
}

/// The command of a character and its class.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    /// With its backslash.
    pub(super) command: &'static str,
    pub(super) class: Class,
}

const GREEK: &str = r"
α \alpha β \beta γ \gamma δ \delta ε \varepsilon ζ \zeta η \eta θ \theta ι \iota κ \kappa λ \lambda
μ \mu µ \mu ν \nu ξ \xi π \pi ρ \rho ς \varsigma σ \sigma τ \tau υ \upsilon φ \varphi χ \chi ψ \psi
ω \omega ϕ \phi ϵ \epsilon ϑ \vartheta ϖ \varpi ϱ \varrho ϰ \varkappa ϝ \digamma Γ \Gamma Δ \Delta
Θ \Theta Λ \Lambda Ξ \Xi Π \Pi Σ \Sigma Υ \Upsilon Φ \Phi Ψ \Psi Ω \Omega Α A Β B Ε E Ζ Z Η H Ι I
Κ K Μ M Ν N Ο O Ρ P Τ T Χ X ο o ∆ \Delta
";

const LETTERS: &str = r"
∂ \partial ∇ \nabla ∞ \infty ℏ \hbar ħ \hbar ℓ \ell ℘ \wp ℜ \Re ℑ \Im ℵ \aleph ℶ \beth ℷ \gimel
ℸ \daleth ð \eth ∅ \emptyset ⌀ \varnothing ∀ \forall ∃ \exists ∄ \nexists ¬ \neg ⊤ \top ⊥ \bot
∠ \angle ∡ \measuredangle ∢ \sphericalangle △ \triangle ▽ \triangledown □ \square ◻ \square
■ \blacksquare ◊ \lozenge ⧫ \blacklozenge ★ \bigstar ♠ \spadesuit ♡ \heartsuit ♢ \diamondsuit
♣ \clubsuit ♭ \flat ♮ \natural ♯ \sharp ✓ \checkmark ✠ \maltese ° {}^{\circ} † \dagger ‡ \ddagger
§ \S ¶ \P © \copyright ® \circledR £ \pounds ¥ \yen € \text{€} ı \imath ȷ \jmath 𝚤 \imath 𝚥 \jmath
… \ldots ⋯ \cdots ⋮ \vdots ⋱ \ddots ⋰ \iddots ′ ' ″ '' ‴ ''' ⁗ '''' ‵ \backprime √ \surd ∎ \blacksquare
℧ \mho Ⅎ \Finv ⅁ \Game ⅆ d ⅇ e ⅈ i ⅉ j ⅅ D ℎ h ☐ \square ⋄ \diamond
½ \frac{1}{2} ⅓ \frac{1}{3} ¼ \frac{1}{4} ¾ \frac{3}{4} ⅔ \frac{2}{3} ∴ \therefore ∵ \because
% \% # \# $ \$ & \& { \{ } \} _ \_ ~ \sim ⟨ \langle ⟩ \rangle 〈 \langle 〉 \rangle ⟪ \langle\!\langle
⟫ \rangle\!\rangle ⌊ \lfloor ⌋ \rfloor ⌈ \lceil ⌉ \rceil ‖ \| ∥ \parallel ∣ | ⟦ [\![ ⟧ ]\!]
⎰ \lmoustache ⎱ \rmoustache ⟮ \lgroup ⟯ \rgroup ⌜ \ulcorner ⌝ \urcorner ⌞ \llcorner ⌟ \lrcorner \ \backslash
";

const BINARY: &str = r"
± \pm ∓ \mp × \times ÷ \div ⋅ \cdot · \cdot ∙ \bullet • \bullet ∗ * ⋆ \star ∘ \circ ∩ \cap ∪ \cup
⊎ \uplus ⊓ \sqcap ⊔ \sqcup ∨ \vee ∧ \wedge ∖ \setminus ≀ \wr ⊕ \oplus ⊖ \ominus ⊗ \otimes ⊘ \oslash
⊙ \odot ◯ \bigcirc ∔ \dotplus ⋉ \ltimes ⋊ \rtimes ⋋ \leftthreetimes ⋌ \rightthreetimes ⊞ \boxplus
⊟ \boxminus ⊠ \boxtimes ⊡ \boxdot ⊺ \intercal ⊻ \veebar ⊼ \barwedge ⋎ \curlyvee ⋏ \curlywedge
⋒ \Cap ⋓ \Cup ⨿ \amalg ⊛ \circledast ⊚ \circledcirc ⊝ \circleddash ⋇ \divideontimes ◃ \triangleleft
▹ \triangleright − - ‐ - ∕ / ⁄ /
";

const RELATIONS: &str = r"
≤ \leq ⩽ \leqslant ≥ \geq ⩾ \geqslant < < > > ≠ \neq ≈ \approx ≃ \simeq ≅ \cong ≡ \equiv ∼ \sim
∽ \backsim ≁ \nsim ∝ \propto ≪ \ll ≫ \gg ⋘ \lll ⋙ \ggg ≺ \prec ≻ \succ ⪯ \preceq ⪰ \succeq ≼ \preccurlyeq
≽ \succcurlyeq ⊂ \subset ⊃ \supset ⊆ \subseteq ⊇ \supseteq ⊊ \subsetneq ⊋ \supsetneq ⊈ \nsubseteq
⊉ \nsupseteq ⊄ \not\subset ⊅ \not\supset ⋐ \Subset ⋑ \Supset ⫅ \subseteqq ⫆ \supseteqq ⊏ \sqsubset
⊐ \sqsupset ⊑ \sqsubseteq ⊒ \sqsupseteq ∈ \in ∋ \ni ∉ \notin ∌ \not\ni ⊢ \vdash ⊣ \dashv ⊨ \models
⊧ \models ⊩ \Vdash ⊪ \Vvdash ⊬ \nvdash ⊭ \nvDash ∤ \nmid ∦ \nparallel ⟂ \perp ≍ \asymp ≐ \doteq
≑ \doteqdot ≒ \fallingdotseq ≓ \risingdotseq ≔ := ≕ =: ≗ \circeq ≜ \triangleq ≟ \stackrel{?}{=} ≏ \bumpeq
≎ \Bumpeq ⋈ \bowtie ⌣ \smile ⌢ \frown ≦ \leqq ≧ \geqq ≨ \lneqq ≩ \gneqq ⪇ \lneq ⪈ \gneq ≮ \nless ≯ \ngtr
≰ \nleq ≱ \ngeq ≲ \lesssim ≳ \gtrsim ⪅ \lessapprox ⪆ \gtrapprox ≶ \lessgtr ≷ \gtrless ⊀ \nprec ⊁ \nsucc
≾ \precsim ≿ \succsim ≄ \not\simeq ≇ \ncong ≉ \not\approx ≢ \not\equiv ⊲ \vartriangleleft ⊳ \vartriangleright
⊴ \trianglelefteq ⊵ \trianglerighteq ⋪ \ntriangleleft ⋫ \ntriangleright ≬ \between ⋔ \pitchfork ≊ \approxeq
→ \to ← \leftarrow ↔ \leftrightarrow ⇒ \Rightarrow ⇐ \Leftarrow ⇔ \Leftrightarrow ↦ \mapsto ↤ \leftarrow
⟶ \longrightarrow ⟵ \longleftarrow ⟷ \longleftrightarrow ⟹ \Longrightarrow ⟸ \Longleftarrow
⟺ \Longleftrightarrow ⟼ \longmapsto ↑ \uparrow ↓ \downarrow ↕ \updownarrow ⇑ \Uparrow ⇓ \Downarrow
⇕ \Updownarrow ↗ \nearrow ↘ \searrow ↙ \swarrow ↖ \nwarrow ↪ \hookrightarrow ↩ \hookleftarrow
⇀ \rightharpoonup ⇁ \rightharpoondown ↼ \leftharpoonup ↽ \leftharpoondown ⇌ \rightleftharpoons
⇋ \leftrightharpoons ↠ \twoheadrightarrow ↞ \twoheadleftarrow ↣ \rightarrowtail ↢ \leftarrowtail
⇝ \rightsquigarrow ↝ \rightsquigarrow ⇉ \rightrightarrows ⇇ \leftleftarrows ⇄ \rightleftarrows
⇆ \leftrightarrows ⇈ \upuparrows ⇊ \downdownarrows ↾ \upharpoonright ⇃ \downharpoonleft ↿ \upharpoonleft
⇂ \downharpoonright ↛ \nrightarrow ↚ \nleftarrow ⇏ \nRightarrow ⇍ \nLeftarrow ⇎ \nLeftrightarrow
↮ \nleftrightarrow ⇢ \dashrightarrow ⇠ \dashleftarrow ↬ \looparrowright ↫ \looparrowleft
↷ \curvearrowright ↶ \curvearrowleft ↻ \circlearrowright ↺ \circlearrowleft ⊸ \multimap
↭ \leftrightsquigarrow ⇛ \Rrightarrow ⇚ \Lleftarrow ⩵ == ≖ \eqcirc ⋖ \lessdot ⋗ \gtrdot ∷ ::
⋚ \lesseqgtr ⋛ \gtreqless
";

const LARGE: &str = r"
∑ \sum ∏ \prod ∐ \coprod ∫ \int ∬ \iint ∭ \iiint ⨌ \iiiint ∮ \oint ∯ \oiint ∰ \oiiint ⋃ \bigcup ⋂ \bigcap
⨆ \bigsqcup ⋁ \bigvee ⋀ \bigwedge ⨁ \bigoplus ⨂ \bigotimes ⨀ \bigodot ⨄ \biguplus
";

/// Characters over (or under) a base that are accents: for one letter, for a wider base.
const ACCENTS: &str = r"
^ \hat \widehat ˆ \hat \widehat ~ \tilde \widetilde ˜ \tilde \widetilde ∼ \tilde \widetilde ¯ \bar \overline ˉ \bar \overline
‾ \bar \overline ― \bar \overline − \bar \overline - \bar \overline _ \bar \overline → \vec \overrightarrow
⃗ \vec \overrightarrow ← \overleftarrow \overleftarrow ↔ \overleftrightarrow \overleftrightarrow ˙ \dot \dot
. \dot \dot ¨ \ddot \ddot ⃛ \dddot \dddot ˇ \check \check ˘ \breve \breve ´ \acute \acute ` \grave \grave ˚ \mathring \mathring
⏞ \overbrace \overbrace ⏜ \overparen \overparen ⌢ \overset{\frown} \overparen ⇀ \overrightharpoon \overrightharpoon
⎴ \overbracket \overbracket ⏠ \overgroup \overgroup ̂ \hat \widehat ̃ \tilde \widetilde ̄ \bar \overline ̇ \dot \dot ̈ \ddot \ddot
̌ \check \check ̆ \breve \breve ́ \acute \acute ̀ \grave \grave ̊ \mathring \mathring ̲ \bar \overline
";

const UNDER_ACCENTS: &str = r"
_ \underline ‾ \underline ¯ \underline ̲ \underline ― \underline − \underline - \underline ⏟ \underbrace ⎵ \underbracket
→ \underrightarrow ← \underleftarrow ↔ \underleftrightarrow ~ \utilde ⏝ \underparen ˜ \utilde ⏡ \undergroup
";

/// Names of functions that have a command of their own.
pub(super) const FUNCTIONS: [&str; 35] = [
    "Pr",
    "arccos",
    "arcsin",
    "arctan",
    "arg",
    "cos",
    "cosh",
    "cot",
    "coth",
    "csc",
    "deg",
    "det",
    "dim",
    "exp",
    "gcd",
    "hom",
    "inf",
    "injlim",
    "ker",
    "lg",
    "lim",
    "liminf",
    "limsup",
    "ln",
    "log",
    "max",
    "min",
    "projlim",
    "sec",
    "sin",
    "sinh",
    "sup",
    "tan",
    "tanh",
    "varliminf",
];

/// Functions whose limits stand under them.
pub(super) const LIMIT_FUNCTIONS: [&str; 12] = [
    "\\Pr",
    "\\det",
    "\\gcd",
    "\\inf",
    "\\injlim",
    "\\lim",
    "\\liminf",
    "\\limsup",
    "\\max",
    "\\min",
    "\\projlim",
    "\\sup",
];

fn pairs(table: &'static str) -> impl Iterator<Item = (char, &'static str)> {
    let mut words = table.split_ascii_whitespace();
    std::iter::from_fn(move || {
        let character = words.next()?.chars().next()?;
        Some((character, words.next()?))
    })
}

static SYMBOLS: LazyLock<Vec<(char, Symbol)>> = LazyLock::new(|| {
    let tables = [
        (GREEK, Class::Ordinary),
        (LETTERS, Class::Ordinary),
        (BINARY, Class::Binary),
        (RELATIONS, Class::Relation),
        (LARGE, Class::Large),
    ];
    let mut symbols: Vec<(char, Symbol)> = tables
        .into_iter()
        .flat_map(|(table, class)| {
            pairs(table).map(move |(character, command)| (character, Symbol { command, class }))
        })
        .collect();
    symbols.sort_by_key(|(character, _)| *character);
    symbols
});

static OVER: LazyLock<Vec<(char, &'static str, &'static str)>> = LazyLock::new(|| {
    let words: Vec<&str> = ACCENTS.split_ascii_whitespace().collect();
    let triple = |three: &[&'static str]| Some((three[0].chars().next()?, three[1], three[2]));
    let mut accents: Vec<_> = words.chunks_exact(3).filter_map(triple).collect();
    accents.sort_by_key(|(character, ..)| *character);
    accents
});

static UNDER: LazyLock<Vec<(char, &'static str)>> = LazyLock::new(|| {
    let mut accents: Vec<_> = pairs(UNDER_ACCENTS).collect();
    accents.sort_by_key(|(character, _)| *character);
    accents
});

/// The command of a character; `None` where LaTeX takes it as it is, or has none.
pub(super) fn symbol(character: char) -> Option<Symbol> {
    let class = match character {
        '+' | '-' | '*' | '/' => Some(Class::Binary),
        '=' | ':' => Some(Class::Relation),
        _ if character.is_ascii_alphanumeric() => return None,
        _ => None,
    };
    if let Some(class) = class {
        let command = match character {
            '+' => "+",
            '-' => "-",
            '*' => "*",
            '/' => "/",
            '=' => "=",
            _ => ":",
        };
        // A colon and a slash stand close to their neighbours in most formulas.
        let class = if matches!(character, ':' | '/') { Class::Ordinary } else { class };
        return Some(Symbol { command, class });
    }
    let symbols = &*SYMBOLS;
    let at = symbols.binary_search_by_key(&character, |(known, _)| *known).ok()?;
    Some(symbols[at].1)
}

/// The accent that a character over a base is: the command for a single letter, and for more.
pub(super) fn over_accent(character: char) -> Option<(&'static str, &'static str)> {
    let accents = &*OVER;
    let at = accents.binary_search_by_key(&character, |(known, ..)| *known).ok()?;
    Some((accents[at].1, accents[at].2))
}

/// The accent that a character under a base is.
pub(super) fn under_accent(character: char) -> Option<&'static str> {
    let accents = &*UNDER;
    let at = accents.binary_search_by_key(&character, |(known, _)| *known).ok()?;
    Some(accents[at].1)
}

/// Splits a letter of the block of mathematical letters (`𝐀`, `𝔸`, `𝛂`) and of the letterlike
/// symbols into the command of its alphabet and the plain letter.
pub(super) fn styled_letter(character: char) -> Option<(&'static str, char)> {
    const LATIN: [&str; 13] = [
        "\\mathbf",
        "",
        "\\boldsymbol",
        "\\mathcal",
        "\\mathcal",
        "\\mathfrak",
        "\\mathbb",
        "\\mathfrak",
        "\\mathsf",
        "\\mathsf",
        "\\mathsf",
        "\\mathsf",
        "\\mathtt",
    ];
    const GREEK_STYLES: [&str; 5] =
        ["\\boldsymbol", "", "\\boldsymbol", "\\boldsymbol", "\\boldsymbol"];
    const GREEK_CAPITALS: &str = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡϴΣΤΥΦΧΨΩ∇";
    const GREEK_SMALL: &str = "αβγδεζηθικλμνξοπρςστυφχψω∂ϵϑϰϕϱϖ";
    const DIGITS: [&str; 5] = ["\\mathbf", "\\mathbb", "\\mathsf", "\\mathsf", "\\mathtt"];
    let code = u32::from(character);
    match code {
        0x1D400..=0x1D6A3 => {
            let index = code - 0x1D400;
            let (style, letter) = (index / 52, index % 52);
            let first = if letter < 26 { b'A' } else { b'a' - 26 };
            let letter = first + u8::try_from(letter).ok()?;
            Some((LATIN[style as usize], char::from(letter)))
        }
        0x1D6A8..=0x1D7C9 => {
            let index = code - 0x1D6A8;
            let (style, letter) = ((index / 58) as usize, (index % 58) as usize);
            let plain = match letter {
                0..=25 => GREEK_CAPITALS.chars().nth(letter)?,
                _ => GREEK_SMALL.chars().nth(letter - 26)?,
            };
            Some((GREEK_STYLES[style], if plain == 'ϴ' { 'Θ' } else { plain }))
        }
        0x1D7CE..=0x1D7FF => {
            let index = code - 0x1D7CE;
            let digit = char::from_digit(index % 10, 10)?;
            Some((DIGITS[(index / 10) as usize], digit))
        }
        _ => {
            let (style, letter) = match character {
                'ℂ' => ("\\mathbb", 'C'),
                'ℍ' => ("\\mathbb", 'H'),
                'ℕ' => ("\\mathbb", 'N'),
                'ℙ' => ("\\mathbb", 'P'),
                'ℚ' => ("\\mathbb", 'Q'),
                'ℝ' => ("\\mathbb", 'R'),
                'ℤ' => ("\\mathbb", 'Z'),
                'ℬ' => ("\\mathcal", 'B'),
                'ℰ' => ("\\mathcal", 'E'),
                'ℱ' => ("\\mathcal", 'F'),
                'ℋ' => ("\\mathcal", 'H'),
                'ℐ' => ("\\mathcal", 'I'),
                'ℒ' => ("\\mathcal", 'L'),
                'ℳ' => ("\\mathcal", 'M'),
                'ℛ' => ("\\mathcal", 'R'),
                'ℯ' => ("\\mathcal", 'e'),
                'ℊ' => ("\\mathcal", 'g'),
                'ℴ' => ("\\mathcal", 'o'),
                'ℭ' => ("\\mathfrak", 'C'),
                'ℌ' => ("\\mathfrak", 'H'),
                'ℨ' => ("\\mathfrak", 'Z'),
                '𝟙' => ("\\mathbb", '1'),
                _ => return None,
            };
            Some((style, letter))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_made_of_pairs() {
        for table in [GREEK, LETTERS, BINARY, RELATIONS, LARGE, UNDER_ACCENTS] {
            let mut words = table.split_ascii_whitespace();
            while let Some(character) = words.next() {
                assert_eq!(character.chars().count(), 1, "{character}");
                assert!(words.next().is_some(), "{character}");
            }
        }
        assert_eq!(ACCENTS.split_ascii_whitespace().count() % 3, 0);
    }

    #[test]
    fn no_character_has_two_commands() {
        for pair in SYMBOLS.windows(2) {
            assert_ne!(pair[0].0, pair[1].0, "{}", pair[0].1.command);
        }
        for pair in OVER.windows(2) {
            assert_ne!(pair[0].0, pair[1].0);
        }
    }

    #[test]
    fn commands_and_classes() {
        assert_eq!(symbol('α').map(|symbol| symbol.command), Some("\\alpha"));
        assert_eq!(symbol('∑').map(|symbol| symbol.class), Some(Class::Large));
        assert_eq!(symbol('≤').map(|symbol| symbol.class), Some(Class::Relation));
        assert!(symbol('x').is_none());
        assert_eq!(over_accent('^'), Some(("\\hat", "\\widehat")));
        assert_eq!(under_accent('⏟'), Some("\\underbrace"));
    }

    #[test]
    fn letters_of_other_alphabets_are_split() {
        assert_eq!(styled_letter('𝐀'), Some(("\\mathbf", 'A')));
        assert_eq!(styled_letter('𝑥'), Some(("", 'x')));
        assert_eq!(styled_letter('𝔸'), Some(("\\mathbb", 'A')));
        assert_eq!(styled_letter('𝔷'), Some(("\\mathfrak", 'z')));
        assert_eq!(styled_letter('𝛼'), Some(("", 'α')));
        assert_eq!(styled_letter('𝜔'), Some(("", 'ω')));
        assert_eq!(styled_letter('𝟖'), Some(("\\mathbf", '8')));
        assert_eq!(styled_letter('ℝ'), Some(("\\mathbb", 'R')));
        assert_eq!(styled_letter('x'), None);
    }
}
