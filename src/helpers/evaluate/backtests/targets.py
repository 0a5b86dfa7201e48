"""The minimum improvements, back-tested: the targets that the method would have set, met or not when no policy
was at work (criteria 7 to 10).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.base.fifths import HIGHEST, LOWEST, fifths
from helpers.base.params import Parameters
from helpers.evaluate.backtests.criteria import chance_spread, hit_spread, row
from helpers.evaluate.backtests.forecast import weights_then
from helpers.expectations.formula import set_expectations
from helpers.peers.search import find_peers

NO_LINKS = pd.DataFrame({"urn": pd.Series(dtype="int64"), "related_urn": pd.Series(dtype="int64")})
FLAT_PP = 0.5
LEAST_CELL = 50
SAME_PP = 0.005
GRID = {
    "slope": (0.1, 0.15, 0.2, 0.25, 0.3),
    "floor_pp": (0.0, 0.05, 0.1, 0.15, 0.2),
    "cap_pp": (0.5, 0.65, 0.8, 1.0, 1.2),
    "national_path_pp": (0.2, 0.25, 0.31, 0.4, 0.5),
    "peers_k": (10, 20, 40),
    "region_penalty": (0.0, 0.2, 0.5, 1.0),
}
CHANGES_PEERS = ("peers_k", "region_penalty")


def cells_of(t: pd.DataFrame) -> dict[str, pd.Series]:
    """The groups in which fairness is looked at; 1 is the lowest fifth. Size in quarters."""
    out = {
        "starting fifth": fifths(t["y"]),
        "FSM fifth": fifths(t["fsm_pct"]),
        "EHCP fifth": fifths(t["ehcp_pct"]),
        "IDACI fifth (1 most deprived)": fifths(t["idaci_rank"]),
        "White British share, fifth": fifths(t["white_british_pct"]),
        "size quarter": fifths(t["roll"], 4),
        "region": t["region_name"],
        "age range": t["block"],
    }
    return {k: v for k, v in out.items() if v.notna().any()}


def with_targets(
    t: pd.DataFrame,
    linked: pd.DataFrame,
    area_rates: pd.DataFrame,
    run: Parameters,
    weights: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The targets that the method would have set before a transition (frame of `forecast.with_baseline`), and
    what became of them.

    Peers are found with weights learnt from the year before. Adds the columns of the expectations, `met` (net
    of England's movement), `met_region` (net of the region's), `met_flat` (a flat 0.5 pp), `net_region`, `z`
    (shortfall in spreads, net of the region).
    """
    weights = weights_then(t, run) if weights is None else weights
    base = t[["urn", "phase", "absence_pct", "context_expected_pct", "baseline_pct", "sd_pp"]]
    similar = find_peers(t, base, weights, linked, run)
    asked = set_expectations(
        base,
        similar.peers,
        t.assign(pre_pandemic_absence_pct=np.nan),
        area_rates,
        run,
        year=t["before"].iloc[0],
    )
    out = t.merge(asked.expectations, on="urn", how="left", validate="1:1")
    change = (out["y_next"] - out["y"]) * out["roll"]
    moved = change.groupby(out["region_name"]).sum() / out.groupby("region_name")["roll"].sum()
    out["net_region"] = out["y_next"] - out["region_name"].map(moved)
    for name, net in (("met", out["net"]), ("met_region", out["net_region"])):
        out[name] = net <= out["target_absence_pct"]
    out["met_flat"] = out["net"] <= out["y"] - FLAT_PP
    out["z"] = (out["net_region"] - out["target_absence_pct"]) / out["sd_pp"]
    return out


def ask_bars(expectations: pd.DataFrame, register: pd.DataFrame, run: Parameters) -> list[dict]:
    """Criterion 7: the identity of the path and the limits, on the targets of the release."""
    e = expectations.merge(
        register[["urn", "absence_pct", "phase", "roll"]], on="urn", how="left", validate="1:1"
    )
    rows = []
    for phase, own in e.groupby("phase"):
        mean = np.average(own["absence_pct"] - own["target_absence_pct"], weights=own["roll"])
        shown = np.average(
            own["absence_pct"] - 100 + own["minimum_attendance_shown_pct"], weights=own["roll"]
        )
        what, off = f"{phase}: roll-weighted mean ask, before rounding (pp)", abs(mean - run.national_path_pp)
        note = f"as shown, rounded in schools' favour: {shown:.3f}"
        rows.append(row(7, what, mean, f"{run.national_path_pp} +- .001", off <= 0.001, len(own), "", note))
    above = int((e["target_absence_pct"] > e["absence_pct"]).sum())
    rows.append(row(7, "targets above last year's rate", above, "0", above == 0, len(e)))
    low, high = e["ask_pp"].min(), e["ask_pp"].max()
    inside = low >= run.min_ask_pp - 1e-9 and high <= run.max_ask_pp + 1e-9
    rows.append(
        row(
            7,
            f"smallest ask (largest {high:.2f} pp)",
            low,
            f"all within {run.min_ask_pp} to {run.max_ask_pp}",
            inside,
            len(e),
        )
    )
    return rows


