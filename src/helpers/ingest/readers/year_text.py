"""Academic years: `2022-23` is the only form inside; publishers write `202223`, `2022/23`, `2022-2023` or the
year it ends.
"""

from __future__ import annotations

import re
from pathlib import PurePath

_YEAR = re.compile(r"(?<![0-9])(20[0-9]{2})[-_/ ]?(?:20)?([0-9]{2})(?![0-9])")


def academic_year(text: str) -> str | None:
    """`2022-23` from `202223`, `2022/23`, `2022-2023`, `2022-23`; None when the text is not two years in a
    row.
    """
    match = _YEAR.fullmatch(text.strip())
    return _consecutive(match) if match else None


def year_ending(year: int) -> str:
    """`2022-23` from 2023, the year in which the academic year ends."""
    return f"{year - 1}-{year % 100:02d}"


def years_in_path(path: str | PurePath) -> list[str]:
    """The academic years that a path names, innermost part first: `2022-2023/england_abs.csv` names
    `2022-23`.
    """
    found = []
    for part in reversed(PurePath(path).parts):
        found += [year for match in _YEAR.finditer(part) if (year := _consecutive(match))]
    return list(dict.fromkeys(found))


def _consecutive(match: re.Match) -> str | None:
    start, end = int(match[1]), int(match[2])
    return f"{start}-{end:02d}" if end == (start + 1) % 100 else None
