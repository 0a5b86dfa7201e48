"""A stage of the national fit: what it stands on, which parameters it reads, what it writes, and how.

Each stage is built once per release for all of England, into its own folder of `outputs/<release>/national/`,
and read by every region. Its key is the hash of what decides it: its own code with all that it imports, its
parameters, the files that it reads, and the keys of the stages it stands on. A stage that lies there whole
under today's key is only read; any other is built anew, first those below it. So the notebooks run in the
same way under `abie`, under plain papermill and by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from helpers.base import contract
from helpers.base.code import code_of
from helpers.base.params import Parameters
from helpers.base.paths import ROOT
from helpers.base.store import (
    atomic_folder,
    file_hash,
    inputs_of,
    read_frame,
    read_json,
    text_hash,
    write_frame,
    write_json,
)
from helpers.base.threads import one_thread

STAMP = "stamp.json"


class Results(Mapping[str, Any]):
    """What a stage wrote, by attribute (`fitted.baseline`) or by name (`fitted["baseline"]`); each table is
    read from disk when it is first asked for.
    """

    def __init__(self, folder: Path, files: tuple[str, ...]):
        self._folder, self._files = folder, {Path(name).stem: name for name in files}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._files:
            raise AttributeError(
                f"stage {self._folder.name} has no result {name!r}; it has {', '.join(self._files)}"
            )
        path = self._folder / self._files[name]
        value = read_frame(path) if path.suffix == ".parquet" else read_json(path)
        setattr(self, name, value)
        return value

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._files]


@dataclass(frozen=True)
class Stage:
    """One stage. `build`: where its builder is, as "module:function"; it takes the run and gives results by
    name, a frame for each table and a dict for each JSON file of the contract. `after`: the stages it stands
    on. `assets`: files of the repository that it reads. `files`: what else of the run decides it, by hash
    (what people recorded, an earlier run's peers), from the parameters named in `folders`, whose place
    decides nothing.
    """

    name: str
    build: str
    after: tuple[Stage, ...] = ()
    parameters: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    files: Callable[[Parameters], dict[str, str]] | None = None
    folders: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[str, ...]:
        """File names, as the contract lists them."""
        return contract.files_of(self.name)

    def builder(self) -> Callable[[Parameters], dict[str, Any]]:
        """The function that builds it."""
        module, _, name = self.build.partition(":")
        return getattr(import_module(module), name)

    def chain(self) -> tuple[Stage, ...]:
        """This stage and all that it stands on, the first one first."""
        below = [stage for under in self.after for stage in under.chain()]
        return (*dict.fromkeys(below), self)

    def key(self, run: Parameters) -> str:
        """What it depends on, as one hash."""
        own = {name: getattr(run, name) for name in self.parameters}
        files = self.files(run) if self.files else {}
        read = files if self.after else {**files, **inputs_of(run.data_folder)}
        below = [stage.key(run) for stage in self.after]
        return text_hash(
            self.name, code_of(self.build.partition(":")[0]), _hashes(self.assets), own, read, below
        )

    def folder(self, run: Parameters) -> Path:
        """Where it lies."""
        return run.national_folder / self.name

    def is_current(self, run: Parameters) -> bool:
        """Whether it lies there, whole, under today's key."""
        folder = self.folder(run)
        whole = (folder / STAMP).exists() and all((folder / name).exists() for name in self.writes)
        return whole and read_json(folder / STAMP)["key"] == self.key(run)

    def ensure(self, run: Parameters) -> bool:
        """Build it, and what it stands on, where that is not there already. Returns True when it was built
        now. Its libraries get one thread, whatever the environment says.

        Raises `DataRefused` when the input files must not be used. All files of a stage appear together, or
        none.
        """
        if self.is_current(run):
            return False
        for stage in self.after:
            stage.ensure(run)
        with one_thread():
            made = self.builder()(run)
        self._write(run, made)
        return True

    def load(self, run: Parameters) -> Results:
        """Its results, built first where needed."""
        self.ensure(run)
        return Results(self.folder(run), self.writes)

    def _write(self, run: Parameters, made: dict[str, Any]) -> None:
        wanted = {Path(name).stem for name in self.writes}
        if set(made) != wanted:
            raise ValueError(
                f"stage {self.name} made {sorted(made)}, and the contract (data/artefacts.csv) lists "
                f"{sorted(wanted)}"
            )
        with atomic_folder(self.folder(run)) as temporary:
            for name in self.writes:
                write = write_frame if name.endswith(".parquet") else write_json
                write(temporary / name, made[Path(name).stem])
            write_json(temporary / STAMP, {"key": self.key(run)})


@cache
def _hashes(assets: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, file_hash(ROOT / name)) for name in assets)
