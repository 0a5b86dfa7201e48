"""Print moments of the embedded sample beside those of the real open data, with the bands of the sample's
tests.

python benchmarks/sample_bands.py ../shared/open-data
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    sys.path.insert(0, str(ROOT / "data"))
    from sample_maker.bands import BANDS
    from sample_maker.measure import moments

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the real open data")
    parser.add_argument("--sample", type=Path, default=ROOT / "data" / "sample")
    given = parser.parse_args()
    real, sample = moments(given.data), moments(given.sample)
    print(f"{'moment':42}{'real':>9}{'sample':>9}   band")
    for name, value in real.items():
        low, high, _ = BANDS[name]
        mark = "" if low <= sample[name] <= high else "   outside"
        print(f"{name:42}{value:9.3f}{sample[name]:9.3f}   {low:.3f} to {high:.3f}{mark}")


if __name__ == "__main__":
    main()
