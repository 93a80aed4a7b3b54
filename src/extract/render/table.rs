//! Tables: which hold data, and how rows are written.
//!
//! A row of data is a line `| a | b |`; a row of dashes follows the headings, as in Markdown. Tables
//! that only place things on the page are taken apart: their cells are blocks.

use super::writer::{Break, Writer};
use crate::extract::dom::{Attr, Dom, NodeId, Tag};

/// Most cells of a row that spans can make.
const WIDEST: usize = 1000;
/// A cell of data is not longer than this (bytes), unless the table says that it is one.
const LONGEST_CELL: usize = 600;
const LONGEST_MEAN: usize = 150;
const LONGEST_MARKED_CELL: usize = 3000;

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rows and columns mean something.
    Data,
    /// It places things on the page.
    Layout,
    /// Its rows are lines of running text: numbered equations.
    Lines,
}

/// Where in a table of data words are being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Row,
    Cell,
}

#[derive(Debug)]
struct Table {
    kind: Kind,
    rows: usize,
    /// Rows that the cell above still covers, by column.
    covered: Vec<u32>,
    column: usize,
    /// Bytes written when the row began, and whether any cell of it has text.
    row_start: usize,
    cell_start: usize,
    has_text: bool,
    place: Place,
    /// All cells of the row are headings.
    heading: bool,
    /// Columns that the cell takes beside its own.
    more_columns: usize,
}

/// The tables that are open.
#[derive(Debug)]
pub(super) struct Tables {
    open: Vec<Table>,
    /// Cells that spans may still add on this page.
    budget: usize,
}

/// What is known of a table before it is written.
#[derive(Debug, Default)]
struct Survey {
    rows: usize,
    cells: usize,
    headings: usize,
    columns: usize,
    text: usize,
    longest: usize,
    blocks: usize,
    nested: bool,
    marked: bool,
}

fn survey(dom: &Dom, table: NodeId) -> Survey {
    let mut survey = Survey::default();
    let (mut columns, mut cell) = (0, 0);
    for node in dom.descendants(table) {
        match dom.tag(node) {
            Tag::Tr => {
                survey.rows += 1;
                columns = 0;
            }
            tag @ (Tag::Td | Tag::Th) => {
                survey.cells += 1;
                survey.headings += usize::from(tag == Tag::Th);
                columns += 1;
                survey.columns = survey.columns.max(columns);
                cell = 0;
            }
            Tag::Text => {
                let len = dom.text(node).trim_ascii().len();
                survey.text += len;
                cell += len;
                survey.longest = survey.longest.max(cell);
            }
            Tag::Thead | Tag::Caption => survey.marked = true,
            Tag::Table => {
                // The table inside is surveyed for itself: all tables of a page cost one pass.
                survey.nested = true;
                break;
            }
            Tag::H1
            | Tag::H2
            | Tag::H3
            | Tag::H4
            | Tag::H5
            | Tag::H6
            | Tag::Pre
            | Tag::Blockquote
            | Tag::Article
            | Tag::Section
            | Tag::Form => survey.blocks += 1,
            _ => {}
        }
    }
    survey
}

/// Decides what a table is for.
pub(super) fn kind(dom: &Dom, table: NodeId, classes: &str) -> Kind {
    let mut classes = classes.split_ascii_whitespace();
    if classes.any(|class| matches!(class, "ltx_eqn_table" | "ltx_equation" | "equation")) {
        return Kind::Lines;
    }
    if matches!(dom.attr(table, Attr::Role), Some("presentation" | "none")) {
        return Kind::Layout;
    }
    let survey = survey(dom, table);
    if survey.nested || survey.columns < 2 || survey.rows < 2 && !survey.marked {
        return Kind::Layout;
    }
    let marked = survey.marked || survey.headings > 0;
    let (longest, mean) = (survey.longest, survey.text / survey.cells.max(1));
    let data = if marked {
        longest <= LONGEST_MARKED_CELL && survey.blocks * 4 <= survey.cells
    } else {
        longest <= LONGEST_CELL && mean <= LONGEST_MEAN && survey.blocks == 0
    };
    if data { Kind::Data } else { Kind::Layout }
}

