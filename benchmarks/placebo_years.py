"""Placebo on real years: effects of "being routed" where nobody was, beside the naive before/after.
Aggregates only, no school is named.

python benchmarks/placebo_years.py --data ../shared/open-data [--out outputs/bench]
"""

from __future__ import annotations

import argparse
import time

import pandas as pd

from helpers.base import params
from helpers.base.paths import resolve
from helpers.evaluate import year_pairs
from helpers.evaluate.trial import calibration, changes, discontinuity, placebo
from helpers.run.stages import STAGES


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="data/sample", help="folder of official files")
    parser.add_argument("--out", default="outputs/bench", help="where the national fit is kept")
    given = parser.parse_args()
    run = params.make(region="England", data=str(resolve(given.data)), out=given.out)
    ingest = STAGES["ingest"].load(run)
    report(run, ingest["register"], ingest["panel"], ingest["area_rates"], STAGES["peers"].load(run)["peers"])


def report(run, register, panel, area_rates, peers) -> None:
    """Print the tables: effects, checks at the cut-off, promises, and what a change of a parameter would have
    done.
    """
    start = time.perf_counter()
    told = placebo.rehearse(register, panel, area_rates, peers, run)
    table, seen, fitted = told.table, told.seen, told.fitted
    print(f"{len(seen)} pairs of years, {time.perf_counter() - start:.0f} s")
    with pd.option_context(
        "display.width", 250, "display.max_columns", 40, "display.max_colwidth", 60, "display.precision", 3
    ):
        print(
            "\n== Effects where there was no policy (points of absence)\n"
            + table.drop(columns=["se_pp"]).to_string(index=False)
        )
        print(placebo.nil(table).to_string(index=False))
        compared = {}
        for pair in [p for p in year_pairs.PLACEBO if p in seen]:
            here = seen[pair]
            if "z" in here:
                print(
                    f"\n== Checks at z 0.5, {pair}\n"
                    + discontinuity.density(here["z"].to_numpy("float64"), 0.5).to_string(index=False)
                )
                print(discontinuity.continuity(here, "z", 0.5).to_string(index=False))
            rows = changes.attained(here, fitted[pair], peers, register, area_rates, run, pair)
            print(
                f"\n== Promises, {pair}: {calibration.overall(rows)}\n"
                + calibration.calibration(rows).to_string(index=False)
            )
            for column in ("start", "fsm", "size", "region_name"):
                print(column, {k: round(v, 3) for k, v in calibration.spread(rows, column, run.seed).items()})
            changed = {
                changes.named(c): changes.attained(
                    here, fitted[pair], peers, register, area_rates, run.model_copy(update=c), pair
                )
                for c in changes.candidates(run)
            }
            compared["-".join(pair)] = changes.compare(rows, changed, run.seed)
            print(compared["-".join(pair)].to_string(index=False))
        print("\n== What the evidence supports\n" + changes.supported(compared).to_string(index=False))
    print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
