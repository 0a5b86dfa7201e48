"""Claims about how far one pupil, or rounding, moves a minimum: the same as when everything is computed
again.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.base.params import make
from helpers.expectations.formula import set_expectations, target
from helpers.expectations.sensitivity import COLUMNS, moves
from helpers.model.context import fit_context
from helpers.model.forecast import baseline_of, fit_forecast
from helpers.peers.search import find_peers
from tests.support import invented_schools

RUN = make(region="England")


@pytest.fixture(scope="module")
def world():
    schools = invented_schools.register(n_secondary=320)
    context = fit_context(schools)
    ahead = fit_forecast(context, schools, invented_schools.panel(schools))
    similar = find_peers(schools, ahead.baseline, context.weights, invented_schools.links(schools), RUN)
    asked = set_expectations(
        ahead.baseline, similar.peers, schools, invented_schools.area_rates(schools), RUN
    ).expectations
    told = moves(asked, ahead.baseline, context.one_pupil, schools, ahead.parameters, RUN)
    return schools, context, ahead, similar, asked, told


def again(world, urn: int, **changed) -> float:
    """The target of one school recomputed with another own figure or context, everything national as it was."""
    schools, context, ahead, similar, asked, _ = world
    own = (
        context.expected[context.expected["urn"] == urn]
        .merge(schools[["urn", "absence_pct", "roll", "fsm_pct"]], on="urn")
        .assign(**changed)
    )
    b = baseline_of(own, ahead.parameters)["baseline_pct"].iloc[0]
    peers = similar.peers.loc[similar.peers["urn"] == urn, "peer_urn"]
    quartile = ahead.baseline.set_index("urn").loc[peers, "baseline_pct"].quantile(0.25)
    a = asked.loc[asked["urn"] == urn, "national_part_pp"].iloc[0]
    return float(target(own["absence_pct"].iloc[0], b, max(b - quartile, 0.0), a, RUN))


@pytest.mark.parametrize("which", [0, 7, 200, 400, 550])
def test_the_move_told_is_the_largest_when_the_target_is_computed_again(world, which):
    schools, context, _, _, asked, told = world
    row = told.iloc[which]
    urn, y = int(row["urn"]), schools.set_index("urn").loc[int(row["urn"]), "absence_pct"]
    now = asked.set_index("urn").loc[urn, "target_absence_pct"]
    assert again(world, urn) == pytest.approx(now, abs=1e-9)
    by_rounding = [abs(again(world, urn, absence_pct=y + d) - now) for d in (-0.05, 0.05)]
    assert row["rounding_moves_pp"] == pytest.approx(max(by_rounding), abs=1e-9)
    c = context.expected.set_index("urn").loc[urn, "context_expected_pct"]
    step = context.one_pupil.set_index("urn").loc[urn, "context_change_pp"]
    by_pupil = [abs(again(world, urn, context_expected_pct=c + d) - now) for d in (-step, step)]
    assert row["one_pupil_moves_pp"] == pytest.approx(max(by_pupil), abs=1e-9)


def test_one_pupil_weighs_more_in_a_small_school(world):
    schools, _, _, _, _, told = world
    f = told.merge(schools[["urn", "roll", "phase"]], on="urn", validate="1:1").query("phase == 'primary'")
    assert (
        f.nsmallest(60, "roll")["one_pupil_moves_pp"].mean()
        > 2 * f.nlargest(60, "roll")["one_pupil_moves_pp"].mean()
    )


def test_every_school_with_a_target_is_told_a_move(world):
    told, asked = world[5], world[4]
    assert (
        set(told["urn"]) == set(asked["urn"])
        and np.isfinite(told[COLUMNS]).all().all()
        and (told[COLUMNS] >= 0).all().all()
    )


def test_a_pupil_counted_in_a_measure_moves_what_is_expected_of_that_school_alone():
    schools = invented_schools.register(n_secondary=320)
    told = fit_context(schools).one_pupil
    assert (
        isinstance(told, pd.DataFrame)
        and told["urn"].is_unique
        and (told["context_change_pp"] > 0).mean() > 0.9
    )
