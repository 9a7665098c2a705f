"""How does a report become one HTML page? All in it, all escaped, no script, nothing fetched.

A policy in the page itself forbids scripts and every request, should a name slip through. Charts
are in it twice, and the browser takes that of the colours its user prefers.
"""

from __future__ import annotations

import base64
from html import escape

from lsr.eval.report_charts import color_of
from lsr.eval.report_contents import Chart, Report, Table

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ddd; --soft: #f5f5f5; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --paper: #151515; --line: #3a3a3a; --soft: #202020; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th { background: var(--soft); font-weight: 600; vertical-align: bottom; min-width: 4.2rem; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; min-width: 8rem; }
p, footer { font-size: .9rem; max-width: 45rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr));
  gap: 0 2rem; }
figure { margin: 0; }
figure img { width: 100%; height: auto; }
figcaption { font-size: .85rem; }
.key { display: inline-block; width: .75em; height: .75em; border-radius: 50%;
  margin-right: .4em; }
footer { margin-top: 2rem; border-top: 1px solid var(--line); padding-top: .5rem; }
""".strip()

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def as_page(report: Report) -> str:
    """Return a report as the text of an HTML file."""
    quality, *others = report.tables
    charts = "\n".join(_chart(chart) for chart in report.charts)
    body = "\n".join(
        [
            f"<h1>{escape(report.title)}</h1>",
            _table(quality, has_keys=True),
            f'<div class="charts">\n{charts}\n</div>',
            *(_table(table) for table in others),
            f"<footer>{escape(report.note)}</footer>",
        ]
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(report.title)}</title>
<style>
{_STYLE}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _table(table: Table, *, has_keys: bool = False) -> str:
    """Write a table; with keys, each row begins with the colour that its system has in charts."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = []
    for number, (name, *cells) in enumerate(table.rows):
        key = f'<span class="key" style="background: {color_of(number)}"></span>'
        first = f"<td>{key if has_keys else ''}{escape(name)}</td>"
        rows.append(f"<tr>{first}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    lines = "\n".join(rows)
    note = f"\n<p>{escape(table.note)}</p>" if table.note else ""
    return f"""<section>
<h2>{escape(table.title)}</h2>
<div class="wide"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{lines}
</tbody>
</table></div>{note}
</section>"""


def _chart(chart: Chart) -> str:
    return f"""<figure>
<h2>{escape(chart.title)}</h2>
<picture>
<source media="(prefers-color-scheme: dark)" srcset="{_data_uri(chart.dark)}">
<img src="{_data_uri(chart.light)}" alt="{escape(chart.caption)}">
</picture>
<figcaption>{escape(chart.caption)}</figcaption>
</figure>"""


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
