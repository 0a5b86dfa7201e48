"""What moves when a parameter moves? For analysts: other parameters tried on all of England at once, one
school's parts and similar schools, and two finished runs compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from helpers import expectations, ingest, model, peers
from helpers.base import contract

if TYPE_CHECKING:
    from helpers.explore.what_if import World

STAGES = (ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE)

MOVED = {
    "ask_before_pp": "Asked before (pp)",
    "ask_now_pp": "Asked now (pp)",
    "moved_pp": "Moved (pp)",
    "minimum_before_pct": "Minimum before (%)",
    "minimum_now_pct": "Minimum now (%)",
    "chance_before": "Mean chance before",
    "chance_now": "Mean chance now",
    "before_pp": "Before (pp)",
    "now_pp": "Now (pp)",
    "attendance_pct": "Attendance last year (%)",
    "expected_pct": "Expected next year (%)",
    "better": "Better by more than noise",
    "feature": "Circumstance",
    "ours": "This school",
    "theirs": "The other school",
    "share_of_distance": "Share of the distance",
    "part": "Part",
    "schools": "Schools",
    "what": "What",
    "before": "Before",
    "after": "After",
    "because": "Because",
    "felt": "Moved by 0.05 pp or more",
    "ask_after_pp": "Asked after (pp)",
    "chance_after": "Mean chance after",
    "kind": "Kind",
    "name": "Name",
}


def why(world: World, urn: int, peer_urn: int) -> pd.DataFrame:
    """Circumstance by circumstance, why two schools are close or not, in words; see `peers.why`."""
    from helpers.explore import what_if

    return model.features_in_words(what_if.why(world, urn, peer_urn))


def parts_in_words(parts: pd.DataFrame) -> pd.DataFrame:
    """The parts of an improvement asked (column `part`) under their labels."""
    return parts.assign(part=parts["part"].map(lambda name: contract.label("expectations", name)))


def __getattr__(name: str):
    """`explore.what_if`, `explore.panel` and `explore.compare`, looked up when first used."""
    from importlib import import_module

    if name in ("what_if", "panel", "compare"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
