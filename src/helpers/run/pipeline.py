"""The runner: the national stages and the notebooks of every region, in parallel processes, with stamps. The
only module that knows papermill, which is imported when the first notebook is executed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from helpers import report
from helpers.base import text
from helpers.base.code import code_of
from helpers.base.faults import DataRefused
from helpers.base.params import ENGLAND, BadParameters, Parameters
from helpers.base.paths import NOTEBOOKS, shown
from helpers.base.store import file_hash, read_json, sweep, text_hash, write_json
from helpers.run import hold, warm
from helpers.run.graph import Outcome, Task, plan, work
from helpers.run.notebooks import step_key, steps
from helpers.run.stages import STAGES


@dataclass
class RegionResult:
    """What became of one region."""

    region: str
    ran: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed_step: str = ""
    message: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.failed_step


def _outline(path: Path) -> str:
    """A cheap fingerprint of an artefact: the hash of a file, names and sizes of a folder. PDFs are put into
    a pack later and know themselves.
    """
    if path.is_dir():
        files = (p for p in sorted(path.rglob("*")) if p.is_file() and p.suffix != ".pdf")
        return text_hash(*[(p.relative_to(path).as_posix(), p.stat().st_size) for p in files])
    return file_hash(path) if path.exists() else "missing"


def _here(run: Parameters, task: Task) -> Parameters:
    """The parameters of the task's region."""
    return run.model_copy(update={"region": task.region})


def _stamp(run: Parameters, name: str) -> Path:
    return run.region_folder / ".stamps" / f"{name}.json"


def is_done(run: Parameters, name: str, key: str) -> bool:
    """Whether a step's stamp carries this key and everything it made is still as it left it."""
    stamp = _stamp(run, name)
    if not stamp.exists():
        return False
    noted = read_json(stamp)
    facts = run.region_folder / "facts.json"
    return (
        noted["key"] == key
        and all(_outline(run.region_folder / made) == outline for made, outline in noted["made"].items())
        and facts.exists()
        and noted["facts"] == _facts_of(facts, name)
    )


def _facts_of(path: Path, step: str) -> str:
    return (
        text_hash({k: v for k, v in read_json(path).items() if v["notebook"] == step})
        if path.exists()
        else "missing"
    )


class NotebookFailed(Exception):
    """A notebook that came upon an error; the message names the cell and says what it was."""


def _tools() -> tuple[Any, Callable, Callable]:
    """papermill, what makes a page of a notebook, and what makes kernels: a second and a half to import."""
    with warm.without_grammar():
        import papermill

        from helpers.report.notebook_page import notebook_to_html
        from helpers.run.kernels import manager

    return papermill, notebook_to_html, manager


def execute(run: Parameters, name: str, server: str = "") -> None:
    """Execute one notebook for one region and keep it beside its results, as a notebook and as a page. Its kernel
    comes from the warm server at the address `server`, where there is one.

    A notebook that fails is kept as `<step>.failed.ipynb`, with the error in it. Raises `NotebookFailed`.
    """
    papermill, notebook_to_html, manager = _tools()
    folder = run.region_folder
    folder.mkdir(parents=True, exist_ok=True)
    failed = folder / f"{name}.failed.ipynb"
    with tempfile.TemporaryDirectory(prefix=f".{name}.", suffix=".tmp", dir=folder) as temporary:
        executed = Path(temporary) / f"{name}.ipynb"
        try:
            book = papermill.execute_notebook(
                str(NOTEBOOKS / f"{name}.ipynb"),
                str(executed),
                parameters=steps()[name].values(run),
                kernel_name="python3",
                kernel_manager_class=manager(server, name),
                progress_bar=False,
                request_save_on_cell_execute=False,
                extra_arguments=[
                    "--log-level=50"
                ],  # kernels warn of their transport and of being stopped: no news to anybody
            )
        except papermill.exceptions.PapermillExecutionError as error:
            shutil.move(executed, failed)
            raise NotebookFailed(f"cell {error.exec_count}: {error.ename}: {error.evalue}") from error
        page = Path(temporary) / f"{name}.html"
        marks = (text.MARKING, text.INVENTED) if run.is_sample else (text.MARKING,)
        notebook_to_html(
            book, page, run.release_folder / "assets", home=folder, marks=marks, top="../index.html"
        )
        shutil.move(executed, folder / executed.name)
        shutil.move(page, folder / page.name)
    failed.unlink(missing_ok=True)


