"""What the gate finds: a fault that also knows which school, area and year it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from helpers.base.faults import Fault

MOST_SHOWN = 12
DOWNLOAD = "Download the file again; if it comes back the same, ask the publisher."
SHIFTED = "Check that no column has shifted, then correct the file or download it again."


@dataclass(frozen=True)
class Finding(Fault):
    """A fault with its place: `year`, and where it concerns one, the school (`urn`), the LA (`la_code`) or
    the region.
    """

    year: str = ""
    urn: int | None = None
    la_code: str = ""
    region_name: str = ""


def hard(code: str, message: str, **place: object) -> Finding:
    """A finding that stops the run."""
    return Finding("hard", code, message, **place)


def flag(code: str, message: str, **place: object) -> Finding:
    """A finding for a person to look at."""
    return Finding("flag", code, message, **place)


def capped(findings: Iterable[Finding], most: int = MOST_SHOWN) -> list[Finding]:
    """The first few findings of a kind, and one that counts the rest: thousands of the same kind mean one
    cause, such as a shifted column.
    """
    found = list(findings)
    if len(found) <= most:
        return found
    first = found[0]
    more = (
        f"{len(found):,} cases like this in all, of which the first {most} are listed: more likely one "
        "cause than many errors"
    )
    rest = Finding(
        first.severity,
        first.code,
        more,
        file=first.file,
        column=first.column,
        year=first.year,
        what_to_do=first.what_to_do,
    )
    return [*found[:most], rest]


def whole(value: Any) -> int | None:
    """A whole number for a finding, None when missing."""
    return None if pd.isna(value) else int(value)
