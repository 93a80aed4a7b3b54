//! Names of elements and attributes that the extractor knows, as small numbers.

/// Makes an enum of names, sorted, with both directions of the mapping.
macro_rules! names {
    ($(#[$doc:meta])* $kind:ident { $($(#[$special:meta])* special $odd:ident,)* $($variant:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "the names are HTML's own")]
        pub enum $kind {
            $($(#[$special])* $odd,)*
            $($variant,)*
        }

        impl $kind {
            /// Names in alphabetical order, which the tests check.
            const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$variant),)*];

            /// Finds a name in lower case.
            #[must_use]
            pub fn known(name: &str) -> Option<Self> {
                let found = Self::NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
                Some(Self::NAMES[found].1)
            }
        }
    };
}

names! {
    /// An element's name, or what else a node is.
    Tag {
        /// The root of the tree.
        special Document,
        /// A run of text.
        special Text,
        /// An element whose name is not listed here; [`super::Dom::name`] has it.
        special Other,
        A "a", Abbr "abbr", Acronym "acronym", Address "address", AmpImg "amp-img",
        Annotation "annotation", AnnotationXml "annotation-xml", Area "area", Article "article",
        Aside "aside", Audio "audio", B "b", Base "base", Bdi "bdi", Bdo "bdo", Big "big",
        Blockquote "blockquote", Body "body", Br "br", Button "button", Canvas "canvas",
        Caption "caption", Center "center", Cite "cite", Code "code", Col "col",
        Colgroup "colgroup", Data "data", Datalist "datalist", Dd "dd", Del "del",
        Details "details", Dfn "dfn", Dialog "dialog", Dir "dir", Div "div", Dl "dl", Dt "dt",
        Em "em", Embed "embed", Fieldset "fieldset", Figcaption "figcaption", Figure "figure",
        Font "font", Footer "footer", Form "form", Frame "frame", Frameset "frameset", H1 "h1",
        H2 "h2", H3 "h3", H4 "h4", H5 "h5", H6 "h6", Head "head", Header "header",
        Hgroup "hgroup", Hr "hr", Html "html", I "i", Iframe "iframe", Img "img", Input "input",
        Ins "ins", Kbd "kbd", Label "label", Legend "legend", Li "li", Link "link",
        Listing "listing", Maction "maction", Main "main", Map "map", Mark "mark",
        Marquee "marquee", Math "math", Menclose "menclose", Menu "menu", Merror "merror",
        Meta "meta", Meter "meter", Mfenced "mfenced", Mfrac "mfrac", Mi "mi",
        MjxContainer "mjx-container", Mlabeledtr "mlabeledtr", Mmultiscripts "mmultiscripts",
        Mn "mn", Mo "mo", Mover "mover", Mpadded "mpadded", Mphantom "mphantom",
        Mprescripts "mprescripts", Mroot "mroot", Mrow "mrow", Ms "ms", Mspace "mspace",
        Msqrt "msqrt", Mstyle "mstyle", Msub "msub", Msubsup "msubsup", Msup "msup",
        Mtable "mtable", Mtd "mtd", Mtext "mtext", Mtr "mtr", Munder "munder",
        Munderover "munderover", Nav "nav", Nobr "nobr", Noframes "noframes", None "none",
        Noscript "noscript", Object "object", Ol "ol", Optgroup "optgroup", Option "option",
        Output "output", P "p", Picture "picture", Plaintext "plaintext", Pre "pre",
        Progress "progress", Q "q", Rb "rb", Rp "rp", Rt "rt", Rtc "rtc", Ruby "ruby", S "s",
        Samp "samp", Script "script", Search "search", Section "section", Select "select",
        Semantics "semantics", Slot "slot", Small "small", Source "source", Span "span",
        Strike "strike", Strong "strong", Style "style", Sub "sub", Summary "summary", Sup "sup",
        Svg "svg", Table "table", Tbody "tbody", Td "td", Template "template",
        Textarea "textarea", Tfoot "tfoot", Th "th", Thead "thead", Time "time", Title "title",
        Tr "tr", Track "track", Tt "tt", U "u", Ul "ul", Var "var", Video "video", Wbr "wbr",
        Xmp "xmp",
    }
}

names! {
    /// An attribute's name. Attributes not listed here are not kept.
    Attr {
        /// Name of an element that [`Tag`] does not list.
        special LocalName,
        Accent "accent", Accentunder "accentunder", Alt "alt", Alttext "alttext",
        AriaHidden "aria-hidden", AriaLabel "aria-label", AriaLevel "aria-level",
        AriaModal "aria-modal", Bevelled "bevelled", Block "block", Cite "cite", Class "class",
        Close "close", Colspan "colspan", Columnalign "columnalign", Columnlines "columnlines",
        Content "content", Controls "controls", DataEquationContent "data-equation-content",
        DataExpr "data-expr", DataFormula "data-formula", DataLang "data-lang",
        DataLanguage "data-language", DataLatex "data-latex", DataLineNumber "data-line-number",
        DataMath "data-math", DataMathml "data-mathml", DataMjxTexclass "data-mjx-texclass",
        DataNosnippet "data-nosnippet", DataOriginal "data-original", DataSrc "data-src",
        DataTestid "data-testid", DataTex "data-tex", Datetime "datetime", Dir "dir",
        Display "display", Eeimg "eeimg", Encoding "encoding", Fence "fence", Hidden "hidden",
        Href "href", Hreflang "hreflang", HttpEquiv "http-equiv", Id "id", Itemid "itemid",
        Itemprop "itemprop", Itemscope "itemscope", Itemtype "itemtype", Lang "lang",
        Language "language", Linebreak "linebreak", Linethickness "linethickness",
        Mathvariant "mathvariant", Mode "mode", Name "name", Notation "notation", Open "open",
        Property "property", Rel "rel", Reversed "reversed", Role "role", Rowspan "rowspan",
        Scope "scope", Separators "separators", Src "src", Start "start", Stretchy "stretchy",
        Style "style", Title "title", Type "type", Typeof "typeof", Value "value", Width "width",
        XmlLang "xml:lang",
    }
}

impl Tag {
    /// The name in lower case; empty for what is no element or is not listed.
    #[must_use]
    pub fn name(self) -> &'static str {
        const SPECIAL: usize = 3;
        match (self as usize).checked_sub(SPECIAL) {
            Some(index) => Self::NAMES[index].0,
            None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(Tag::NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(Attr::NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(Tag::known("xmp"), Some(Tag::Xmp));
        assert_eq!(Attr::known("class"), Some(Attr::Class));
        assert_eq!(Tag::known("blink"), None);
    }
}
