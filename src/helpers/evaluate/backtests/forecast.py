"""Next year's absence and its intervals, back-tested: parameters come from earlier transitions only (criteria 4
to 6).

Transitions: T0 2016/17 to 2017/18 and T1 2017/18 to 2018/19 (secondaries), T2S and T2P from the release to
the year after it, where that is published (secondaries, primaries). The pandemic years and the recovery,
2021/22 to 2022/23, are never used. Circumstances are those of the register, a later year than the
pre-pandemic ones: intake changes slowly. No absence of the outcome year enters anything but the score.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from helpers.base.fifths import fifths
from helpers.base.params import Parameters
from helpers.base.years import year_before
from helpers.evaluate.backtests.criteria import ratio_with_interval, row
from helpers.model.context import cross_fit, peer_weights, usable
from helpers.model.features import design
from helpers.model.forecast import LEAST_EXPECTED, baseline_of, fit_parameters, pre_pandemic_pairs, transition

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
    """Criterion 6: share of outcomes inside the intervals, overall and in cells of at least 100 schools."""
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


# Other forms of the baseline, tried on the same rows: each learns from the transitions before, as ours does,
# and is scored on the next. None is used. They stand here so that whoever thinks of one finds its score.

Form = Callable[[pd.DataFrame, np.ndarray], np.ndarray]


def _lasting(roll: np.ndarray, log_half: float) -> np.ndarray:
    return roll / (roll + np.exp(log_half))


def _away(s: pd.DataFrame) -> np.ndarray:
    return np.log(s["y"] / np.maximum(s["c"], LEAST_EXPECTED)).to_numpy()


def _asymmetric(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    d = _away(s)
    return s["c"].to_numpy() * np.exp(
        p[3] + np.where(d > 0, p[0], p[1]) * d * _lasting(s["roll"].to_numpy(), p[2])
    )


def _linear(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    return (s["c"] + p[0] * (s["y"] - s["c"])).to_numpy() * _lasting(s["roll"].to_numpy(), p[1]) + s[
        "c"
    ].to_numpy() * (1 - _lasting(s["roll"].to_numpy(), p[1]))


def _by_fsm(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    share = (s["fsm_pct"].fillna(s["fsm_pct"].median()).to_numpy() - 20) / 100
    return s["c"].to_numpy() * np.exp((p[0] + p[1] * share) * _away(s) * _lasting(s["roll"].to_numpy(), p[2]))


def _by_level(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    return s["c"].to_numpy() * np.exp(
        (p[0] + p[1] * np.log(s["c"].to_numpy() / 6)) * _away(s) * _lasting(s["roll"].to_numpy(), p[2])
    )


def _bending(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    width = np.exp(p[1])
    return s["c"].to_numpy() * np.exp(
        p[0] * width * np.tanh(_away(s) / width) * _lasting(s["roll"].to_numpy(), p[2])
    )


def _with_la(s: pd.DataFrame, p: np.ndarray) -> np.ndarray:
    d, roll, la = _away(s), s["roll"].to_numpy("float64"), s["la_code"]
    others = pd.Series(d * roll).groupby(la.to_numpy()).transform("sum").to_numpy() - d * roll
    pupils = pd.Series(roll).groupby(la.to_numpy()).transform("sum").to_numpy() - roll
    return s["c"].to_numpy() * np.exp(p[0] * d * _lasting(roll, p[2]) + p[1] * others / (pupils + 3000))


FORMS: dict[str, tuple[Form, list[float]]] = {
    "additive, c + lambda (y - c), learnt": (_linear, [0.85, 4.0]),
    "another lambda above context than below": (_asymmetric, [0.8, 0.9, 4.0, 0.0]),
    "lambda by FSM": (_by_fsm, [0.85, 0.0, 4.0]),
    "lambda by level": (_by_level, [0.85, 0.0, 4.0]),
    "far departures shrunk more": (_bending, [0.85, 0.0, 4.0]),
    "with the departure of the LA's other schools": (_with_la, [0.8, 0.1, 4.0]),
}


def learn(form: Form, start: list[float], earlier: list[pd.DataFrame], squares: bool = False) -> np.ndarray:
    """Parameters of a form that minimise the mean absolute (or squared) error on earlier transitions, errors
    in proportion to their usual size.
    """
    usual = [np.sqrt(np.maximum(s["c"], LEAST_EXPECTED) * s["roll"] ** -0.3).to_numpy() for s in earlier]
    power = 2 if squares else 1

    def loss(p):
        return np.mean(
            np.concatenate(
                [
                    np.abs((s["net"].to_numpy() - form(s, p)) / u) ** power
                    for s, u in zip(earlier, usual, strict=True)
                ]
            )
        )

    return minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-9, "maxiter": 3000}
    ).x


def form_variants(name: str, t: pd.DataFrame, earlier: list[pd.DataFrame]) -> list[dict]:
    """RMSE of each form on a transition as a ratio to last year's rate, and the best that hindsight could
    have done with our own form.
    """
    base = np.sqrt(np.mean((t["net"] - t["y"]) ** 2))

    def ratio(b) -> float:
        return float(np.sqrt(np.mean((t["net"] - b) ** 2)) / base)

    what = f"{name}: RMSE ratio to last year's rate"
    rows = []
    for label, (form, start) in FORMS.items():
        rows.append(
            {
                "what": what,
                "variant": label,
                "value": ratio(form(t, learn(form, start, earlier))),
                "n": len(t),
            }
        )
    form, start = FORMS["another lambda above context than below"]
    rows.append(
        {
            "what": what,
            "variant": "the same, squares minimised",
            "value": ratio(form(t, learn(form, start, earlier, squares=True))),
            "n": len(t),
        }
    )
    hindsight = min(ratio(t["c"] * (t["y"] / t["c"]) ** lam) for lam in np.arange(0.6, 1.001, 0.01))
    rows.append(
        {
            "what": what,
            "variant": "c (y / c)^lambda, the best lambda known only afterwards",
            "value": hindsight,
            "n": len(t),
        }
    )
    return rows
