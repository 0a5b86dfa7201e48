"""Numbers that prose or reports quote. They leave a notebook by name, so that nobody retypes a figure."""

from __future__ import annotations

import math
from pathlib import Path

from helpers.base.store import read_json, write_json


class Facts:
    """The facts of one notebook for one region; `save` replaces that notebook's facts in `facts.json` and
    leaves the others.
    """

    def __init__(self, folder: Path, notebook: str):
        self.path = folder / "facts.json"
        self.notebook = notebook
        self.values: dict[str, dict] = {}

    def add(
        self, name: str, value: float | int | str | bool, unit: str = "", decimals: int | None = None
    ) -> float | int | str | bool:
        """Record a fact and give it back. A missing number is a fault: say nothing rather than a NaN. Raises
        ValueError.
        """
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"fact {name!r} is {value}: leave it out or say why it is missing")
        self.values[name] = {"value": value, "unit": unit, "decimals": decimals, "notebook": self.notebook}
        return value

    def text(self, name: str) -> str:
        """A fact as a reader sees it: rounded, with its unit."""
        return shown(self.values[name])

    def save(self) -> dict[str, dict]:
        """Write and return all facts of the region."""
        others = read_json(self.path) if self.path.exists() else {}
        kept = {k: v for k, v in others.items() if v["notebook"] != self.notebook}
        clash = kept.keys() & self.values.keys()
        if clash:
            raise ValueError(f"facts {sorted(clash)} are already told by another notebook")
        write_json(self.path, {**kept, **self.values})
        return {**kept, **self.values}


def shown(fact: dict) -> str:
    """A fact as a reader sees it: thousands separated, rounded to its decimals, with its unit."""
    value, unit, decimals = fact["value"], fact["unit"], fact["decimals"]
    if isinstance(value, str | bool):
        return str(value)
    text = f"{value:,.{decimals if decimals is not None else (0 if isinstance(value, int) else 2)}f}"
    return f"{text}%" if unit == "%" else f"{text} {unit}".strip()
