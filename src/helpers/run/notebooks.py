"""The step notebooks as they are: what each imports, which stages and results it reads, which parameters it
has.

Nothing is listed by hand: a step is a file `NN_name.ipynb` in `notebooks/`, what it writes stands in the
contract, and the rest is read from its own code.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from helpers.base import contract
from helpers.base.code import code_of, imports_of
from helpers.base.params import FOLDERS, Parameters, parameters_cell
from helpers.base.paths import NOTEBOOKS
from helpers.base.stages import Stage
from helpers.base.store import atomic_file, read_json, text_hash

PLACE = ("region", "release", "data", "out")  # every notebook knows where it is


@dataclass(frozen=True)
class Notebook:
    """A step. `modules`: ours that its code names. `stages`: national stages that it reads. `after`: earlier
    steps whose results it reads. `writes`: files of the contract. `parameters`: what its parameters cell
    holds.
    """

    name: str
    cells: tuple[tuple[str, str], ...]
    modules: tuple[str, ...]
    stages: tuple[Stage, ...]
    after: tuple[str, ...]
    parameters: tuple[str, ...]

    @property
    def writes(self) -> tuple[str, ...]:
        return contract.files_of(self.name)

    def key(self, run: Parameters, below: dict[str, str]) -> str:
        """What it depends on, as one hash: its cells, its parameters, the code that it names, the national
        stages that it reads, and the steps whose results it reads (`below`: their keys by name).
        """
        chosen = {name: getattr(run, name) for name in self.parameters if name not in FOLDERS}
        stages = [stage.key(run) for stage in self.stages]
        steps = [below[name] for name in self.after]
        return text_hash(self.name, self.cells, chosen, run.is_sample, code_of(*self.modules), stages, steps)

    def values(self, run: Parameters) -> dict[str, object]:
        """The run's values for its parameters cell."""
        return {name: getattr(run, name) for name in self.parameters}


@cache
def steps() -> dict[str, Notebook]:
    """All step notebooks by name, in their order, as they are when first asked for."""
    return {path.stem: read(path) for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}


def read(path: Path) -> Notebook:
    """A notebook as it is. Raises SyntaxError for a cell that is not Python."""
    cells = tuple((c["cell_type"], "".join(c["source"])) for c in read_json(path)["cells"])
    source = "\n".join(text for kind, text in cells if kind == "code")
    modules = imports_of(source)
    rooms = [import_module(name) for name in modules]
    stages = tuple(dict.fromkeys(stage for room in rooms for stage in _stages(room)))
    wanted = {*_read_by(source), *(table for room in rooms for table in getattr(room, "READS", ()))}
    after = sorted({contract.made_by(table) for table in wanted} - {path.stem})
    return Notebook(path.stem, cells, modules, stages, tuple(after), _parameters(source, stages))


def needed(names: list[str]) -> list[str]:
    """The given steps and all those whose results they read, in order."""
    known, found, waiting = steps(), set(), list(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += [before for before in known[name].after if before not in found]
    return [name for name in known if name in found]


def step_key(run: Parameters, name: str) -> str:
    """What a step depends on, with all that it reads from earlier ones, as one hash."""
    step = steps()[name]
    return step.key(run, {before: step_key(run, before) for before in step.after})


def _stages(room) -> tuple[Stage, ...]:
    """A room's own stage, or those that it says it reads."""
    return (room.STAGE,) if hasattr(room, "STAGE") else getattr(room, "STAGES", ())


def _read_by(source: str) -> list[str]:
    """Names of results in calls such as `step.read("schools")`."""
    calls = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and n.args]
    reads = [c.args[0] for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "read"]
    known = set(contract.tables(region=True))
    return [a.value for a in reads if isinstance(a, ast.Constant) and a.value in known]


def _parameters(source: str, stages: tuple[Stage, ...]) -> tuple[str, ...]:
    """Parameters that the notebook uses: its place, those of its stages and of what they stand on, and what
    its code asks the run for, in the model's order.
    """
    chain = dict.fromkeys(below for stage in stages for below in stage.chain())
    used = {*PLACE, *re.findall(r"\brun\.(\w+)", source)}
    used |= {name for stage in chain for name in stage.parameters}
    used |= {name for stage in chain for name in stage.folders}
    return tuple(name for name in Parameters.model_fields if name in used)


def write_parameters() -> list[str]:
    """Write the parameters cell of every notebook that has one, from the typed model: what it uses and
    nothing else.

    Returns the names of the notebooks that changed.
    """
    changed = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        book = read_json(path)
        wanted = parameters_cell(read(path).parameters).splitlines(keepends=True)
        for cell in book["cells"]:
            if "parameters" in cell["metadata"].get("tags", []) and cell["source"] != wanted:
                cell["source"] = wanted
                changed.append(path.stem)
        if path.stem in changed:
            with atomic_file(path) as temporary:
                text = json.dumps(book, indent=1, ensure_ascii=False)
                temporary.write_text(f"{text}\n", encoding="utf-8")
    return changed


if __name__ == "__main__":
    print("\n".join(write_parameters()) or "All parameters cells are current.")
