"""In-year attendance by authority and phase: weekly sessions of four school years, published as year-to-date
snapshots and autumn weeks.

The year's level is the annual rate of the authority and phase; within the year there is a season, a slow
local drift and now and then a local outbreak of some weeks. 2025/26 has no annual rate yet and continues the
year before.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .country import REGIONS
from .text import bare, rounded, write_csv
from .world import World

SCHOOL_YEARS = (2023, 2024, 2025, 2026)  # by the year in which they end
PHASES = ("Primary", "Secondary", "Special")
WEEKS = 39
HOLIDAYS = (7, 15, 16, 23, 30, 31, 38)  # weeks since the first of September week without school
COVERAGE = {2023: 0.80, 2024: 0.94, 2025: 0.97, 2026: 0.97}  # share of schools that share their registers
SNAPSHOT_WEEKS = (3, 5, 6, 8, 10, 12, 14, 18, 20, 22, 25, 27, 29, 33, 36, 40, 43, 46)
# Shares of absence by reason (autumn 2024 nationally, rounded): illness, medical, religious, excluded,
# reduced timetable, holiday.
REASONS = {
    "Primary": (0.545, 0.049, 0.012, 0.006, 0.025, 0.107),
    "Secondary": (0.422, 0.043, 0.007, 0.036, 0.036, 0.040),
    "Special": (0.398, 0.077, 0.004, 0.013, 0.111, 0.032),
}
SEASON = {"Primary": 0.07, "Secondary": 0.04, "Special": 0.03}
MEASURES = (
    "possible_sessions",
    "overall_absence",
    "authorised_absence",
    "unauthorised_absence",
    "reason_i_authorised_illness",
    "reason_m_authorised_medical_dental",
    "reason_r_authorised_religious_observance",
    "reason_e_authorised_excluded",
    "reason_c2_authorised_temp_reduced_timetable",
    "reason_g_unauthorised_holiday",
)
HEADER = [
    "published",
    "time_period",
    "time_identifier",
    "geographic_level",
    "region_code",
    "region_name",
    "new_la_code",
    "la_name",
    "education_phase",
    "num_schools",
    "total_num_schools",
    "enrolments",
    *MEASURES,
    "overall_absence_perc",
]
REDUCED_TIMETABLE = MEASURES.index("reason_c2_authorised_temp_reduced_timetable")


@dataclass(frozen=True)
class Year:
    """Weekly counts of a school year: weeks x authorities x phases x MEASURES, with the schools behind them."""

    end: int
    weekly: np.ndarray
    schools: np.ndarray  # authorities x phases, all open schools
    sharing: np.ndarray  # authorities x phases, on average over the days
    enrolments: np.ndarray
    persistent: np.ndarray  # per cent at the end of the year


def make_year(world: World, end: int, rng: np.random.Generator) -> Year:
    """Weekly sessions and absence of every authority and phase in the school year that ends in `end`."""
    s, register = world.sessions[min(end, 2025)], world.register
    shape = (len(world.country.authorities), len(PHASES))
    possible, missed, unauthorised, pupils, persistent, schools = (np.zeros(shape) for _ in range(6))
    for k, phase in enumerate(PHASES):
        mine = (register["phase"] == phase.lower()).to_numpy() & (s.possible > 0)
        la = register["la"].to_numpy()[mine]
        counted = {
            "possible": possible,
            "missed": missed,
            "unauthorised": unauthorised,
            "enrolments": pupils,
            "persistent": persistent,
        }
        for name, total in counted.items():
            total[:, k] = np.bincount(la, weights=getattr(s, name)[mine], minlength=shape[0])
        schools[:, k] = np.bincount(la, minlength=shape[0])
    rate = missed / np.maximum(possible, 1) * (0.985 if end > 2025 else 1.0)
    weeks = np.array([w for w in range(46) if w not in HOLIDAYS])[:WEEKS]
    season = np.array(
        [1 + SEASON[p] * np.cos(2 * np.pi * (weeks - 15) / 46) for p in PHASES]
    )  # highest in mid-winter
    season[1] += 0.003 * (weeks - weeks.mean())  # Year 11 leaves early: secondary absence rises to the summer
    season *= np.where(weeks == 0, 0.78, np.where(weeks == 1, 0.92, 1.0))
    season /= season.mean(axis=1, keepdims=True)
    local = _local(rng, shape, len(weeks))
    days = np.where(weeks == 0, 6.0, np.where(np.isin(weeks, (14, 37)), 6.0, 10.0))
    sharing = schools * np.clip(COVERAGE[end] + rng.normal(0, 0.02, shape), 0.5, 1.0)
    enrolled = pupils * sharing / np.maximum(schools, 1)
    week_possible = np.rint(
        enrolled[None] * days[:, None, None] * (0.985 + 0.006 * rng.standard_normal((len(weeks), *shape)))
    )
    week_rate = np.clip(rate[None] * season.T[:, None, :] * np.exp(local), 0, 0.6)
    absent = np.rint(np.round(week_possible * week_rate, 6))
    out = np.zeros((len(weeks), *shape, len(MEASURES)))
    share = unauthorised / np.maximum(missed, 1)
    out[..., 0], out[..., 1] = week_possible, absent
    out[..., 3] = np.rint(
        np.round(absent * np.clip(share[None] + 0.01 * rng.standard_normal(absent.shape), 0.02, 0.9), 6)
    )
    out[..., 2] = absent - out[..., 3]
    for k, phase in enumerate(PHASES):
        tilt = np.exp(0.08 * rng.standard_normal((6, len(weeks), shape[0])))
        for r, part in enumerate(REASONS[phase]):
            limit = out[:, :, k, 3] * 0.9 if r == 5 else out[:, :, k, 2] * part * 1.02 / 0.62
            out[:, :, k, 4 + r] = np.floor(np.round(np.minimum(absent[:, :, k] * part * tilt[r], limit), 6))
    return Year(
        end, out.astype(np.int64), schools, sharing, enrolled, 100 * persistent / np.maximum(pupils, 1)
    )


def _local(rng: np.random.Generator, shape: tuple[int, int], weeks: int) -> np.ndarray:
    """Local departures on the log scale: week-to-week noise with memory, and an outbreak in one authority in
    six.
    """
    out, state = np.zeros((weeks, *shape)), np.zeros(shape)
    common = np.zeros(shape[0])
    for w in range(weeks):
        common = 0.6 * common + 0.030 * rng.standard_normal(shape[0])
        state = 0.5 * state + 0.035 * rng.standard_normal(shape)
        out[w] = common[:, None] + state
    for la in np.flatnonzero(rng.random(shape[0]) < 1 / 6):
        start, length = int(rng.integers(4, 14)), int(rng.integers(2, 5))
        out[start : start + length, la] += rng.uniform(0.18, 0.35)
    return out - out.mean(axis=0, keepdims=True)


def _areas(world: World) -> list[tuple[list, np.ndarray]]:
    """Geography cells of a row and the authorities that it adds up."""
    la = np.arange(len(world.country.authorities))
    out = [(["National", "", "", "", ""], la)]
    out += [
        (["Regional", code, name, "", ""], la[la // 4 == k]) for k, (name, code, *_) in enumerate(REGIONS)
    ]
    return out + [
        (["Local authority", a.region_code, a.region, a.ons_code, a.name], la[[a.index]])
        for a in world.country.authorities
    ]


def _row(
    year: Year, totals: np.ndarray, head: list, area: tuple[list, np.ndarray], phase: int | None, tail: list
) -> list:
    """One published row; `totals` is authorities x phases x MEASURES of the period."""
    cells, inside = area
    cols = slice(None) if phase is None else [phase]
    n = float(year.sharing[inside][:, cols].sum())
    all_schools, pupils = (
        int(year.schools[inside][:, cols].sum()),
        float(year.enrolments[inside][:, cols].sum()),
    )
    sums = totals[inside][:, cols].sum(axis=(0, 1))
    label = "Total" if phase is None else PHASES[phase]
    head = [*head, *cells, label, bare(rounded(round(n * 1e4), 10**4, 4, 1))]
    if cells[0] == "Local authority" and all_schools == 1:
        hidden = ["c"] * (len(MEASURES) + 2)
        return [
            *head,
            "c",
            *_without_reason(year, hidden[:1] + hidden[:-2]),
            "c",
            *["c" if t else "" for t in tail],
        ]
    values = [round(pupils, 4), *(int(v) for v in sums)]
    return [*head, all_schools, *_without_reason(year, values), _percent(sums), *tail]


def _without_reason(year: Year, values: list) -> list:
    """The code for reduced timetables came in August 2024: the column is empty before."""
    if year.end < 2025:
        values[1 + REDUCED_TIMETABLE] = ""
    return values


def _percent(sums: np.ndarray) -> str:
    return bare(rounded(int(sums[1]), int(sums[0]), 12)) if sums[0] else "z"


def snapshots(world: World, folder: Path) -> Path:
    """Year-to-date rows of every publication, stacked. Flaws as published: one corrupt file, and a few areas
    that go down.
    """
    rows, areas = [], _areas(world)
    for end in SCHOOL_YEARS:
        year, rng = make_year(world, end, world.rng(end)), world.rng(3000 + end)
        start = dt.date(end - 1, 9, 4)
        calendar = [w for w in range(46) if w not in HOLIDAYS][:WEEKS]
        for number, week in enumerate(SNAPSHOT_WEEKS):
            date = start + dt.timedelta(days=7 * week + 3)
            done = [k for k, w in enumerate(calendar) if w <= week - 2]
            totals = year.weekly[done].sum(axis=0)
            factor = np.where(
                rng.random(totals.shape[:2]) < 0.03, rng.uniform(0.90, 0.97, totals.shape[:2]), 1.0
            )
            totals = np.floor(np.round(totals * factor[..., None], 6)).astype(np.int64)
            totals[..., 1] = totals[..., 2] + totals[..., 3]
            if end == 2023 and number == 0:
                totals = (
                    totals * 400
                )  # the first file of that autumn was published with sessions added up many times over
            known = (date.year, date.month) >= (end, 1)
            for area in areas:
                for phase in (*range(3), None):
                    if phase is None and area[0][0] == "Local authority" and end < 2026:
                        continue
                    if phase is not None and not year.schools[area[1], phase].sum():
                        continue
                    share = _persistent(year, area[1], phase, number) if known else ""
                    head = [date.isoformat(), f"{end - 1}{end % 100}", "Academic year"]
                    rows.append(_row(year, totals, head, area, phase, [share]))
    return write_csv(
        folder / "attendance" / "ytd_by_la_and_phase_snapshots.csv.gz", [*HEADER, "pa_perc"], rows
    )


def _persistent(year: Year, inside: np.ndarray, phase: int | None, number: int) -> str:
    cols = slice(None) if phase is None else [phase]
    weight = year.enrolments[inside][:, cols]
    value = float((year.persistent[inside][:, cols] * weight).sum() / weight.sum()) * (
        1 + 0.08 * (1 - number / (len(SNAPSHOT_WEEKS) - 1))
    )
    return bare(rounded(round(value * 1e6), 10**6, 6, 1))


def autumn_weeks(world: World, folder: Path) -> Path:
    """Weekly rows of the autumn terms, latest publication of each week."""
    rows, areas = [], _areas(world)
    calendar = [w for w in range(46) if w not in HOLIDAYS][:WEEKS]
    for end in SCHOOL_YEARS:
        year = make_year(world, end, world.rng(end))
        published = {2023: "2023-01-26", 2024: "2024-01-11", 2025: "2024-12-19", 2026: "2025-11-20"}[end]
        last = 10 if end == 2026 else 14
        for k, week in enumerate(calendar):
            if not 1 <= week <= last:
                continue
            for area in areas:
                for phase in (*range(3), None):
                    if phase is None and area[0][0] == "Local authority" and end < 2026:
                        continue
                    if phase is not None and not year.schools[area[1], phase].sum():
                        continue
                    rows.append(
                        _row(year, year.weekly[k], [published, end - 1, f"Week {36 + week}"], area, phase, [])
                    )
    return write_csv(folder / "attendance" / "weekly_by_la_and_phase_autumn_terms.csv.gz", HEADER, rows)
