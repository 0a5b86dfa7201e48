"""Cleaning: what is impossible is put aside and counted, and what is left adds up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.ingest.readers import read_folder
from helpers.monitor import snapshots
from helpers.monitor.snapshots import clean, covered_to, difference
from helpers.records.vocabulary import COUNTS
from tests.support.invented_attendance import ENDS, LAS, REGIONS, YEARS, published, weekly_counts

AREAS = 1 + len(REGIONS) + LAS * len(REGIONS)
KEYS = ["geography", "area", "phase", "year"]


@pytest.fixture(scope="module")
def weekly():
    return weekly_counts()


@pytest.fixture(scope="module")
def attendance(weekly):
    return published(weekly)


def counts(cleaned, level="snapshot"):
    return cleaned.counts[cleaned.counts["level"] == level].groupby("code")["n"].sum().to_dict()


@given(
    st.lists(
        st.lists(st.integers(0, 10**9), min_size=len(COUNTS), max_size=len(COUNTS)), min_size=1, max_size=12
    )
)
@settings(max_examples=60)
def test_differencing_and_cumulating_restores_the_snapshots(steps):
    cumulative = pd.DataFrame(np.cumsum(steps, axis=0), columns=COUNTS).astype("float64")
    ends = pd.date_range("2023-09-15", periods=len(steps), freq="14D").astype("datetime64[s]")
    rows = cumulative.assign(
        geography="la", area="A", phase="primary", year="2023-24", end=ends, start=pd.Timestamp("2023-09-01")
    )
    back = difference(rows)
    assert back[COUNTS].cumsum().equals(cumulative)
    assert back["start"].iloc[1:].tolist() == (ends[:-1] + pd.Timedelta(days=1)).tolist()


def test_a_sound_series_is_used_whole(attendance):
    cleaned = clean(attendance)
    assert counts(cleaned) == {"usable": len(attendance)}
    series = AREAS * 2 * len(YEARS)  # one of the fortnights lies in the Easter holidays
    assert counts(cleaned, "period") == {"usable": series * (len(ENDS) - 1), "no_school": series}


def test_the_periods_add_up_to_the_last_snapshot(attendance):
    cleaned = clean(attendance)
    total = cleaned.periods.groupby(KEYS)["possible_sessions"].sum()
    last = cleaned.snapshots.sort_values("end").groupby(KEYS)["possible_sessions"].last()
    pd.testing.assert_series_equal(total, last)


def test_every_row_is_either_used_or_put_aside(attendance):
    broken = attendance.copy()
    rng = np.random.default_rng(3)
    broken.loc[rng.choice(broken.index, 80, replace=False), "possible_sessions"] *= rng.uniform(0.3, 60, 80)
    cleaned = clean(broken)
    assert sum(counts(cleaned).values()) == len(broken)
    put_aside = cleaned.quarantine["level"].value_counts()
    assert put_aside["snapshot"] == len(broken) - counts(cleaned)["usable"]
    periods = counts(cleaned, "period")
    assert sum(periods.values()) == counts(cleaned)["usable"]
    assert put_aside.get("period", 0) == sum(periods.values()) - periods["usable"]


def test_an_impossible_publication_is_put_aside_for_all_areas(attendance):
    day = attendance["published"].sort_values().unique()[10]
    broken = attendance.copy()
    broken.loc[broken["published"].eq(day) & broken["geography"].eq("england"), COUNTS] *= 50
    cleaned = clean(broken)
    aside = cleaned.quarantine[
        cleaned.quarantine["published"].eq(day) & cleaned.quarantine["level"].eq("snapshot")
    ]
    assert len(aside) == AREAS * 2
    assert set(aside["code"]) == {"too_many_sessions", "publication_impossible"}
    friday = covered_to(pd.Series([day]))[0]
    spanning = cleaned.periods[(cleaned.periods["end"] > friday) & (cleaned.periods["start"] <= friday)]
    assert len(spanning) == AREAS * 2, "the next difference is taken across the gap"


def test_a_total_that_falls_is_put_aside_and_the_next_period_starts_afresh(attendance):
    broken = attendance.copy()
    area = broken["la_ons_code"].dropna().iloc[0]
    mine = broken["la_ons_code"].eq(area) & broken["phase"].eq("primary") & broken["year"].eq("2022-23")
    later = broken.loc[mine, "published"].sort_values().iloc[9:]
    broken.loc[mine & broken["published"].isin(later), COUNTS] *= 0.6
    cleaned = clean(broken)
    fallen = cleaned.quarantine[cleaned.quarantine["code"] == "not_monotone"]
    assert fallen[["area", "phase", "year"]].drop_duplicates().values.tolist() == [
        [area, "primary", "2022-23"]
    ]
    assert len(fallen) == 1 and fallen["value"].item() < 0 and fallen["column"].item() == "possible_sessions"
    after = cleaned.periods[
        (cleaned.periods["area"] == area)
        & (cleaned.periods["phase"] == "primary")
        & (cleaned.periods["year"] == "2022-23")
    ]
    assert (after["end"] > fallen["end"].item()).sum() > 5


def test_of_two_publications_of_the_same_weeks_the_later_counts(attendance):
    again = attendance[attendance["published"] == attendance["published"].min()].copy()
    again["published"] -= pd.Timedelta(days=1)
    cleaned = clean(pd.concat([attendance, again], ignore_index=True))
    assert counts(cleaned)["superseded"] == len(again)


def test_suppressed_counts_are_put_aside_not_taken_for_zero(attendance):
    broken = attendance.copy()
    broken.loc[broken.index[:5], COUNTS] = np.nan
    assert counts(clean(broken))["no_figures"] == 5


def test_every_code_is_explained(attendance):
    assert all(words.strip() for words in snapshots.CODES.values())
    broken = attendance.copy()
    broken.loc[broken.index[::7], "overall_absence_sessions"] *= 40
    cleaned = clean(broken)
    assert set(cleaned.quarantine["code"]) <= set(snapshots.CODES)
    assert cleaned.quarantine["words"].notna().all()


@pytest.fixture(scope="module")
def real(open_data):
    return clean(read_folder(open_data, only={"attendance"}).attendance)


def test_the_corrupt_first_file_is_put_aside(real):
    first = real.quarantine[real.quarantine["published"] == "2022-09-28"]
    england = first[first["geography"] == "england"]
    assert set(england["code"]) == {"too_many_sessions"} and england["value"].max() > 1.4e10
    assert not real.snapshots["published"].eq("2022-09-28").any()


def test_the_double_counting_of_spring_2023_is_put_aside(real):
    aside = real.quarantine[
        real.quarantine["geography"].eq("england") & real.quarantine["phase"].eq("primary")
    ]
    spring = aside[aside["published"].between("2023-02-20", "2023-05-31")]
    assert len(spring) == 7 and set(spring["code"]) == {"too_many_sessions"}
    assert not (real.periods.loc[real.periods["kind"] == "ytd", "possible_sessions"] <= 0).any()


def test_weekly_files_and_differenced_snapshots_agree(real):
    rows = real.periods
    england = rows[rows["geography"].eq("england") & rows["phase"].eq("primary") & rows["year"].eq("2024-25")]
    weeks = england[england["kind"] == "weekly"]
    for window in england[(england["kind"] == "ytd") & (england["end"] <= weeks["end"].max())].itertuples():
        inside = weeks[(weeks["start"] >= window.start) & (weeks["end"] <= window.end)]
        rate = 100 * inside["overall_absence_sessions"].sum() / inside["possible_sessions"].sum()
        assert abs(rate - window.absence_pct) < 0.05
        assert abs(inside["possible_sessions"].sum() / window.possible_sessions - 1) < 0.05
