"""Criteria for the method from one command: every criterion with our value, as JSON and as a page.

    python benchmarks/bars.py --data ../shared/open-data --out outputs/bench
    python benchmarks/bars.py --data data/sample --out outputs/bench-sample      (shape only: an invented country)

`--perturb` also removes one local authority at a time and changes the seed, refits everything, and says how
far targets move (slow).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base import params
from helpers.evaluate.backtests import criteria, stage
from helpers.evaluate.backtests.criteria import row
from helpers.expectations.formula import set_expectations
from helpers.model.context import fit_context
from helpers.model.forecast import fit_forecast
from helpers.peers.search import find_peers
from helpers.report.criteria_page import render
from helpers.run.stages import STAGES

BUDGET_S = 60


def statistics(ingest: dict, run) -> tuple[pd.DataFrame, dict[str, float]]:
    """The whole method once, on one thread: the expectations and the processor seconds of each part."""
    seconds, began = {}, time.process_time()

    def lap(name: str) -> None:
        nonlocal began
        now = time.process_time()
        seconds[name], began = now - began, now

    register = ingest["register"]
    context = fit_context(register, run.seed, run.learnt_share)
    lap("context")
    ahead = fit_forecast(context, register, ingest["panel"], run.seed, run.primary_lambda, run.primary_spread)
    lap("baseline")
    similar = find_peers(register, ahead.baseline, context.weights, ingest["linked"], run)
    lap("peers")
    asked = set_expectations(
        ahead.baseline, similar.peers, register, ingest["area_rates"], run, year=run.release
    )
    lap("expectations")
    return asked.expectations, seconds


def moved(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, float]:
    """How far targets moved between two runs, over the schools of both (pp)."""
    both = before[["urn", "target_absence_pct"]].merge(
        after[["urn", "target_absence_pct"]], on="urn", validate="1:1"
    )
    away = (both["target_absence_pct_x"] - both["target_absence_pct_y"]).abs()
    return {
        "median_pp": float(away.median()),
        "p95_pp": float(away.quantile(0.95)),
        "p99_pp": float(away.quantile(0.99)),
        "largest_pp": float(away.max()),
    }


def perturbations(ingest: dict, asks: pd.DataFrame, run, n_las: int = 3) -> list[dict]:
    """Everything refitted with one local authority removed, and with another seed."""
    out, register = [], ingest["register"]
    codes = sorted(register.loc[register["status"] == "assessed", "la_code"].unique())
    for code in np.random.default_rng(run.seed).choice(codes, n_las, replace=False):
        print(f"without local authority {code}", flush=True)
        fewer = {**ingest, "register": register[register["la_code"] != code].reset_index(drop=True)}
        out.append({"what": f"local authority {code} removed", **moved(asks, statistics(fewer, run)[0])})
    print("another seed", flush=True)
    out.append(
        {
            "what": "another seed",
            **moved(asks, statistics(ingest, run.model_copy(update={"seed": run.seed + 1}))[0]),
        }
    )
    return out


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True, help="folder of official files, or data/sample")
    p.add_argument(
        "--out", default="outputs/bench", help="folder for bars.json and bars.html, and for the fitted stages"
    )
    p.add_argument(
        "--perturb", action="store_true", help="also remove LAs and change the seed (each refits everything)"
    )
    a = p.parse_args()
    run = params.make(region="England", data=a.data, out=a.out)
    began = time.perf_counter()
    stages = [STAGES[name].load(run) for name in ("ingest", "model", "peers", "expectations")]
    told = stage.measure(
        *stages, run, progress=lambda s: print(f"{time.perf_counter() - began:6.0f} s  {s}", flush=True)
    )
    print("the whole method once more, timed", flush=True)
    asks, seconds = statistics(stages[0], run)
    total = sum(seconds.values())
    parts = ", ".join(f"{k} {v:.0f}" for k, v in seconds.items())
    speed = row(
        14,
        "processor seconds of one thread for everything statistical",
        total,
        f"< {BUDGET_S}",
        total < BUDGET_S,
        len(asks),
        "",
        parts,
    )
    table = pd.concat([told.bars, pd.DataFrame([speed])], ignore_index=True)
    moves = perturbations(stages[0], asks, run) if a.perturb else []
    for name, what in (
        ("one_pupil_moves_pp", "one pupil more or less in a measure"),
        ("rounding_moves_pp", "rounding of last year's rate"),
    ):
        q = stages[3]["expectations"][name]
        moves.append(
            {
                "what": what,
                "median_pp": q.median(),
                "p95_pp": q.quantile(0.95),
                "p99_pp": q.quantile(0.99),
                "largest_pp": q.max(),
            }
        )
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    answer = {
        "data": "sample" if run.is_sample else "real",
        "release": run.release,
        "looked_at": criteria.LOOKED_AT,
        "bars": table.to_dict("records"),
        "variants": told.variants.to_dict("records"),
        "fairness": told.fairness.to_dict("records"),
        "coverage": told.coverage.to_dict("records"),
        "trades": told.trades.to_dict("records"),
        "improved": told.improved.to_dict("records"),
        "moves": moves,
    }
    (out / "bars.json").write_text(
        json.dumps(answer, indent=1, default=lambda v: v.item() if hasattr(v, "item") else str(v)),
        encoding="utf-8",
    )
    (out / "bars.html").write_text(
        render(table, told.variants, told.fairness, told.trades, pd.DataFrame(moves), run.is_sample),
        encoding="utf-8",
    )
    for b in table.itertuples():
        print(
            f"{b.bar:>3}  {'reached' if b.reached else 'NOT    '}  {b.ours:9.3f}  {b.wanted:<38} n "
            f"{b.n:>6}  {b.what}"
        )
    print(
        f"{int(table['reached'].sum())} of {len(table)} reached. Table: {out / 'bars.html'}, "
        f"{out / 'bars.json'}"
    )


if __name__ == "__main__":
    main()
