"""Found shocks held against a calendar of known events: hits, misses, what these files cannot show, and
alarms that no event explains.

The calendar (`data/calendar.csv`) names events of which dates and areas were published elsewhere. It is no
complete list: an alarm outside it may be a real local event. So false alarms proper are counted where nothing
is expected (`expected` = none) and in quiet weeks (`shocks.set_thresholds`).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.paths import ROOT
from helpers.monitor.shocks import MEASURES, Found
from helpers.monitor.snapshots import Cleaned

CALENDAR = ROOT / "data" / "calendar.csv"
LONG = 4  # weeks
OUT = [
    "name",
    "chosen",
    "start",
    "end",
    "measure",
    "where",
    "verdict",
    "found_in",
    "windows",
    "alarms_there",
    "alarms_elsewhere",
    "note",
]


def read_calendar(path: Path = CALENDAR) -> pd.DataFrame:
    """name, start, end (dates), measure (of shocks.MEASURES), geography, areas (list), expected (signal or
    none), chosen (before or after the figures were looked at), source.

    Raises `DataRefused` naming the bad lines.
    """
    rows = pd.read_csv(path, dtype="str", keep_default_na=False)
    rows["start"], rows["end"] = (
        pd.to_datetime(rows[c], format="%Y-%m-%d").astype("datetime64[s]") for c in ("start", "end")
    )
    known = {
        "measure": list(MEASURES),
        "geography": ["england", "region", "la"],
        "expected": ["signal", "none"],
        "chosen": ["before", "after"],
    }
    faults = [
        Fault(
            "hard",
            "unknown_word",
            f"the {c} is one of {', '.join(allowed)}",
            path.name,
            int(i) + 2,
            c,
            rows.at[i, c],
            "Correct the line.",
        )
        for c, allowed in known.items()
        for i in rows.index[~rows[c].isin(allowed)]
    ]
    if faults:
        raise DataRefused(faults)
    return rows.assign(areas=rows["areas"].str.split("|"))


def check_calendar(
    found: Found, cleaned: Cleaned, calendar: pd.DataFrame, phases: tuple[str, ...] = ("primary", "secondary")
) -> pd.DataFrame:
    """One row per event; columns `OUT`.

    A window counts when it holds a day of the event. `hit`: an alarm in the event's measure in one of its
    areas (for an authority-level event, in an authority of the regions named); `miss`: tested and silent;
    `not detectable here`: no window could be tested, and `note` says why; for events where nothing is
    expected `rightly quiet` or `false alarm`. `alarms_elsewhere`: alarms in the same windows and measure
    outside the areas.
    """
    return pd.DataFrame(
        [_check(event, found, cleaned, phases) for event in calendar.itertuples(index=False)], columns=OUT
    )


def _holds(rows: pd.DataFrame, event) -> pd.Series:
    return (rows["start"] <= event.end) & (rows["end"] >= event.start)


def _check(event, found: Found, cleaned: Cleaned, phases: tuple[str, ...]) -> tuple:
    scores = found.scores
    rows = scores[
        scores["geography"].eq(event.geography)
        & scores["measure"].eq(event.measure)
        & scores["phase"].isin(phases)
    ]
    rows = rows[_holds(rows, event)]
    tested = rows[rows["z"].notna()]
    there = (
        tested["region_name"].isin(event.areas)
        if event.geography == "la"
        else tested["area"].isin(event.areas)
    )
    alarms = tested[tested["alarm"] & there]
    spans = tested.loc[there, ["start", "end"]].drop_duplicates().sort_values("start")
    windows = "; ".join(f"{a:%d %b} to {b:%d %b %Y}" for a, b in spans.itertuples(index=False))
    if not there.any():
        verdict, note = "not detectable here", _why_not(event, rows, cleaned, phases)
    elif event.expected == "none":
        verdict, note = ("false alarm", "") if len(alarms) else ("rightly quiet", "")
    else:
        verdict, note = ("hit", "") if len(alarms) else ("miss", _how_near(tested[there]))
    found_in = ", ".join(
        sorted(
            {f"{name} ({phase})" for name, phase in zip(alarms["area_name"], alarms["phase"], strict=True)}
        )
    )
    elsewhere = int((tested["alarm"] & ~there).sum())
    where = ", ".join(event.areas)
    counts = (len(alarms), elsewhere)
    return (
        event.name,
        event.chosen,
        event.start,
        event.end,
        event.measure,
        where,
        verdict,
        found_in,
        windows,
        *counts,
        note,
    )


def _how_near(tested: pd.DataFrame) -> str:
    best = tested.loc[(tested["z"] / tested["threshold"]).idxmax()]
    return (
        f"nearest: {best['area_name']} ({best['phase']}), score {best['z']:.1f} against a threshold of "
        f"{best['threshold']:.1f}"
    )


def _why_not(event, rows: pd.DataFrame, cleaned: Cleaned, phases: tuple[str, ...]) -> str:
    """Why no window could be tested."""
    periods = cleaned.periods[
        (cleaned.periods["geography"] == "england") & cleaned.periods["phase"].isin(phases)
    ]
    spans = periods[_holds(periods, event)]
    weeks = int(((spans["end"] - spans["start"]).dt.days.max() + 3) // 7) if len(spans) else 0
    if weeks > LONG:
        note = (
            f"inside a window of {weeks} weeks: the publications in between count sessions more than "
            "once and were put aside"
        )
        return note + _in_quarantine(event, cleaned.quarantine)
    if event.measure == "days_lost" and event.geography == "england":
        return (
            "a closure in all of England cannot be told from a bank holiday or a term date: no "
            "neighbour was open"
        )
    if rows.empty:
        return "no publication covers these days"
    if event.measure == "days_lost":
        return "term dates differ too much between areas in these weeks"
    return "no other year has the same window"


def _in_quarantine(event, quarantine: pd.DataFrame) -> str:
    """What the publications put aside would have shown of religious observance in England's primary schools:
    a rate may survive a double count.
    """
    rows = quarantine[
        quarantine["geography"].eq("england")
        & quarantine["phase"].eq("primary")
        & quarantine["level"].eq("snapshot")
    ]
    rows = rows[rows["column"].eq("possible_sessions") & rows["kind"].eq("ytd")].sort_values("end")
    before, after = rows[rows["end"] < event.start].tail(1), rows[rows["end"] >= event.end].head(1)
    if (
        event.measure != "religious"
        or before.empty
        or after.empty
        or before["year"].item() != after["year"].item()
    ):
        return ""
    missed = [(r["value"] * r["religious_pct"]).item() for r in (before, after)]
    rate = (missed[1] - missed[0]) / (after["value"].item() - before["value"].item())
    return (
        f" (they would give {rate:.2f} % for {after['end'].item():%d %B %Y} and the fortnight before; "
        "not used)"
    )
