"""What a published format is, and which one a file is: told by its columns, never by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from helpers.faults import Fault

from .tables import Table, normal

RESEMBLES = 0.6


@dataclass(frozen=True)
class Format:
    """A published table. `required` columns make it recognisable (a tuple of spellings stands for any one of them);
    `optional` ones are read when there. `read(table, report)` gives frames by name."""

    name: str
    label: str
    required: tuple[str | tuple[str, ...], ...]
    read: Callable[[Table], dict]
    frames: tuple[str, ...]
    optional: tuple[str, ...] = field(default=())

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
    """The format that an unrecognised header resembles: most of its required columns are there."""
    def share(f: Format) -> float:
        return 1 - len(f.missing(header)) / len(f.required)

    likely = [f for f in formats if share(f) >= RESEMBLES and len(f.required) - len(f.missing(header)) >= 3]
    return max(likely, key=lambda f: (share(f), len(f.required)), default=None)


def changed_layout(header: Sequence[str], format: Format, file: str) -> list[Fault]:
    """A hard fault for each required column that is missing, with the column that it has probably become."""
    known = {normal(name) for name in format.columns}
    spare = {normal(name): name for name in header if normal(name) not in known}
    faults = []
    for column in format.missing(header):
        close = difflib.get_close_matches(normal(column), list(spare), n=1, cutoff=0.5)
        likely = spare[close[0]] if close else ""
        hint = f"The likely candidate is {likely!r}." if likely else f"Columns not understood: {', '.join(spare.values()) or 'none'}."
        faults.append(
            Fault(
                "hard", "missing_column", f"this looks like {format.label}, but column {column} is missing", file, 1, column, likely,
                f"{hint} If the publisher has renamed it, rename it back in a copy or add the new name to the reader.",
            )
        )  # fmt: skip
    return faults
