"""Next year's absence and its intervals, back-tested: parameters come from earlier transitions only (bars 4
to 6).

Transitions: T0 2016/17 to 2017/18 and T1 2017/18 to 2018/19 (secondaries), T2S and T2P from the release to
the year after it, where that is published (secondaries, primaries). The pandemic years and the recovery,
2021/22 to 2022/23, are never used. Circumstances are those of the register, a later year than the
pre-pandemic ones: intake changes slowly. No absence of the outcome year enters anything but the score.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.fifths import fifths
from helpers.base.params import Parameters
from helpers.base.years import year_before
from helpers.evaluate.backtests.rows import ratio_with_interval, row
from helpers.model.context import cross_fit, peer_weights, usable
from helpers.model.features import design
from helpers.model.forecast import baseline_of, fit_parameters, pre_pandemic_pairs, transition

LEAST_CELL = 100
LEVELS = {80: ((0.79, 0.85), (0.75, 0.89)), 90: ((0.89, 0.93), (0.86, 0.96))}


def published_drift(area_rates: pd.DataFrame, phase: str, before: str, after: str) -> float:
    """Change of England's published rate of a phase (pp). NaN where a year is not published."""
    rates = area_rates[
        (area_rates["geography"] == "england")
        & (area_rates["measure"] == "absence")
        & (area_rates["phase"] == phase)
    ]
    rates = rates.drop_duplicates("year").set_index("year")["rate_pct"]
    return float(rates.get(after, np.nan) - rates.get(before, np.nan))


def usable_transitions(
    register: pd.DataFrame, panel: pd.DataFrame, area_rates: pd.DataFrame, release: str, seed: int
) -> dict[str, pd.DataFrame]:
    """Transitions by name (T0, T1, T2S, T2P), those that the panel has with at least 30 schools.

    Frames of `forecast.transition` with `net` re-made from the published drift of the phase (from the
    sample's own mean where none is published), `y_before` (the year before, where published), `before`,
    `after`, and the names that `baseline_of` asks for.
    """
    pairs = pre_pandemic_pairs(panel)[-2:]
    later = [y for y in sorted(panel["year"].unique()) if y > release][:1]
    wanted = {f"T{i}": (*pair, "secondary") for i, pair in enumerate(pairs)}
    if later:
        wanted |= {"T2S": (release, later[0], "secondary"), "T2P": (release, later[0], "primary")}
    out = {}
    for name, (before, after, phase) in wanted.items():
        t = transition(register, panel, before, after, phase, seed)
        if len(t) < 30:
            continue
        drift = published_drift(area_rates, phase, before, after)
        earlier = year_before(before)
        figures = panel[panel["year"] == earlier].drop_duplicates("urn").set_index("urn")["absence_pct"]
        out[name] = t.assign(
            net=t["net"] if np.isnan(drift) else t["y_next"] - drift,
            absence_pct=t["y"],
            context_expected_pct=t["c"],
            before=before,
            after=after,
            y_before=t["urn"].map(figures),
            status="assessed",
        )
    return out


def weights_then(t: pd.DataFrame, run: Parameters) -> pd.DataFrame:
    """Peer weights learnt from the year before alone, for the schools of a transition."""
    x = design(t)
    fit = cross_fit(
        x,
        t["y"].to_numpy("float64"),
        t["la_code"].to_numpy(),
        np.sqrt(t["roll"].to_numpy("float64")),
        run.seed,
    )
    return peer_weights(fit, list(usable(x).columns), t["phase"].iloc[0], run.seed, run.learnt_share)


def with_baseline(
    t: pd.DataFrame, earlier: list[pd.DataFrame], median_roll: dict[str, float], run: Parameters
) -> tuple[pd.DataFrame, dict]:
    """A transition with baseline, spread and intervals whose parameters come from the `earlier` transitions;
    and those parameters.
    """
    parameters = fit_parameters(earlier, run.primary_lambda, median_roll, run.primary_spread)
    b = baseline_of(t, parameters).drop(columns=["phase", "absence_pct", "context_expected_pct"])
    return t.merge(b, on="urn", how="left", validate="1:1"), parameters


