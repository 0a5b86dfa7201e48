"""Academic years, all that is done with them: `2022-23` is the only form inside; publishers write `202223`,
`2022/23`, `2022-2023` or the year it ends. Years as text sort as they should.
"""

from __future__ import annotations

import re
from pathlib import PurePath

import pandas as pd

PRE_PANDEMIC = "2018-19"  # the last year that the pandemic did not touch
SCHOOL_DAYS = 190
SESSIONS = 2 * SCHOOL_DAYS
_YEAR = re.compile(r"(?<![0-9])(20[0-9]{2})[-_/ ]?(?:20)?([0-9]{2})(?![0-9])")


def first_of(year: str) -> int:
    """The calendar year in which an academic year begins: 2022 for `2022-23`."""
    return int(year[:4])


def year_starting(start: int) -> str:
    """The academic year that begins in a calendar year: `2022-23` for 2022."""
    return f"{start}-{(start + 1) % 100:02d}"


def year_ending(end: int) -> str:
    """The academic year that ends in a calendar year: `2022-23` for 2023."""
    return year_starting(end - 1)


def years_starting(start: pd.Series) -> pd.Series:
    """`year_starting` of a whole column of integers; missing stays missing."""
    return start.map(lambda value: None if pd.isna(value) else year_starting(int(value)))


def year_after(year: str) -> str:
    """`2022-23` -> `2023-24`."""
    return year_starting(first_of(year) + 1)


def year_before(year: str) -> str:
    """`2018-19` -> `2017-18`."""
    return year_starting(first_of(year) - 1)


def years_between(first: str, second: str) -> int:
    """Years from the first to the second: 1 for `2017-18` and `2018-19`."""
    return first_of(second) - first_of(first)


def year_words(year: str) -> str:
    """`2022-23` -> `2022/23`, as the published statistics write it."""
    return year.replace("-", "/")


def academic_year(text: str) -> str | None:
    """`2022-23` from `202223`, `2022/23`, `2022-2023`, `2022-23`; None when the text is not two years in a
    row.
    """
    match = _YEAR.fullmatch(text.strip())
    return _consecutive(match) if match else None


def years_in_path(path: str | PurePath) -> list[str]:
    """The academic years that a path names, innermost part first: `2022-2023/england_abs.csv` names
    `2022-23`.
    """
    found = []
    for part in reversed(PurePath(path).parts):
        found += [year for match in _YEAR.finditer(part) if (year := _consecutive(match))]
    return list(dict.fromkeys(found))


def _consecutive(match: re.Match) -> str | None:
    year = year_starting(int(match[1]))
    return year if int(year[-2:]) == int(match[2]) else None
