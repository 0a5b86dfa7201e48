"""Run the notebooks on the embedded sample and store the headline outputs that the tests compare.

Only cells tagged `nbval-check-output` keep their output: charts and long tables would bury a change of one figure, and nothing of the machine is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent


def refresh(path: Path) -> int:
    """Execute one notebook in place; returns how many headline cells it has."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(
        book, kernel_name="python3", timeout=1800, resources={"metadata": {"path": str(HERE)}}
    ).execute()
    headlines = 0
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if "nbval-check-output" in cell.metadata.get("tags", []):
            headlines += 1  # its count stays: nbval takes a cell without one for a cell that was never run
        else:
            cell.execution_count, cell.outputs = None, []
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(book, path)
    return headlines


if __name__ == "__main__":
    names = sys.argv[1:] or sorted(p.name for p in HERE.glob("*.ipynb"))
    for name in names:
        print(f"{name}: {refresh(HERE / name)} headline cells", flush=True)
