"""Claims about places at hubs: within capacity, need first, then distance, and a lottery that anyone can
repeat.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from helpers.base.params import make
from helpers.support.places import draw, fits, hub_leads, offer_places, place, reach

RULES = make(travel_limit_km=40, other_region_km=20, own_trust_km=20, seed=7)


def school(urn: int, km: float, need: float, **more) -> dict:
    usual = {"phase": "primary", "region_name": "London", "trust_name": None, "northing": 0.0}
    return {"urn": urn, "easting": 1000.0 * km, "need_pupils": need, **usual, **more}


def hub(urn: int, km: float, **more) -> dict:
    usual = {
        "phase": "primary",
        "serves": "primary",
        "region_name": "London",
        "trust_name": None,
        "northing": 0.0,
        "school_name": f"Hub {urn}",
    }
    return {"urn": urn, "easting": 1000.0 * km, **usual, **more}


def frames(schools: list[dict], hubs: list[dict]) -> tuple[pd.DataFrame, pd.DataFrame]:
    return tuple(pd.DataFrame(rows).astype({"trust_name": "str"}) for rows in (schools, hubs))


def placed(schools, hubs, places=1, rules=RULES):
    return place(*frames(schools, hubs), places, "test", rules)


phases, regions = st.sampled_from(["primary", "secondary"]), st.sampled_from(["London", "South East"])
where = st.integers(0, 80)
school_rows = st.lists(
    st.tuples(where, where, st.sampled_from([0.1, 0.6, 2.0, 2.2, 5.0]), phases, regions),
    min_size=1,
    max_size=14,
)
hub_rows = st.lists(
    st.tuples(where, where, st.sampled_from(["primary", "secondary", "both"]), regions),
    min_size=1,
    max_size=4,
)


def country(rows, hubs):
    schools = [
        school(
            100_000 + i, x, n, northing=1000.0 * y, phase=p, region_name=r, trust_name="T" if i % 3 else None
        )
        for i, (x, y, n, p, r) in enumerate(rows)
    ]
    leads = [
        hub(
            200_000 + j,
            x,
            northing=1000.0 * y,
            serves=s,
            phase="secondary" if s == "both" else s,
            region_name=r,
            trust_name="T" if j else None,
        )
        for j, (x, y, s, r) in enumerate(hubs)
    ]
    return frames(schools, leads)


@settings(max_examples=60)
@given(school_rows, hub_rows, st.integers(0, 3))
def test_no_hub_gives_more_places_than_it_has_and_each_fits_phase_and_distance(rows, hubs, places):
    schools, leads = country(rows, hubs)
    done = place(schools, leads, places, "test", RULES)
    offers = done.offers[done.offers["outcome"] == "offered"].merge(
        schools[["urn", "phase", "easting", "northing"]], on="urn", validate="1:1"
    )
    assert (
        len(done.offers) == len(schools)
        and (done.offers["hub_urn"].notna() == (done.offers["outcome"] == "offered")).all()
    )
    assert (offers["hub_urn"].value_counts() <= places).all() and (done.used["used"] <= places).all()
    assert done.used["used"].sum() == len(offers)
    at = leads.set_index("urn").loc[offers["hub_urn"]]
    assert fits(offers["phase"], at["serves"]).all()
    km = (
        np.hypot(offers["easting"] - at["easting"].to_numpy(), offers["northing"] - at["northing"].to_numpy())
        / 1000
    )
    assert np.allclose(km, offers["km"]) and (offers["km"] <= RULES.travel_limit_km + 1e-9).all()


@settings(max_examples=50)
@given(school_rows, hub_rows, st.integers(1, 2))
def test_the_greatest_needs_that_can_be_placed_are_placed_at_the_least_distance(rows, hubs, places):
    """Oracles: the greedy algorithm of the matroid with scipy's matching, and the Hungarian method on each
    hub's places.
    """
    schools, leads = country(rows, hubs)
    offers = place(schools, leads, places, "test", RULES).offers
    pairs = reach(schools, leads, RULES)
    cost = np.full((len(schools), len(leads) * places), 1e6)
    for k in range(places):
        cost[pairs["school"], pairs["hub"] * places + k] = pairs["cost_km"]
    chosen: list[int] = []
    for i in offers.sort_values(["need_step", "draw"], ascending=[False, True]).index:
        tried = [*chosen, i]
        if (maximum_bipartite_matching(csr_matrix(cost[tried] < 1e6), perm_type="column") >= 0).all():
            chosen = tried
    assert set(offers.index[offers["outcome"] == "offered"]) == set(chosen)
    best = cost[chosen][linear_sum_assignment(cost[chosen])].sum() if chosen else 0.0
    got = offers.loc[sorted(chosen)].assign(
        school=sorted(chosen),
        hub=lambda f: leads.reset_index().set_index("urn").loc[f["hub_urn"], "index"].to_numpy(),
    )
    total = got.merge(pairs, on=["school", "hub"], validate="1:1")["cost_km"].sum()
    assert total == pytest.approx(best)


@settings(max_examples=30)
@given(school_rows, hub_rows, st.integers(1, 2), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(rows, hubs, places, random):
    schools, leads = country(rows, hubs)
    order, hub_order = list(range(len(schools))), list(range(len(leads)))
    random.shuffle(order)
    random.shuffle(hub_order)
    first, second = (
        place(schools, leads, places, "test", RULES),
        place(schools.iloc[order], leads.iloc[hub_order], places, "test", RULES),
    )
    pd.testing.assert_frame_equal(first.offers, second.offers)
    pd.testing.assert_frame_equal(first.contests, second.contests)


@settings(max_examples=50)
@given(school_rows, hub_rows, st.integers(1, 2))
def test_the_lottery_is_recorded_and_only_between_equal_needs(rows, hubs, places):
    schools, leads = country(rows, hubs)
    done = place(schools, leads, places, "test", RULES)
    by_urn = done.offers.set_index("urn")
    for row in done.offers.itertuples():
        assert bool(row.tied_with) == (row.outcome == "lost_draw")
        for winner in row.tied_with:
            assert by_urn.at[winner, "outcome"] == "offered" and by_urn.at[winner, "won_draw"]
            assert by_urn.at[winner, "need_step"] == row.need_step and by_urn.at[winner, "draw"] < row.draw
    took_part = set(done.contests["urn"])
    assert took_part == set(by_urn.index[by_urn["won_draw"] | (by_urn["outcome"] == "lost_draw")])
    for _, contest in done.contests.groupby("contest"):
        assert contest["need_step"].nunique() == 1 and set(contest["outcome"]) == {"offered", "lost_draw"}


def test_a_school_whose_nearest_hub_is_full_is_told_so():
    done = placed([school(100_000, 0, 5), school(100_001, 0, 3)], [hub(200_000, 1), hub(200_001, 12)])
    assert done.offers["why"].tolist() == [
        "Offered Hub 200000, 1 km.",
        "Offered Hub 200001, 12 km. Hub 200000 was nearer (1 km) but is full.",
    ]


def test_a_school_without_a_place_is_told_why():
    done = placed([school(100_000, 0, 5), school(100_001, 0, 3), school(100_002, 90, 9)], [hub(200_000, 1)])
    assert done.offers["outcome"].tolist() == ["offered", "full", "nobody_near"]
    assert done.offers["why"].tolist()[1:] == [
        "The hub within reach (Hub 200000, 1 km) is full: the places went to schools with greater need.",
        "No hub that may help it lies within 40 km. The nearest is Hub 200000, 89 km.",
    ]


def test_a_school_without_a_point_is_not_placed_and_does_not_break_the_rest():
    done = placed([school(100_000, np.nan, 5), school(100_001, 0, 3)], [hub(200_000, 1)])
    assert done.offers["outcome"].tolist() == ["nobody_near", "offered"]


def test_a_primary_hub_does_not_help_a_secondary_and_an_all_through_helps_both():
    done = placed(
        [school(100_000, 0, 5, phase="secondary"), school(100_001, 0, 3)],
        [hub(200_000, 1), hub(200_001, 12, serves="both", phase="secondary")],
    )
    assert done.offers["hub_urn"].tolist() == [200_001, 200_000]


def test_a_hub_in_the_same_region_is_preferred_within_reason_and_the_school_is_told():
    done = placed([school(100_000, 0, 5)], [hub(200_000, 1, region_name="South East"), hub(200_001, 12)])
    assert (
        done.offers["why"].item()
        == "Offered Hub 200001, 12 km. Hub 200000 was nearer (1 km) but is in another region."
    )
    far = placed([school(100_000, 0, 5)], [hub(200_000, 1, region_name="South East"), hub(200_001, 30)])
    assert far.offers["hub_urn"].item() == 200_000 and not far.offers["same_region"].item()


def test_a_hub_of_the_own_trust_is_a_flagged_second_choice_or_forbidden():
    mine = [school(100_000, 0, 5, trust_name="Big Trust ")]
    leads = [hub(200_000, 1, trust_name="BIG TRUST"), hub(200_001, 12)]
    assert (
        placed(mine, leads).offers["why"].item()
        == "Offered Hub 200001, 12 km. Hub 200000 was nearer (1 km) but is in its own trust."
    )
    only = placed(mine, leads[:1]).offers
    assert only["same_trust"].item() and "own trust: a person should look" in only["why"].item()
    assert (
        placed(mine, leads[:1], rules=RULES.model_copy(update={"own_trust": "forbid"}))
        .offers["outcome"]
        .item()
        == "nobody_near"
    )


def test_schools_without_a_trust_are_not_in_the_same_trust():
    assert (
        not placed([school(100_000, 0, 5, trust_name=None)], [hub(200_000, 1, trust_name=None)])
        .offers["same_trust"]
        .item()
    )


def test_a_lead_is_never_offered_itself():
    assert placed([school(200_000, 1, 5)], [hub(200_000, 1)]).offers["outcome"].item() == "nobody_near"


def test_a_draw_can_be_repeated_by_hand_from_seed_round_and_urn():
    done = placed([school(100_000 + i, 0, 2.1) for i in range(4)], [hub(200_000, 1)])
    byhand = {
        u: int(hashlib.sha256(f"7:test:{u}".encode()).hexdigest()[:13], 16) / 16**13
        for u in range(100_000, 100_004)
    }
    assert done.offers.set_index("urn")["draw"].to_dict() == byhand
    assert done.offers.loc[done.offers["outcome"] == "offered", "urn"].item() == min(byhand, key=byhand.get)
    assert len(done.contests) == 4 and done.contests["contest"].nunique() == 1


def test_over_many_seeds_each_tied_school_wins_about_equally_often():
    wins = pd.Series(
        [int(np.argmin([draw(urn, "test", seed) for urn in range(100_000, 100_004)])) for seed in range(2000)]
    ).value_counts()
    assert len(wins) == 4 and wins.between(422, 578).all(), (
        wins.to_dict()
    )  # 500 expected, four standard deviations either way


def test_another_seed_can_give_the_place_to_another_school():
    rows, leads = frames([school(100_000 + i, 0, 2.1) for i in range(3)], [hub(200_000, 1)])
    offers = [place(rows, leads, 1, "test", make(seed=seed)).offers for seed in range(8)]
    assert len({o.loc[o["outcome"] == "offered", "urn"].item() for o in offers}) > 1


def test_a_doubled_school_is_refused():
    with pytest.raises(ValueError, match="each school must come once"):
        placed([school(100_000, 0, 5)] * 2, [hub(200_000, 1)])


def _listed(tiers: list[str], decisions: list[str] | None = None) -> pd.DataFrame:
    rows = pd.DataFrame([school(100_000 + i, 0, 9.0 - i) for i in range(len(tiers))]).astype(
        {"trust_name": "str"}
    )
    return rows.assign(tier=tiers, decision=decisions or [""] * len(tiers), year="2018-19")


def test_an_intensive_school_without_an_intensive_place_takes_part_in_the_light_touch_round():
    _, leads = frames([school(1, 0, 1)], [hub(200_000, 1)])
    done = offer_places(
        _listed(["intensive", "intensive", "light_touch"]), leads, make(intensive_places=1, light_places=1)
    )
    assert done.offers[["round", "outcome"]].values.tolist() == [
        ["2018-19 intensive", "offered"],
        ["2018-19 light-touch", "offered"],
        ["2018-19 light-touch", "full"],
    ]
    assert done.used["used"].tolist() == [1, 1]


def test_the_talk_list_and_those_decided_against_take_no_part():
    _, leads = frames([school(1, 0, 1)], [hub(200_000, 1)])
    listed = _listed(
        ["talk_to_us", "light_touch", "light_touch", "light_touch"], ["", "no_offer", "offer", ""]
    )
    assert offer_places(listed, leads).offers["urn"].tolist() == [100_002, 100_003]


def test_nobody_on_the_list_is_no_offer_and_no_error():
    _, leads = frames([school(1, 0, 1)], [hub(200_000, 1)])
    done = offer_places(_listed(["light_touch"]).iloc[:0], leads)
    assert done.offers.empty and done.contests.empty and (done.used["used"] == 0).all()


def test_hubs_that_cannot_be_placed_are_listed_with_the_reason():
    register = pd.DataFrame(
        {
            "urn": [1, 2, 3, 4],
            "region_name": "London",
            "phase": ["primary", "secondary", "special", "primary"],
            "all_through": [False, True, None, None],
            "easting": [1.0, 2.0, 3.0, np.nan],
            "northing": 0.0,
            "trust_name": pd.Series(["A", None, None, None], dtype="str"),
        }
    )
    hubs = pd.DataFrame(
        {
            "school_name": list("abcdefg"),
            "trust_name": "x",
            "urn": pd.array([1, 2, 3, 4, 9, None, 1], dtype="Int64"),
        }
    )
    leads, left_out = hub_leads(hubs, register)
    assert (
        leads[["urn", "serves"]].values.tolist() == [[1, "primary"], [2, "both"]]
        and leads["trust_name"].iloc[0] == "A"
    )
    assert dict(zip(left_out["school_name"], left_out["code"], strict=True)) == {
        "c": "not_mainstream",
        "d": "no_point",
        "e": "not_in_register",
        "f": "no_urn",
    }