def fairness_bars(done: dict[str, pd.DataFrame]) -> list[dict]:
    """Criteria 8 and 9: how unevenly the chance to meet the target with no policy falls."""
    rows = []
    for name, most in (("T1", 0.06), ("T2S", 0.09)):
        if name in done:
            t = done[name]
            start = fifths(t["y"])
            ours, flat = hit_spread(t["met"], start), hit_spread(t["met_flat"], start)
            rows.append(
                row(
                    8,
                    f"{name}: spread over starting fifths of the chance to meet the target",
                    ours,
                    f"<= {most}",
                    ours <= most,
                    len(t),
                    chance_spread(t["met"], start),
                    f"a flat 0.5 pp: {flat:.3f}",
                )
            )
    if "T1" in done:
        t = done["T1"]
        cells = cells_of(t)
        for kind, most, least in (
            ("FSM fifth", 0.06, 1),
            ("EHCP fifth", 0.05, 1),
            ("size quarter", 0.08, 1),
            ("region", 0.12, LEAST_CELL),
        ):
            ours = hit_spread(t["met"], cells[kind], least)
            flat = hit_spread(t["met_flat"], cells[kind], least)
            rows.append(
                row(
                    9,
                    f"T1: spread over {kind}s",
                    ours,
                    f"<= {most}",
                    ours <= most,
                    len(t),
                    chance_spread(t["met"], cells[kind], least),
                    f"a flat 0.5 pp: {flat:.3f}",
                )
            )
    return rows


def fairness_table(t: pd.DataFrame) -> pd.DataFrame:
    """Share of schools that met the target with no policy, by group: kind, cell, n, met (net of England),
    met_region, met_flat, stated (our own chance before), ask_pp (mean).
    """
    frames = []
    for kind, cell in cells_of(t).items():
        g = t.groupby(cell.rename("cell"))
        frame = g.agg(
            n=("urn", "size"),
            met=("met", "mean"),
            met_region=("met_region", "mean"),
            met_flat=("met_flat", "mean"),
            stated=("chance_unaided", "mean"),
            ask_pp=("ask_pp", "mean"),
        )
        frames.append(frame.reset_index().assign(kind=kind))
    out = pd.concat(frames, ignore_index=True)
    return out[out["n"] >= 20][
        ["kind", "cell", "n", "met", "met_region", "met_flat", "stated", "ask_pp"]
    ].reset_index(drop=True)


def no_change_rates(t: pd.DataFrame) -> dict[str, float]:
    """ "One in three schools failed to improve", beside what luck gives: share of schools whose absence did
    not fall (half of those where it stayed the same to the published decimal), and the mean chance of that by
    the baseline and spread, all learnt before, once the national movement is added; `low` and `high` hold
    that share in 95 of 100 years, were schools independent.
    """
    drift = float((t["y_next"] - t["net"]).iloc[0])
    chance = norm.sf((t["y"] - t["baseline_pct"] - drift) / t["sd_pp"])
    same = (t["y_next"] - t["y"]).abs() < SAME_PP
    reach = 1.96 * np.sqrt(np.sum(chance * (1 - chance))) / len(t)
    return {
        "observed": float(((t["y_next"] > t["y"]) & ~same).mean() + same.mean() / 2),
        "by_luck": float(chance.mean()),
        "low": float(chance.mean() - reach),
        "high": float(chance.mean() + reach),
        "movement_pp": drift,
        "n": len(t),
    }


def routing_bars(first: pd.DataFrame, second: pd.DataFrame, seed: int, draws: int = 500) -> list[dict]:
    """Criterion 10: two misses in a row, re-based, in years without a policy, beside the same with the second
    year's z shuffled between schools.

    `first`, `second`: frames of `with_targets` for consecutive transitions. The last row is the "effect of
    being routed": departure from the re-based baseline in the second year, schools that missed by more than
    one spread in the first less the others (pp).
    """
    rng = np.random.default_rng(seed)
    both = first[["urn", "z"]].merge(
        second[["urn", "z", "net_region", "baseline_pct"]],
        on="urn",
        how="inner",
        validate="1:1",
        suffixes=("_1", "_2"),
    )
    z1, z2 = both["z_1"].to_numpy(), both["z_2"].to_numpy()
    rows = []
    for least, most in ((1.0, 0.09), (1.5, 0.03)):
        seen = float(np.mean((z1 > least) & (z2 > least)))
        luck = np.array([np.mean((z1 > least) & (rng.permutation(z2) > least)) for _ in range(draws)])
        ok = luck.mean() <= most and abs(seen - luck.mean()) <= 0.01
        rows.append(
            row(
                10,
                f"shuffled: share with z > {least} two years running",
                luck.mean(),
                f"<= {most}, within .01 of the observed",
                ok,
                len(both),
                f"luck 95 %: {np.quantile(luck, 0.025):.3f} to {np.quantile(luck, 0.975):.3f}",
                f"observed {seen:.3f}",
            )
        )
    routed = z1 > 1.0
    away = (both["net_region"] - both["baseline_pct"]).to_numpy()
    effect = float(away[routed].mean() - away[~routed].mean())
    draws_of = [
        np.diff([away[s].mean(), away[~s].mean()])[0] for s in (rng.permutation(routed) for _ in range(draws))
    ]
    rows.append(
        row(
            10,
            "placebo effect of being routed, regression to the mean removed (pp)",
            effect,
            "within +-.05",
            abs(effect) <= 0.05,
            int(routed.sum()),
            f"sd by chance {np.std(draws_of):.3f}",
        )
    )
    return rows


def trades(
    t: pd.DataFrame,
    linked: pd.DataFrame,
    area_rates: pd.DataFrame,
    run: Parameters,
    grid: dict[str, tuple] | None = None,
    weights: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One parameter changed at a time on a back-tested transition (frame of `forecast.with_baseline`):
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
