"""03 · Who is in the same circumstances, and who does better? Similar schools, and those named as doing better."""

from __future__ import annotations

from helpers import ingest, model
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage
from helpers.base.store import file_hash


def kept_peers(run: Parameters) -> dict[str, str]:
    """Hash of the earlier run's peers that are to be kept; empty where none are."""
    path = run.frozen_peers
    return {"peers_from": file_hash(path) if path.exists() else "not there"} if path else {}


STAGE = Stage(
    "peers",
    "helpers.peers.stage:find",
    after=(ingest.STAGE, model.STAGE),
    parameters=("seed", "peers_k", "region_penalty", "named_max", "named_cap"),
    files=kept_peers,
    folders=("peers_from",),
)


def load(run: Parameters) -> Results:
    """The stage's results, found first where needed: peers, alternatives, summary."""
    return STAGE.load(run)
