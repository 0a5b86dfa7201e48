"""Test and learn as a stage of the national store: rehearsed once per release on years without a policy, read
by the notebook of every region.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from helpers import ingest, model, peers
from helpers.base.params import Parameters
from helpers.evaluate import backtests, year_pairs
from helpers.evaluate.trial import (
    assignment,
    calibration,
    changes,
    discontinuity,
    interval_coverage,
    placebo,
    power,
)

PLANTED_PP = -0.30
EFFECTS_PP = (0.1, 0.2, 0.3, 0.4)
WORLDS_POWER, WORLDS_COVERAGE = 40, 60
SIZES = (100, 200, 300, 400, 600, 800, 1200)
GROUPS = ("start", "fsm", "size", "region_name")


def rehearse(run: Parameters) -> dict:
    """Test and learn, rehearsed on years in which there was no policy."""
    pairs = backtests.load(run).pairs
    return build(ingest.load(run), model.load(run), peers.load(run).peers, pairs, run)


def build(
    schools: Mapping[str, Any],
    fitted: Mapping[str, Any],
    peers: pd.DataFrame,
    pairs: pd.DataFrame,
    run: Parameters,
) -> dict:
    """Frames by name, and `learning`: `last` (newest pre-pandemic pair in words), `parts` (variance
    of a trial), `met_pct`, `stated_pct`.

    `pairs` as `years.narrow` kept them with the evaluation. Raises ValueError where the panel has no pair of
    pre-pandemic years.
    """
    register, rates = schools["register"], schools["area_rates"]
    told = placebo.rehearse(register, schools["panel"], rates, peers, run, year_pairs.widen(pairs, register))
    now = told.seen[told.last]
    candidates = interval_coverage.trial_schools(now, seed=run.seed)
    parts = power.variance_parts(candidates, assignment.strata(candidates))
    parts["icc"] = power.icc(now["residual_pp"].to_numpy(), now["la_code"].to_numpy())
    checked = interval_coverage.summary(
        *(
            interval_coverage.lottery(candidates, size, WORLDS_COVERAGE, run.seed, draws=499)
            for size in (PLANTED_PP, 0.0)
        )
    )
    routed = now if "z" in now else now.assign(z=float("nan"))
    kept = _promises(told, fitted, peers, register, rates, run)
    last = kept["attained"][kept["attained"]["years"] == placebo.in_words(told.last)]
    return {
        "candidates": candidates,
        "sizes": power.table(parts, numbers=SIZES),
        "power_curve": interval_coverage.power_curve(candidates, EFFECTS_PP, WORLDS_POWER, run.seed),
        "coverage_of_trials": checked,
        "placebo": told.table,
        "placebo_nil": placebo.nil(told.table),
        "density": discontinuity.density(routed["z"].to_numpy("float64"), run.light_z),
        "continuity": discontinuity.continuity(routed, "z", run.light_z),
        **kept,
        "learning": {
            "last": placebo.in_words(told.last),
            "parts": parts,
            "met_pct": 100 * float(last["met"].mean()),
            "stated_pct": 100 * float(last["chance_unaided"].mean()),
        },
    }


def _promises(
    told: placebo.Rehearsal,
    fitted: Mapping[str, Any],
    peers: pd.DataFrame,
    register: pd.DataFrame,
    rates: pd.DataFrame,
    run,
) -> dict[str, pd.DataFrame]:
    """Stated chances beside what came, and which change of a parameter that supports."""
    quiet = {pair: seen for pair, seen in told.seen.items() if pair in year_pairs.PLACEBO}
    met = {
        pair: changes.attained(seen, told.fitted[pair], peers, register, rates, run, pair)
        for pair, seen in quiet.items()
    }
    words = {pair: placebo.in_words(pair) for pair in met}
    tenths = [calibration.calibration(rows).assign(years=words[pair]) for pair, rows in met.items()]
    spreads = [
        {"years": words[p], "groups by": n, **calibration.spread(rows, n, run.seed)}
        for p, rows in met.items()
        for n in GROUPS
    ]
    tried, compared = changes.candidates(run), {}
    for pair, seen in quiet.items():
        changed = {
            changes.named(c): changes.attained(
                seen, told.fitted[pair], peers, register, rates, run.model_copy(update=c), pair
            )
            for c in tried
        }
        compared[words[pair]] = changes.compare(met[pair], changed, run.seed)
    slopes = [c for c in tried if "slope" in c]
    return {
        "promises": pd.concat(tenths, ignore_index=True),
        "attained": pd.concat(
            [rows[["urn", "met", "chance_unaided"]].assign(years=words[p]) for p, rows in met.items()],
            ignore_index=True,
        ),
        "spreads": pd.DataFrame(spreads).assign(more_than_luck=lambda f: f["observed"] > f["by_chance_95"]),
        "changes": changes.supported(compared),
        "next_release": changes.next_release(fitted["baseline"], peers, register, rates, run, slopes),
    }