def run_step(run: Parameters, name: str, server: str = "") -> bool:
    """Run one notebook of a region unless it is done. Returns True when it ran now; what it raised goes on."""
    key = step_key(run, name)
    if is_done(run, name, key):
        return False
    _stamp(run, name).unlink(missing_ok=True)
    execute(run, name, server)
    made = {file: _outline(run.region_folder / file) for file in steps()[name].writes}
    write_json(
        _stamp(run, name),
        {"key": key, "made": made, "facts": _facts_of(run.region_folder / "facts.json", name)},
    )
    return True


def do(run: Parameters, task: Task, server: str = "", data: hold.Look | None = None) -> Outcome:
    """One task in whatever process it falls to, on the data as they were when the run began. An error is part of
    the outcome: it must not stop the others.
    """
    began = time.perf_counter()
    try:
        if data is not None:
            hold.still_the_same(run.data_folder, data)
        if task.region:
            made = run_step(_here(run, task), task.name, server)
        else:
            made = STAGES[task.name].ensure(run)
    except (NotebookFailed, DataRefused, BadParameters) as error:
        return Outcome(task, seconds=time.perf_counter() - began, error=error)
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        return Outcome(task, seconds=time.perf_counter() - began, error=RuntimeError(words))
    return Outcome(task, made, time.perf_counter() - began)


def run_all(
    run: Parameters,
    regions: Iterable[str],
    jobs: int = 2,
    scheduler: str | None = None,
    console: Console | None = None,
    wanted: Iterable[str] | None = None,
    warm_kernels: bool = True,
) -> list[RegionResult]:
    """Run the notebooks `wanted` (all, where not given) of every region, and the national stages that they
    stand on.

    `scheduler` is the address of a Dask cluster that shares the file system; without it local processes are
    used, and with `warm_kernels` notebooks run in kernels that one server forks (`warm`). Raises `DataRefused`
    when the data fails the gate, or changes while the run goes on; `hold.Busy` when another run writes into the
    folder.
    """
    with hold.only_one(run.release_folder):
        return _run_all(run, list(regions), jobs, scheduler, console or Console(), wanted, warm_kernels)


def _run_all(
    run: Parameters,
    regions: list[str],
    jobs: int,
    scheduler: str | None,
    console: Console,
    wanted: Iterable[str] | None,
    warm_kernels: bool,
) -> list[RegionResult]:
    sweep(run.release_folder)
    data = hold.look_of(run.data_folder)
    graph = plan(sorted(regions, key=lambda name: name != ENGLAND), list(wanted or steps()))
    results = {region: RegionResult(region) for region in regions}
    each = {region: sum(task.region == region for task in graph) for region in regions}
    _before_processes_part(run, graph)
    with (
        warm.server(warm_kernels and not scheduler) as address,
        _executor(scheduler, jobs) as executor,
        _Watch(each, console) as watch,
    ):
        for outcome in work(
            graph, partial(do, run, server=address, data=data), executor, jobs, watch.started
        ):
            changed = (
                isinstance(outcome.error, DataRefused) and outcome.error.faults[0].code == "data_changed"
            )
            if changed or (
                isinstance(outcome.error, DataRefused | BadParameters) and not outcome.task.region
            ):
                raise outcome.error  # type: ignore[misc]
            _note(outcome, graph, results)
            watch.came(outcome, results)
            if outcome.task.region:
                report.top_page(run)
    for result in results.values():
        missing = each[result.region] - len(result.ran) - len(result.skipped)
        if result.ok and missing:
            result.failed_step, result.message = "England", "a national stage that it needs failed"
    return list(results.values())


def _before_processes_part(run: Parameters, graph: dict[Task, set[Task]]) -> None:
    """What each process would do for itself: read which code stands on which, and, where some notebook was never
    executed, import what executes one.
    """
    for name in {task.name for task in graph if task.region}:
        code_of(*steps()[name].modules)
    if not all(_stamp(_here(run, task), task.name).exists() for task in graph if task.region):
        _tools()


def _note(outcome: Outcome, graph: dict[Task, set[Task]], results: dict[str, RegionResult]) -> None:
    """Write an outcome into the results of its region, or of every region that needed the stage."""
    task = outcome.task
    if not task.region:
        for region, result in results.items() if outcome.error else ():
            if any(task in before for other, before in graph.items() if other.region == region):
                result.failed_step, result.message = f"England, {task.name}", str(outcome.error)
        return
    result = results[task.region]
    result.seconds += outcome.seconds
    if outcome.error:
        result.failed_step, result.message = task.name, str(outcome.error)
    else:
        (result.ran if outcome.made else result.skipped).append(task.name)


class _Here(Executor):
    """Runs each task at once, in this process: for one job, and where a debugger should follow."""

    def submit(self, fn: Callable, /, *args: object, **kwargs: object) -> Future:
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        return future


