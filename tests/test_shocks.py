"""Shocks: a planted one is found and named, quiet series stay quiet, and what everybody had is nobody's
shock.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.params import DEFAULT, make
from helpers.monitor.known_events import check_calendar, read_calendar
from helpers.monitor.shocks import MEASURES, days_lost, find, finest, neighbours_median, season_residuals
from helpers.monitor.snapshots import clean
from helpers.records.vocabulary import NAMES
from tests.support.invented_attendance import LAS, REGIONS, YEARS, published, weekly_counts

AREA, OTHER = "E00000003", "E01000002"
PLANTED = {
    "illness": (AREA, "primary", "2023-24", 13, "illness_sessions", 0.06),
    "religious_observance": (OTHER, "secondary", "2022-23", 29, "religious_sessions", 0.05),
    "exclusions": (AREA, "secondary", "2024-25", 21, "excluded_sessions", 0.04),
    "holidays": (OTHER, "primary", "2021-22", 41, "holiday_sessions", 0.05),
    "closure": (OTHER, "primary", "2023-24", 20, "possible_sessions", 0.20),
}


@pytest.fixture(scope="module")
def quiet_series():
    return clean(published(weekly_counts(seed=11)))


@pytest.fixture(scope="module")
def planted():
    return clean(published(weekly_counts(seed=11, plant=tuple(PLANTED.values()))))


@pytest.fixture(scope="module")
def found(planted):
    return find(planted.periods)


@pytest.mark.parametrize("code", sorted(PLANTED))
def test_a_planted_shock_is_found_and_named(found, code):
    la, phase, year, *_ = PLANTED[code]
    rows = found.shocks[(found.shocks["geography"] == "la") & (found.shocks["code"] == code)]
    here = rows[(rows["area"] == la) & (rows["phase"] == phase) & (rows["year"] == year)]
    assert len(here) == 1, f"{code} was not found in {la}, {phase}, {year}"
    assert here["not_counted"].item() == "" and here["words"].item() == NAMES[code]


def test_the_size_of_a_planted_shock_is_recovered(found):
    la, phase, year, _, _, share = PLANTED["illness"]
    rows = found.shocks[
        (found.shocks["area"] == la) & (found.shocks["phase"] == phase) & (found.shocks["year"] == year)
    ]
    weeks_with_school = 39
    assert rows["effect_year_pp"].sum() == pytest.approx(100 * share / weeks_with_school, abs=0.05)


def test_a_closure_raises_no_rate(found):
    closures = found.shocks[found.shocks["code"] == "closure"]
    assert len(closures) and (closures["effect_year_pp"] == 0).all() and (closures["days_lost"] > 0).all()


def test_quiet_series_give_few_alarms_at_the_stated_rate(quiet_series):
    result = find(quiet_series.periods, make(shock_alarm_share=0.001))
    la = result.scores[result.scores["geography"] == "la"]
    alarms, tested = int(la["alarm"].sum()), int(la["z"].notna().sum())
    assert tested > 8_000
    assert alarms <= 0.001 * tested + 3 * np.sqrt(0.001 * tested), (
        f"{alarms} alarms in {tested} quiet windows"
    )


def test_a_lower_alarm_rate_never_gives_more_alarms(planted):
    many, few = (find(planted.periods, make(shock_alarm_share=s)) for s in (0.02, 0.0005))
    assert few.scores["alarm"].sum() <= many.scores["alarm"].sum()


def test_what_the_whole_region_had_is_no_shock_of_an_authority():
    everywhere = [(f"E00{k:06d}", "primary", "2023-24", 13, "illness_sessions", 0.06) for k in range(LAS)]
    result = find(clean(published(weekly_counts(seed=11, plant=everywhere))).periods)
    then = (
        (result.scores["start"] <= "2023-11-27")
        & (result.scores["end"] >= "2023-11-27")
        & (result.scores["geography"] == "la")
    )
    assert then.sum() == LAS * len(REGIONS) * 2 * len(MEASURES)
    assert not result.scores[then & (result.scores["phase"] == "primary")]["alarm"].any()


def test_shocks_of_regions_and_england_never_count_in_a_verdict():
    everywhere = [
        (f"E0{r}{k:06d}", "primary", "2023-24", 13, "illness_sessions", 0.08)
        for r in range(2)
        for k in range(LAS)
    ]
    result = find(clean(published(weekly_counts(seed=11, plant=everywhere))).periods)
    wide = result.shocks[result.shocks["geography"] != "la"]
    assert "England" in set(wide["area"]) and (wide["not_counted"] == "in_movement").all()


def test_an_unbelievable_excess_is_not_counted_until_a_person_has_looked():
    plant = [(AREA, "primary", "2023-24", 13, "illness_sessions", 0.30)]
    result = find(clean(published(weekly_counts(seed=11, plant=plant))).periods)
    here = result.shocks[(result.shocks["area"] == AREA) & (result.shocks["year"] == "2023-24")]
    assert (
        here.loc[here["excess_pp"] > DEFAULT.shock_believable_pp, "not_counted"] == "not_believable"
    ).all()
    assert (here["not_counted"] == "not_believable").any()


def test_a_session_is_never_counted_in_two_shocks(found):
    la = found.shocks[(found.shocks["geography"] == "la") & (found.shocks["area"] == AREA)]
    alarms = found.scores[
        found.scores["alarm"] & (found.scores["area"] == AREA) & (found.scores["measure"] == "absence")
    ]
    for window in alarms.itertuples():
        same = la[
            (la["phase"] == window.phase)
            & (la["start"] <= window.end)
            & (la["end"] >= window.start)
            & (la["windows"] == 1)
        ]
        assert same["excess_pp"].sum() <= window.residual + 0.5


def test_a_year_alone_cannot_be_tested(quiet_series):
    one = quiet_series.periods[quiet_series.periods["year"] == "2023-24"]
    residual, _ = season_residuals(one, "absence_pct")
    assert residual.isna().all()


@given(st.floats(-3, 3), st.floats(0.5, 2.0))
@settings(max_examples=15)
def test_the_level_of_a_year_is_no_departure_from_the_season(shift, scale):
    weeks = pd.DataFrame({"school_week": np.arange(2, 42, 2)})
    rows = weeks.merge(pd.DataFrame({"year": YEARS[:3], "level": [0.0, shift, 0.3]}), how="cross")
    rows["rate"] = 6 + scale * np.sin(rows["school_week"] / 6) + rows["level"]
    rows["end"] = pd.Timestamp("2023-09-15") + pd.to_timedelta(7 * rows["school_week"], unit="D")
    rows["start"] = rows["end"] - pd.Timedelta(days=13)
    rows = rows.assign(kind="ytd", geography="la", area="A", phase="primary")
    residual, years = season_residuals(rows, "rate")
    assert residual.abs().max() < 1e-9 and (years == 2).all()


def test_neighbours_leave_the_authority_itself_out():
    rows = pd.DataFrame(
        {"geography": "la", "area": list("ABCDE"), "region_name": "London", "phase": "primary", "kind": "ytd"}
    )
    rows["start"], rows["end"] = pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-12")
    values = pd.Series([100.0, 1.0, 2.0, 3.0, 4.0])
    assert neighbours_median(rows, values).tolist() == [2.5, 3.5, 3.5, 3.0, 2.5]


def test_days_lost_of_england_are_not_known(quiet_series):
    lost = days_lost(finest(quiet_series.periods))
    rows = finest(quiet_series.periods)
    assert lost[rows["geography"] == "england"].isna().all()


def test_single_weeks_take_the_place_of_the_windows_they_cover(quiet_series):
    rows = quiet_series.periods[
        (quiet_series.periods["area"] == AREA) & (quiet_series.periods["year"] == "2023-24")
    ].head(3)
    window = rows.iloc[[1]]
    half = {
        "start": window["start"].item() + pd.Timedelta(days=2),
        "days_per_pupil": window["days_per_pupil"].item() * 0.6,
    }
    week = window.assign(kind="weekly", **half)
    kept = finest(pd.concat([rows, week], ignore_index=True))
    assert sorted(kept["kind"]) == ["weekly", "ytd", "ytd"] and len(kept) == len(rows)


def test_known_events_are_judged_at_the_resolution_of_the_files(found, planted):
    la, phase, year, week, *_ = PLANTED["illness"]
    window = found.shocks[
        (found.shocks["area"] == la) & (found.shocks["code"] == "illness") & (found.shocks["year"] == year)
    ].iloc[0]
    base = {
        "measure": "illness",
        "geography": "la",
        "areas": [REGIONS[0]],
        "chosen": "before",
        "source": "test",
    }
    calendar = pd.DataFrame(
        [
            {"name": "there", "start": window["start"], "end": window["end"], "expected": "signal", **base},
            {
                "name": "quiet",
                "start": pd.Timestamp("2022-11-21"),
                "end": pd.Timestamp("2022-11-22"),
                "expected": "none",
                **base,
            },
            {
                "name": "missed",
                "start": pd.Timestamp("2022-11-21"),
                "end": pd.Timestamp("2022-11-22"),
                "expected": "signal",
                **base,
            },
            {
                "name": "before the files",
                "start": pd.Timestamp("2019-11-21"),
                "end": pd.Timestamp("2019-11-22"),
                "expected": "signal",
                **base,
            },
        ]
    )
    table = check_calendar(found, planted, calendar).set_index("name")["verdict"].to_dict()
    assert table == {
        "there": "hit",
        "quiet": "rightly quiet",
        "missed": "miss",
        "before the files": "not detectable here",
    }


def test_the_calendar_is_sound():
    calendar = read_calendar()
    assert (calendar["end"] >= calendar["start"]).all() and calendar["source"].str.len().gt(10).all()
    assert set(calendar["measure"]) <= set(MEASURES)
    known = {
        "England",
        "North East",
        "North West",
        "Yorkshire and The Humber",
        "East Midlands",
        "West Midlands",
        "East of England",
        "London",
        "South East",
        "South West",
    }
    assert {area for areas in calendar["areas"] for area in areas} <= known


def test_what_is_large_enough_to_matter_follows_the_run(planted):
    usual, strict = find(planted.periods), find(planted.periods, make(shock_illness_pp=50.0))
    assert (usual.shocks["code"] == "illness").any() and not (
        strict.scores.query("alarm")["measure"] == "illness"
    ).any()
    assert (find(planted.periods, make(shock_least_z=9.0)).thresholds["threshold"] >= 9.0).all()
