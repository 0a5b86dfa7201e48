"""Stored results of earlier runs, to which every later run is compared: no figure moves unless somebody says
so.

The sample's results are kept school by school in `tests/expected/` (an invented country: nothing
confidential). Of the real run only counts, means and a hash of the rounded values are kept, never a school's
own figure.

    python -m tests.support.backtest store outputs/2022-23          the sample's results become the expected
    ones python -m tests.support.backtest digest outputs/real/2022-23    the same for the real run's digest
    python -m tests.support.backtest compare outputs/2022-23        what moved, table by table
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

EXPECTED = Path(__file__).resolve().parents[1] / "expected"
DIGEST = EXPECTED / "real.json"
TOLERANCE = 1e-6
DECIMALS = 8  # kept: two more than are compared


@dataclass(frozen=True)
class Kept:
    """One table of results: where a run writes it, its key, and the columns that are kept (empty: all)."""

    path: str
    key: tuple[str, ...]
    columns: tuple[str, ...] = ()


TABLES = {
    "asks": Kept("national/expectations/expectations.parquet", ("urn",)),
    "baselines": Kept("national/model/baseline.parquet", ("urn",)),
    "peers": Kept("national/peers/peers.parquet", ("urn", "peer_urn"), ("rank", "distance", "named")),
    "alternatives": Kept(
        "national/peers/alternatives.parquet", ("urn", "peer_urn"), ("rank", "distance", "named")
    ),
    "verdicts": Kept("national/monitor/verdicts.parquet", ("urn", "year")),
    "sites": Kept("national/siting/sites.parquet", ("plan", "urn")),
    "referrals": Kept("england/referrals.parquet", ("urn",)),
    "offers": Kept("england/offers.parquet", ("urn",)),
    "left_out": Kept("england/left_out.parquet", ("urn", "code")),
}


def results(release_folder: Path, names: tuple[str, ...] = tuple(TABLES)) -> dict[str, pd.DataFrame]:
    """The kept tables of a finished run, sorted by their keys. Raises FileNotFoundError where England was not
    run.
    """
    return {name: tidy(pd.read_parquet(release_folder / TABLES[name].path), name) for name in names}


def tidy(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table's kept columns in key order, dates and enumerations as text."""
    kept = TABLES[name]
    columns = [*kept.key, *(kept.columns or [c for c in frame.columns if c not in kept.key])]
    frame = frame[columns].sort_values(list(kept.key)).reset_index(drop=True)
    for column in frame.columns:
        if not (pd.api.types.is_numeric_dtype(frame[column]) or pd.api.types.is_bool_dtype(frame[column])):
            frame[column] = frame[column].map(lambda v: "" if v is None or v is pd.NaT or v != v else str(v))
        elif pd.api.types.is_float_dtype(frame[column]):
            frame[column] = frame[column].astype("float64").round(DECIMALS)
    return frame


def differences(expected: pd.DataFrame, found: pd.DataFrame, name: str) -> list[str]:
    """What differs between two tidy tables, in words; empty when all agrees to 1e-6."""
    key = list(TABLES[name].key)
    missing = [c for c in expected.columns if c not in found.columns]
    if missing:
        return [f"{name}: column {c} is gone" for c in missing]
    if not expected[key].astype(str).equals(found[key].astype(str)):
        both = expected[key].astype(str).merge(found[key].astype(str), how="outer", indicator=True)
        counts = both["_merge"].value_counts()
        return [
            (
                f"{name}: {counts['left_only']} rows are gone, {counts['right_only']} are new, by "
                f"{', '.join(key)}"
            )
        ]
    told = []
    for column in expected.columns.difference(key, sort=False):
        a, b = expected[column], found[column]
        if pd.api.types.is_float_dtype(a) or pd.api.types.is_float_dtype(b):
            differs = ~np.isclose(
                a.astype("float64"), b.astype("float64"), rtol=0, atol=TOLERANCE, equal_nan=True
            )
        else:
            differs = (a.astype(str) != b.astype(str)).to_numpy()
        if differs.any():
            first = int(np.argmax(differs))
            where = ", ".join(f"{k} {expected[k][first]}" for k in key)
            told.append(
                f"{name}: {column} differs in {int(differs.sum())} of {len(a)} rows, first {where}: "
                f"{a[first]} became {b[first]}"
            )
    return told


def stored(name: str) -> pd.DataFrame:
    """The expected table of the sample."""
    return pd.read_parquet(EXPECTED / f"{name}.parquet")


def store(release_folder: Path) -> None:
    """Keep a run on the sample as the expected one."""
    EXPECTED.mkdir(exist_ok=True)
    for name, frame in results(release_folder).items():
        frame.to_parquet(EXPECTED / f"{name}.parquet", index=False, compression="zstd", compression_level=19)


def digest_of(tables: dict[str, pd.DataFrame]) -> dict[str, dict]:
    """Rows, means and a hash of the values rounded to four decimals, by table: nothing of a single school."""
    return {name: _digest(frame) for name, frame in tables.items()}


def _digest(frame: pd.DataFrame) -> dict:
    numbers = frame.select_dtypes("float64")
    means = {c: round(float(numbers[c].mean()), 6) for c in numbers if numbers[c].notna().any()}
    text = frame.round(4).replace(-0.0, 0.0).to_csv(index=False, float_format="%.4f", lineterminator="\n")
    return {"rows": len(frame), "means": means, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def main(argv: list[str]) -> int:
    """Entry point. Returns 1 when a comparison finds a difference."""
    what, folder = argv[0], Path(argv[1])
    if what == "store":
        store(folder)
    elif what == "digest":
        text = json.dumps(digest_of(results(folder)), indent=1, sort_keys=True)
        DIGEST.write_text(text + "\n", encoding="utf-8")
    else:
        found = results(folder)
        told = [line for name in TABLES for line in differences(stored(name), found[name], name)]
        print("\n".join(told) or "All agrees.")
        return bool(told)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
