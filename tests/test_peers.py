"""Claims about similar schools."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import peers as room
from helpers.base.faults import NotFound
from helpers.base.params import make
from helpers.model.context import fit_context
from helpers.model.forecast import fit_forecast
from helpers.peers.search import PEER_COLUMNS, coordinates, find_peers, nearest, why
from tests.support import invented_schools

PARAMETERS = make(peers_k=20, region_penalty=0.3, named_max=4, named_cap=6)


@pytest.fixture(scope="module")
def world():
    schools = invented_schools.register(n_secondary=320)
    context = fit_context(schools)
    baseline = fit_forecast(context, schools, invented_schools.panel(schools)).baseline
    links = invented_schools.links(schools)
    return SimpleNamespace(
        schools=schools,
        context=context,
        baseline=baseline,
        links=links,
        fit=find_peers(schools, baseline, context.weights, links, PARAMETERS),
    )


def test_the_columns_are_those_of_the_contract_and_ranks_run_from_one(world):
    peers = world.fit.peers
    assert list(peers.columns) == PEER_COLUMNS
    assert (peers.groupby("urn")["rank"].agg(["min", "max", "nunique"]) == [1, 20, 20]).all().all()
    assert (peers.groupby("urn")["distance"].diff().dropna() >= 0).all()


def test_a_school_is_never_its_own_peer(world):
    both = pd.concat([world.fit.peers, world.fit.alternatives])
    assert (both["urn"] != both["peer_urn"]).all()
    assert not both.duplicated(["urn", "peer_urn"]).any()


def test_a_predecessor_or_successor_is_never_a_peer(world):
    both = pd.concat([world.fit.peers, world.fit.alternatives])
    pairs = set(map(tuple, both[["urn", "peer_urn"]].to_numpy()))
    linked = set(map(tuple, world.links[["urn", "related_urn"]].to_numpy()))
    assert not pairs & (linked | {(b, a) for a, b in linked})
    unlinked = find_peers(
        world.schools, world.baseline, world.context.weights, world.links.iloc[:0], PARAMETERS
    ).peers
    found = set(map(tuple, unlinked[["urn", "peer_urn"]].to_numpy()))
    assert found & (linked | {(b, a) for a, b in linked}), (
        "without the links some would be peers, else the test proves nothing"
    )


def test_selective_schools_and_phases_are_never_mixed(world):
    block = world.schools.set_index("urn")["block"]
    peers = world.fit.peers
    assert (peers["urn"].map(block).to_numpy() == peers["peer_urn"].map(block).to_numpy()).all()
    assert set(peers["urn"].map(block)) == {"primary", "secondary", "secondary_selective"}


def test_special_schools_are_never_peers(world):
    special = set(world.schools.loc[world.schools["phase"] == "special", "urn"])
    assert not special & (set(world.fit.peers["urn"]) | set(world.fit.peers["peer_urn"]))


def test_a_block_with_fewer_than_21_schools_widens_with_a_code(world):
    schools = world.schools.copy()
    few = schools.index[schools["block"] == "secondary"][:12]
    schools.loc[few, "block"] = "upper"
    fit = find_peers(schools, world.baseline, world.context.weights, world.links, PARAMETERS)
    codes = fit.summary.set_index("urn")["code"]
    assert (codes[schools.loc[few, "urn"]] == "widened: upper with secondary").all()
    assert (fit.peers.groupby("urn").size() == 20).all()
    assert (codes.drop(schools.loc[few, "urn"]) == "").all()


def test_selective_schools_never_widen_even_when_few(world):
    schools = world.schools.copy()
    grammar = schools.index[schools["block"] == "secondary_selective"]
    schools.loc[grammar[10:], ["block", "selective"]] = ["secondary", False]
    fit = find_peers(schools, world.baseline, world.context.weights, world.links, PARAMETERS)
    own = set(schools.loc[grammar[:10], "urn"])
    assert set(fit.peers.loc[fit.peers["urn"].isin(own), "peer_urn"]) <= own
    assert (fit.summary.set_index("urn").loc[sorted(own), "n_peers"] <= 9).all()


def test_the_answer_does_not_depend_on_the_order_of_the_register(world):
    shuffled = world.schools.sample(frac=1, random_state=5)
    again = find_peers(
        shuffled,
        world.baseline.sample(frac=1, random_state=6),
        world.context.weights,
        world.links,
        PARAMETERS,
    )
    pd.testing.assert_frame_equal(again.peers, world.fit.peers)
    pd.testing.assert_frame_equal(again.alternatives, world.fit.alternatives)


def test_absence_has_no_part_in_the_distance(world):
    changed = world.schools.assign(absence_pct=99.0, pre_pandemic_absence_pct=1.0)
    for phase, space in coordinates(changed, world.context.weights).items():
        pd.testing.assert_frame_equal(space, coordinates(world.schools, world.context.weights)[phase])


def test_named_schools_are_better_by_more_than_noise_and_not_named_too_often(world):
    both = pd.concat([world.fit.peers, world.fit.alternatives])
    named = both[both["named"]]
    b = world.baseline.set_index("urn")
    own, other = b.loc[named["urn"]], b.loc[named["peer_urn"]]
    margin = own["baseline_pct"].to_numpy() - other["baseline_pct"].to_numpy()
    assert (margin > PARAMETERS.named_z * np.hypot(own["sd_pp"].to_numpy(), other["sd_pp"].to_numpy())).all()
    assert named.groupby("urn").size().max() <= PARAMETERS.named_max
    assert named["peer_urn"].value_counts().max() <= PARAMETERS.named_cap
    counted = world.fit.summary.set_index("urn")["times_named"]
    assert counted.sum() == len(named) > 0


def test_kilometres_are_straight_lines_in_the_national_grid(world):
    place = world.schools.set_index("urn")[["easting", "northing"]]
    row = world.fit.peers.iloc[0]
    a, b = place.loc[row["urn"]], place.loc[row["peer_urn"]]
    assert row["km"] == pytest.approx(
        ((a["easting"] - b["easting"]) ** 2 + (a["northing"] - b["northing"]) ** 2) ** 0.5 / 1000
    )


def test_the_search_finds_what_sorting_all_distances_finds():
    rng = np.random.default_rng(8)
    pool = rng.normal(size=(60, 3))
    found, distance = nearest(pool[:5], pool, np.zeros((5, 60)), [np.array([i]) for i in range(5)], 7)
    for i in range(5):
        all_distances = np.linalg.norm(pool - pool[i], axis=1)
        all_distances[i] = np.inf
        assert list(found[i]) == list(np.argsort(all_distances)[:7])
        np.testing.assert_allclose(distance[i], np.sort(all_distances)[:7], atol=1e-4)


def test_why_compares_feature_by_feature_and_its_shares_add_up(world):
    row = world.fit.peers.iloc[0]
    table = why(world.schools, world.context.weights, int(row["urn"]), int(row["peer_urn"]))
    assert table["share_of_distance"].sum() == pytest.approx(1.0)
    fsm = table.set_index("feature").loc["fsm6_pct"]
    assert fsm["ours"] == pytest.approx(world.schools.set_index("urn").loc[row["urn"], "fsm6_pct"])


def test_why_refuses_schools_that_cannot_be_compared(world):
    primary, secondary, special = (
        int(world.schools.loc[world.schools["phase"] == p, "urn"].iloc[0])
        for p in ("primary", "secondary", "special")
    )
    with pytest.raises(ValueError, match="different phases"):
        why(world.schools, world.context.weights, primary, secondary)
    with pytest.raises(NotFound, match=str(special)):
        why(world.schools, world.context.weights, primary, special)


def test_peers_of_an_earlier_run_are_kept_where_they_still_exist(world):
    old = world.fit.peers
    leaning = world.context.weights.assign(
        weight=lambda w: np.where(w["feature"] == "log_roll", 20.0, w["weight"])
    )
    fresh = find_peers(world.schools, world.baseline, leaning, world.links, PARAMETERS)
    gone = int(old["peer_urn"].value_counts().index[0])
    left = world.schools.assign(status=lambda s: np.where(s["urn"] == gone, "new", s["status"]))
    base = world.baseline[world.baseline["urn"] != gone]
    kept = find_peers(left, base, leaning, world.links, PARAMETERS, frozen=old)
    was = set(
        map(tuple, old.loc[(old["urn"] != gone) & (old["peer_urn"] != gone), ["urn", "peer_urn"]].to_numpy())
    )
    now = set(map(tuple, kept.peers[["urn", "peer_urn"]].to_numpy()))
    assert was <= now and len(now - was) > 0
    assert gone not in set(kept.peers["peer_urn"])
    assert len(was & set(map(tuple, fresh.peers[["urn", "peer_urn"]].to_numpy()))) < 0.9 * len(was), (
        "without freezing they would have changed"
    )
    assert (kept.peers.groupby("urn")["rank"].agg(["min", "max", "nunique"]) == [1, 20, 20]).all().all()
    assert (kept.peers.groupby("urn")["distance"].diff().dropna() >= 0).all()
    both = pd.concat([kept.peers, kept.alternatives])
    assert not both.duplicated(["urn", "peer_urn"]).any() and (both["urn"] != both["peer_urn"]).all()


def test_a_block_is_widened_only_when_it_has_too_few_schools_for_the_peers(world):
    few = world.schools.assign(
        block=lambda s: np.where((s["phase"] == "primary") & (np.arange(len(s)) < 30), "infant", s["block"])
    )
    enough = find_peers(few, world.baseline, world.context.weights, world.links, PARAMETERS)
    block = few.set_index("urn")["block"]
    infants = enough.peers[enough.peers["urn"].map(block) == "infant"]
    assert set(infants["peer_urn"].map(block)) == {"infant"} and (enough.summary["code"] == "").all()
    fewer = few.assign(
        block=lambda s: np.where((s["block"] == "infant") & (np.arange(len(s)) >= 15), "primary", s["block"])
    )
    widened = find_peers(fewer, world.baseline, world.context.weights, world.links, PARAMETERS)
    codes = widened.summary.set_index("urn")["code"]
    assert (
        codes[codes.index.map(fewer.set_index("urn")["block"]) == "infant"]
        .eq("widened: infant with primary")
        .all()
    )
    assert (codes != "").sum() == 15


def test_who_was_named_is_named_again_when_peers_are_kept(world):
    before = pd.concat([world.fit.peers, world.fit.alternatives])
    leaning = world.context.weights.assign(
        weight=lambda w: np.where(w["feature"] == "log_roll", 6.0, w["weight"])
    )
    named = {}
    for kind, frozen in (("kept", before), ("fresh", None)):
        fit = find_peers(world.schools, world.baseline, leaning, world.links, PARAMETERS, frozen=frozen)
        both = pd.concat([fit.peers, fit.alternatives])
        named[kind] = set(map(tuple, both.loc[both["named"], ["urn", "peer_urn"]].to_numpy()))
    was = set(map(tuple, before.loc[before["named"], ["urn", "peer_urn"]].to_numpy()))
    assert len(was & named["kept"]) > 0.9 * len(was) > len(was & named["fresh"])


def test_nobody_is_named_beyond_two_hundred_km(world):
    both = pd.concat([world.fit.peers, world.fit.alternatives])
    assert (both["km"] > 200).any() and (both.loc[both["named"], "km"] <= 200).all()


def test_naming_and_closeness_follow_the_parameters(world):
    def found(**changes):
        return find_peers(
            world.schools,
            world.baseline,
            world.context.weights,
            world.links,
            make(**{**PARAMETERS.model_dump(), **changes}),
        )

    def named(fit):
        return pd.concat([fit.peers, fit.alternatives]).query("named")

    near, surer = found(named_within_km=30.0), found(named_z=2.5)
    assert named(world.fit)["km"].max() > 30 >= named(near)["km"].max()
    assert 0 < len(named(surer)) < len(named(world.fit))
    assert found(near_equals_searched=0, near_equals_listed=0).alternatives.empty
    assert len(found(near_equals_listed=0).alternatives) < len(world.fit.alternatives)
    assert (found(very_close_share=0.5).peers["closeness"] == "very close").mean() == pytest.approx(
        0.5, abs=0.01
    )


def test_pairs_are_counted_by_block_and_a_pair_of_unlike_schools_is_seen():
    register = pd.DataFrame({"urn": [1, 2, 3], "block": ["11-16", "11-16", "11-18 selective"]})
    pairs = pd.DataFrame({"urn": [1, 1, 2], "peer_urn": [2, 3, 1]})
    counted = room.blocks(pairs, register).set_index("block").loc["11-16"]
    assert counted.to_dict() == {"schools": 2, "pairs": 3, "mixed": 1}


def test_named_pairs_come_from_the_similar_schools_and_from_the_near_equals(world):
    pairs = room.named(world.fit.peers, world.fit.alternatives)
    assert pairs["named"].all() and len(pairs) == world.fit.summary["n_named"].sum()


def test_why_in_words_names_every_circumstance_and_keeps_the_figures(world):
    urn, peer = world.fit.peers[["urn", "peer_urn"]].iloc[0]
    raw = why(world.schools, world.context.weights, urn, peer, PARAMETERS.winsor_sd)
    shown = room.why(PARAMETERS, world.schools, world.context.weights, urn, peer)
    assert not shown["feature"].str.contains("_").any()
    pd.testing.assert_frame_equal(shown.drop(columns="feature"), raw.drop(columns="feature"))
