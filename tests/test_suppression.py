"""No school's own ask can be worked out from what is published: attacked with a linear programme, with and
without the suppression.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.share import audience, suppression
from tests.support.averages_attack import HIGH, LOW, attack, country


def everything(schools: pd.DataFrame, low: float, high: float) -> set:
    return set(suppression.areas(schools))


def primary_only(schools: pd.DataFrame, low: float, high: float) -> set:
    return {area for area, rows in suppression.areas(schools).items() if suppression.is_safe(rows, low, high)}


def test_no_schools_ask_can_be_worked_out_from_the_published_averages():
    schools = country()
    table = audience.averages(schools, LOW, HIGH)
    assert table["ask_pp"].notna().sum() >= 8, "suppressing everything would prove nothing"
    assert attack(schools, table).min() >= suppression.MIN_WIDTH_PP


@pytest.mark.parametrize(
    ("instead", "why"),
    [(everything, "small areas published"), (primary_only, "small areas found by subtraction")],
)
def test_the_attack_succeeds_when_suppression_is_taken_away(monkeypatch, instead, why):
    monkeypatch.setattr(suppression, "publishable", instead)
    schools = country()
    widths = attack(schools, audience.averages(schools, LOW, HIGH))
    assert widths.min() < 0.01, why


def test_a_single_schools_area_is_told_by_subtraction_when_only_it_is_withheld(monkeypatch):
    """The case in full: Region 1 less its three published authorities is the one school of the fourth."""
    monkeypatch.setattr(suppression, "publishable", primary_only)
    schools = country()
    table = audience.averages(schools, LOW, HIGH).set_index(["geography", "region_name", "la_code"])["ask_pp"]
    lone = schools[schools["la_code"] == "912"]
    assert len(lone) == 1 and np.isnan(table["la", "Region 1", "912"])
    assert attack(schools, table.reset_index())[lone["urn"].iloc[0]] < 0.01
    monkeypatch.undo()
    kept = audience.averages(schools, LOW, HIGH)
    assert np.isnan(kept.set_index("la_code")["ask_pp"]["912"])
    assert attack(schools, kept)[lone["urn"].iloc[0]] >= suppression.MIN_WIDTH_PP


@pytest.mark.parametrize("seed", [2, 3])
def test_a_trust_and_an_authority_that_know_their_own_asks_cannot_work_out_anothers(seed):
    schools = country(seed, ((14, 3, 12), (11, 9, 10, 2)))
    schools.loc[schools["la_code"] == "901", "trust_name"] = ["Big Trust"] * 12 + ["Other Trust"] * 2
    table = audience.averages(schools, LOW, HIGH)
    for holder in ("trust_name", "la_code"):
        for name in schools[holder].dropna().value_counts().index[:4]:
            assert attack(schools, table, schools[holder] == name, most=15).min() >= 0.1, (holder, name)


def test_an_area_run_by_one_trust_but_for_two_schools_is_withheld():
    schools = country(1, ((14, 20, 20),))
    schools.loc[schools["la_code"] == "901", "trust_name"] = ["Big Trust"] * 12 + ["Other Trust"] * 2
    assert suppression.why_not(schools[schools["la_code"] == "901"], LOW, HIGH) == "one_holder"
    assert ("Region 0", "901") not in suppression.publishable(schools, LOW, HIGH)


def test_an_average_at_the_limit_would_tell_every_school_and_is_withheld():
    schools = country(1, ((14, 20, 20),))
    schools.loc[schools["la_code"] == "901", "ask_pp"] = LOW
    assert suppression.why_not(schools[schools["la_code"] == "901"], LOW, HIGH) == "extreme"
    assert attack(schools, audience.averages(schools, LOW, HIGH), most=12).min() >= suppression.MIN_WIDTH_PP


def test_an_area_that_one_large_school_makes_is_withheld():
    schools = country(1, ((14, 20, 20),))
    schools.loc[schools.index[0], "weight"] = 9000.0
    assert suppression.why_not(schools[schools["la_code"] == "901"], LOW, HIGH) == "dominated"


def test_a_region_of_one_small_authority_hides_another_region_too():
    schools = country(1, ((30, 30), (4,), (25, 25), (22, 28)))
    published = suppression.publishable(schools, LOW, HIGH)
    assert ("Region 1",) not in published
    assert () not in published or sum((f"Region {r}",) not in published for r in range(4)) >= 2


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(
        st.lists(st.integers(1, 30), min_size=1, max_size=6).map(tuple), min_size=1, max_size=4
    ).map(tuple),
    at_limit=st.floats(0, 1),
)
def test_whatever_the_country_every_remainder_is_safe(seed, sizes, at_limit):
    schools = country(seed, sizes)
    schools.loc[np.random.default_rng(seed).random(len(schools)) < at_limit, "ask_pp"] = LOW
    members, published = suppression.areas(schools), suppression.publishable(schools, LOW, HIGH)
    covered = []
    for area in published:
        rest = suppression.remainder(members, area, *suppression.inside(area, published))
        assert rest.empty or suppression.is_safe(rest, LOW, HIGH)
        covered.append(set(rest["urn"]))
    assert sum(map(len, covered)) == len(set().union(*covered)), (
        "remainders are a partition, so that all sums are unions of them"
    )


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10_000),
    sizes=st.lists(
        st.lists(st.integers(1, 18), min_size=1, max_size=4).map(tuple), min_size=1, max_size=3
    ).map(tuple),
)
def test_whatever_the_country_the_attack_fails(seed, sizes):
    schools = country(seed, sizes)
    assert attack(schools, audience.averages(schools, LOW, HIGH), most=12).min() >= suppression.MIN_WIDTH_PP
