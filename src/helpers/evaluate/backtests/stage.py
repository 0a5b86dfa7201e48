"""The national stage `evaluation`: back-tested once per release, read by the notebook of every region. Everything
is measured in one call: the table of criteria, the methods that were compared, fairness by group, and what each
parameter trades.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from helpers import expectations, ingest, model, peers
from helpers.base.params import Parameters
from helpers.evaluate import year_pairs
from helpers.evaluate.backtests import context, forecast, peer_quality, targets
from helpers.model.context import PHASES

FRAMES = ("bars", "variants", "fairness", "coverage", "trades", "backtests", "improved")
FITTED_ON = {"T0": ["T0"], "T1": ["T0"], "T2S": ["T0", "T1"], "T2P": ["T0", "T1"]}


@dataclass(frozen=True)
class Evaluation:
    """`bars` (bar, what, ours, wanted, reached, n, chance, note), `variants` (what, variant, value, n),
    `fairness`, `coverage`, `trades` (frames of their modules with a column `transition`), `backtests` (a row
    per school and transition), `improved` (the share that did not improve, and luck's).
    """

    bars: pd.DataFrame
    variants: pd.DataFrame
    fairness: pd.DataFrame
    coverage: pd.DataFrame
    trades: pd.DataFrame
    backtests: pd.DataFrame
    improved: pd.DataFrame


BACKTEST_COLUMNS = [
    "transition",
    "before",
    "after",
    "urn",
    "phase",
    "region_name",
    "roll",
    "fsm_pct",
    "y",
    "y_next",
    "net",
    "c",
    "baseline_pct",
    "sd_pp",
    "lower80_pct",
    "upper80_pct",
    "lower90_pct",
    "upper90_pct",
    "target_absence_pct",
    "ask_pp",
    "gap_pp",
    "chance_unaided",
    "chance_if_real",
    "met",
    "met_region",
    "met_flat",
    "z",
]


def _back_test(schools: dict, run, tell) -> tuple[dict[str, pd.DataFrame], ...]:
    """Transitions by name: with the baseline, with targets, and the peer weights learnt from the year before."""
    register, panel, rates = schools["register"], schools["panel"], schools["area_rates"]
    seen = forecast.usable_transitions(register, panel, rates, run.release, run.seed)
    own = register[register["status"] == "assessed"]
    rolls = {p: float(g["roll"].median()) for p, g in own[own["phase"].isin(PHASES)].groupby("phase")}
    based, done, weights = {}, {}, {}
    for name, t in seen.items():
        tell(f"back-test {name}")
        on = [seen[k] for k in FITTED_ON[name] if k in seen]
        if not on:
            continue
        based[name], _ = forecast.with_baseline(t, on, rolls, run)
        weights[name] = forecast.weights_then(based[name], run)
        done[name] = targets.with_targets(based[name], schools["linked"], rates, run, weights[name])
    return based, done, weights


def measure(
    schools: dict,
    fitted: dict,
    found: dict,
    asked: dict,
    run: Parameters,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """All criteria but the last, on the frames of the national stages (`ingest`, `model`, `peers`,
    `expectations`).

    A criterion whose data is not there has no row: the sample has fewer years than England. T0 is scored with
    parameters fitted on itself (the files hold no pair of years before it) and serves only as the first of
    two misses.
    """
    tell = progress or (lambda _: None)
    register, linked = schools["register"], schools["linked"]
    tell("circumstances")
    rows, variants = context.context_bars(register, fitted["scores"], run.seed)
    tell("persistent absence of two years, and the public random forest")
    pooled, more = context.pooled_bar(register, schools["earlier"], schools["panel"], run.release, run.seed)
    rows, variants = rows + pooled, variants + more
    based, done, weights = _back_test(schools, run, tell)
    for name, bar, wanted in (("T1", 4, (0.95, 0.98)), ("T2S", 5, (0.96, 1.0))):
        if name in based:
            rows += forecast.accuracy(name, bar, based[name], wanted)
            variants += forecast.variants_of(name, based[name]) + forecast.form_variants(
                name, based[name], [based[k] for k in FITTED_ON[name] if k in based]
            )
    for name in ("T1", "T2S", "T2P"):
        if name in based:
            rows += forecast.coverage(name, based[name])
    rows += targets.ask_bars(asked["expectations"], register, run) + targets.fairness_bars(done)
    if {"T0", "T1"} <= done.keys():
        rows += targets.routing_bars(done["T0"], done["T1"], run.seed)
    tell("similar schools")
    scores = fitted["scores"].query("model == 'mean'").set_index("phase")["r2"].to_dict()
    pairs = pd.concat([found["peers"], found["alternatives"]], ignore_index=True)
    rows += peer_quality.likeness_bars(register, found["peers"], scores, run.peers_k)
    rows += peer_quality.naming_bars(register, fitted["baseline"], pairs, found["summary"])
    rows += peer_quality.stability_bars(register, found["peers"], fitted["weights"], linked, run)
    tell("what each parameter trades")
    traded = (
        targets.trades(based["T1"], linked, schools["area_rates"], run, weights=weights["T1"])
        if "T1" in based
        else pd.DataFrame()
    )
    out = {k: v for k, v in done.items() if k != "T0"}
    return Evaluation(
        bars=pd.DataFrame(rows).dropna(subset=["ours"]).sort_values("bar", kind="stable", ignore_index=True),
        variants=pd.DataFrame(variants),
        fairness=_stacked({k: targets.fairness_table(v) for k, v in out.items()}),
        coverage=_stacked(
            {
                f"{k} {level} %": forecast.coverage_by_cell(v, level)
                for k, v in out.items()
                for level in forecast.LEVELS
            }
        ),
        trades=traded,
        backtests=_stacked(out)[BACKTEST_COLUMNS] if out else pd.DataFrame(columns=BACKTEST_COLUMNS),
        improved=pd.DataFrame([{"transition": k, **targets.no_change_rates(v)} for k, v in out.items()]),
    )


def _stacked(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Frames under one another, named in the column `transition`; the cells' names as text."""
    parts = [
        f.assign(transition=k, **({"cell": f["cell"].astype(str)} if "cell" in f else {}))
        for k, f in frames.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def back_test(run: Parameters) -> dict[str, pd.DataFrame]:
    """Does the method keep what it promises? The frames of `Evaluation` by name, and the pairs of years on
    which trials are rehearsed (`year_pairs.narrow`).
    """
    schools = ingest.load(run)
    found = measure(schools, model.load(run), peers.load(run), expectations.load(run), run)
    known = year_pairs.pairs(schools.register, schools.panel, year_pairs.WANTED, "secondary", run.seed)
    return {**{name: getattr(found, name) for name in FRAMES}, "pairs": year_pairs.narrow(known)}
