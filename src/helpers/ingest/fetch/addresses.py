"""From a row of the catalogue to the addresses of its newest edition, or of one release, in the order in which
they are tried.

Addresses are patterns: `{date}` (20261127) steps back a day at a time, `{year}` (2024-2025) an academic year,
where no release is asked for; `{release}` is a release's name in a publication (2024-25, or latest); `{id}` and
`{file}` are found in the publication's own list of its files; `{offset}` is the first feature of a page of a map.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from helpers.base.years import academic_year, first_of, year_before, year_starting
from helpers.ingest.fetch.web import NotFetched, NotThere, Web

DAYS_BACK, YEARS_BACK = 7, 3
NEW_YEAR = 9  # an academic year begins in September
LATEST = "latest"
TOKEN = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Address:
    """Where one file lies: `url` (with `{offset}` still in it for a map in pages), the words that stand in its
    pattern, and the name of the release that the publication gives it.
    """

    url: str
    words: dict[str, str] = field(default_factory=dict)
    edition: str = ""


def tokens(*patterns: str) -> set[str]:
    """The words in braces of some patterns."""
    return {found for pattern in patterns for found in TOKEN.findall(pattern)}


def filled(pattern: str, words: dict[str, str]) -> str:
    """A pattern with the words that are known; others stay."""
    return TOKEN.sub(lambda match: words.get(match[1], match[0]), pattern)


def of_one_year(row: dict) -> bool:
    """Whether each edition of a row is of one academic year: several then stand beside each other."""
    return bool({"year", "release"} & tokens(row["url"], row["listing"]))


def candidates(row: dict, release: str, newest: str, today: date) -> Iterator[dict[str, str]]:
    """The words for a row's patterns: only of the release that is asked for; where none is, of the `newest` year
    that is known to be published and those before it, of today's and those before it, or the latest of a list.
    """
    used = tokens(row["url"], row["listing"])
    days = range(DAYS_BACK + 1) if "date" in used else [0]
    years: list[str] = [release]
    if of_one_year(row) and not release and ("year" in used or newest):
        year = newest or year_starting(today.year - (today.month < NEW_YEAR))
        years = []
        for _ in range(YEARS_BACK + 1):
            years.append(year)
            year = year_before(year)
    for year in years:
        for back in days:
            words = {"date": f"{today - timedelta(days=back):%Y%m%d}", "release": year or LATEST}
            if year:
                words["year"] = f"{first_of(year)}-{first_of(year) + 1}"
            yield words


def resolve(row: dict, words: dict[str, str], web: Web) -> Address:
    """The address of a row's file; where the row has a listing, by the publication's list of its files: the ways
    to it are tried in turn. Raises `NotFetched`, `NotThere`.
    """
    if not row["listing"]:
        return Address(filled(row["url"], words), words)
    reasons: list[NotFetched] = []
    for way in row["listing"].split():
        try:
            release = _release_in(web.read_json(filled(way, words)))
            return _file_of(release, row, words)
        except NotFetched as error:
            reasons.append(error)
    said = "; ".join(dict.fromkeys(str(reason) for reason in reasons))
    kind = NotThere if all(isinstance(reason, NotThere) for reason in reasons) else NotFetched
    raise kind(f"the publication's list of files cannot be had: {said}") from reasons[-1]


def _release_in(value: Any) -> dict:
    """The release in an answer: whatever has an id and a list of files, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, dict):
            if "downloadFiles" in one and "id" in one:
                return one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    raise NotFetched("the answer names no release with files")


def _file_of(release: dict, row: dict, words: dict[str, str]) -> Address:
    """The one file of a release whose name fits the row; where the list names none like it, the whole archive."""
    edition = re.sub(r"[^\w-]", "-", str(release.get("slug") or ""))  # it becomes the name of a folder
    wanted_year = words["release"] if words["release"] != LATEST else ""
    if wanted_year and academic_year(edition) not in (None, wanted_year):
        raise NotThere(f"the publication answered with {edition} instead of {wanted_year}")
    files = release["downloadFiles"] or []
    fits = [
        one
        for one in files
        if any(
            re.search(row["member"], str(one.get(name) or ""), re.IGNORECASE) for name in ("fileName", "name")
        )
    ]
    known = words | {"id": str(release["id"]), "edition": edition or words["release"]}
    if len(fits) == 1:
        return Address(filled(row["url"], known | {"file": str(fits[0]["id"])}), known, edition)
    if fits:
        listed = ", ".join(str(one.get("fileName") or one.get("name")) for one in fits)
        raise NotFetched(f"the release {edition} holds several files like {row['member']}: {listed}")
    whole = row["url"].removesuffix("/{file}")
    return Address(filled(whole, known), known, edition)
