"""The published national moments that the sample is built from: data/sample_moments.csv as a look-up."""

from __future__ import annotations

import csv
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "sample_moments.csv"


class Moments:
    """Look-up of a moment by name, phase and key. Held-out moments are refused: the generator must not see
    them.
    """

    def __init__(self, path: Path = FILE):
        with path.open(encoding="utf-8", newline="") as handle:
            self.rows = list(csv.DictReader(handle))
        self._built = {
            (r["moment"], r["phase"], r["key"]): float(r["value"])
            for r in self.rows
            if r["role"] == "built_from"
        }

    def get(self, moment: str, phase: str, key: object = "") -> float:
        """Value of a moment that the sample is built from. KeyError names the moment when it is missing or
        held out.
        """
        found = self._built.get((moment, phase, str(key)))
        if found is None:
            raise KeyError(
                f"{moment} / {phase} / {key} is not among the moments to build from in {FILE.name}"
            )
        return found

    def named(self, moment: str, phase: str) -> dict[str, float]:
        """All keys of a moment, or all moments that begin with `moment:`, for a phase."""
        exact = {k: v for (m, p, k), v in self._built.items() if m == moment and p == phase}
        if exact:
            return exact
        return {
            m.split(":", 1)[1]: v
            for (m, p, _), v in self._built.items()
            if m.startswith(moment + ":") and p == phase
        }

    def held_out(self) -> dict[tuple[str, str, str], float]:
        """Moments that are kept for checking, by name, phase and key."""
        return {
            (r["moment"], r["phase"], r["key"]): float(r["value"])
            for r in self.rows
            if r["role"] == "held_out"
        }
