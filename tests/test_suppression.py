"""No school's own ask can be worked out from what is published: attacked with a linear programme, with and
without the suppression.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from helpers.share import audience, suppression

LOW, HIGH = 0.1, 1.2
EXACT = 1e-6  # the attacker is given the averages unrounded: rounding would only help us


def country(
    seed: int = 1,
    sizes: tuple[tuple[int, ...], ...] = ((14, 12, 2, 25), (11, 1, 30, 18), (13, 16, 12, 20), (40,)),
) -> pd.DataFrame:
    """An invented country: `sizes` are the schools of each authority of each region. One phase, columns as
    `audience.assessed` gives them.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for r, region in enumerate(sizes):
        for a, count in enumerate(region):
            for i in range(count):
                rows.append(
                    {
                        "urn": 900001 + len(rows),
                        "school_name": f"School {len(rows)}",
                        "region_name": f"Region {r}",
                        "la_code": f"{901 + 10 * r + a}",
                        "la_name": f"Authority {r}{a}",
                        "trust_name": f"Trust {r}{a}{i % 6}" if i % 3 else None,
                        "phase": "primary",
                        "weight": float(rng.integers(80, 900)),
                        "absence_pct": float(rng.normal(6, 1)),
                        "ask_pp": float(np.clip(rng.normal(0.35, 0.25), LOW, HIGH)),
                        "chance_unaided": 0.36,
                    }
                )
    return pd.DataFrame(rows)


def attack(
    schools: pd.DataFrame, table: pd.DataFrame, knows: pd.Series | None = None, most: int = 10_000
) -> pd.Series:
    """How far apart (points) the least and the most are that each school may be asked for, to a reader who
    knows all pupils' numbers and the exact average of every area that the table does not withhold.

    `knows` marks schools whose asks the reader has: they are left out. `most` limits the attack to the
    largest schools, whose width is the least.
    """
    published = table[table["ask_pp"].notna()]
    rows, bounds_of_sums = [], []
    for row in published.itertuples():
        members = pd.Series(True, index=schools.index)
        if row.geography != "england":
            members = schools["region_name"] == row.region_name
        if row.geography == "la":
            members = members & (schools["la_code"] == row.la_code)
        weights = (schools["weight"] * members).to_numpy()
        rows.append(weights / weights.sum())
        bounds_of_sums.append(rows[-1] @ schools["ask_pp"].to_numpy())
    a, b = csr_matrix(np.array(rows).reshape(-1, len(schools))), np.array(bounds_of_sums)
    a_ub = csr_matrix(np.vstack([a.toarray(), -a.toarray()]))
    b_ub = np.concatenate([b + EXACT, -(b - EXACT)])
    own = np.zeros(len(schools), dtype=bool) if knows is None else knows.to_numpy()
    bounds = [(ask, ask) if mine else (LOW, HIGH) for ask, mine in zip(schools["ask_pp"], own, strict=True)]
    widths = {}
    order = np.argsort(-schools["weight"].to_numpy(), kind="stable")
    for i in order[~own[order]][:most]:
        ends = []
        for sign in (1, -1):
            goal = np.zeros(len(schools))
            goal[i] = sign
            found = linprog(
                goal,
                A_ub=a_ub if len(b) else None,
                b_ub=b_ub if len(b) else None,
                bounds=bounds,
                method="highs",
            )
            assert found.status == 0, found.message
            ends.append(sign * found.fun)
        widths[schools["urn"].iloc[i]] = ends[1] - ends[0]
    return pd.Series(widths)


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
