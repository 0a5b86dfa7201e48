"""What each parameter of the formula trades: who is asked how much, and how evenly the chance to meet it
falls.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.fifths import HIGHEST, LOWEST, fifths
from helpers.base.params import Parameters
from helpers.evaluate.backtests.forecast import weights_then
from helpers.evaluate.backtests.rows import hit_spread
from helpers.evaluate.backtests.targets import NO_LINKS
from helpers.expectations.formula import set_expectations
from helpers.peers.search import find_peers

GRID = {
    "slope": (0.1, 0.15, 0.2, 0.25, 0.3),
    "floor_pp": (0.0, 0.05, 0.1, 0.15, 0.2),
    "cap_pp": (0.5, 0.65, 0.8, 1.0, 1.2),
    "national_path_pp": (0.2, 0.25, 0.31, 0.4, 0.5),
    "peers_k": (10, 20, 40),
    "region_penalty": (0.0, 0.2, 0.5, 1.0),
}
CHANGES_PEERS = ("peers_k", "region_penalty")


def trades(
    t: pd.DataFrame,
    linked: pd.DataFrame,
    area_rates: pd.DataFrame,
    run: Parameters,
    grid: dict[str, tuple] | None = None,
    weights: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One parameter changed at a time on a back-tested transition (frame of `ahead.with_baseline`):
    parameter, value, ours (is it the one in use), ask of the best and the worst starting fifth (pp), share at
    the floor, share asked 0.5 pp or more, spread of the chance over starting, FSM and EHCP fifths and
    regions, and the correlation of the ask with the gap to similar schools. A value that the limits make
    impossible is left out.
    """
    base = t[["urn", "phase", "absence_pct", "context_expected_pct", "baseline_pct", "sd_pp"]]
    weights, linked = (
        weights_then(t, run) if weights is None else weights,
        NO_LINKS if linked is None else linked,
    )
    usual = find_peers(t, base, weights, linked, run).peers
    schools, rows = t.assign(pre_pandemic_absence_pct=np.nan), []
    start, fsm, ehcp = fifths(t["y"]), fifths(t["fsm_pct"]), fifths(t["ehcp_pct"])
    for parameter, values in (grid or GRID).items():
        for value in values:
            changed = run.model_copy(update={parameter: value})
            pairs = (
                find_peers(t, base, weights, linked, changed).peers if parameter in CHANGES_PEERS else usual
            )
            try:
                asked = set_expectations(base, pairs, schools, area_rates, changed, year=t["before"].iloc[0])
            except ValueError:
                continue
            e = asked.expectations.set_index("urn").loc[t["urn"]].set_index(t.index)
            met, ask = t["net"] <= e["target_absence_pct"], e["ask_pp"]
            rows.append(
                {
                    "parameter": parameter,
                    "value": value,
                    "ours": bool(np.isclose(value, getattr(run, parameter))),
                    "ask_best_fifth_pp": float(ask[start == LOWEST].mean()),
                    "ask_worst_fifth_pp": float(ask[start == HIGHEST].mean()),
                    "share_at_floor": float(asked.calibration["share_at_floor"].iloc[0]),
                    "share_half_a_point": float((ask >= 0.5).mean()),
                    "spread_start": hit_spread(met, start),
                    "spread_fsm": hit_spread(met, fsm),
                    "spread_ehcp": hit_spread(met, ehcp),
                    "spread_region": hit_spread(met, t["region_name"], 50),
                    "ask_and_gap_r": float(ask.corr(e["gap_pp"])),
                    "n": len(t),
                }
            )
    return pd.DataFrame(rows)
