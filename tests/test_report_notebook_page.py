"""Executed notebooks as pages: charts visible, nothing from the network, one shared script."""

from __future__ import annotations

import json
import re

import nbformat
import plotly.graph_objects as go
import pytest

from helpers.report.notebook_page import notebook_to_html

PLOTLY = "application/vnd.plotly.v1+json"


@pytest.fixture
def notebook(tmp_path):
    """An executed notebook with two plotly charts, one of them with a title that could end a script."""
    cells = [nbformat.v4.new_markdown_cell("# Which schools are alike?\n\nWords.")]
    for title in ("Peers by distance", "A </script> in a title & more"):
        figure = json.loads(
            go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), layout={"title": {"text": title}}).to_json()
        )
        cell = nbformat.v4.new_code_cell("figure.show()")
        cell.outputs = [nbformat.v4.new_output("display_data", data={PLOTLY: figure})]
        cells.append(cell)
    path = tmp_path / "region" / "03_peers.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_every_plotly_chart_is_in_the_page(notebook, tmp_path):
    page = notebook.with_suffix(".html")
    notebook_to_html(notebook, page, tmp_path / "assets")
    html = page.read_text(encoding="utf-8")
    assert re.findall(r'<div[^>]* id="(chart-\d)"', html) == ["chart-1", "chart-2"]
    assert re.findall(r'Plotly\.newPlot\("(chart-\d)"', html) == ["chart-1", "chart-2"]
    assert html.count("<script") == html.count("</script>")
    assert 'aria-label="Peers by distance"' in html
    assert "<title>Which schools are alike?</title>" in html


def test_a_notebook_in_memory_gives_the_same_page_as_its_file_whatever_came_before(notebook, tmp_path):
    pages = [notebook.with_name(name) / "03_peers.html" for name in ("a", "b", "c")]
    for page in pages:
        page.parent.mkdir()
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_raw_cell("plain")], metadata={"title": "other"})
    for source, page in zip((notebook, other, nbformat.read(notebook, as_version=4)), pages, strict=True):
        notebook_to_html(source, page, tmp_path / "assets")
    assert pages[0].read_bytes() == pages[2].read_bytes() != pages[1].read_bytes()
    assert "Which schools" not in pages[1].read_text(encoding="utf-8")


def test_the_script_is_shared_and_found_by_a_relative_path(notebook, tmp_path):
    page = notebook.with_suffix(".html")
    notebook_to_html(notebook, page, tmp_path / "assets")
    script = re.search(r'<script src="([^"]+)"', page.read_text(encoding="utf-8"))[1]
    assert script == "../assets/plotly.min.js"
    before = (page.parent / script).stat()
    notebook_to_html(notebook, page, tmp_path / "assets" / "plotly.min.js")
    assert (page.parent / script).stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_size > 1_000_000


def test_a_page_written_in_a_temporary_place_refers_to_the_script_from_its_home(notebook, tmp_path):
    (notebook.parent / ".temporary").mkdir()
    page = notebook.parent / ".temporary" / "page.html"
    notebook_to_html(notebook, page, tmp_path / "assets", home=notebook.parent)
    assert 'src="../assets/plotly.min.js"' in page.read_text(encoding="utf-8")


def test_the_page_loads_nothing_from_the_network_and_holds_no_absolute_path(notebook, tmp_path):
    page = notebook.with_suffix(".html")
    notebook_to_html(notebook, page, tmp_path / "assets")
    html = page.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(https?:)?//', html)
    assert "import(" not in html
    assert str(tmp_path) not in html


def test_a_notebook_without_charts_needs_no_script(tmp_path):
    path = tmp_path / "plain.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("Only words")]), path)
    notebook_to_html(path, path.with_suffix(".html"), tmp_path / "assets")
    assert not (tmp_path / "assets").exists()
    assert "plotly.min.js" not in path.with_suffix(".html").read_text(encoding="utf-8")


def test_a_page_says_whom_it_is_for_and_folds_its_code(notebook, tmp_path):
    page = notebook.with_suffix(".html")
    notebook_to_html(
        notebook, page, tmp_path / "assets", marks=("Confidential: for us.",), top="../index.html"
    )
    html = page.read_text(encoding="utf-8")
    assert "<strong>Confidential: for us.</strong>" in html and 'href="../index.html"' in html
    assert html.count('id="code"') == 1 and "body:has(#code:not(:checked))" in html
