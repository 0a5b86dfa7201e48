"""What the room `monitor` gives a notebook: the region's part of what was found, and an answer where nothing was."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import monitor
from helpers.base.params import make
from helpers.monitor import progress
from helpers.monitor.snapshots import first_monday

YEAR = "2023-24"


def found(*rows: tuple[str, str, str, float, str]) -> pd.DataFrame:
    """Shocks of one week in October 2023: area, geography, region, effect on the year, why not counted."""
    frame = pd.DataFrame(
        rows, columns=["area", "geography", "region_name", "effect_year_pp", "not_counted"]
    ).assign(phase="primary", start=pd.Timestamp(2023, 10, 9), end=pd.Timestamp(2023, 10, 13))
    return frame.assign(area_name=frame["area"], shock_id=[f"s{i}" for i in range(len(frame))])


SHOCKS = found(
    ("A", "la", "London", 0.1, ""),
    ("B", "la", "London", 0.3, ""),
    ("C", "la", "London", 0.9, "not_believable"),
    ("D", "la", "South West", 0.5, ""),
    ("England", "england", "", 0.2, ""),
)


def scores(area: str, weeks: int = 4) -> pd.DataFrame:
    start = pd.date_range("2023-10-02", periods=weeks, freq="7D")
    frame = pd.DataFrame({"start": start, "end": start + pd.Timedelta(days=4), "residual": 0.1})
    return frame.assign(area=area, phase="primary")


def weeks_sent(urn: int, n: int, absence: float = 6.0) -> pd.DataFrame:
    """Weeks of one school in the year followed."""
    monday = first_monday(YEAR) + pd.to_timedelta(7 * np.arange(1, n + 1), unit="D")
    frame = pd.DataFrame({"week_commencing": monday.astype("datetime64[s]"), "urn": urn, "year": YEAR})
    return frame.assign(absence_pct=absence + 0.1 * (np.arange(n) % 2), cum_absence_pct=absence)


def path_of(urn: int, target: float, sd: float) -> pd.DataFrame:
    """A path to the target with the same limits in every week."""
    frame = pd.DataFrame({"urn": urn, "school_week": progress.WEEKS, "left": 0.2, "sd_pp": sd})
    return frame.assign(
        unchanged_pct=target + 1, target_pct=target, lower_pct=target - sd, upper_pct=target + sd
    )


def test_a_region_is_shown_its_own_shocks_and_englands_and_england_all():
    special = found(("E", "la", "London", 0.4, "")).assign(phase="special")
    every = pd.concat([SHOCKS, special], ignore_index=True)
    assert monitor.shocks_here(every, "London")["area"].tolist() == ["A", "B", "C", "England"]
    assert monitor.shocks_here(every, "England")["area"].tolist() == SHOCKS["area"].tolist()


def test_the_largest_shock_is_an_authoritys_that_counts_and_its_windows_are_marked():
    london = monitor.shocks_here(SHOCKS, "London")
    title, seen = monitor.largest_shock(london, pd.concat([scores("A"), scores("B"), scores("C")]))
    assert title.startswith("B, primary") and set(seen["area"]) == {"B"}
    assert seen["shown"].tolist() == ["no shock", "part of a shock", "no shock", "no shock"]


def test_without_a_shock_that_counts_the_title_says_so_and_nothing_is_drawn():
    none = SHOCKS[SHOCKS["geography"].eq("england") | SHOCKS["not_counted"].ne("")]
    title, seen = monitor.largest_shock(none, scores("A"))
    assert title == "No shock was found here" and seen.empty and "shown" in seen


@pytest.mark.parametrize(
    ("noise_z", "course"), [(1.28, "off_course_by_more_than_noise"), (3.0, "within_noise")]
)
def test_a_schools_own_weeks_are_judged_by_the_runs_own_limit_of_noise(noise_z, course):
    told = monitor.course(make(noise_z=noise_z), weeks_sent(1, 10, 6.0), path_of(1, target=4.0, sd=1.0))
    assert told["course"].tolist() == [course]  # two usual errors above the path


def test_without_any_weeks_or_any_path_a_course_is_an_empty_table():
    run, paths = make(), path_of(1, 4.0, 1.0)
    no_path = pd.DataFrame(columns=["urn", "school_week"])
    assert monitor.course(run, weeks_sent(1, 0), paths).empty
    assert monitor.course(run, weeks_sent(1, 10), no_path).empty
    assert monitor.one_path(no_path, 1).empty


def test_where_no_season_is_known_no_school_has_a_path(monkeypatch):
    none = pd.DataFrame(columns=["phase"])
    monkeypatch.setattr(monitor, "load", lambda run: SimpleNamespace(settling=none, season=none))
    assert monitor.paths(make(), pd.DataFrame({"urn": [1]})).empty


def test_a_path_is_drawn_as_four_lines_of_that_school_alone():
    both = pd.concat([path_of(1, 4.0, 1.0), path_of(2, 9.0, 1.0)])
    lines = monitor.one_path(both, 2)
    assert lines.groupby("path")["absence_pct"].first().to_dict() == {
        "if nothing changes": 10.0,
        "to the target": 9.0,
        "lower limit": 8.0,
        "upper limit": 10.0,
    }


def test_a_record_concerns_a_region_by_its_schools_and_by_its_authorities():
    noted = pd.DataFrame(
        {"urn": pd.array([1, 2, None, None], dtype="Int64"), "la_code": [None, None, "203", "999"]}
    )
    here = monitor.noted_here(noted, pd.DataFrame({"urn": [1], "la_code": ["203"]}))
    assert here["urn"].fillna(0).tolist() == [1, 0] and here["la_code"].fillna("").tolist() == ["", "203"]


def test_a_control_chart_needs_eight_weeks_and_each_school_has_its_own():
    weeks = pd.concat([weeks_sent(1, 9), weeks_sent(2, 7), weeks_sent(3, 8, 9.0)], ignore_index=True)
    schools = pd.DataFrame({"urn": [1, 2, 3], "region_name": "London", "phase": "primary"})
    columns = ["geography", "area", "phase", "kind", "year", "start", "end", "days_per_pupil", "absence_pct"]
    periods = pd.DataFrame(columns=columns).astype({"start": "datetime64[s]", "end": "datetime64[s]"})
    lines = monitor.control_chart(weeks, schools, periods)
    centre = lines[lines["line"] == "centre"].groupby("urn")["points"].first()
    assert centre.round(2).to_dict() == {"1": 6.04, "3": 9.05}  # no area figure: the rate itself
    assert len(monitor.control_figure(lines).data) == 8  # four lines in each of two charts
    none = monitor.control_chart(weeks[weeks["urn"] == 2], schools, periods)
    assert none.empty and len(monitor.control_figure(none).data) <= 4


def test_half_of_a_year_is_settled_in_the_first_week_that_leaves_no_more_than_half():
    left = pd.DataFrame({"school_week": [10, 20, 30], "left": [0.7, 0.5, 0.2]})
    settling = pd.concat([left.assign(phase=p) for p in ("primary", "special")])
    assert monitor.half_settled(settling) == {"primary": 20}
    assert monitor.half_settled(settling.head(0)) == {}


def test_what_is_missing_is_said_with_what_that_means_and_what_is_there_is_not():
    inputs = pd.DataFrame(
        {"input": ["own weeks", "shocks"], "there": [False, True], "words": ["no year can be read", ""]}
    )
    assert monitor.missing(inputs) == ["Own weeks: none, so no year can be read."]


def test_verdicts_with_and_without_shocks_are_counted_against_each_other():
    verdicts = pd.DataFrame(
        {
            "verdict": ["met", "met", "within_noise"],
            "verdict_without_shocks": ["met", "within_noise", "within_noise"],
        }
    )
    both = monitor.with_and_without_shocks(verdicts).set_index("verdict_without_shocks")
    assert both.loc["within_noise"].to_dict() == {"Met": 1, "Within noise": 1}
