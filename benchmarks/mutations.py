"""How many faults of the input does the gate see? Seeded mutations of the embedded sample, one at a time: columns
shifted, swapped, blanked, scaled or sorted, words renamed, rows dropped, in every file that feeds a figure.

    python benchmarks/mutations.py [--seed 1] [--times 2] [--only NAME] [--json FILE]

Each mutant is read, joined and judged. It is `stopped` (a hard fault), `flagged` (a finding that was not
there before), `harmless` (every figure that feeds a minimum, a similar school or the history is as it was) or
`accepted`: different without a word. Only files that a mutation touches are read again. Nothing real is used.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import gzip
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused
from helpers.base.paths import SAMPLE
from helpers.base.years import PRE_PANDEMIC
from helpers.ingest.panel import build_panel
from helpers.ingest.quality.circumstances import circumstance_findings
from helpers.ingest.quality.gate import run_gate
from helpers.ingest.quality.words import word_findings
from helpers.ingest.quality.years import yearly_findings
from helpers.ingest.readers import Readings, read_folder
from helpers.ingest.register import build_register
from helpers.model.features import design

RELEASE = "2022-23"
FRAMES = (
    "absence",
    "absence_national",
    "census",
    "census_detail",
    "establishments",
    "links",
    "points",
    "deprivation",
    "area_rates",
    "la_boundaries",
)
FEED = [
    "absence_pct",
    "persistent_pct",
    "roll",
    "pre_pandemic_absence_pct",
    "weight_r_to_11",
    "easting",
    "northing",
    "block",
    "status",
    "la_code",
    "region_name",
    "phase",
]
Table = list[list[str]]
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Mutation:
    """`kind` of file, `what` is done (the class), `column` (or columns) it is done to, and the change itself."""

    kind: str
    file: str
    what: str
    column: str
    change: Change

    @property
    def name(self) -> str:
        return f"{self.file}: {self.what} {self.column}"


class Sample:
    """The embedded sample, read once, with what the gate says of it and the figures that it feeds."""

    def __init__(self, folder: Path = SAMPLE):
        self.folder = folder
        self.readings = read_folder(folder, only=FRAMES)
        self.registers = {year: build_register(self.readings, year) for year in (PRE_PANDEMIC, RELEASE)}
        self.figures = _figures_of(self.readings, self.registers[RELEASE])
        self.said = {str(f) for f in run_gate(self.readings, self.registers, RELEASE).faults}
        self._tables: dict[str, pd.DataFrame] = {}

    @cached_property
    def las(self) -> dict[str, str]:
        """LA code by URN."""
        census = self.readings.census.drop_duplicates("urn", keep="last")
        return dict(zip(census["urn"].astype(str), census["la_code"], strict=True))

    @cached_property
    def phases(self) -> dict[str, str]:
        census = self.readings.census.drop_duplicates("urn", keep="last")
        return dict(zip(census["urn"].astype(str), census["phase"], strict=True))

    def table(self, path: str) -> pd.DataFrame:
        """A file as text, columns as published."""
        if path not in self._tables:
            raw = (self.folder / path).read_bytes()
            raw = gzip.decompress(raw) if path.endswith(".gz") else raw
            text = raw.decode("cp1252" if "links_" in path else "utf-8-sig")
            rows = list(csv.reader(io.StringIO(text, newline="")))
            self._tables[path] = pd.DataFrame(rows[1:], columns=rows[0], dtype=object)
        return self._tables[path].copy()

    def tried(self, mutation: Mutation, seed: int, exact: bool = True) -> dict:
        """One mutation: kind, what, column, outcome, rows that differ, first words said. Not `exact`: where
        the gate stops it, nothing else is made and `differ` is None.
        """
        before = self.table(mutation.file)
        after = mutation.change(before.copy(), np.random.default_rng(seed))
        told = dict(
            kind=mutation.kind, file=mutation.file, what=mutation.what, column=mutation.column, seed=seed
        )
        if after.equals(before):
            return told | dict(outcome="no change", differ=0, words="")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / mutation.file
            target.parent.mkdir(parents=True)
            out = io.StringIO(newline="")
            csv.writer(out, lineterminator="\r\n").writerows(
                [list(after.columns), *after.to_numpy().tolist()]
            )
            raw = out.getvalue().encode("cp1252" if "links_" in mutation.file else "utf-8")
            target.write_bytes(gzip.compress(raw, 1, mtime=0) if mutation.file.endswith(".gz") else raw)
            again = read_folder(Path(folder), only=FRAMES)
        changed = self._with(again, mutation.file)
        if changed.hard:
            return told | dict(outcome="stopped", differ=None, words=str(changed.hard[0]))
        if not exact and (found := _stopped(changed, self.registers, mutation.kind)):
            return told | dict(outcome="stopped", differ=None, words=str(found)[:600])
        try:
            registers = self._registers(changed, mutation.kind)
            figures = _figures_of(changed, registers[RELEASE])
            said = run_gate(changed, registers, RELEASE).faults
        except DataRefused as refused:
            return told | dict(outcome="stopped", differ=None, words=str(refused.faults[0]))
        except Exception as error:  # a traceback is a fault of ours: it is counted as such
            return told | dict(outcome="traceback", differ=None, words=repr(error)[:200])
        new = [f for f in said if str(f) not in self.said]
        hard = [f for f in new if f.severity == "hard"]
        differ = _differ(self.figures, figures)
        outcome = "stopped" if hard else "flagged" if new else "accepted" if differ else "harmless"
        return told | dict(outcome=outcome, differ=differ, words=str((hard or new or [""])[0])[:600])

    def _registers(self, readings: Readings, kind: str) -> dict[str, pd.DataFrame]:
        """Of both years; the earlier one again only where the file can reach it."""
        earlier = self.registers[PRE_PANDEMIC]
        if not kind.startswith(("points", "deprivation", "absence, 2023", "absence, 2024", "census, 2022")):
            earlier = build_register(readings, PRE_PANDEMIC)
        return {PRE_PANDEMIC: earlier, RELEASE: build_register(readings, RELEASE)}

    def _with(self, again: Readings, path: str) -> Readings:
        frames = {}
        for name, frame in self.readings.frames().items():
            kept = frame[frame["file"] != path] if "file" in frame else frame
            new = again.frames()[name]
            frames[name] = (
                pd.concat([kept, new], ignore_index=True) if len(new) else kept.reset_index(drop=True)
            )
        faults = [f for f in self.readings.faults if f.file != path] + again.faults
        return dataclasses.replace(self.readings, **frames, faults=faults)


def _stopped(readings: Readings, registers: dict[str, pd.DataFrame], kind: str):
    """What the part of the gate that is about a kind of file stops for, if it does."""
    parts = [
        lambda: word_findings(readings, RELEASE),
        lambda: circumstance_findings(readings, registers, RELEASE),
        lambda: yearly_findings(readings, registers, RELEASE),
    ]
    for part in parts[2:] if kind.startswith("absence") else parts[:2]:
        hard = [f for f in part() if f.severity == "hard"]
        if hard:
            return hard[0]
    return None


def _figures_of(readings: Readings, register: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every figure that feeds a minimum, a similar school, the history or a verdict."""
    register = register.set_index("urn")
    panel = build_panel(readings, readings.links, RELEASE).set_index(["urn", "year"])
    rates = readings.area_rates[readings.area_rates["measure"] == "absence"]
    keys = ["year", "geography", "area_name", "phase"]
    return {
        "register": register[FEED],
        "features": design(register),
        "panel": panel[["absence_pct", "link_kind"]],
        "rates": rates.drop_duplicates(keys).set_index(keys)[["rate_pct"]],
    }


