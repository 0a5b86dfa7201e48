"""Shocks found in the published in-year attendance, held against the calendar.

    python benchmarks/shocks_found.py --data ../shared/open-data

Prints how many figures were used and put aside, thresholds and false-alarm rates in quiet weeks, the calendar
table, and the alarms that no event of the calendar explains. Areas are public data; no school is in it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd

from helpers.base.params import DEFAULT, make
from helpers.ingest.readers import read_folder
from helpers.monitor.known_events import check_calendar, read_calendar
from helpers.monitor.shocks import find
from helpers.monitor.snapshots import clean


def show(title: str, frame: pd.DataFrame) -> None:
    print(f"\n{title}\n{frame.to_string(index=False)}")


def unexplained(shocks: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """Shocks of mainstream phases that overlap no event of the calendar, counted by geography and code."""
    inside = pd.Series(False, index=shocks.index)
    for event in calendar.itertuples(index=False):
        inside |= (shocks["start"] <= event.end) & (shocks["end"] >= event.start)
    rows = shocks.assign(in_calendar=inside)[shocks["phase"].isin(["primary", "secondary"])]
    return (
        rows.groupby(["geography", "code", "in_calendar"])
        .size()
        .unstack("in_calendar", fill_value=0)
        .reset_index()
    )


def by_chance(found, cleaned, calendar: pd.DataFrame) -> pd.DataFrame:
    """The same table with every expected event moved by some weeks: how many would be called hits with
    nothing there. Moved dates that fall on another event of the same measure are left out."""
    expected = calendar[calendar["expected"] == "signal"]
    rows = []
    for weeks in (-12, -9, -6, 6, 9, 12):
        moved = expected.assign(
            start=expected["start"] + pd.Timedelta(weeks=weeks),
            end=expected["end"] + pd.Timedelta(weeks=weeks),
        )
        near = [
            (
                (calendar["measure"] == e.measure)
                & ((calendar["start"] - e.start).abs() < pd.Timedelta(days=21))
            ).any()
            for e in moved.itertuples()
        ]
        table = check_calendar(found, cleaned, moved[[not n for n in near]])
        tested = table[table["verdict"].isin(["hit", "miss"])]
        rows.append((weeks, len(tested), int((tested["verdict"] == "hit").sum())))
    return pd.DataFrame(rows, columns=["moved_by_weeks", "tested", "hits"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of official files")
    parser.add_argument(
        "--alarm-rate",
        type=float,
        default=DEFAULT.shock_alarm_share,
        help="share of quiet windows that may alarm",
    )
    chosen = parser.parse_args()
    began = time.perf_counter()
    readings = read_folder(chosen.data, only={"attendance"}).raise_if_hard()
    cleaned = clean(readings.attendance)
    found = find(cleaned.periods, make(shock_alarm_share=chosen.alarm_rate))
    calendar = read_calendar()
    table = check_calendar(found, cleaned, calendar)
    show("Figures used and put aside", cleaned.counts)
    show("Thresholds and false alarms in quiet weeks (measured on years left out)", found.thresholds.round(4))
    show(
        "Windows without another year to compare with",
        found.untested.groupby(["geography", "year"], as_index=False)["windows"].sum(),
    )
    short = table.assign(
        start=table["start"].dt.strftime("%Y-%m-%d"), found_in=table["found_in"].str.slice(0, 90)
    )
    show(
        "Known events",
        short[
            [
                "name",
                "chosen",
                "start",
                "measure",
                "verdict",
                "alarms_there",
                "alarms_elsewhere",
                "found_in",
                "note",
            ]
        ],
    )
    show("Verdicts", table.groupby(["chosen", "verdict"]).size().rename("events").reset_index())
    show("Hits by chance: the same events moved to other weeks", by_chance(found, cleaned, calendar))
    show("Shocks inside and outside the calendar's dates (mainstream)", unexplained(found.shocks, calendar))
    wide = found.shocks[
        found.shocks["geography"].isin(["england", "region"])
        & found.shocks["phase"].isin(["primary", "secondary"])
    ]
    columns = ["area", "phase", "start", "end", "code", "excess_pp", "effect_year_pp", "peak_z"]
    show(
        "England and regions",
        wide[columns].assign(start=wide["start"].dt.date, end=wide["end"].dt.date).round(2),
    )
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
