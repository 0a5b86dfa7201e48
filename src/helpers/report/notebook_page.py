"""An executed notebook as a page that works offline, with its plotly charts visible: nbconvert alone drops
them without a word.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from html import escape
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from plotly.offline import get_plotlyjs

from helpers.base.store import atomic_file

PLOTLY = "application/vnd.plotly.v1+json"
SCRIPT_NAME = "plotly.min.js"
# nbconvert's own look without what it would load from the network (require.js, MathJax, Mermaid).
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% if resources.plotly_src %}<script src="{{ resources.plotly_src }}"></script>{% endif %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block extra_css %}<style>.jp-Notebook { max-width: 62rem; margin: 0 auto; } .plotly-chart { width: 100%; }
.jp-RenderedMarkdown pre { font-family: monospace; background: #f5f5f5; padding: 0.5rem; }
.highlight .c1, .highlight .cm, .highlight .ch { color: #2f6363; }
.marks { font-family: sans-serif; max-width: 60rem; margin: 0 auto; padding: 0.5rem 1rem; border-bottom: 4px solid #0b0c0c; }
.marks p { margin: 0.2rem 0; } .marks a { color: #1d70b8; text-decoration: underline; }
body:has(#code:not(:checked)) .jp-CodeCell .jp-Cell-inputWrapper { display: none; }</style>{% endblock %}
{% block body_header %}<body class="jp-Notebook" data-jp-theme-light="true" data-jp-theme-name="JupyterLab Light">
<header class="marks">{% for mark in resources.marks %}<p><strong>{{ mark }}</strong></p>{% endfor %}
<p>{% if resources.top %}<a href="{{ resources.top }}">All regions and pages</a> {% endif %}<label><input type="checkbox" id="code"> Show the code</label></p></header>
<main>{% endblock %}
"""


def notebook_to_html(
    notebook: nbformat.NotebookNode | Path | str,
    path_html: Path | str,
    plotly_asset: Path | str,
    home: Path | str | None = None,
    marks: tuple[str, ...] = (),
    top: str = "",
) -> None:
    """Write an executed notebook as HTML: one that was just executed, whose charts are changed in place, or the
    file of one.

    `plotly_asset` is the folder (or the `.js` file) of the one plotly.js that all pages share; it is written
    when it is not there and is referred to by a relative path. `home` is the folder where the page will lie
    in the end, when `path_html` is only a temporary place. `marks` are lines that say whom the page is for, `top` a link
    to the page above it; the code is folded until a reader asks for it. The page holds no absolute path of its own and
    loads nothing from the network. Raises FileNotFoundError without the notebook.
    """
    path_html, asset = Path(path_html), Path(plotly_asset)
    asset = asset if asset.suffix == ".js" else asset / SCRIPT_NAME
    if not isinstance(notebook, nbformat.NotebookNode):
        notebook = nbformat.read(notebook, as_version=4)
    charts = show_charts(notebook)
    if charts:
        _write_plotly(asset)
    notebook.metadata["title"] = _title(notebook) or path_html.stem
    home = Path(home) if home else path_html.parent
    source = Path(os.path.relpath(asset.resolve(), home.resolve())).as_posix()
    page, _ = _exporter().from_notebook_node(
        notebook, resources={"plotly_src": source if charts else "", "marks": marks, "top": top}
    )
    path_html.write_text(page, encoding="utf-8", newline="\n")


@cache
def _exporter() -> HTMLExporter:
    """One for all notebooks of a process: its templates are compiled once."""
    return HTMLExporter(
        raw_template=TEMPLATE,
        template_name="lab",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        optimistic_validation=True,  # the notebook is checked once, not after every change that nbconvert makes
    )


def show_charts(notebook: nbformat.NotebookNode) -> int:
    """Turn every plotly output into HTML with a fixed id, in place. Returns how many there were."""
    count = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            figure = output.get("data", {}).get(PLOTLY)
            if figure is not None:
                count += 1
                output["data"] = nbformat.NotebookNode({"text/html": chart_html(figure, f"chart-{count}")})
    return count


def chart_html(figure: dict, chart_id: str) -> str:
    """A chart as a named image and the script that draws it. `figure` is plotly's JSON: data, layout, config."""
    layout = dict(figure.get("layout", {}))
    title = layout.get("title", "")
    title = title.get("text", "") if isinstance(title, dict) else title
    words = re.sub(r"<[^>]*>", " ", str(title)).strip() or "Chart"
    config = {**figure.get("config", {}), "responsive": True, "displayModeBar": False}
    config.pop("plotlyServerURL", None)
    arguments = ", ".join(
        json.dumps(part, sort_keys=True).replace("</", "<\\/")
        for part in (figure.get("data", []), layout, config)
    )
    height = f"min-height:{int(layout['height'])}px" if layout.get("height") else "min-height:450px"
    return (
        f'<div id="{chart_id}" class="plotly-chart" role="img" aria-label="{escape(words)}" '
        f'style="{height}"></div>\n'
        f'<script>Plotly.newPlot("{chart_id}", {arguments});</script>'
    )


def _title(notebook: nbformat.NotebookNode) -> str:
    """The notebook's first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found = re.search(r"^#\s+(.+)$", cell.source, re.MULTILINE)
            if found:
                return found[1].strip()
    return ""


def _write_plotly(asset: Path) -> None:
    """Write the shared script unless the same one is already there; several processes may do so at once."""
    script = get_plotlyjs()
    if not (asset.is_file() and asset.stat().st_size == len(script.encode("utf-8"))):
        with atomic_file(asset) as temporary:
            temporary.write_text(script, encoding="utf-8", newline="\n")
