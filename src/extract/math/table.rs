//! Tables within formulas: matrices, cases, aligned equations, binomials.

use super::letters::{delimiter, escape};
use super::mathml::Converter;
use super::tag;
use super::write::{command, push};
use crate::extract::dom::{Attr, NodeId, Tag};

/// A bracket, a table, a bracket: a matrix. Gives the LaTeX and how many children it took.
pub(super) fn fenced(
    converter: &mut Converter<'_, '_>,
    items: &[NodeId],
) -> Option<(String, usize)> {
    let &[open, inner, ..] = items else { return None };
    let content = converter.unwrapped(inner);
    let binomial = tag(converter.dom, content) == Tag::Mfrac
        && converter.dom.attr(content, Attr::Linethickness).is_some_and(is_zero);
    if !binomial && tag(converter.dom, content) != Tag::Mtable {
        return None;
    }
    let open = converter.operator(open)?;
    let close = items.get(2).and_then(|&close| converter.operator(close));
    if binomial {
        if open != "(" || close.as_deref() != Some(")") {
            return None;
        }
        let parts = converter.items(content);
        let [above, below] = parts[..] else { return None };
        let (above, below) = (converter.element(above).tex, converter.element(below).tex);
        return Some((format!("\\binom{{{above}}}{{{below}}}"), 3));
    }
    delimiter(&open).filter(|open| open != ".")?;
    let taken = if close.as_deref().and_then(delimiter).is_some() { 3 } else { 2 };
    let close = if taken == 3 { close.unwrap_or_default() } else { String::new() };
    Some((with_fences(converter, &open, inner, &close)?, taken))
}

/// A table of one column as lines over each other.
pub(super) fn substack(converter: &mut Converter<'_, '_>, table: NodeId) -> Option<String> {
    let rows = converter.items(table);
    if rows.len() < 2 || rows.iter().any(|&row| converter.items(row).len() != 1) {
        return None;
    }
    let mut out = String::from("\\substack{");
    for (index, row) in rows.into_iter().enumerate() {
        if index > 0 {
            out.push_str(" \\\\ ");
        }
        out.push_str(converter.element(row).tex.trim_start());
    }
    out.push('}');
    Some(out)
}

fn is_zero(thickness: &str) -> bool {
    thickness.starts_with('0') && !thickness.starts_with("0.")
}

/// A table between brackets.
pub(super) fn with_fences(
    converter: &mut Converter<'_, '_>,
    open: &str,
    inner: NodeId,
    close: &str,
) -> Option<String> {
    let inner = converter.unwrapped(inner);
    if tag(converter.dom, inner) != Tag::Mtable {
        return None;
    }
    let environment = match (open, close) {
        ("(", ")") => "pmatrix",
        ("[", "]") => "bmatrix",
        ("{", "}") => "Bmatrix",
        ("|" | "∣", "|" | "∣") => "vmatrix",
        ("‖" | "∥", "‖" | "∥") => "Vmatrix",
        ("{", "") => "cases",
        _ => {
            let (open, close) = (delimiter(open)?, delimiter(close)?);
            let mut out = format!("\\left{open}");
            push(&mut out, &plain(converter, inner));
            push(&mut out, "\\right");
            push(&mut out, &close);
            return Some(out);
        }
    };
    // Brackets around an array with rules keep the rules.
    let columns = converter.dom.attr(inner, Attr::Columnlines).unwrap_or_default();
    if columns.contains("solid") {
        let (open, close) = (delimiter(open)?, delimiter(close)?);
        return Some(format!("\\left{open}{}\\right{close}", plain(converter, inner)));
    }
    Some(rows(converter, inner, environment, ""))
}

/// A table without brackets.
pub(super) fn plain(converter: &mut Converter<'_, '_>, table: NodeId) -> String {
    let dom = converter.dom;
    let align = dom.attr(table, Attr::Columnalign).unwrap_or_default();
    let lines = dom.attr(table, Attr::Columnlines).unwrap_or_default();
    if lines.contains("solid") || lines.contains("dashed") {
        return array(converter, table, align, lines);
    }
    let mut sides = align.split_ascii_whitespace();
    let environment = match (sides.next(), sides.next()) {
        (Some("right"), None | Some("left")) => "aligned",
        (None, _) if is_aligned(converter, table) => "aligned",
        _ => "matrix",
    };
    rows(converter, table, environment, "")
}

/// Whether cells say for themselves that they are right and left of the signs to align.
fn is_aligned(converter: &Converter<'_, '_>, table: NodeId) -> bool {
    let dom = converter.dom;
    let Some(&row) = converter.items(table).first() else { return false };
    let says = |cell: NodeId, side: &str| {
        let named = [Attr::Columnalign, Attr::Class, Attr::Style];
        named.into_iter().filter_map(|name| dom.attr(cell, name)).any(|value| value.contains(side))
    };
    match converter.items(row)[..] {
        [first, second, ..] => says(first, "right") && says(second, "left"),
        _ => false,
    }
}

/// An array with rules between columns.
fn array(converter: &mut Converter<'_, '_>, table: NodeId, align: &str, lines: &str) -> String {
    const COLUMNS: usize = 64;
    let columns = converter
        .items(table)
        .iter()
        .map(|&row| converter.items(row).len())
        .max()
        .unwrap_or(0)
        .min(COLUMNS);
    let mut align = align.split_ascii_whitespace();
    let mut lines = lines.split_ascii_whitespace();
    let mut arguments = String::from("{");
    let (mut side, mut line) = ("center", "none");
    for column in 0..columns {
        if column > 0 {
            line = lines.next().unwrap_or(line);
            if line != "none" {
                arguments.push('|');
            }
        }
        side = align.next().unwrap_or(side);
        arguments.push(match side {
            "left" => 'l',
            "right" => 'r',
            _ => 'c',
        });
    }
    arguments.push('}');
    rows(converter, table, "array", &arguments)
}

fn rows(
    converter: &mut Converter<'_, '_>,
    table: NodeId,
    environment: &str,
    arguments: &str,
) -> String {
    let mut out = format!("\\begin{{{environment}}}{arguments} ");
    for (index, row) in converter.items(table).into_iter().enumerate() {
        if index > 0 {
            out.push_str(" \\\\ ");
        }
        let mut cells = converter.items(row);
        if !matches!(tag(converter.dom, row), Tag::Mtr | Tag::Mlabeledtr) {
            cells = vec![row];
        }
        let label = (tag(converter.dom, row) == Tag::Mlabeledtr && !cells.is_empty())
            .then(|| cells.remove(0));
        for (column, cell) in cells.into_iter().enumerate() {
            if column > 0 {
                out.push_str(" & ");
            }
            let cell = converter.element(cell).tex;
            out.push_str(cell.trim_start());
        }
        if let Some(label) = label {
            let label = converter.text(label);
            let label = label.trim().trim_start_matches('(').trim_end_matches(')');
            if !label.is_empty() {
                out.push_str(&command(" \\tag", &escape(label)));
            }
        }
    }
    out.push_str(&command(" \\end", environment));
    out
}
