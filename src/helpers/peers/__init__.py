"""03 · Who is in the same circumstances, and who does better? Similar schools, and those named as doing
better.
"""

from __future__ import annotations

import pandas as pd

from helpers import ingest, model
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage
from helpers.base.store import file_hash


def kept_from(run: Parameters) -> dict[str, str]:
    """Hash of the earlier run's peers that are to be kept; empty where none are."""
    path = run.frozen_peers
    return {"peers_from": file_hash(path) if path.exists() else "not there"} if path else {}


STAGE = Stage(
    "peers",
    "helpers.peers.stage:find",
    after=(ingest.STAGE, model.STAGE),
    parameters=(
        "seed",
        "peers_k",
        "region_penalty",
        "primary_far",
        "secondary_far",
        "winsor_sd",
        "near_equal",
        "near_equals_searched",
        "near_equals_listed",
        "very_close_share",
        "close_share",
        "fairly_close_share",
        "named_max",
        "named_cap",
        "named_z",
        "named_within_km",
    ),
    files=kept_from,
    folders=("peers_from",),
)


def load(run: Parameters) -> Results:
    """The stage's results, found first where needed: peers, alternatives, summary."""
    return STAGE.load(run)


def why(
    run: Parameters, register: pd.DataFrame, weights: pd.DataFrame, urn: int, peer_urn: int
) -> pd.DataFrame:
    """Circumstance by circumstance, why two schools are close or not: feature, ours, theirs,
    share_of_distance, the largest first. Raises `NotFound` for a school that is not assessed, ValueError for
    schools of different phases.
    """
    from helpers.peers import search

    return model.features_in_words(search.why(register, weights, urn, peer_urn, run.winsor_sd))


def blocks(pairs: pd.DataFrame, register: pd.DataFrame) -> pd.DataFrame:
    """Pairs (urn, peer_urn) counted by peer block: block, schools, pairs, and mixed: pairs of which one
    school is selective and the other is not (there must be none).
    """
    block = register.set_index("urn")["block"]
    both = pd.DataFrame({"urn": pairs["urn"], "block": pairs["urn"].map(block)})
    selective = both["block"].str.contains("selective")
    both["mixed"] = selective != pairs["peer_urn"].map(block).str.contains("selective")
    counted = both.groupby("block").agg(
        schools=("urn", "nunique"), pairs=("urn", "size"), mixed=("mixed", "sum")
    )
    return counted.reset_index()


WHY = {"ours": "This school", "theirs": "The other", "share_of_distance": "Share of the distance"}


def named(similar: pd.DataFrame, near: pd.DataFrame) -> pd.DataFrame:
    """Pairs in which the second school is named as doing better, among the similar schools or the
    near-equals.
    """
    return pd.concat([similar[similar["named"]], near[near["named"]]], ignore_index=True)
