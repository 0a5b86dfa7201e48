"""Claims about the referral list: who is on it, who never is, and that a person decides."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base.params import Parameters, make
from helpers.base.years import year_before
from helpers.monitor import verdicts as judgement
from helpers.support import routing
from helpers.support.routing import DECISION_COLUMNS, VERDICTS, route
from tests.support.invented_verdicts import YEARS, both_years, schools, verdict


def answer(register: pd.DataFrame, rows: list[dict], rules: Parameters | None = None) -> dict[int, str]:
    routed = route(pd.DataFrame(rows), register, rules)
    found = dict(zip(routed.referrals["urn"], routed.referrals["tier"], strict=True))
    return found | dict(zip(routed.left_out["urn"], routed.left_out["code"], strict=True))


def test_two_years_above_the_threshold_list_a_school_and_one_does_not():
    register = schools(["assessed"] * 5)
    rows = (
        both_years(100_000, 0.8, 0.6)
        + both_years(100_001, 1.6, 2.0)
        + both_years(100_002, 0.3, 3.0)
        + [verdict(100_003, YEARS[1], 3.0)]
    )
    assert answer(register, rows) == {
        100_000: "light_touch",
        100_001: "intensive",
        100_003: "one_year_only",
        100_004: "no_verdict",
    }


def test_a_special_school_is_never_routed_whatever_its_point_says():
    assert answer(schools(["special_range_only"]), both_years(100_000, 9.0, 9.0, fixed_z=9.0)) == {
        100_000: "special_range_only"
    }


@pytest.mark.parametrize(
    "status",
    ["tiny", "new", "no_published_absence", "not_in_census", "incomplete_data", "alternative_provision"],
)
def test_a_school_without_an_expectation_is_left_out_with_its_own_reason(status):
    assert answer(schools([status]), both_years(100_000, 9.0, 9.0)) == {100_000: status}


def test_too_early_to_say_in_either_year_lists_nobody():
    early = [verdict(100_000, YEARS[0], 2.0, "too_early"), verdict(100_000, YEARS[1], 2.0, fixed_z=5.0)]
    late = [verdict(100_001, YEARS[0], 2.0), verdict(100_001, YEARS[1], np.nan, "too_early")]
    assert answer(schools(["assessed"] * 2), early + late) == {100_000: "too_early", 100_001: "too_early"}


def test_changed_circumstances_reopen_the_target_instead_of_listing_the_school():
    rows = [verdict(100_000, YEARS[0], 2.0, reopened=True), verdict(100_000, YEARS[1], 2.0, reopened=False)]
    assert answer(schools(["assessed"]), rows) == {100_000: "circumstances_changed"}


def test_a_met_target_is_never_listed_even_beside_a_contradictory_z():
    rows = [verdict(100_000, YEARS[0], 2.0), verdict(100_000, YEARS[1], 2.0, "met", fixed_z=3.0)]
    assert answer(schools(["assessed"]), rows) == {}


def test_a_school_that_reached_the_minimum_in_its_report_is_not_listed_whatever_the_region_did():
    rows = [
        verdict(100_000, YEARS[0], 2.0, met_as_published=True),
        verdict(100_000, YEARS[1], 2.0, met_as_published=False),
    ]
    assert answer(schools(["assessed"]), rows) == {}


def test_the_verdicts_of_the_monitor_are_the_verdicts_that_are_routed():
    assert judgement.VERDICTS == VERDICTS
    assert {"urn", "year", "z", "verdict", "shortfall_pp", *routing.FLAGS} <= set(judgement.COLUMNS)


def test_years_that_do_not_follow_each_other_are_not_two_years_running():
    rows = [verdict(100_000, "2015-16", 2.0), verdict(100_000, "2018-19", 2.0)]
    assert answer(schools(["assessed"]), rows) == {100_000: "one_year_only"}


def test_a_talk_is_for_a_large_miss_from_the_first_starting_point_and_offers_no_place():
    rows = both_years(100_000, -0.2, 0.3, fixed_z=1.4) + both_years(100_001, -0.2, 0.3, fixed_z=1.2)
    routed = route(pd.DataFrame(rows), schools(["assessed"] * 2))
    assert dict(zip(routed.referrals["urn"], routed.referrals["tier"], strict=True)) == {
        100_000: "talk_to_us"
    }
    assert "no place is offered" in routed.referrals["why"].item()


def test_a_verdict_for_an_unknown_school_is_reported_not_dropped():
    assert answer(schools(["assessed"]), both_years(199_999, 2.0, 2.0))[199_999] == "not_in_register"


def test_the_reason_says_which_test_by_how_much_and_how_sure():
    routed = route(pd.DataFrame(both_years(100_000, 1.6, 2.0)), schools(["assessed"]))
    why = routed.referrals["why"].item()
    for words in (
        "Two years running",
        "1.0 pp in 2017/18 (1.6 times",
        "1.2 pp in 2018/19 (2.0 times",
        "by luck less than once in 500",
        "nothing about the cause",
    ):
        assert words in why, words


def test_nothing_is_decided_by_the_machine():
    routed = route(pd.DataFrame(both_years(100_000, 1.6, 2.0)), schools(["assessed"]))
    assert (routed.referrals[list(DECISION_COLUMNS)] == "").all(axis=None)


def test_no_verdicts_at_all_is_an_answer_for_every_school():
    empty = pd.DataFrame(columns=["urn", "year", "z", "verdict", "shortfall_pp"]).astype({"urn": "int64"})
    routed = route(empty, schools(["assessed", "tiny"]))
    assert routed.referrals.empty and routed.left_out["code"].tolist() == ["no_verdict", "tiny"]
    assert "why" in routed.referrals and "decision" in routed.referrals


def test_two_verdicts_for_one_year_are_refused():
    with pytest.raises(ValueError, match="school 100000 has two verdicts for 2018-19"):
        route(pd.DataFrame([verdict(100_000, YEARS[1], 1.0)] * 2), schools(["assessed"]))


def test_an_unknown_verdict_is_refused():
    with pytest.raises(ValueError, match="no verdict .*'failed'"):
        route(pd.DataFrame([verdict(100_000, YEARS[1], 1.0, "failed")]), schools(["assessed"]))


def test_thresholds_out_of_order_are_refused():
    with pytest.raises(ValueError, match="light_z 2.0 is above intensive_z"):
        make(light_z=2.0)


def test_the_count_at_a_threshold_is_the_length_of_the_list():
    rng = np.random.default_rng(1)
    rows = [row for urn in range(100_000, 100_300) for row in both_years(urn, *rng.normal(0.5, 1, 2))]
    register, counts = (
        schools(["assessed"] * 300),
        routing.count_by_threshold(pd.DataFrame(rows)).set_index("z"),
    )
    assert counts["schools"].is_monotonic_decreasing
    assert counts.loc[0.5, "schools"] == len(route(pd.DataFrame(rows), register).referrals)
    assert counts.loc[0.0, "expected_if_improved"] == pytest.approx(75)


z_values = st.one_of(st.none(), st.floats(-4, 6, allow_nan=False))
words = st.one_of(st.none(), st.sampled_from(VERDICTS))
one_verdict = st.tuples(st.sampled_from([*YEARS, "2016-17"]), z_values, words, z_values, st.booleans())
statuses = st.sampled_from(["assessed", "assessed", "special_range_only", "tiny"])


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(statuses, st.lists(one_verdict, max_size=3, unique_by=lambda v: v[0])),
        min_size=1,
        max_size=8,
    )
)
def test_every_school_has_one_answer_and_nobody_is_listed_without_verdicts(drawn):
    register = schools([status for status, _ in drawn])
    rows = [
        {
            "urn": 100_000 + i,
            "year": y,
            "z": z,
            "verdict": w,
            "shortfall_pp": None if z is None else 0.6 * z,
            "fixed_z": f,
            "reopened": r,
        }
        for i, (_, verdicts) in enumerate(drawn)
        for y, z, w, f, r in verdicts
    ]
    given_ = pd.DataFrame(
        rows, columns=["urn", "year", "z", "verdict", "shortfall_pp", "fixed_z", "reopened"]
    ).astype({"urn": "int64"})
    routed = route(given_, register)
    assert routed.counts["schools"].sum() == len(register)
    assert not set(routed.referrals["urn"]) & set(routed.left_out["urn"])
    last = max((r["year"] for r in rows), default="")
    for row in routed.referrals.itertuples():
        status, verdicts = drawn[row.urn - 100_000]
        by_year = {v[0]: v for v in verdicts}
        assert status == "assessed" and by_year[last][2] in VERDICTS[1:3] and not by_year[last][4]
        if row.tier != "talk_to_us":
            before = by_year[year_before(last)]
            assert before[2] in VERDICTS[1:3] and before[1] > 0.5 and by_year[last][1] > 0.5


def test_who_is_listed_follows_the_thresholds():
    rows = both_years(100_000, 0.8, 0.6) + both_years(100_001, 1.6, 2.0)
    register = schools(["assessed"] * 2)
    assert answer(register, rows) == {100_000: "light_touch", 100_001: "intensive"}
    assert answer(register, rows, make(light_z=0.7)) == {100_001: "intensive"}
    assert answer(register, rows, make(intensive_z=1.7)) == {100_000: "light_touch", 100_001: "light_touch"}
