"""The national stage `model`: what circumstances explain, and where each school's absence is heading."""

from __future__ import annotations

from typing import Any

import pandas as pd

from helpers import ingest
from helpers.base.params import Parameters
from helpers.model import context, forecast


def fit(run: Parameters) -> dict[str, Any]:
    """Context-expected absence, and the baseline with its spread, of every assessed school of England."""
    schools = ingest.load(run)
    circumstances = context.fit_context(schools.register, run.seed, run.learnt_share)
    ahead = forecast.fit_forecast(
        circumstances,
        schools.register,
        schools.panel,
        seed=run.seed,
        primary_lambda=run.primary_lambda,
        primary_spread=run.primary_spread,
    )
    return {
        "context": circumstances.expected,
        "drivers": circumstances.drivers,
        "scores": circumstances.scores,
        "weights": circumstances.weights,
        "features": _features(circumstances.features),
        "one_pupil": circumstances.one_pupil,
        "baseline": ahead.baseline,
        "evidence": ahead.evidence,
        "model": {"phase_mean": circumstances.phase_mean, "forecast": ahead.parameters},
    }


def _features(by_phase: dict[str, list[tuple[str, str]]]) -> pd.DataFrame:
    """phase, feature, why."""
    rows = [(phase, name, why) for phase, features in by_phase.items() for name, why in features]
    return pd.DataFrame(rows, columns=["phase", "feature", "why"])
