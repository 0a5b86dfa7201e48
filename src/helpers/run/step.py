"""One notebook's run on one region: its parameters, what it reads and writes, its headline figures."""

from __future__ import annotations

import pandas as pd

from helpers.base import contract, manifest
from helpers.base.facts import Facts, shown
from helpers.base.params import ENGLAND, Parameters, from_notebook
from helpers.base.store import read_frame, write_frame


def start(namespace: dict, notebook: str) -> Step:
    """Open a notebook's step: `step = start(globals(), "02_model")`. The parameters are those of its
    parameters cell.

    Raises `BadParameters` naming each bad one.
    """
    return Step(from_notebook(namespace), notebook)


class Step:
    """`run`: the typed parameters. `region`: its name. `facts`: the headline figures noted so far."""

    def __init__(self, run: Parameters, notebook: str):
        self.run, self.notebook, self.region = run, notebook, run.region
        self.facts = Facts(run.region_folder, notebook)
        self._rows: dict[str, int] = {}

    def here(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of this region: by `region_name` where the frame has it, else by the region's URNs; all
        rows for England. The order is kept. Raises KeyError for a frame that has neither column.
        """
        if self.run.region == ENGLAND:
            return frame.reset_index(drop=True)
        if "region_name" in frame:
            return frame[frame["region_name"] == self.run.region].reset_index(drop=True)
        return frame[frame["urn"].isin(self._urns())].reset_index(drop=True)

    def read(self, table: str) -> pd.DataFrame:
        """A result of an earlier notebook. Raises `NotYetRun` naming that notebook."""
        path = self.run.region_folder / f"{table}.parquet"
        if not path.exists():
            notebook = contract.made_by(table)
            raise contract.NotYetRun(
                f"{self.run.region}: {path.name} is not there yet. Run notebooks/{notebook}.ipynb with the "
                "same "
                "parameters first."
            )
        return read_frame(path)

    def write(self, table: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Check a result against the contract and write it: the dictionary's columns in their order, nothing
        else.

        Raises `DataRefused` with every fault, ValueError for a result that another notebook makes or for a
        column that the dictionary does not name.
        """
        if contract.made_by(table) != self.notebook:
            raise ValueError(f"{table} is written by {contract.made_by(table)}, not by {self.notebook}")
        wanted = contract.columns(table)
        unnamed = [name for name in frame if name not in wanted]
        if unnamed:
            raise ValueError(f"{table}: data/dictionary.csv does not name {', '.join(unnamed)}")
        frame = contract.validate(frame, table)[wanted]
        write_frame(self.run.region_folder / f"{table}.parquet", frame)
        self._rows[table] = len(frame)
        return frame

    def written(self) -> pd.DataFrame:
        """What was written so far: result (what it is), rows."""
        about = contract.artefacts()["about"]
        rows = [(about[table], count) for table, count in self._rows.items()]
        return pd.DataFrame(rows, columns=["result", "rows"])

    def middle(self, frame: pd.DataFrame, by: str = "absence_pct") -> int:
        """URN of the school in the middle when sorted by a column: an example that nobody chose."""
        return int(frame.sort_values([by, "urn"])["urn"].iloc[len(frame) // 2])

    def fact(self, name: str, value: float, unit: str, decimals: int) -> str:
        """Note a headline figure; returns it as text, rounded and with its unit."""
        self.facts.add(name, value, unit, decimals)
        return self.facts.text(name)

    def text(self, name: str) -> str:
        """A noted figure as text. Raises KeyError for one that was not noted."""
        return self.facts.text(name)

    def number(self, name: str) -> str:
        """A noted figure without its unit. Raises KeyError for one that was not noted."""
        fact = self.facts.values[name]
        return shown({**fact, "unit": ""})

    def headline(self) -> None:
        """Print every noted figure, one a line."""
        for name in self.facts.values:
            print(f"{name}: {self.facts.text(name)}")

    def close(self) -> dict:
        """Keep the noted figures, and write the region's manifest with what is there by now. Returns the
        manifest.
        """
        self.facts.save()
        return manifest.write_manifest(self.run)

    def _urns(self) -> pd.Series:
        from helpers import ingest

        register = ingest.load(self.run).register
        return register.loc[register["region_name"] == self.run.region, "urn"]