@contextmanager
def _executor(scheduler: str | None, jobs: int) -> Iterator[Executor]:
    """Local processes, or a Dask cluster's executor."""
    if scheduler:
        from distributed import Client  # only those who have a cluster pay for the import

        with Client(scheduler) as client:
            yield client.get_executor(pure=False)
    elif jobs == 1:
        yield _Here()
    else:
        pool = ProcessPoolExecutor(jobs)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def add_pdfs(
    run: Parameters,
    results: list[RegionResult],
    threads: int = 1,
    console: Console | None = None,
    large: bool = False,
) -> None:
    """Write the PDFs of every region that was run, one region after the other, with a progress bar; `large`
    in 16 points.

    England and its regions share one store of PDFs, so that each school is set once. A failure is noted in
    the region's result.
    """
    from helpers.report import (
        pdf,
    )  # the compiler and its fonts: only those who ask for PDFs pay for the import
    from helpers.report.inputs import PackInputs

    console = console or Console()
    for result in results:
        if not result.ok:
            continue
        region = run.model_copy(update={"region": result.region})
        columns = (
            TextColumn(f"{result.region:<26}"),
            BarColumn(20),
            TextColumn("PDF {task.completed} of {task.total}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
            bar = bars.add_task("", total=None)
            try:
                inputs = PackInputs.from_folders(region.region_folder, region.national_folder)
                report = pdf.write_pdfs(
                    inputs,
                    region.region_folder / "pack",
                    run.release_folder / ".pdf",
                    threads,
                    partial(_advance, bars, bar),
                    large,
                )
            except Exception as error:  # as with notebooks: the other regions go on
                result.failed_step = "pdf"
                result.message = (
                    f"{type(error).__name__}: {error} {' '.join(getattr(error, '__notes__', []))}".strip()
                )
                continue
        each = f", {1000 * report.seconds / report.made:.0f} ms each" if report.made else ""
        console.print(
            f"{result.region}: {report.pdfs} PDFs, {report.made} of them set now ({report.seconds:.0f} "
            f"s{each})"
        )


def _advance(bars: Progress, bar: TaskID, done: int, total: int) -> None:
    bars.update(bar, completed=done, total=total)


class _Watch:
    """A bar for England's stages and one for each region; plain lines where there is no terminal."""

    def __init__(self, each: dict[str, int], console: Console):
        self.each, self.console = each, console
        look = TextColumn("{task.fields[region]:<26}"), BarColumn(20), TextColumn("{task.description}")
        self.bars = Progress(*look, TimeElapsedColumn(), console=console, disable=not console.is_terminal)
        self.rows: dict[str, TaskID] = {}

    def __enter__(self) -> _Watch:
        self.rows = {"": self.bars.add_task("waiting", total=None, region="England’s stages")}
        for region, steps_ in self.each.items():
            self.rows[region] = self.bars.add_task("waiting", total=steps_, region=region, start=False)
        self.bars.start()
        return self

    def __exit__(self, *_) -> None:
        self.bars.stop()

    def started(self, task: Task) -> None:
        """A task was handed to the executor."""
        self.bars.start_task(self.rows[task.region])
        self.bars.update(self.rows[task.region], description=task.name)

    def came(self, outcome: Outcome, results: dict[str, RegionResult]) -> None:
        """A task came to its end."""
        task, row = outcome.task, self.rows[outcome.task.region]
        if not task.region:
            words = "FAILED" if outcome.error else "fitted" if outcome.made else "unchanged"
            self._say(f"England, {task.name}: {words} ({outcome.seconds:.1f} s)")
            return
        self.bars.advance(row)
        result = results[task.region]
        if not result.ok or len(result.ran) + len(result.skipped) == self.each[task.region]:
            self.bars.update(row, description=summary(result))
            self.bars.stop_task(row)
            if not self.console.is_terminal:
                self._say(f"{task.region}: {summary(result)}")

    def _say(self, words: str) -> None:
        self.bars.console.print(words, markup=False)


def summary(result: RegionResult) -> str:
    """One line on a region."""
    if not result.ok:
        return f"FAILED in {result.failed_step}: {result.message}"
    if not result.ran:
        return f"unchanged ({result.seconds:.1f} s)"
    skipped = f", {len(result.skipped)} unchanged" if result.skipped else ""
    return f"done: {len(result.ran)} notebooks{skipped} ({result.seconds:.0f} s)"


def pack_index(run: Parameters) -> Path:
    """The page to open."""
    return run.region_folder / "pack" / "index.html"


def where(run: Parameters) -> str:
    """The page to open, as a path to show."""
    return shown(pack_index(run))
