"""Claims about results as such: no figure of the sample moves unless somebody stores it anew, and a change is found."""

from __future__ import annotations

import json

import pytest

from helpers import support
from helpers.run.stages import STAGES
from tests.support import backtest

NATIONAL = ("asks", "baselines", "peers", "alternatives", "verdicts", "sites")


@pytest.fixture(scope="module")
def found(fitted) -> dict:
    """The sample's results as made now, tidy: England's stages, and what support proposes from them."""
    STAGES["siting"].ensure(fitted)
    proposed = support.propose(fitted)
    frames = {
        "referrals": proposed.referrals,
        "offers": proposed.places.offers.drop(columns="tied_with"),
        "left_out": proposed.routed.left_out,
    }
    return backtest.results(fitted.release_folder, NATIONAL) | {
        name: backtest.tidy(frame, name) for name, frame in frames.items()
    }


@pytest.mark.parametrize("name", backtest.TABLES)
def test_every_school_of_the_sample_has_the_stored_result(found, name):
    assert backtest.differences(backtest.stored(name), found[name], name) == []


def test_two_asks_exchanged_are_found_although_the_median_is_the_same():
    asks = backtest.stored("asks")
    moved = asks.copy()
    moved.loc[[0, 1], "ask_pp"] = asks.loc[[1, 0], "ask_pp"].to_numpy()
    told = backtest.differences(asks, moved, "asks")
    assert len(told) == 1 and "ask_pp differs in 2 of" in told[0] and str(asks["urn"][0]) in told[0]


def test_a_difference_of_a_millionth_is_let_pass_and_one_of_three_is_not():
    asks = backtest.stored("asks")
    assert not backtest.differences(asks, asks.assign(ask_pp=asks["ask_pp"] + 5e-7), "asks")
    assert backtest.differences(asks, asks.assign(ask_pp=asks["ask_pp"] + 3e-6), "asks")


def test_a_lost_pair_a_changed_verdict_and_a_missing_column_are_found():
    peers, verdicts = backtest.stored("peers"), backtest.stored("verdicts")
    assert "1 rows are gone" in backtest.differences(peers, peers.iloc[1:].reset_index(drop=True), "peers")[0]
    changed = verdicts.assign(verdict=verdicts["verdict"].mask(verdicts.index == 7, "met?"))
    assert "verdict differs in 1 of" in backtest.differences(verdicts, changed, "verdicts")[0]
    assert backtest.differences(peers, peers.drop(columns="named"), "peers") == [
        "peers: column named is gone"
    ]


def test_the_digest_of_the_real_run_holds_no_school():
    digest = json.loads(backtest.DIGEST.read_text(encoding="utf-8"))
    assert set(digest) == set(backtest.TABLES)
    for table in digest.values():
        assert set(table) == {"rows", "means", "sha256"} and not {"urn", "peer_urn"} & set(table["means"])