def _differ(before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]) -> int:
    """How many rows hold another figure (schools, schools and years, or areas and years)."""
    rows = 0
    for name, one in before.items():
        other = after[name]
        both = one.index.union(other.index)
        columns = one.columns.union(other.columns)
        a, b = one.reindex(index=both, columns=columns), other.reindex(index=both, columns=columns)
        same = pd.DataFrame(True, index=both, columns=columns)
        for c in columns:
            if pd.api.types.is_numeric_dtype(a[c]) and pd.api.types.is_numeric_dtype(b[c]):
                x, y = a[c].astype("float64"), b[c].astype("float64")
                same[c] = ((x - y).abs() < 1e-6) | (x.isna() & y.isna())
            else:
                same[c] = (a[c] == b[c]).fillna(False) | (a[c].isna() & b[c].isna())
        rows += int((~same.all(axis=1)).sum())
    return rows


# Changes: each takes the table and a generator, and gives the table back. `rows` picks the rows.


def _at(columns: list[str], rows, change) -> Change:
    def done(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        index = table.index[rows(table, rng)]
        if len(index):
            table.loc[index, columns] = change(table.loc[index, columns], rng)
        return table

    return done


def _numbers(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable:
    """A change of figures; what is no figure stays."""

    def done(cells: pd.DataFrame, rng) -> pd.DataFrame:
        plain = cells.apply(lambda column: column.str.rstrip("%"))
        values = plain.apply(pd.to_numeric, errors="coerce")
        new = change(values)
        text = new.map(lambda v: "" if pd.isna(v) else f"{round(v, 5):g}" if abs(v) < 1e5 else f"{v:.0f}")
        percent = cells.apply(lambda column: column.str.endswith("%").fillna(False))
        return text.where(~percent, text + "%").where(values.notna(), cells)

    return done


def _down(cells, rng):
    return cells.iloc[np.r_[-1, : len(cells) - 1]].to_numpy()


def _shuffled(cells, rng):
    return cells.iloc[rng.permutation(len(cells))].to_numpy()


def _sorted(cells, rng):
    key = pd.to_numeric(cells.iloc[:, 0].str.rstrip("%"), errors="coerce")
    return cells.loc[key.sort_values(kind="stable").index].to_numpy()


def _filled(value: str) -> Callable:
    return lambda cells, rng: np.full(cells.shape, value, dtype=object)


def _first(cells, rng):
    return np.tile(cells.iloc[len(cells) // 2].to_numpy(), (len(cells), 1))


class Rows:
    """Which rows: every school, one authority's, one school's."""

    def __init__(self, sample: Sample, urn: str, mask: Callable[[pd.DataFrame], pd.Series] | None = None):
        self.sample, self.urn, self.mask = sample, urn, mask

    def _schools(self, table: pd.DataFrame) -> pd.Series:
        there = table[self.urn].str.fullmatch(r"\d{6}").fillna(False)
        return there & self.mask(table) if self.mask else there

    def all(self, table, rng):
        return self._schools(table)

    def la(self, table, rng):
        """An authority with at least twelve schools here."""
        here = table[self.urn].map(self.sample.las).where(self._schools(table))
        sizes = here.value_counts()
        return here == rng.choice(sorted(sizes.index[sizes >= min(12, sizes.max())]))

    def one(self, table, rng):
        """A mainstream school of the release."""
        register = self.sample.figures["register"]
        known = set(register.index[register["status"] == "assessed"].astype(str))
        good = table.index[self._schools(table) & table[self.urn].isin(known)]
        return table.index == rng.choice(good)

    def two(self, table, rng):
        """Two schools of one phase."""
        register = self.sample.figures["register"]
        known = set(
            register.index[(register["status"] == "assessed") & (register["phase"] == "secondary")].astype(
                str
            )
        )
        good = table.index[self._schools(table) & table[self.urn].isin(known)]
        return table.index.isin(rng.choice(good, 2, replace=False))

    def phase(self, table, rng):
        here = table[self.urn].map(self.sample.phases).where(self._schools(table))
        return here == ("primary" if (here == "primary").any() else "secondary")


def _dropped(rows, share: float = 1.0) -> Change:
    def done(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        index = table.index[rows(table, rng)]
        gone = rng.choice(index, int(round(share * len(index))), replace=False)
        return table.drop(index=gone).reset_index(drop=True)

    return done


def _exchanged(one: list[str], other: list[str], rows=None) -> Change:
    def done(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        index = table.index if rows is None else table.index[rows(table, rng)]
        a, b = table.loc[index, one].to_numpy(), table.loc[index, other].to_numpy()
        table.loc[index, one], table.loc[index, other] = b, a
        return table

    return done


def _renamed(column: str, old: str, new: str) -> Change:
    def done(table: pd.DataFrame, rng) -> pd.DataFrame:
        table[column] = table[column].where(table[column] != old, new)
        return table

    return done


def mutations(sample: Sample) -> Iterator[Mutation]:
    """All mutations, in a fixed order; what is random in them comes from the seed that they are tried with."""
    yield from _of_absence(sample)
    yield from _of_census(sample)
    yield from _of_detail(sample)
    yield from _of_places(sample)
    yield from _of_areas(sample)


def _figures(
    kind: str, file: str, columns: list[str], rows: Rows, least: float, largest: float
) -> Iterator[Mutation]:
    """What can happen to columns of figures that stand beside each other. `least`, `largest`: a factor each."""
    label = "+".join(columns)

    def make(what: str, change: Change) -> Mutation:
        return Mutation(kind, file, what, label, change)

    yield make("shifted by a row", _at(columns, rows.all, _down))
    yield make("shifted in an authority", _at(columns, rows.la, _down))
    yield make("shuffled", _at(columns, rows.all, _shuffled))
    yield make("shuffled in an authority", _at(columns, rows.la, _shuffled))
    yield make("sorted", _at(columns, rows.all, _sorted))
    yield make("sorted in an authority", _at(columns, rows.la, _sorted))
    yield make("blank", _at(columns, rows.all, _filled("")))
    yield make("suppressed", _at(columns, rows.all, _filled("c")))
    yield make("blank in an authority", _at(columns, rows.la, _filled("")))
    yield make("one value", _at(columns, rows.all, _first))
    yield make("one value in an authority", _at(columns, rows.la, _first))
    for factor in (least, largest):
        scaled = _numbers(lambda v, f=factor: v * f)
        yield make(f"times {factor:g}", _at(columns, rows.all, scaled))
        yield make(f"times {factor:g} in an authority", _at(columns, rows.la, scaled))
    yield make("one school times 10", _at(columns, rows.one, _numbers(lambda v: v * 10)))


def _rows_of(kind: str, file: str, rows: Rows) -> Iterator[Mutation]:
    yield Mutation(kind, file, "rows dropped", "40 %", _dropped(rows.all, 0.4))
    yield Mutation(kind, file, "rows dropped", "an authority", _dropped(rows.la))
    yield Mutation(kind, file, "rows dropped", "a phase", _dropped(rows.phase))


def _of_absence(sample: Sample) -> Iterator[Mutation]:
    away = _numbers(lambda v: 100 - v)
    for year in ("2018-2019", "2022-2023", "2023-2024", "2024-2025"):
        file, rows = f"performance-tables/{year}/england_abs.csv", Rows(sample, "URN")
        kind = f"absence, {year[:4]}/{year[7:]}"
        yield from _figures(kind, file, ["PERCTOT", "PPERSABS10"], rows, 0.01, 10)
        yield from _rows_of(kind, file, rows)
        yield Mutation(kind, file, "attendance instead", "PERCTOT", _at(["PERCTOT"], rows.all, away))
        yield Mutation(kind, file, "columns exchanged", "PERCTOT", _exchanged(["PERCTOT"], ["PPERSABS10"]))
        yield Mutation(
            kind,
            file,
            "a point more in an authority",
            "PERCTOT",
            _at(["PERCTOT"], rows.la, _numbers(lambda v: v + 1)),
        )
        yield Mutation(kind, file, "shifted by a row", "PERCTOT", _at(["PERCTOT"], rows.all, _down))
    for name, years in (
        ("absence_by_secondary_and_special_201617_201819", ("201617", "201718", "201819")),
        ("absence_by_school_202122_and_202324_sample", ("202122", "202324")),
    ):
        for year in years:
            rows = Rows(sample, "school_urn", lambda t, y=year: t["time_period"] == y)
            kind = f"absence, {year[:4]}/{year[4:]} (other publication)"
            file = f"school-absence/{name}.csv"
            parts = ["sess_overall_percent"]
            yield from _figures(kind, file, parts, rows, 0.01, 10)
            yield from _rows_of(kind, file, rows)
            yield Mutation(kind, file, "attendance instead", parts[0], _at(parts, rows.all, away))


def _of_census(sample: Sample) -> Iterator[Mutation]:
    groups = {
        "SEN support": ["TSENELK", "PSENELK"],
        "EHCP": ["TSENELSE", "PSENELSE"],
        "EAL": ["NUMEAL", "PNUMEAL"],
        "FSM6": ["NUMFSMEVER", "PNUMFSMEVER"],
        "roll": ["NOR", "NORG", "NORB"],
    }
    for year in ("2022-2023", "2018-2019"):
        file, rows = f"performance-tables/{year}/england_census.csv", Rows(sample, "URN")
        kind = f"census, {year[:4]}/{year[7:]}"
        for label, columns in groups.items():
            if year == "2018-2019" and label != "roll":
                continue  # only the roll of the earlier census feeds a figure
            for m in _figures(kind, file, columns, rows, 0.1, 3):
                yield dataclasses.replace(m, column=label)
        yield from _rows_of(kind, file, rows)
    yield Mutation(
        "census, 2022/23",
        "performance-tables/2022-2023/england_census.csv",
        "columns exchanged",
        "SEN support, EHCP",
        _exchanged(groups["SEN support"], groups["EHCP"]),
    )
    yield Mutation(
        "census, 2022/23",
        "performance-tables/2022-2023/england_census.csv",
        "columns exchanged",
        "EAL, FSM6",
        _exchanged(groups["EAL"], groups["FSM6"]),
    )
    yield Mutation(
        "census, 2022/23",
        "performance-tables/2022-2023/england_census.csv",
        "columns exchanged in an authority",
        "EAL, FSM6",
        _exchanged(groups["EAL"], groups["FSM6"], Rows(sample, "URN").la),
    )


def _of_detail(sample: Sample) -> Iterator[Mutation]:
    file, rows = "school-census/spc_school_level_underlying_data_202223.csv.gz", Rows(sample, "urn")
    kind = "detailed census"
    columns = list(sample.table(file).columns)
    origin = [
        c
        for c in columns
        if c.startswith(("number of pupils classified as", "number of pupils unclassified"))
    ]
    fsm = ["number of pupils known to be eligible for free school meals"]
    eal = ["number of pupils whose first language is known or believed to be other than English"]
    for label, group in (("FSM", fsm), ("EAL", eal), ("ethnic groups", origin)):
        for m in _figures(kind, file, group, rows, 0.1, 3):
            yield dataclasses.replace(m, column=label)
    one = {
        c.removeprefix("number of pupils classified as ").removesuffix(" ethnic origin"): c for c in origin
    }
    for group in ("white British", "Pakistani", "Gypsy/Roma", "African", "number of pupils unclassified"):
        if group in one:
            column = [one[group]]
            yield Mutation(kind, file, "suppressed", group, _at(column, rows.all, _filled("c")))
            yield Mutation(kind, file, "shifted by a row", group, _at(column, rows.all, _down))
            yield Mutation(kind, file, "blank", group, _at(column, rows.all, _filled("")))
    pairs = (
        ("white British", "Pakistani"),
        ("Indian", "Pakistani"),
        ("Gypsy/Roma", "African"),
        ("Chinese", "Indian"),
    )
    for a, b in pairs:
        yield Mutation(kind, file, "columns exchanged", f"{a}, {b}", _exchanged([one[a]], [one[b]]))
    carers = ["number of pupils who are a young carer"]
    for what, change in (
        ("suppressed", _filled("c")),
        ("one value", _first),
        ("times 100", _numbers(lambda v: v * 100)),
    ):
        yield Mutation(kind, file, what, "young carers", _at(carers, rows.all, change))
    texts = {
        "denomination": {
            "Roman Catholic": ("RC", "Church of England"),
            "Church of England": ("CofE", "No religious character"),
        },
        "sex_of_school_description": {
            "Girls": ("F", "Mixed"),
            "Mixed": ("Co-educational",),
            "Boys": ("Girls",),
        },
        "admissions_policy": {
            "Selective": ("SELECTIVE (new)", "Non-selective", ""),
            "Non-selective": ("Comprehensive", "Selective"),
        },
        "urban_rural": {
            "(England/Wales) Urban city and town": ("Urban: towns", "(England/Wales) Rural village"),
            "(England/Wales) Rural village": ("Village", "(England/Wales) Urban major conurbation"),
        },
        "middle_school": {"Middle deemed secondary": ("", "Middle")},
        "typeofestablishment_name": {
            "University technical college": ("UTC", "Academy converter"),
            "Community school": ("LA school",),
        },
        "region_name": {"North East": ("North-East", "North West")},
    }
    for column, words in texts.items():
        yield Mutation(kind, file, "blank", column, _at([column], rows.all, _filled("")))
        yield Mutation(kind, file, "one value", column, _at([column], rows.all, _first))
        yield Mutation(kind, file, "shifted by a row", column, _at([column], rows.all, _down))
        yield Mutation(kind, file, "shuffled", column, _at([column], rows.all, _shuffled))
        yield Mutation(kind, file, "shuffled in an authority", column, _at([column], rows.la, _shuffled))
        for old, new in words.items():
            for word in new:
                yield Mutation(
                    kind,
                    file,
                    "word renamed",
                    f"{column}: {old} -> {word or 'nothing'}",
                    _renamed(column, old, word),
                )
    yield Mutation(kind, file, "shifted by a row", "opendate", _at(["opendate"], rows.all, _down))
    years = [c for c in columns if c.endswith(("Year group 7", "Year group 8", "Reception"))]
    yield Mutation(kind, file, "shifted by a row", "year groups", _at(years, rows.all, _down))
    yield from _rows_of(kind, file, rows)


def _of_places(sample: Sample) -> Iterator[Mutation]:
    file, rows = "gias/school_points_202601.csv", Rows(sample, "URN")
    place = ["Easting", "Northing"]
    yield Mutation("points", file, "shifted by a row", "both", _at(place, rows.all, _down))
    yield Mutation("points", file, "shifted in an authority", "both", _at(place, rows.la, _down))
    yield Mutation("points", file, "shuffled", "both", _at(place, rows.all, _shuffled))
    yield Mutation("points", file, "columns exchanged", "both", _exchanged(["Easting"], ["Northing"]))
    yield Mutation(
        "points",
        file,
        "moved in an authority",
        "Easting",
        _at(["Easting"], rows.la, _numbers(lambda v: v + 8000)),
    )
    yield Mutation(
        "points",
        file,
        "one school moved",
        "Easting",
        _at(["Easting"], rows.one, _numbers(lambda v: v + 20000)),
    )
    yield Mutation("points", file, "times 0.1", "both", _at(place, rows.all, _numbers(lambda v: v * 0.1)))
    yield from _rows_of("points", file, rows)
    file = "deprivation/idaci_2019_by_school_location.csv"
    for column in ("idaci_rank", "imd_rank"):
        one = [column]
        for what, where, change in (
            ("shifted by a row", rows.all, _down),
            ("shifted in an authority", rows.la, _down),
            ("shuffled", rows.all, _shuffled),
            ("shuffled in an authority", rows.la, _shuffled),
            ("sorted", rows.all, _sorted),
            ("reversed", rows.all, _numbers(lambda v: 32845 - v)),
            ("one value", rows.all, _first),
            ("blank", rows.all, _filled("")),
            ("blank in an authority", rows.la, _filled("")),
            ("times 0.1", rows.all, _numbers(lambda v: (v * 0.1).clip(lower=1).round())),
        ):
            yield Mutation("deprivation", file, what, column, _at(one, where, change))
    all_of_it = ["lsoa11_code", "idaci_rank", "imd_rank"]
    yield Mutation("deprivation", file, "shifted by a row", "both and codes", _at(all_of_it, rows.all, _down))
    yield Mutation(
        "deprivation", file, "columns exchanged", "ranks", _exchanged(["idaci_rank"], ["imd_rank"])
    )
    yield from _rows_of("deprivation", file, rows)
    file, old = "gias/links_edubasealldata20250422.csv", Rows(sample, "URN")
    yield Mutation("links", file, "shifted by a row", "LinkURN", _at(["LinkURN"], old.all, _down))
    yield Mutation(
        "links",
        file,
        "word renamed",
        "Predecessor",
        _renamed("LinkType", "Predecessor", "Predecessor school"),
    )
    yield Mutation("links", file, "columns exchanged", "URN, LinkURN", _exchanged(["URN"], ["LinkURN"]))
    yield Mutation("links", file, "rows dropped", "40 %", _dropped(old.all, 0.4))
    yield Mutation("links", file, "blank", "LinkType", _at(["LinkType"], old.all, _filled("")))


def _of_areas(sample: Sample) -> Iterator[Mutation]:
    file = "published-rates/la_region_england_absence_2016_2025.csv"

    def cells(indicator: str, year: int) -> Callable:
        return lambda table, rng: (table["Short Desc"] == indicator) & (table["Years"] == str(year))

    for year in (2018, 2019, 2022, 2023, 2024, 2025):
        for indicator in ("PriTotAbs", "SecTotAbs"):
            for what, change in (
                ("shifted by a row", _down),
                ("sorted", _sorted),
                ("times 0.01", _numbers(lambda v: v * 0.01)),
                ("half a point more", _numbers(lambda v: v + 0.5)),
            ):
                at = _at(["Values"], cells(indicator, year), change)
                yield Mutation("area rates", file, what, f"{indicator} {year}", at)
    swap = {"PriTotAbs": "SecTotAbs", "SecTotAbs": "PriTotAbs"}

    def exchanged(table: pd.DataFrame, rng) -> pd.DataFrame:
        table["Short Desc"] = table["Short Desc"].replace(swap)
        return table

    yield Mutation("area rates", file, "columns exchanged", "primary, secondary", exchanged)


OUTCOMES = ["stopped", "flagged", "accepted", "harmless", "no change", "traceback"]


def run(
    sample: Sample, seeds: list[int], only: str = "", show: bool = False, part: tuple[int, int] = (0, 1)
) -> pd.DataFrame:
    """Every mutation with every seed; those that nothing random is in, with the first alone. `part`: (0, 2) is the
    first of two halves.
    """
    rows = []
    for mutation in list(mutations(sample))[part[0] :: part[1]]:
        if only and only not in f"{mutation.kind} {mutation.name}":
            continue
        random = any(
            word in mutation.what for word in ("authority", "shuffled", "one school", "rows dropped")
        )
        for seed in seeds if random else seeds[:1]:
            rows.append(sample.tried(mutation, seed))
            if show:
                last = rows[-1]
                print(
                    f"{last['outcome']:9} {str(last['differ']):>6} {mutation.name} #{seed} {last['words'][:110]}",
                    flush=True,
                )
    return pd.DataFrame(rows)


def table(found: pd.DataFrame, by: str) -> pd.DataFrame:
    """Counts by outcome. `seen_pct`: of those that would change a figure, the share stopped or flagged;
    `differ` of None is a file that cannot be read any more, which would change all.
    """
    rows = found.assign(outcome=pd.Categorical(found["outcome"], OUTCOMES))
    out = rows.groupby([by, "outcome"], observed=False).size().unstack(fill_value=0)
    changing = rows[~rows["differ"].eq(0) & ~rows["outcome"].isin(["no change"])]
    seen = changing["outcome"].isin(["stopped", "flagged"])
    out["changing"] = changing.groupby(by).size().reindex(out.index, fill_value=0)
    out["seen"] = seen.groupby(changing[by]).sum().reindex(out.index, fill_value=0)
    out.columns = out.columns.astype(str)
    out.loc["all"] = out.sum()
    out["seen_pct"] = (100 * out["seen"] / out["changing"].where(out["changing"] > 0)).round(1)
    return out.reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--times", type=int, default=2, help="seeds for each mutation with chance in it")
    parser.add_argument("--only", default="", help="mutations whose kind or name holds these words")
    parser.add_argument("--json", type=Path, default=None, help="where every mutation goes")
    parser.add_argument("--show", action="store_true", help="a line for each")
    parser.add_argument("--part", default="0/1", help="0/2 is the first of two halves")
    chosen = parser.parse_args()
    first, of = map(int, chosen.part.split("/"))
    seeds = list(range(chosen.seed, chosen.seed + chosen.times))
    found = run(Sample(), seeds, chosen.only, chosen.show, (first, of))
    for by in ("kind", "what"):
        print(table(found, by).to_string(index=False), end="\n\n")
    passed = found[found["outcome"].isin(["accepted", "traceback"])]
    print(passed[["kind", "what", "column", "seed", "outcome", "differ"]].to_string(index=False))
    if chosen.json:
        summary = {by: table(found, by).to_dict("records") for by in ("kind", "what")}
        chosen.json.write_text(
            json.dumps(summary | {"mutations": found.to_dict("records")}, indent=1, default=str)
        )


if __name__ == "__main__":
    main()