fn span(dom: &Dom, cell: NodeId, attr: Attr) -> usize {
    let value = dom.attr(cell, attr).and_then(|value| value.trim().parse().ok());
    value.unwrap_or(1).clamp(1, WIDEST)
}

impl Tables {
    pub(super) fn new(budget: usize) -> Self {
        Self { open: Vec::new(), budget }
    }

    pub(super) fn enter(&mut self, kind: Kind, writer: &mut Writer<'_>) {
        writer.set_break(Break::Paragraph);
        self.open.push(Table {
            kind,
            rows: 0,
            covered: Vec::new(),
            column: 0,
            row_start: 0,
            cell_start: 0,
            has_text: false,
            place: Place::Outside,
            heading: true,
            more_columns: 0,
        });
    }

    pub(super) fn leave(&mut self, writer: &mut Writer<'_>) {
        self.leave_row(writer);
        self.open.pop();
        writer.set_break(Break::Paragraph);
    }

    pub(super) fn enter_row(&mut self, writer: &mut Writer<'_>) {
        self.leave_row(writer);
        writer.set_break(Break::Line);
        if let Some(table) = self.open.last_mut()
            && table.kind == Kind::Data
        {
            table.place = Place::Row;
            table.column = 0;
            table.row_start = writer.len();
            table.has_text = false;
            table.heading = true;
        }
    }

    pub(super) fn leave_row(&mut self, writer: &mut Writer<'_>) {
        self.leave_cell(writer);
        let Some(table) = self.open.last_mut().filter(|table| table.place != Place::Outside) else {
            writer.set_break(Break::Line);
            return;
        };
        table.place = Place::Outside;
        // Cells at the end that rows above cover.
        while table.covered.get(table.column).is_some_and(|&rows| rows > 0) {
            table.covered[table.column] -= 1;
            table.column += 1;
            writer.append(" |");
        }
        if !table.has_text {
            writer.truncate(table.row_start);
            writer.set_break(if table.rows == 0 { Break::Paragraph } else { Break::Line });
            return;
        }
        table.rows += 1;
        writer.set_break(Break::Line);
        if table.heading && table.rows == 1 && table.column > 0 {
            writer.word("|");
            for _ in 0..table.column {
                writer.append(" --- |");
            }
            writer.set_break(Break::Line);
        }
    }

    pub(super) fn enter_cell(&mut self, dom: &Dom, cell: NodeId, writer: &mut Writer<'_>) {
        self.leave_cell(writer);
        let Some(table) = self.open.last_mut() else {
            writer.set_break(Break::Line);
            return;
        };
        match table.kind {
            Kind::Layout => writer.set_break(Break::Line),
            Kind::Lines => writer.due_space(),
            Kind::Data => {
                if table.column == 0 {
                    writer.word("|");
                }
                while table.covered.get(table.column).is_some_and(|&rows| rows > 0) {
                    table.covered[table.column] -= 1;
                    table.column += 1;
                    writer.append(" |");
                }
                let columns =
                    span(dom, cell, Attr::Colspan).min(WIDEST - table.column.min(WIDEST - 1));
                let rows = span(dom, cell, Attr::Rowspan);
                let added = (columns - 1).min(self.budget);
                self.budget -= added;
                table.more_columns = added;
                if rows > 1 {
                    let end = table.column + added + 1;
                    if table.covered.len() < end {
                        table.covered.resize(end, 0);
                    }
                    let rows = u32::try_from(rows.min(self.budget + 1)).unwrap_or(1);
                    self.budget -= rows as usize - 1;
                    table.covered[table.column..end].fill(rows - 1);
                }
                table.heading &= dom.tag(cell) == Tag::Th;
                table.place = Place::Cell;
                writer.append(" ");
                table.cell_start = writer.len();
                writer.flatten();
            }
        }
    }

