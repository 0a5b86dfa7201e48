"""Run the notebooks on the embedded sample and store them as they are read: tables as text and HTML, charts
as PNG.

Cells that show a table or a headline are tagged, so that the tests compare their text. A chart whose data has
not changed keeps its stored picture, and so does every chart where there is no Chrome (or Chromium) to draw
one: then the difference of a commit shows what changed and nothing else. No path, no time and no hash of a
result is kept.

    python notebooks/refresh.py [name.ipynb ...]
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sys
from pathlib import Path

import nbformat
import plotly.io as pio
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
CHART = "application/vnd.plotly.v1+json"
COMPARED = "nbval-check-output"
NEVER = "nbval-ignore-output"  # what differs from one machine or version to the next: its output is not kept
WIDTH = 900  # pixels
BROWSER = next(
    (found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), ""
)


def refresh(path: Path) -> int:
    """Execute one notebook in place; returns how many of its cells the tests compare."""
    book = nbformat.read(path, as_version=4)
    pictures = {cell.id: cell.outputs for cell in book.cells if cell.cell_type == "code"}
    NotebookClient(
        book, kernel_name="python3", timeout=1800, resources={"metadata": {"path": str(HERE)}}
    ).execute()
    compared = 0
    for number, cell in enumerate(cell for cell in book.cells if cell.cell_type == "code"):
        cell.metadata.pop("execution", None)
        tags = [tag for tag in cell.metadata.get("tags", []) if tag != COMPARED]
        old = pictures.get(cell.id, [])
        kept = [] if NEVER in tags else [_kept(output, old) for output in cell.outputs]
        cell.outputs = [output for output in kept if output]
        if any(_is_text(output) for output in cell.outputs):
            tags.append(COMPARED)
            compared += 1
        if tags:
            cell.metadata["tags"] = tags
        else:
            cell.metadata.pop("tags", None)
        cell.execution_count = number + 1 if cell.outputs else None
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = cell.execution_count
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(book, path)
    return compared


def _is_text(output: nbformat.NotebookNode) -> bool:
    """Whether an output is a table or printed text, which is compared word by word."""
    return output.output_type == "stream" or "text/html" in output.get("data", {})


def _kept(output: nbformat.NotebookNode, old: list) -> nbformat.NotebookNode | None:
    """An output as it is stored; None for what is not."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    data = output.get("data", {})
    if CHART in data:
        return _picture(data[CHART], old)
    if "application/vnd.jupyter.widget-view+json" in data:
        return None
    wanted = ("text/plain", "text/html") if "text/html" in data else ("text/markdown",)
    output.data = {kind: data[kind] for kind in wanted if kind in data}
    output.metadata = {}
    return output if output.data else None


def _picture(figure: dict, old: list) -> nbformat.NotebookNode | None:
    """A chart as PNG: the stored one where the figure is the same or cannot be drawn here, else a new one."""
    figure = {"data": figure["data"], "layout": figure["layout"]}
    text = json.dumps(figure, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    stored = next((output for output in old if "image/png" in output.get("data", {})), None)
    if stored and (stored.metadata.get("figure") == digest or not BROWSER):
        return stored
    if not BROWSER:
        return None
    drawn = pio.to_image(figure, format="png", width=WIDTH, height=figure["layout"].get("height", 380))
    title = figure["layout"].get("title", {}).get("text", "a chart")
    data = {"image/png": base64.b64encode(drawn).decode(), "text/plain": f"Chart: {title}"}
    return nbformat.v4.new_output("execute_result", data=data, metadata={"figure": digest}, execution_count=1)


def main(names: list[str]) -> None:
    """Refresh the named notebooks, or all."""
    if BROWSER:
        import kaleido

        kaleido.start_sync_server(path=BROWSER, silence_warnings=True)
    else:
        print("No Chrome or Chromium was found: charts keep their stored pictures.")
    for name in names or sorted(p.name for p in HERE.glob("*.ipynb")):
        print(f"{name}: {refresh(HERE / name)} cells compared", flush=True)
    if BROWSER:
        kaleido.stop_sync_server()


if __name__ == "__main__":
    main(sys.argv[1:])
