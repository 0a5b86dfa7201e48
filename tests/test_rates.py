"""Roll-ups: sums before ratios, and the weights that the year has."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.ingest.rates import choose_weights, roll_up, sessions_of, weighted_mean


def schools(**columns):
    n = len(next(iter(columns.values())))
    base = dict(
        urn=range(100001, 100001 + n),
        la_code="201",
        la_name="A",
        region_name="London",
        phase="primary",
        in_census=True,
        publication="performance_tables",
        absence_pct=5.0,
        persistent_pct=15.0,
        roll=100.0,
        weight_r_to_11=90.0,
    )
    return pd.DataFrame(base | columns, index=range(n))


def test_a_mean_weighs_by_pupils_and_ignores_what_is_missing():
    assert weighted_mean(pd.Series([4.0, 8.0, np.nan, 50.0]), pd.Series([300.0, 100.0, 500.0, np.nan])) == 5.0
    assert np.isnan(weighted_mean(pd.Series([4.0]), pd.Series([0.0])))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 3000)), min_size=1, max_size=30), st.floats(0.1, 50)
)
def test_a_mean_lies_between_its_values_and_does_not_depend_on_the_unit_of_the_weights(pairs, unit):
    values, weights = pd.Series([v for v, _ in pairs]), pd.Series([w for _, w in pairs])
    mean = weighted_mean(values, weights)
    assert values.min() - 1e-9 <= mean <= values.max() + 1e-9
    assert mean == pytest.approx(weighted_mean(values, weights * unit))


def test_sessions_are_summed_before_the_ratio():
    frame = schools(
        absence_pct=[10.0, 5.0],
        possible_sessions=[1000.0, 9000.0],
        missed_sessions=[100.0, 450.0],
        enrolments=[10.0, 90.0],
    )
    assert choose_weights(frame, "absence") == "sessions"
    out = roll_up(frame, "absence")
    assert set(out["ours_pct"].round(9)) == {5.5} and set(out["weights"]) == {"sessions"}


def test_a_figure_that_is_not_its_sessions_speaks_for_itself():
    frame = schools(
        absence_pct=[11.0, 5.0],
        possible_sessions=[1000.0, 9000.0],
        missed_sessions=[100.0, 450.0],
        enrolments=[10.0, 90.0],
    )
    assert roll_up(frame, "absence")["ours_pct"].round(9).iloc[0] == 5.6


def test_pupils_of_years_r_to_11_are_used_where_a_year_has_them_and_else_the_roll():
    frame = schools(absence_pct=[4.0, 8.0], weight_r_to_11=[300.0, 100.0], roll=[300.0, 300.0])
    assert (
        choose_weights(frame, "absence") == "pupils_r_to_11"
        and roll_up(frame, "absence")["ours_pct"].iloc[0] == 5
    )
    frame["weight_r_to_11"] = np.nan
    assert choose_weights(frame, "absence") == "roll" and roll_up(frame, "absence")["ours_pct"].iloc[0] == 6


def test_every_area_and_phase_has_its_row():
    frame = schools(
        absence_pct=[4.0, 6.0, 9.0],
        la_code=["201", "202", "202"],
        phase=["primary", "primary", "secondary"],
        region_name=["London"] * 3,
    )
    out = roll_up(frame, "absence").set_index(["geography", "area_code", "phase"])["ours_pct"]
    assert out["england", "England", "primary"] == out["region", "London", "primary"] == 5
    assert out["la", "201", "primary"] == 4 and out["la", "202", "secondary"] == 9
    assert len(out) == 2 + 2 + 3


def test_suppressed_rates_are_left_out_and_their_share_is_told():
    frame = schools(
        persistent_pct=[10.0, np.nan, np.nan],
        weight_r_to_11=[300.0, 100.0, 50.0],
        publication=["performance_tables"] * 2 + [None],
    )
    out = roll_up(frame, "persistent").iloc[0]
    assert out["ours_pct"] == 10 and out["n_schools"] == 1 and out["hidden_share"] == 0.25


def test_spread_is_that_of_schools_weighted_and_zero_for_one_school():
    one = roll_up(schools(absence_pct=[7.0]), "absence")
    assert (one["spread_pp"] == 0).all()
    two = roll_up(schools(absence_pct=[4.0, 6.0]), "absence")
    assert two["spread_pp"].iloc[0] == pytest.approx(np.sqrt(2 * 90**2) / 180)


def test_session_counts_come_from_whichever_publication_has_them():
    absence = pd.DataFrame(
        {
            "urn": [1, 1, 2],
            "year": ["2022-23"] * 3,
            "publication": ["performance_tables", "ees", "ees"],
            "possible_sessions": [np.nan, 100.0, 200.0],
            "missed_sessions": [np.nan, 7.0, 8.0],
            "enrolments": [np.nan, 1.0, 2.0],
        }
    )
    out = sessions_of(absence, "2022-23")
    assert out["missed_sessions"].to_dict() == {1: 7.0, 2: 8.0}


def test_roll_ups_of_published_figures_are_near_the_published_rates(open_data):
    from tests.support.gate_data import _read

    country = _read("open data", open_data)
    out = roll_up(country.register, "absence").set_index(["geography", "phase"])["ours_pct"]
    assert out["england", "primary"] == pytest.approx(5.90, abs=0.005)
    assert out["england", "secondary"] == pytest.approx(9.01, abs=0.015)
