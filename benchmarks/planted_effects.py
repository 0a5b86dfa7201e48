"""Do the methods of test-and-learn find what was planted, as often as they say, and nothing where nothing
was? Aggregates only, no school is named.

    python benchmarks/planted_effects.py --data ../shared/open-data --worlds 500 [--effect 0.3] [--out
    outputs/bench]

Worlds are made of real surprises of secondaries of 2017/18 to 2018/19, dealt anew among schools that are
alike (helpers.evaluate.trial.simulate).
"""

from __future__ import annotations

import argparse
import time

import pandas as pd

from helpers.base import params
from helpers.base.params import make
from helpers.base.paths import resolve
from helpers.evaluate import year_pairs
from helpers.evaluate.trial import assignment, interval_coverage, power
from helpers.run.stages import STAGES

BEFORE, NOW = ("2016-17", "2017-18"), ("2017-18", "2018-19")
SIZES_PP = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="data/sample", help="folder of official files")
    parser.add_argument("--out", default="outputs/bench", help="where the national fit is kept")
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--effect", type=float, default=0.3, help="planted improvement, points of absence")
    given = parser.parse_args()
    run = params.make(region="England", data=str(resolve(given.data)), out=given.out)
    ingest = STAGES["ingest"].load(run)
    known = year_pairs.pairs(ingest["register"], ingest["panel"], [BEFORE, NOW], "secondary", run.seed)
    report(
        run,
        ingest["register"],
        ingest["area_rates"],
        STAGES["peers"].load(run)["peers"],
        known,
        given.worlds,
        -given.effect,
    )


def report(run, register, area_rates, peers, known, worlds: int, effect: float) -> None:
    """Print coverage, false positives and the power curve."""
    learnt = year_pairs.learnt_before(known, NOW[0], run)
    before, now = (
        year_pairs.with_forecast(known[BEFORE], learnt),
        year_pairs.with_forecast(known[NOW], learnt),
    )
    z = year_pairs.verdict_z(known[BEFORE], learnt, peers, register, area_rates, run, BEFORE)
    routed = now.merge(z, on="urn", validate="1:1")
    trial = interval_coverage.trial_schools(now, seed=run.seed)
    threshold = make().light_z

    def trials(size: float, as_it_was: bool = False) -> pd.DataFrame:
        return interval_coverage.lottery(trial, size, worlds, run.seed, as_it_was=as_it_was)

    def at_cutoff(size: float) -> pd.DataFrame:
        return interval_coverage.cutoff(routed, "z", threshold, size, worlds, run.seed)

    def net(size: float) -> pd.DataFrame:
        return interval_coverage.difference(
            now, now["worst"].to_numpy(), before, before["worst"].to_numpy(), size, worlds, run.seed
        )

    start = time.perf_counter()
    with pd.option_context("display.width", 250, "display.max_columns", 40, "display.precision", 3):
        together = power.icc(
            now["residual_pp"].to_numpy(), now["la_code"].to_numpy()
        )  # of all schools: half of them say little about authorities
        parts = {**power.variance_parts(trial, assignment.strata(trial)), "icc": together}
        print({k: round(v, 3) for k, v in parts.items()})
        print(power.table(parts).to_string(index=False))
        for name, made in (
            (f"Drawn by lot, {len(trial)} schools", trials),
            (f"Cut-off at z {threshold:g}, {len(routed):,} schools", at_cutoff),
            (f"Nobody drawn: highest absence, one in five of {len(now):,}", net),
        ):
            print(
                f"\n== {name}; planted {effect:+.2f} pp\n"
                + interval_coverage.summary(made(effect), made(0.0)).to_string(index=False)
            )
            print(f"   {time.perf_counter() - start:.0f} s")
        print(
            "\n== Outcomes as they came, lottery invented\n"
            + interval_coverage.summary(trials(effect, True), trials(0.0, True)).to_string(index=False)
        )
        print(
            "\n== Power by simulation and by formula\n"
            + interval_coverage.power_curve(trial, SIZES_PP, worlds, run.seed).to_string(index=False)
        )
    print(f"\n{worlds} worlds each, {time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