    pub(super) fn leave_cell(&mut self, writer: &mut Writer<'_>) {
        match self.open.last_mut() {
            Some(table) if table.place == Place::Cell => {
                table.place = Place::Row;
                writer.unflatten();
                if writer.len() > table.cell_start {
                    table.has_text = true;
                    writer.append(" |");
                } else {
                    writer.append("|");
                }
                for _ in 0..table.more_columns {
                    writer.append(" |");
                }
                table.column += 1 + table.more_columns;
            }
            Some(Table { kind: Kind::Lines, .. }) => writer.due_space(),
            Some(Table { kind: Kind::Data, .. }) => {}
            _ => writer.set_break(Break::Line),
        }
    }

    /// Whether a row of data is open.
    pub(super) fn in_row(&self) -> bool {
        self.open.last().is_some_and(|table| table.place != Place::Outside)
    }

    /// Whether words are being written into a cell of data.
    pub(super) fn in_cell(&self) -> bool {
        self.open.last().is_some_and(|table| table.place == Place::Cell)
    }
}

#[cfg(test)]
mod tests {
    use crate::extract::render::tests::text;

    #[test]
    fn rows_of_data_are_lines() {
        let page = "<table><caption>Sizes</caption><thead><tr><th>Name<th>Size</thead>
            <tr><td>a <b>b</b><td><p>1</p><p>2</p><tr><td>c<br>d<td></table>after";
        assert_eq!(
            text(page),
            "Sizes\n\n| Name | Size |\n| --- | --- |\n| a b | 1 2 |\n| c d | |\n\nafter"
        );
    }

    #[test]
    fn spans_keep_columns_apart() {
        let page = "<table><tr><th rowspan=2>A<th colspan=2>B<th>C<tr><td>1<td>2<td rowspan=2>3
            <tr><td>x<td>y<td>z</table>";
        assert_eq!(
            text(page),
            "| A | B | | C |\n| --- | --- | --- | --- |\n| | 1 | 2 | 3 |\n| x | y | z | |"
        );
    }

    #[test]
    fn tables_for_layout_are_taken_apart() {
        assert_eq!(
            text("<table><tr><td>menu<td><p>one</p><p>two</p></table>"),
            "menu\n\none\n\ntwo"
        );
        let nested =
            "<table><tr><td>a<td><table><tr><td>1<td>2<tr><td>3<td>4</table><tr><td>b<td>c</table>";
        assert_eq!(text(nested), "a\n\n| 1 | 2 |\n| 3 | 4 |\n\nb\nc");
        let long = "word ".repeat(200);
        let page = format!("<table><tr><td>{long}<td>a<tr><td>b<td>c</table>");
        assert!(!text(&page).contains('|'));
        assert_eq!(
            text("<table role=presentation><tr><td>a<td>b<tr><td>c<td>d</table>"),
            "a\nb\nc\nd"
        );
    }

    #[test]
    fn empty_rows_vanish() {
        assert_eq!(
            text("<table><tr><td>a<td>b<tr><td> <td>&nbsp;<tr><td>c<td>d</table>"),
            "| a | b |\n| c | d |"
        );
    }

    #[test]
    fn huge_spans_are_cut() {
        let cells = "<td colspan=1000 rowspan=65534>x".repeat(300);
        let page = format!("<table>{}</table>", format!("<tr>{cells}").repeat(100));
        assert!(text(&page).len() < 3_000_000);
    }

    #[test]
    fn a_list_in_a_cell_is_one_line() {
        assert_eq!(
            text("<table><tr><th>a<th>b<tr><td><ul><li>x<li>y</ul><td><pre>1\n 2</pre></table>"),
            "| a | b |\n| --- | --- |\n| x y | 1 2 |"
        );
    }
}
