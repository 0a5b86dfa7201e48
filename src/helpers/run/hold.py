"""What a run holds on to: its folder, which no other run may write into, and the data that it began with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from helpers.base.faults import DataRefused, Fault, NotFound
from helpers.base.paths import shown

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

HELD = ".running"
MOST_NAMED = 5
Look = dict[str, tuple[int, int]]


class Busy(NotFound):
    """Another run writes into the same folder; the message says which."""


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a release's folder for this process: whoever asks for it meanwhile gets `Busy`. The hold ends with the
    process, however that ends. On systems without `flock` nothing is held.
    """
    if fcntl is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / HELD).open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            raise Busy(
                f"another run is writing into {shown(folder)} ({handle.read().strip() or 'it has just begun'}). "
                "Wait until it has ended, or write somewhere else with --out."
            ) from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()}, since {datetime.now():%H:%M on %d %B}")
        handle.flush()
        try:
            yield
        finally:
            (folder / HELD).unlink(missing_ok=True)


def look_of(folder: Path) -> Look:
    """Relative path -> size and time of change of every file of a data folder: a look that costs nothing."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("."))
    return {p.relative_to(folder).as_posix(): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def still_the_same(folder: Path, before: Look) -> None:
    """Raises `DataRefused` naming the files that changed since a run began: half of its results would rest
    on other data than the rest.
    """
    now = look_of(folder)
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        named = ", ".join(changed[:MOST_NAMED]) + (" and others" if len(changed) > MOST_NAMED else "")
        count = "1 file" if len(changed) == 1 else f"{len(changed)} files"
        raise DataRefused(
            Fault(
                "hard",
                "data_changed",
                f"the data folder changed since this run began: {count} ({named})",
                shown(folder),
                what_to_do="Leave the folder alone until the run has ended, and run again. What is done is kept.",
            )
        )
