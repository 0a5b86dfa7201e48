"""Where things lie. Relative paths in parameters mean relative to the project's root, whatever the working
folder.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parents[1]
SAMPLE = ROOT / "data" / "sample"
RECORDS = ROOT / "data" / "records"
SAMPLE_RECORDS = ROOT / "data" / "sample-records"
DICTIONARY = ROOT / "data" / "dictionary.csv"
ARTEFACTS = ROOT / "data" / "artefacts.csv"
CATALOGUE = ROOT / "data" / "catalogue.csv"
NOTEBOOKS = ROOT / "notebooks"
PARAMS = ROOT / "params"


def resolve(path: str | Path) -> Path:
    """An absolute path: as given when absolute, else under the project's root."""
    path = Path(path).expanduser()
    return path if path.is_absolute() else (ROOT / path).resolve()


def shown(path: str | Path) -> str:
    """A path to print: relative to the project's root where it lies inside it, so that no output carries a
    machine's folders.
    """
    path = Path(path)
    try:
        return path.resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return path.as_posix()
