"""Pictures of a region: maps, and how schools are spread."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base import text
from helpers.base.text import pct
from helpers.base.years import year_words
from helpers.report import charts, maps
from helpers.report.inputs import PackInputs
from helpers.report.region_facts import PHASES, weighted_mean


def region_maps(inputs: PackInputs, frame: pd.DataFrame, numbers: dict[str, int]) -> list[dict]:
    """A map per phase: LAs shaded by attendance, schools as dots."""
    found = []
    for phase in PHASES:
        some = frame[(frame["phase"] == phase) & frame["attendance_pct"].notna()]
        groups = some.dropna(subset=["la_ons_code"]).groupby("la_ons_code")
        values = pd.Series(
            {code: weighted_mean(g["attendance_pct"], g["pupils"]) for code, g in groups}, dtype="float64"
        ).dropna()
        if some.empty or values.empty:
            continue
        low, high = values.idxmin(), values.idxmax()
        names = dict(zip(some["la_ons_code"], some["la_name"], strict=True))
        described = (
            f"{text.plural(len(some), 'school')} in "
            f"{text.plural(len(values), 'local authority', 'local authorities')}. Attendance is "
            f"highest in {names[high]} ({pct(values[high], 1)}) and lowest in {names[low]} "
            f"({pct(values[low], 1)}). All figures are in the "
            "table of local authorities."
        )
        title = (
            f"{text.phase_words(phase)} schools: attendance by local authority, "
            f"{year_words(inputs.release)}, per cent"
        )
        lost = int(some["easting"].isna().sum())
        picture = maps.la_map(f"map-{phase}", title, inputs.boundaries, values, numbers, some, described)
        if picture:
            found.append({"title": title, "svg": picture, "lost": lost})
    return found


def distribution(frame: pd.DataFrame, phase: str) -> dict | None:
    """How attendance last year is spread over the schools with an expectation."""
    values = frame.loc[(frame["phase"] == phase) & frame["ask_pp"].notna(), "attendance_pct"]
    if len(values) < 3:
        return None
    step = 0.5 if values.quantile(0.99) - values.quantile(0.01) < 12 else 1.0
    low = np.floor(values.quantile(0.005) / step) * step
    edges = np.arange(low, np.ceil(values.max() / step) * step + step / 2, step)
    edges = edges if len(edges) > 1 else np.array([low, low + step])
    counts, _ = np.histogram(values.clip(lower=low), edges)
    median, worst, best = (float(values.quantile(q)) for q in (0.5, 0.25, 0.75))
    title = f"{text.phase_words(phase)} schools by attendance last year"
    told = (
        f"{text.plural(len(values), 'school')}. Half of them have attendance between {pct(worst, 1)} and "
        f"{pct(best, 1)}; the school in the "
        f"middle has {pct(median, 1)}."
    )
    bins = list(zip(edges[:-1].tolist(), counts.tolist(), strict=True))
    chart = charts.histogram(
        f"spread-{phase}", title, bins, step, [(median, f"median {pct(median, 1)}")], told, "%"
    )
    below = int((values < low).sum())
    if below:
        told += f" The first bar holds {text.plural(below, 'school')} below {pct(low, 1)}."
    return {"title": title, "svg": chart, "told": told}