def accuracy(name: str, bar: int, t: pd.DataFrame, wanted: tuple[float, float]) -> list[dict]:
    """RMSE against "same as last year", both net of the published drift."""
    ratio, low, high = ratio_with_interval(
        (t["net"] - t["baseline_pct"]).to_numpy(), (t["net"] - t["y"]).to_numpy()
    )
    chance = f"95 % of resamples of schools: {low:.3f} to {high:.3f}"
    return [
        row(
            bar,
            f"{name}: RMSE ratio to last year's rate",
            ratio,
            f"<= {wanted[0]}",
            ratio <= wanted[0],
            len(t),
            chance,
        ),
        row(
            bar,
            f"{name}: upper end of its bootstrap interval",
            high,
            f"< {wanted[1]}",
            high < wanted[1],
            len(t),
            chance,
        ),
    ]


def coverage_by_cell(t: pd.DataFrame, level: int) -> pd.DataFrame:
    """Share of outcomes inside the interval of a level (80 or 90), by phase and size, FSM, start and region:
    kind, cell, n, covered.
    """
    inside = (t["net"] >= t[f"lower{level}_pct"]) & (t["net"] <= t[f"upper{level}_pct"])
    cells = {
        "size quarter": fifths(t["roll"], 4),
        "FSM fifth": fifths(t["fsm_pct"]),
        "starting fifth": fifths(t["y"]),
        "region": t["region_name"],
    }
    found = [
        inside.groupby(g).agg(covered="mean", n="size").rename_axis("cell").reset_index().assign(kind=k)
        for k, g in cells.items()
    ]
    return pd.concat(found, ignore_index=True)[["kind", "cell", "n", "covered"]]


def coverage(name: str, t: pd.DataFrame) -> list[dict]:
    """Bar 6: share of outcomes inside the intervals, overall and in cells of at least 100 schools."""
    rows = []
    for level, (overall, cell) in LEVELS.items():
        share = ((t["net"] >= t[f"lower{level}_pct"]) & (t["net"] <= t[f"upper{level}_pct"])).mean()
        sd = np.sqrt(level / 100 * (1 - level / 100) / len(t))
        reached = overall[0] <= share <= overall[1]
        rows.append(
            row(
                6,
                f"{name}: {level} % interval covers",
                share,
                f"{overall[0]} to {overall[1]}",
                reached,
                len(t),
                f"sd by chance {sd:.3f}",
            )
        )
        found = coverage_by_cell(t, level)
        found = found[found["n"] >= LEAST_CELL]
        if len(found):
            low, high = found["covered"].min(), found["covered"].max()
            worst = low if cell[0] - low > high - cell[1] else high
            inside_band = cell[0] <= low and high <= cell[1]
            smallest = int(found["n"].min())
            by_chance = (
                f"sd by chance up to {np.sqrt(level / 100 * (1 - level / 100) / smallest):.3f} in a cell"
            )
            rows.append(
                row(
                    6,
                    f"{name}: {level} % interval, worst cell",
                    worst,
                    f"{cell[0]} to {cell[1]}",
                    inside_band,
                    smallest,
                    by_chance,
                    f"{len(found)} cells from {low:.3f} to {high:.3f}; rolls from {t['roll'].min():,.0f}",
                )
            )
    return rows


def variants_of(name: str, t: pd.DataFrame) -> list[dict]:
    """Other ways to say next year's absence, on the same rows: RMSE ratio to last year's rate."""
    y, c, net = t["y"], t["c"], t["net"]
    two_years = ((y + t["y_before"]) / 2).fillna(y)
    tried = {
        "ours": t["baseline_pct"],
        "last year's rate": y,
        "mean of two years, where there are two": two_years,
        "context alone": c,
    }
    for lam in (0.76, 0.80, 0.84, 0.88):
        tried[f"c + {lam} (y - c)"] = c + lam * (y - c)
        tried[f"c (y / c)^{lam}"] = c * (y / c) ** lam
    base = np.sqrt(np.mean((net - y) ** 2))
    return [
        {
            "what": f"{name}: RMSE ratio to last year's rate",
            "variant": k,
            "value": float(np.sqrt(np.mean((net - b) ** 2)) / base),
            "n": len(t),
        }
        for k, b in tried.items()
    ]
