"""Writes tables.jsonl: pages with tables as the web has them, and the rows that must be left."""
import json
import pathlib

HEAD = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title} | Almanac</title></head><body>
<header><a href="/">Almanac</a><nav><ul><li><a href="/">Home</a></li><li><a href="/all">All tables</a></li></ul></nav></header>
<main><article><h1>{title}</h1>
<p>The figures below were put together from the yearly reports; they are rounded, and the notes under the table say how.</p>
"""
FOOT = """
<p>Years without a report are left out. Where two reports differ, the later one was taken, and the difference is explained in its preface.</p>
<p>Readers who find a mistake are asked to write to the editors, who will mend it in the next edition of this page.</p>
</article></main><footer><p>Copyright Almanac. <a href="/privacy">Privacy</a></p></footer></body></html>"""

RIVERS = [["River", "Length in km", "Mouth"], ["Volga", "3,530", "Caspian Sea"], ["Danube", "2,850", "Black Sea"],
          ["Ural", "2,428", "Caspian Sea"], ["Dnieper", "2,201", "Black Sea"]]
PLANETS = [["Planet", "Moons", "Year", "Found by"], ["Mars", "2", "1877", "Asaph Hall"], ["Neptune", "16", "1846", "William Lassell"],
           ["Pluto", "5", "1978", "James Christy"]]
GRAIN = [["Grain", "1961", "1981", "2001", "2021"], ["Wheat", "222", "450", "589", "771"], ["Rice", "216", "410", "600", "787"],
         ["Maize", "205", "447", "615", "1,210"], ["Barley", "72", "150", "141", "146"]]
SETS = [("Long rivers of Europe", RIVERS), ("Moons and who found them", PLANETS), ("Harvests of grain", GRAIN)]


def table(rows, *, attributes="", head="th", section=True, cell=lambda text, row, column: text, body="td"):
    first = "".join(f"<{head}>{cell(text, 0, at)}</{head}>" for at, text in enumerate(rows[0]))
    rest = "".join("<tr>" + "".join(f"<{body}>{cell(text, at + 1, column)}</{body}>" for column, text in enumerate(row)) + "</tr>\n"
                   for at, row in enumerate(rows[1:]))
    if section:
        return f"<table{attributes}>\n<thead><tr>{first}</tr></thead>\n<tbody>{rest}</tbody></table>"
    return f"<table{attributes}>\n<tbody><tr>{first}</tr>\n{rest}</tbody></table>"


def linked(text, row, column):
    return f'<a href="/wiki/{text.replace(" ", "_")}" title="{text}">{text}</a>' if column == 0 and row else text


def indented(rows):
    out = ["<table>"]
    for row in rows:
        out.append("  <tr>")
        for text in row:
            out += ["    <td>", f"      {text}", "    </td>"]
        out.append("  </tr>")
    return "\n".join(out + ["</table>"])


def spans(rows):
    """The last column's equal neighbours share a cell."""
    out = ["<table class='data'><tr>" + "".join(f"<th>{text}</th>" for text in rows[0]) + "</tr>"]
    last = len(rows[0]) - 1
    kept = [rows[0]]
    covered = 0
    for at, row in enumerate(rows[1:], 1):
        span = 1
        if not covered:
            while at + span < len(rows) and rows[at + span][last] == row[last]:
                span += 1
        cells = "".join(f"<td>{text}</td>" for text in row[:last])
        if covered:
            covered -= 1
            kept.append(row[:last])
        else:
            cells += f"<td rowspan='{span}'>{row[last]}</td>"
            covered = span - 1
            kept.append(row)
        out.append(f"<tr>{cells}</tr>")
    return "".join(out) + "</table>", kept


def grouped(rows):
    head = f"<tr><th rowspan='2'>{rows[0][0]}</th><th colspan='{len(rows[0]) - 1}'>Figures</th></tr><tr>" + "".join(
        f"<th>{text}</th>" for text in rows[0][1:]) + "</tr>"
    rest = "".join("<tr>" + "".join(f"<td>{text}</td>" for text in row) + "</tr>" for row in rows[1:])
    return f"<table border='1'><thead>{head}</thead><tbody>{rest}</tbody></table>", [[rows[0][0], "Figures"], rows[0][1:]] + rows[1:]


def layout(inner):
    return ("<table width='100%' border='0' cellpadding='0'><tr><td width='20%' valign='top'><a href='/a'>Contents</a><br><a href='/b'>Index</a></td>"
            f"<td valign='top'><p>Until some years ago pages were laid out like this one, with a table around everything.</p>{inner}</td></tr></table>")


pages = []


def add(renderer, number, title, markup, rows):
    pages.append({"id": f"{renderer}-{number}", "renderer": renderer, "rows": rows,
                  "html": HEAD.format(title=title) + markup + FOOT})


for number, (title, rows) in enumerate(SETS, 1):
    add("markdown", number, title, table(rows), rows)
    add("no-headings", number, title, table(rows, head="td", section=False), rows)
    add("row-headings", number, title, table(rows, section=False).replace("<tr><td>", "<tr><th scope='row'>").replace("</th scope='row'>", "</th>"), rows)
    add("wikipedia", number, title, table(
        rows, attributes=' class="wikitable sortable"', section=False, cell=lambda text, row, column: linked(text, row, column) + "\n"
    ).replace("<tbody>", f"<caption>{title}<sup class='reference'><a href='#n1'>[1]</a></sup></caption><tbody>"), rows)
    add("wordpress-block", number, title, f"<figure class='wp-block-table is-style-stripes'>{table(rows, section=False, head='td')}<figcaption>Source: yearly reports</figcaption></figure>", rows)
    add("paragraphs-in-cells", number, title, table(rows, cell=lambda text, *_: f"<p><span>{text}</span></p>", section=False, head="td"), rows)
    add("divisions-in-cells", number, title, f"<div class='table-responsive'><div class='scroll'>{table(rows, attributes=' class=table', cell=lambda text, *_: f'<div class=cell>{text}</div>')}</div></div>", rows)
    add("indented-source", number, title, indented(rows), rows)
    markup, kept = spans(rows)
    add("rowspan", number, title, markup, kept)
    markup, kept = grouped(rows)
    add("grouped-headings", number, title, markup, kept)
    add("layout-around", number, title, layout(table(rows, attributes=" border=1", head="td", section=False)), rows)
    add("line-breaks", number, title, table(rows, cell=lambda text, row, column: text.replace(" ", "<br>\n") if column else f"<b>{text}</b>"), rows)
    add("data-table", number, title, table(rows, attributes=" id='t' class='display dataTable' role='grid'", cell=lambda text, row, column: (
        text if row else f"<span class='dt-column-title' role='button'>{text}</span><span class='dt-column-order'></span>")), rows)
    add("footer-row", number, title, table(rows).replace("</tbody>", "</tbody><tfoot><tr><td>Sum</td>" + "<td>n/a</td>" * (len(rows[0]) - 1) + "</tr></tfoot>"), rows + [["Sum"] + ["n/a"] * (len(rows[0]) - 1)])

pathlib.Path("tables.jsonl").write_text("".join(json.dumps(page, ensure_ascii=False) + "\n" for page in pages))
