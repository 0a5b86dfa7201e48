"""The national stage `evaluation`: back-tested once per release, read by the notebook of every region."""

from __future__ import annotations

import pandas as pd

from helpers import expectations, ingest, model, peers
from helpers.base.params import Parameters
from helpers.evaluate import year_pairs
from helpers.evaluate.backtests.criteria import measure

FRAMES = ("bars", "variants", "fairness", "coverage", "trades", "backtests", "improved")


def back_test(run: Parameters) -> dict[str, pd.DataFrame]:
    """Does the method keep what it promises? The frames of `Evaluation` by name, and the pairs of years on
    which trials are rehearsed (`year_pairs.narrow`).
    """
    schools = ingest.load(run)
    found = measure(schools, model.load(run), peers.load(run), expectations.load(run), run)
    known = year_pairs.pairs(schools.register, schools.panel, year_pairs.WANTED, "secondary", run.seed)
    return {**{name: getattr(found, name) for name in FRAMES}, "pairs": year_pairs.narrow(known)}
