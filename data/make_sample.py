"""Make the embedded sample: an invented country in the official file formats, from a seed and published
national moments.

    python data/make_sample.py            writes data/sample/, and two schools' own weeks in
    data/sample-records/ python data/make_sample.py --to DIR   writes the sample somewhere else

The same seed gives the same content on every machine; tests/test_sample.py makes it again and compares.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sample_maker.own_weeks import own_weeks
from sample_maker.world import make_world
from sample_maker.write import write_all

# of 12 tried, one of three with every moment in its band (sample_maker/bands.py), and nearest the real
# context R2
SEED = 4
SAMPLE = Path(__file__).resolve().parent / "sample"
RECORDS = SAMPLE.with_name("sample-records") / "2022-23"  # the rest of that folder is written by hand


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", type=Path, default=SAMPLE, help="folder to write to (default: data/sample)")
    target = parser.parse_args().to
    world = make_world(SEED)
    if target == SAMPLE:
        own_weeks(world, RECORDS)
    for path in write_all(world, target):
        print(f"{path.stat().st_size:>9,}  {path.relative_to(target).as_posix()}")


if __name__ == "__main__":
    main()
