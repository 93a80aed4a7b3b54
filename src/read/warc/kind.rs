//! Kinds of records, and how many of each there are.

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What a server answered.
    Response,
    /// A file or an answer without its protocol.
    Resource,
    /// Something made of another record: the text of a page.
    Conversion,
    Warcinfo,
    Request,
    Metadata,
    Revisit,
    Continuation,
    /// The first record of an ARC file.
    ArcHeader,
    /// Any other.
    Unknown,
}

impl Kind {
    /// All kinds with their names, in the order of [`Counts`].
    pub(super) const ALL: [(Self, &'static str); 10] = [
        (Self::Response, "response"),
        (Self::Resource, "resource"),
        (Self::Conversion, "conversion"),
        (Self::Warcinfo, "warcinfo"),
        (Self::Request, "request"),
        (Self::Metadata, "metadata"),
        (Self::Revisit, "revisit"),
        (Self::Continuation, "continuation"),
        (Self::ArcHeader, "arc_header"),
        (Self::Unknown, "unknown"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("unknown", |(_, name)| name)
    }

    pub(super) fn of_name(name: Option<&str>) -> Self {
        let name = name.unwrap_or_default();
        Self::ALL
            .iter()
            .find(|(kind, known)| *kind != Self::ArcHeader && known.eq_ignore_ascii_case(name))
            .map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// Whether such records become documents; all others are only counted.
    pub(super) fn is_input(self) -> bool {
        matches!(self, Self::Response | Self::Resource | Self::Conversion)
    }
}

/// Records by kind, in the order of [`Kind::ALL`]; damaged ones count as what their header says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts([u64; Kind::ALL.len()]);

impl Counts {
    /// All kinds with their numbers.
    pub(super) fn iter(self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.0).map(|((kind, _), count)| (kind, count))
    }

    pub(super) fn add(&mut self, kind: Kind) {
        for ((known, _), count) in Kind::ALL.iter().zip(&mut self.0) {
            *count += u64::from(*known == kind);
        }
    }
}
