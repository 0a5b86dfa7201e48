"""Predecessors and relatives through the links file."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.ingest.links import MERGED, SAME, SPLIT, direct_links, linked, nearest, neighbours, predecessors
from tests.support.school_links import links

A, B, C, D, E = 100001, 100002, 100003, 100004, 100005


def kinds(frame):
    found = predecessors(frame)
    return dict(zip(zip(found["urn"], found["predecessor_urn"], strict=True), found["kind"], strict=True))


def test_a_link_given_by_both_schools_counts_once():
    frame = links((B, A, "Predecessor", "2019-09-01"), (A, B, "Successor", "2019-08-31"))
    assert kinds(frame) == {(B, A): SAME}
    assert predecessors(frame)["link_date"].iloc[0] == pd.Timestamp("2019-09-01")


def test_a_link_given_by_one_school_only_is_enough():
    assert kinds(links((A, B, "Successor"))) == kinds(links((B, A, "Predecessor"))) == {(B, A): SAME}


def test_chains_are_followed_to_the_end():
    assert kinds(links((B, A, "Predecessor"), (C, B, "Predecessor"))) == {
        (B, A): SAME,
        (C, B): SAME,
        (C, A): SAME,
    }


def test_a_grandparent_listed_beside_the_parent_is_no_merger():
    frame = links((B, A, "Predecessor"), (C, B, "Predecessor"), (C, A, "Predecessor"))
    assert kinds(frame) == {(B, A): SAME, (C, B): SAME, (C, A): SAME}


def test_several_predecessors_are_a_merger_and_several_successors_a_split():
    assert kinds(links((C, A, "Predecessor"), (C, B, "Predecessor"))) == {(C, A): MERGED, (C, B): MERGED}
    assert kinds(links((A, B, "Successor"), (A, C, "Successor"))) == {(B, A): SPLIT, (C, A): SPLIT}


def test_what_the_link_says_counts_where_only_one_side_is_listed():
    assert kinds(links((B, A, "Predecessor - merged"))) == {(B, A): MERGED}
    assert kinds(links((B, A, "Predecessor - amalgamated"))) == {(B, A): MERGED}
    assert kinds(links((B, A, "Predecessor - Split School"))) == {(B, A): SPLIT}


def test_a_split_anywhere_on_the_way_wins_over_a_merger():
    frame = links((B, A, "Predecessor - Split School"), (D, B, "Predecessor"), (D, C, "Predecessor"))
    assert kinds(frame)[(D, A)] == SPLIT and kinds(frame)[(D, B)] == MERGED


def test_shared_sixth_forms_are_neither_predecessors_nor_relatives():
    frame = links((A, B, "Sixth Form Centre Link"), (B, A, "Sixth Form Centre School"))
    assert predecessors(frame).empty and linked(frame).empty


def test_links_without_a_direction_make_relatives_but_no_predecessors():
    frame = links((A, B, "Result of Amalgamation"), (B, C, "Other"))
    assert predecessors(frame).empty
    assert set(map(tuple, linked(frame).to_numpy())) == {(A, B), (B, A), (B, C), (C, B), (A, C), (C, A)}


def test_two_schools_that_call_each_other_predecessor_do_not_loop():
    found = kinds(links((A, B, "Predecessor"), (B, A, "Predecessor"), (C, A, "Predecessor")))
    assert {(A, B), (B, A), (C, A), (C, B)} == set(found)


def test_the_walk_stops_at_the_first_school_that_was_there():
    older, newer = neighbours(
        links((B, A, "Predecessor"), (C, B, "Predecessor"), (C, D, "Predecessor"), (D, E, "Predecessor"))
    )
    assert nearest(C, older, {A, B, D}) == [B, D]
    assert nearest(C, older, {A, E}) == [A, E]
    assert nearest(A, newer, {C}) == [C]


URNS = st.integers(100001, 100012)
TYPES = st.sampled_from(
    [
        "Predecessor",
        "Successor",
        "Predecessor - merged",
        "Successor - Split School",
        "Sixth Form Centre Link",
        "Other",
        "Closure",
    ]
)
FRAMES = st.lists(st.tuples(URNS, URNS, TYPES), max_size=14).map(lambda rows: links(*rows))


@settings(max_examples=25)
@given(FRAMES)
def test_no_school_is_its_own_predecessor_or_relative(frame):
    found, pairs = predecessors(frame), linked(frame)
    assert (found["urn"] != found["predecessor_urn"]).all() and not found.duplicated(
        ["urn", "predecessor_urn"]
    ).any()
    assert (pairs["urn"] != pairs["related_urn"]).all() and not pairs.duplicated().any()


@settings(max_examples=25)
@given(FRAMES)
def test_relatives_are_symmetric_and_transitive_and_hold_all_predecessors(frame):
    pairs = set(map(tuple, linked(frame).to_numpy()))
    assert {(b, a) for a, b in pairs} == pairs
    assert {(a, d) for a, b in pairs for c, d in pairs if b == c and a != d} <= pairs
    found = predecessors(frame)
    assert set(zip(found["urn"], found["predecessor_urn"], strict=True)) <= pairs


@settings(max_examples=25)
@given(FRAMES)
def test_predecessors_are_transitive(frame):
    found = predecessors(frame)
    pairs = set(zip(found["urn"], found["predecessor_urn"], strict=True))
    assert {(a, d) for a, b in pairs for c, d in pairs if b == c and a != d} <= pairs
    direct = direct_links(frame)
    assert set(zip(direct["urn"], direct["predecessor_urn"], strict=True)) <= pairs


def test_most_schools_gone_since_2018_have_a_predecessor_row(open_data):
    from helpers.ingest.readers import read_folder

    readings = read_folder(open_data / "gias", only={"links"})
    found = predecessors(readings.links)
    assert len(found) > 15_000 and set(found["kind"]) == {SAME, MERGED, SPLIT}
    assert (found["kind"] == SAME).mean() > 0.5
    pairs = linked(readings.links)
    assert pairs.groupby("urn").size().max() < 30
