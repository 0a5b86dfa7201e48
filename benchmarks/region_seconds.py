"""Processor seconds of a region's notebooks, in forked kernels and in plain ones, all processes together.

    python benchmarks/region_seconds.py --out outputs/bench --region London --region "South West" --times 2

England's stages are made first where they are not there, and not counted. The regions' own results are removed
before each run. On a machine that others use too, ratios hold better than seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from helpers.base.params import make
from helpers.base.paths import SAMPLE


def seconds(command: list[str]) -> float:
    """Processor seconds of a command and of all that it waited for. Raises RuntimeError when it fails."""
    pid = os.spawnv(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=str(SAMPLE))
    parser.add_argument("--out", required=True)
    parser.add_argument("--region", action="append", required=True)
    parser.add_argument("--times", type=int, default=2)
    args = parser.parse_args()
    words = [word for region in args.region for word in ("--region", region)]
    command = [sys.executable, "-m", "helpers.cli", "run", "--data", args.data, "--out", args.out, *words]
    folders = [make(data=args.data, out=args.out, region=region).region_folder for region in args.region]
    seconds(command)
    rows = [("nothing to do", seconds(command))]
    for _ in range(args.times):
        for name, more in (("forked", []), ("plain", ["--no-warm"])):
            for folder in folders:
                shutil.rmtree(folder)
            rows.append((name, seconds([*command, *more])))
    print("\n".join(f"{name:<14} {taken:7.1f}" for name, taken in rows))


if __name__ == "__main__":
    main()
