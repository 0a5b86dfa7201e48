"""What the room `support` gives a notebook: the proposal of all England, its counts and its map."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from helpers import ingest, monitor, records, support
from helpers.base.params import make
from helpers.records import agreed
from helpers.support.routing import DECISION_COLUMNS
from tests.support.invented_verdicts import both_years, schools

LEADS = pd.DataFrame(
    {
        "urn": [900_001], "school_name": "Lead", "trust_name": "Other", "region_name": "London",
        "phase": "secondary", "serves": "secondary", "easting": 0.0, "northing": 0.0,
    }
)  # fmt: skip
DECIDED = pd.DataFrame(
    {
        "urn": [100_000],
        "decision": "no_offer",
        "decided_by": "A. Person",
        "date": pd.Timestamp(2025, 1, 6),
        "reason": "has help already",
    }
)


@pytest.fixture
def country(monkeypatch):
    """Three schools that missed by much two years running, one that did not, and one hub; `decided` is what
    people wrote.
    """
    said = SimpleNamespace(decided=None)
    rows = [row for urn in (100_000, 100_001, 100_002) for row in both_years(urn, 2.0, 2.0)]
    verdicts = pd.DataFrame([*rows, *both_years(100_003, -1.0, -1.0)])
    register = schools(["assessed"] * 4 + ["tiny"])
    noted = SimpleNamespace(agreed=agreed.no_records())
    monkeypatch.setattr(monitor, "load", lambda run: SimpleNamespace(verdicts=verdicts))
    monkeypatch.setattr(ingest, "load", lambda run: SimpleNamespace(register=register))
    monkeypatch.setattr(records, "load", lambda run: noted)
    monkeypatch.setattr(records, "decisions", lambda run, referrals: said.decided)
    monkeypatch.setattr(support, "plan", lambda run: SimpleNamespace(leads=LEADS))
    return said


def test_the_proposal_lists_those_who_missed_twice_and_says_why_others_are_left_out(country):
    proposed = support.propose(make())
    assert set(proposed.referrals["urn"]) == {100_000, 100_001, 100_002}
    assert proposed.routed.left_out.set_index("urn")["code"].to_dict() == {100_004: "tiny"}
    assert proposed.referrals[list(DECISION_COLUMNS)].eq("").all(axis=None)
    assert proposed.places.offers["outcome"].tolist() == ["offered"] * 3


def test_a_school_that_a_person_decided_against_stays_on_the_list_and_is_offered_no_place(country):
    country.decided = DECIDED
    proposed = support.propose(make())
    assert len(proposed.referrals) == 3 and set(proposed.places.offers["urn"]) == {100_001, 100_002}
    assert proposed.referrals.set_index("urn").at[100_000, "decision"] == "no_offer"
    assert proposed.routed.referrals["decision"].eq("").all(), "the list before people were heard is kept"


def test_the_runs_own_thresholds_and_places_decide(country):
    assert support.propose(make(light_z=2.5, intensive_z=3.0)).referrals["tier"].eq("talk_to_us").sum() == 0
    one = support.propose(make(intensive_places=1, light_places=0)).places
    assert one.offers["outcome"].eq("offered").sum() == 1 and one.used["used"].sum() == 1


def test_the_rules_shown_are_those_of_the_run():
    shown = support.rules(make(travel_limit_km=25)).set_index("rule")
    assert float(shown.at["travel_limit_km", "value"]) == 25 and shown["meaning"].str.len().gt(10).all()
    assert list(support.rules(make())) == list(support.RULES)


def test_counts_by_threshold_are_long_and_never_rise_with_the_threshold():
    verdicts = pd.DataFrame([row for i in range(5) for row in both_years(100_000 + i, 0.4 * i, 0.4 * i)])
    counted = support.by_threshold(verdicts)
    assert list(counted) == ["z", "which", "n"] and counted["which"].nunique() == 2
    for _, line in counted.groupby("which"):
        assert line.sort_values("z")["n"].is_monotonic_decreasing


def test_offers_are_counted_by_round_and_outcome():
    offers = pd.DataFrame(
        {"urn": [1, 2, 3], "round": "2024-25 intensive", "outcome": ["offered", "offered", "full"], "km": [10, 20, None]}
    )  # fmt: skip
    counted = support.by_outcome(offers).set_index("outcome")
    assert (
        counted["schools"].to_dict() == {"full": 1, "offered": 2} and counted.at["offered", "median_km"] == 15
    )


@pytest.mark.parametrize(("large", "dot"), [(False, 5), (True, 3)])
def test_on_the_map_hubs_are_larger_than_schools_and_lie_above_them(large, dot):
    layers = ["hub open now", "school near no hub", "new hub", "school near a hub that is open"]
    points = pd.DataFrame(
        {"layer": layers, "school_name": list("abcd"), "easting_km": 1.0, "northing_km": 2.0}
    )
    traces = support.map_figure(points, large=large).data
    names = [trace.name.split(",")[0] for trace in traces]
    assert sorted(names) == sorted(layers) and set(names[-2:]) == {"hub open now", "new hub"}
    sizes = dict(zip(names, (trace.marker.size for trace in traces), strict=True))
    assert sizes == {name: 11 if name in ("hub open now", "new hub") else dot for name in layers}
