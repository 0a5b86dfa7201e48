"""A school's own weeks: what stands out beside its area, and what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.base.params import make
from helpers.monitor import own_weeks
from helpers.monitor.own_weeks import area_weeks, in_extract, roll_jumps
from helpers.monitor.snapshots import clean
from tests.support.invented_attendance import YEARS, published, weekly_counts

AREA = "E00000003"


def weeks_of_a_school(**changes) -> pd.DataFrame:
    """Twelve plain weeks of one school of 200 pupils; `changes`: column -> {position: value}."""
    rows = pd.DataFrame(
        {"week_commencing": pd.date_range("2023-09-11", periods=12, freq="7D").astype("datetime64[s]")}
    )
    rows = rows.assign(
        urn=100001, year="2023-24", pupils=200.0, possible_sessions=2000.0, closed_sessions=0.0
    )
    wobble = np.tile([0.0, 3.0, -3.0], 4)
    for column, usual in (
        ("illness_sessions", 60),
        ("religious_sessions", 0),
        ("holiday_sessions", 10),
        ("excluded_sessions", 2),
    ):
        rows[column] = usual + (wobble if usual > 5 else 0.0)
    for column, values in changes.items():
        for position, value in values.items():
            rows.loc[position, column] = value
    return rows


RATES = ("illness_pct", "religious_pct", "holiday_pct", "excluded_pct")
NO_AREA = pd.DataFrame(
    {"week_commencing": pd.Series(dtype="datetime64[s]"), **{c: pd.Series(dtype="float64") for c in RATES}}
)


def test_a_jump_of_code_y_is_a_closure_that_moves_no_rate():
    found = in_extract(weeks_of_a_school(closed_sessions={5: 400.0}, possible_sessions={5: 1600.0}), NO_AREA)
    assert found["code"].tolist() == ["closure"] and found["effect_year_pp"].item() == 0
    assert found["start"].item() == pd.Timestamp("2023-10-16")


def test_an_illness_week_of_a_school_counts_beside_its_area():
    ill = weeks_of_a_school(illness_sessions={7: 200.0})
    alone = in_extract(ill, NO_AREA)
    assert alone["code"].tolist() == ["illness"]
    assert alone["effect_year_pp"].item() == pytest.approx(
        100 * 140 / (2000 * own_weeks.YEAR_WEEKS), rel=0.05
    )
    area = ill[["week_commencing"]].assign(
        illness_pct=100 * ill["illness_sessions"] / 2000, religious_pct=0.0, holiday_pct=0.0, excluded_pct=0.0
    )
    assert in_extract(ill, area).empty, "what the whole area had is in its movement already"


def test_a_plain_term_has_no_shock_and_a_short_one_is_not_judged():
    assert in_extract(weeks_of_a_school(), NO_AREA).empty
    assert in_extract(weeks_of_a_school(illness_sessions={3: 600.0}).head(7), NO_AREA).empty


def test_a_step_of_the_roll_is_found_once_and_one_wrong_week_is_none():
    step = weeks_of_a_school(pupils={i: 240.0 for i in range(6, 12)})
    found = roll_jumps(step)
    assert found["week_commencing"].tolist() == [pd.Timestamp("2023-10-23")] and found[
        "change_pct"
    ].item() == pytest.approx(20)
    assert roll_jumps(weeks_of_a_school(pupils={6: 260.0})).empty


def test_a_week_without_an_area_figure_is_not_judged():
    plain = weeks_of_a_school()
    area = (
        plain[["week_commencing"]]
        .assign(illness_pct=3.0, religious_pct=0.0, holiday_pct=0.5, excluded_pct=0.1)
        .drop(index=[4])
    )
    assert in_extract(plain, area).empty


def test_an_area_gives_its_rate_to_each_week_of_a_window():
    periods = clean(published(weekly_counts(seed=11))).periods
    weeks = area_weeks(periods, "la", AREA, "primary")
    assert not weeks.duplicated(["year", "week_commencing"]).any()
    assert weeks["week_commencing"].dt.day_of_week.eq(0).all() and len(weeks) > 40 * len(YEARS)


def test_what_stands_out_in_own_weeks_follows_the_run():
    ill = weeks_of_a_school(illness_sessions={7: 200.0})
    assert len(in_extract(ill, NO_AREA)) and in_extract(ill, NO_AREA, make(shock_own_weeks_pp=50.0)).empty
