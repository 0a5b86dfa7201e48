"""Every school's own figure, read back: from the final Parquet file and from the rendered pages, against the
published files.

The published files are read here a second time, with nothing but the csv module, so that a mistake of the
readers cannot hide itself. For that reason this module knows the publishers' column names and imports nothing
from `helpers.ingest.readers`.
"""

from __future__ import annotations

import csv
import gzip
import html
import io
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.years import PRE_PANDEMIC

# Header (lower case) of each layout: urn, overall absence, persistent absence, column of the year (None: the
# year is in the path).
LAYOUTS = (
    ("urn", "perctot", "ppersabs10", None),
    ("school_urn", "sess_overall_percent", "enrolments_pa_10_exact_percent", "time_period"),
)
MEASURES = ("absence_pct", "persistent_pct")
TOLERANCE = 1e-9
_DATA = re.compile(r"<data\b([^>]*)>(.*?)</data>", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*["']([^"']*)["']""")
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
MOST_SHOWN = 50


@dataclass
class Published:
    """Published figures: (year, urn) -> {measure: text as published}, and the file and row that each came
    from.
    """

    figures: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    places: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)


def published_figures(folder: Path, years: tuple[str, ...]) -> Published:
    """Figures of the years wanted, from every absence-by-school file below `folder`. The performance tables
    win where two files carry the same.
    """
    out = Published()
    for layout in LAYOUTS:
        for path in sorted(folder.rglob("*")):
            if path.name.lower().endswith((".csv", ".csv.gz")):
                _read(path, folder, layout, years, out)
    return out


def _read(path: Path, folder: Path, layout: tuple, years: tuple[str, ...], out: Published) -> None:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig", errors="replace")
    rows = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(rows, [])]
    urn_column, absence_column, persistent_column, year_column = layout
    if (
        urn_column not in header
        or absence_column not in header
        or (year_column and year_column not in header)
    ):
        return
    shown = path.relative_to(folder).as_posix()
    year = None if year_column else _year_in(shown, years)
    if not year_column and year is None:
        return
    at = {
        m: header.index(c)
        for m, c in zip(MEASURES, (absence_column, persistent_column), strict=True)
        if c in header
    }
    for row in rows:
        if len(row) != len(header) or not row[header.index(urn_column)].strip().isdigit():
            continue
        of = year or _academic(row[header.index(year_column)])
        key = (of, int(row[header.index(urn_column)]))
        if of in years and key not in out.figures:
            out.figures[key] = {m: row[i].strip().rstrip("%").strip() for m, i in at.items()}
            out.places[key] = (shown, rows.line_num)


def _academic(text: str) -> str:
    """`2022-23` from 202223."""
    digits = re.sub(r"\D", "", text)
    return f"{digits[:4]}-{digits[-2:]}" if len(digits) in (6, 8) else ""


def _year_in(shown: str, years: tuple[str, ...]) -> str | None:
    """The wanted year that a path names, written 2022-2023, 2022-23, 2022_23 or 202223; the innermost folder
    wins.
    """
    for part in reversed(shown.split("/")):
        for year in years:
            start, end = year.split("-")
            if re.search(rf"(?<!\d){start}[-_/ ]?(?:20)?{end}(?!\d)", part):
                return year
    return None


def verify_against_published(
    schools: Path, data: Path, release: str, pages: Path | None = None, everyone: bool = False
) -> list[Fault]:
    """Every school's figure in `schools.parquet`, and on its page where `pages` is given, against the
    published files below `data`.

    Checks absence_pct and persistent_pct of the release and pre_pandemic_absence_pct where one school's
    published figure stands behind it (`pre_pandemic_urn`). A figure that nobody published and a page without
    its figure are faults too, and with `everyone` (a Parquet file of all of England) so is a published school
    that is not in it. Returns hard faults, at most 50 of a kind and one that counts the rest.
    """
    frame = pd.read_parquet(
        schools, columns=["urn", *MEASURES, "pre_pandemic_absence_pct", "pre_pandemic_urn"]
    )
    published = published_figures(data, tuple(dict.fromkeys((release, PRE_PANDEMIC))))
    faults: list[Fault] = []
    for row in frame.itertuples(index=False):
        for measure in MEASURES:
            faults += _compared(
                int(row.urn), measure, getattr(row, measure), published, (release, int(row.urn))
            )
        if not pd.isna(row.pre_pandemic_urn):
            key = (PRE_PANDEMIC, int(row.pre_pandemic_urn))
            faults += _compared(
                int(row.urn), "pre_pandemic_absence_pct", row.pre_pandemic_absence_pct, published, key
            )
    if everyone:
        here = set(frame["urn"])
        faults += [
            Fault(
                "hard",
                "school_missing",
                f"URN {urn}: a figure was published, but schools.parquet has no such school",
                *published.places[year, urn],
            )
            for year, urn in published.figures
            if year == release and urn not in here
        ]
    if pages is not None:
        faults += _pages_compared(frame, figures_in_pages(pages), published, release)
    return _first(faults)


def refuse_if_different(schools: Path, data: Path, release: str, pack: Path) -> None:
    """Compare a finished pack with the published files before it is handed over. Raises `DataRefused` listing
    every difference.
    """
    faults = verify_against_published(schools, data, release, pages=pack / "schools")
    if faults:
        raise DataRefused(faults)


def _number(text: str | None) -> float:
    """A published number, NaN for blanks and symbols."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return math.nan
    return value if math.isfinite(value) else math.nan


def _compared(urn: int, measure: str, ours, published: Published, key: tuple[str, int]) -> list[Fault]:
    source = "absence_pct" if measure.startswith("pre_") else measure
    theirs = _number(published.figures.get(key, {}).get(source))
    ours = math.nan if pd.isna(ours) else float(ours)
    if (math.isnan(ours) and math.isnan(theirs)) or abs(ours - theirs) <= TOLERANCE:
        return []
    file, line = published.places.get(key, ("", None))
    said = "nothing" if math.isnan(theirs) else f"{theirs:g}"
    has = "nothing" if math.isnan(ours) else f"{ours:g}"
    words = (
        f"URN {urn}: schools.parquet has {measure} = {has}, published for URN {key[1]} in {key[0]} is {said}"
    )
    return [
        Fault(
            "hard",
            "figure_differs",
            words,
            file,
            line,
            measure,
            f"{ours:g}",
            "Do not use this run: find where the figure changed.",
        )
    ]


def figures_in_pages(folder: Path) -> dict[int, dict[str, tuple[str, str]]]:
    """Marked figures of every school's page: urn -> id -> (value, text that people read).

    A page is `<urn>.html`; a marked figure is `<data id="absence_pct" value="5.2">5.2 %</data>`, attributes
    in any order.
    """
    out: dict[int, dict[str, tuple[str, str]]] = {}
    for path in sorted(folder.glob("*.html")):
        if not re.fullmatch(r"\d{6}", path.stem):
            continue
        found = {}
        for attributes, inner in _DATA.findall(path.read_text(encoding="utf-8")):
            named = {name.lower(): html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
            if "id" in named:
                found[named["id"]] = (named.get("value", ""), html.unescape(_TAG.sub("", inner)).strip())
        out[int(path.stem)] = found
    return out


def _pages_compared(frame: pd.DataFrame, pages: dict, published: Published, release: str) -> list[Fault]:
    """The page's value is the published figure; the text that people read is that value, rounded."""
    faults = []
    todo = "Do not hand out these pages: render them again, and find where the figure changed."
    for urn in map(int, frame["urn"]):
        page = f"{urn}.html"
        if urn not in pages:
            faults.append(Fault("hard", "page_missing", f"URN {urn} has no page", page, what_to_do=todo))
            continue
        for measure in MEASURES:
            theirs = _number(published.figures.get((release, urn), {}).get(measure))
            if math.isnan(theirs):
                if measure in pages[urn] and not math.isnan(_number(pages[urn][measure][0])):
                    words = (
                        f"URN {urn}: the page shows {measure} = {pages[urn][measure][0]}, but none was "
                        "published"
                    )
                    faults.append(
                        Fault(
                            "hard", "figure_differs", words, page, None, measure, pages[urn][measure][0], todo
                        )
                    )
                continue
            if measure not in pages[urn]:
                if measure == "absence_pct":
                    faults.append(
                        Fault(
                            "hard",
                            "figure_missing",
                            f"URN {urn}: the page does not show {measure} {theirs:g}",
                            page,
                            None,
                            measure,
                            "",
                            todo,
                        )
                    )
                continue
            value, text = pages[urn][measure]
            if not _same(value, theirs) or not _says(text, theirs):
                words = f"URN {urn}: the page says {text!r} (value {value}), published is {theirs:g}"
                faults.append(Fault("hard", "figure_differs", words, page, None, measure, value, todo))
    return faults


def _same(value: str, published: float) -> bool:
    """Whether a value on a page is the published figure, unrounded or rounded to its own decimals."""
    number = _number(value)
    return abs(number - published) <= TOLERANCE or _rounds_to(value, number, published)


def _says(text: str, published: float) -> bool:
    """Whether the first number of a text is the published figure, rounded to the decimals shown; at least one
    decimal is needed.
    """
    match = _NUMBER.search(text)
    if not match:
        return False
    shown = match.group().replace(",", "")
    return _rounds_to(shown, float(shown), published)


def _rounds_to(shown: str, number: float, published: float) -> bool:
    digits = len(shown.partition(".")[2])
    return digits >= 1 and abs(number - published) <= 0.5 * 10**-digits + TOLERANCE


def _first(faults: list[Fault]) -> list[Fault]:
    """At most `MOST_SHOWN` of each kind, then a fault that counts the rest."""
    out = []
    for code in dict.fromkeys(f.code for f in faults):
        same = [f for f in faults if f.code == code]
        out += same[:MOST_SHOWN]
        if len(same) > MOST_SHOWN:
            out.append(
                Fault(
                    "hard", code, f"{len(same):,} cases like this in all, the first {MOST_SHOWN} are listed"
                )
            )
    return out
