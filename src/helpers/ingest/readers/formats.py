"""What a published format is, and which one a file is: told by its columns, never by its name."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from helpers.base.faults import Fault
from helpers.ingest.readers.tables import Table, normal

SHARE_OF_REQUIRED = 0.6
SHARE_OF_HEADER = 0.5
OWN_COLUMNS_ENOUGH = 3
CLOSE_NAME = 0.5
CLOSE_KEY = 0.75


@dataclass(frozen=True)
class Format:
    """A published table. `required` columns make it recognisable (a tuple of spellings stands for any one of
    them), `optional` ones are read when there. `key` is the column without which a file cannot even resemble
    it. `read(table)` gives frames by name."""

    name: str
    label: str
    required: tuple[str | tuple[str, ...], ...]
    read: Callable[[Table], dict[str, pd.DataFrame]]
    frames: tuple[str, ...]
    optional: tuple[str, ...] = field(default=())
    key: str | tuple[str, ...] = "URN"

    @property
    def columns(self) -> list[str]:
        """Every column that the reader may ask for."""
        return [name for column in self.required for name in spellings(column)] + list(self.optional)

    def missing(self, header: Sequence[str]) -> list[str]:
        """The required columns that a header does not have (the first spelling of each)."""
        have = {normal(name) for name in header}
        return [spellings(c)[0] for c in self.required if not any(normal(s) in have for s in spellings(c))]


def spellings(column: str | tuple[str, ...]) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else column


def choose(header: Sequence[str], formats: Sequence[Format]) -> Format | None:
    """The format whose every required column is in the header; of several the most demanding one."""
    complete = [f for f in formats if not f.missing(header)]
    return max(complete, key=lambda f: len(f.required), default=None)


def nearest(header: Sequence[str], formats: Sequence[Format]) -> Format | None:
    """The format that an unrecognised header resembles: its key and most of its required columns are there,
    and so are columns that no other format has, or little else. Publishers' other tables by school (with URN,
    LA and ESTAB) must not be mistaken for a damaged one."""
    have = {normal(name) for name in header}
    owners = Counter(name for f in formats for name in {normal(column) for column in f.columns})

    def share(f: Format) -> float:
        return 1 - len(f.missing(header)) / len(f.required)

    def resembles(f: Format) -> bool:
        keys = {normal(name) for name in spellings(f.key)}
        if share(f) < SHARE_OF_REQUIRED or not (
            keys & have or any(_close(key, have, CLOSE_KEY) for key in keys)
        ):
            return False
        known = {normal(name) for name in f.columns}
        own = {name for name in known if owners[name] == 1} - keys
        own_required = own & {normal(name) for column in f.required for name in spellings(column)}
        mostly_known = len(known & have) >= SHARE_OF_HEADER * len(have)
        return (
            mostly_known
            or len(own & have) >= OWN_COLUMNS_ENOUGH
            or 2 * len(own_required & have) >= len(own_required) > 0
        )

    return max((f for f in formats if resembles(f)), key=lambda f: (share(f), len(f.required)), default=None)


def changed_layout(header: Sequence[str], format: Format, file: str) -> list[Fault]:
    """A hard fault for each required column that is missing, with the column that it has probably become."""
    known = {normal(name) for name in format.columns}
    spare = {normal(name): name for name in header if normal(name) not in known}
    faults = []
    for column in format.missing(header):
        close = _close(normal(column), spare, CLOSE_NAME)
        if close:
            hint = (
                f"The likely candidate is {spare[close]!r}: if the publisher has renamed the column, "
                "add the new name to the reader."
            )
        else:
            hint = (
                f"No column looks like it; not understood: {', '.join(spare.values()) or 'none'}. "
                "Download the file again."
            )
        message = f"this looks like {format.label}, but column {column} is missing"
        faults.append(Fault("hard", "missing_column", message, file, 1, column, spare.get(close, ""), hint))
    return faults


def _close(name: str, among: Sequence[str], cutoff: float) -> str:
    return next(iter(difflib.get_close_matches(name, list(among), n=1, cutoff=cutoff)), "")
