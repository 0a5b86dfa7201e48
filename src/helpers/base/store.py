"""Thin edges: hashes, atomic writes and stamps. A step either finishes or leaves nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pandas as pd


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def text_hash(*parts: object) -> str:
    """sha256 of values as canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def tree_hash(folder: Path) -> str:
    """sha256 over relative names and contents of all files below a folder."""
    return text_hash(
        *[(p.relative_to(folder).as_posix(), file_hash(p)) for p in sorted(folder.rglob("*")) if p.is_file()]
    )


def inputs_of(folder: Path) -> dict[str, str]:
    """Relative path -> sha256 of every file of a data folder. Hidden files and Python sources are left out."""
    files = sorted(
        p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".") and p.suffix != ".py"
    )
    return {
        p.relative_to(folder).as_posix(): _hash_if_changed(p, p.stat().st_size, p.stat().st_mtime_ns)
        for p in files
    }


@cache
def _hash_if_changed(path: Path, size: int, modified_ns: int) -> str:
    """The hash of a file, computed once per process for the same size and time of change."""
    return file_hash(path)


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it into place only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; puts it in the place of `path` only when the block ends
    without an error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
            os.replace(path, old / "old")
            os.replace(temporary, path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, sorted and indented, without NaN (a NaN is a bug in the caller, so it raises
    ValueError).
    """
    with atomic_file(path) as temporary:
        temporary.write_text(
            json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )


def read_json(path: Path) -> dict:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet atomically; the bytes depend on the frame alone."""
    with atomic_file(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read_frame(path: Path) -> pd.DataFrame:
    """Read a Parquet frame, as a GeoDataFrame when it has geometry."""
    if path.name != "boundaries.parquet":
        return pd.read_parquet(path)
    import geopandas as gpd  # only the maps need it

    return gpd.read_parquet(path)


def sweep(folder: Path) -> int:
    """Remove what a killed run left half-written below a folder. Returns how many leftovers."""
    left = [p for pattern in (".*.tmp", ".*.old") for p in folder.rglob(pattern)] if folder.exists() else []
    for path in left:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return len(left)
