//! Names of cells in a mixture, with `*` for any value.

use super::CellName;

/// A name such as `web/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern<'a> {
    /// The values; `None` for any. No list at all for `*` alone, which is any cell.
    values: Option<Vec<Option<&'a str>>>,
}

impl<'a> Pattern<'a> {
    pub(crate) fn new(name: &'a str) -> Self {
        if name == "*" {
            return Self { values: None };
        }
        let value = |value: &'a str| (value != "*").then_some(value);
        Self { values: Some(name.split('/').map(value).collect()) }
    }

    /// Number of its values; `None` where it fits any number.
    pub(crate) fn len(&self) -> Option<usize> {
        self.values.as_ref().map(Vec::len)
    }

    /// The value at a place, where it is not any.
    pub(crate) fn value(&self, place: usize) -> Option<&'a str> {
        self.values.as_ref()?.get(place).copied().flatten()
    }

    /// How many values it gives.
    fn given(&self) -> usize {
        self.values.as_ref().map_or(0, |values| values.iter().flatten().count())
    }

    fn matches(&self, cell: &CellName) -> bool {
        let Some(values) = &self.values else { return true };
        values.len() == cell.0.len()
            && values
                .iter()
                .zip(&cell.0)
                .all(|(wanted, value)| wanted.is_none_or(|wanted| wanted == value))
    }

    /// Whether a cell may match both, and neither says more about it.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        let (Some(left), Some(right)) = (&self.values, &other.values) else { return false };
        self.given() == other.given()
            && left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(left, right)| left.is_none() || right.is_none() || left == right)
    }
}

/// The cells of each pattern, and those of none. Of several patterns that match, the one that gives
/// the most values counts; [`Pattern::collides`] has been asked before.
pub(super) fn assign(
    patterns: &[Pattern<'_>],
    cells: &[&CellName],
) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut groups = vec![Vec::new(); patterns.len()];
    let mut unnamed = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let matching = patterns.iter().enumerate().filter(|(_, pattern)| pattern.matches(cell));
        match matching.max_by_key(|(_, pattern)| pattern.given()) {
            Some((place, _)) => groups[place].push(index),
            None => unnamed.push(index),
        }
    }
    (groups, unnamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_says_most_counts() {
        let names = ["web/en", "web/*", "*/zh", "*"];
        let patterns = names.map(Pattern::new);
        let cells: Vec<CellName> = [["web", "en"], ["web", "de"], ["books", "zh"], ["books", "fr"]]
            .iter()
            .map(|cell| CellName(cell.map(str::to_owned).to_vec()))
            .collect();
        let cells: Vec<&CellName> = cells.iter().collect();
        let (groups, unnamed) = assign(&patterns, &cells);
        assert_eq!(groups, [vec![0], vec![1], vec![2], vec![3]]);
        assert!(unnamed.is_empty());
        let (groups, unnamed) = assign(&patterns[..2], &cells);
        assert_eq!((groups, unnamed), (vec![vec![0], vec![1]], vec![2, 3]));
        assert!(patterns[1].collides(&patterns[2]), "web/zh could be either");
        assert!(!patterns[0].collides(&patterns[1]) && !patterns[1].collides(&patterns[3]));
        assert_eq!((patterns[3].len(), patterns[0].len()), (None, Some(2)));
        assert_eq!((patterns[1].value(0), patterns[1].value(1)), (Some("web"), None));
    }
}
