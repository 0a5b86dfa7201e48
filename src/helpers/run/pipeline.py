"""The runner: the notebooks of a region by papermill, in parallel processes, with stamps. The only module
that knows papermill.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import joblib
import papermill
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from helpers import national
from helpers.audit import manifest
from helpers.base.params import ENGLAND, FOLDERS, Parameters, make
from helpers.base.paths import NOTEBOOKS, shown
from helpers.base.store import code_hash, file_hash, inputs_of, read_json, sweep, text_hash, write_json
from helpers.report.notebook_page import notebook_to_html

STEPS: dict[str, tuple[str, ...]] = {
    "01_ingest": ("schools.parquet", "panel.parquet", "quality.json"),
    "02_model": ("baseline.parquet", "drivers.parquet"),
    "03_peers": ("peers.parquet", "alternatives.parquet", "summary.parquet"),
    "04_expectations": ("expectations.parquet", "special_ranges.parquet"),
    "05_report": ("pack",),
    "06_support": (
        "support",
        "referrals.parquet",
        "offers.parquet",
        "draws.parquet",
        "left_out.parquet",
        "hub_sites.parquet",
    ),
    "07_monitor": ("monitor", "verdicts.parquet", "shocks.parquet"),
    "08_evaluate": ("manifest.json",),  # written anew by each step from 05 on
}
READ_RECORDS = ("05_report", "06_support", "07_monitor")


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


def step_key(run: Parameters, step: str, previous: str) -> str:
    """What a step depends on: its notebook's cells, parameters, code, input files, records where it reads
    them, and the step before.
    """
    cells = [(c["cell_type"], "".join(c["source"])) for c in read_json(NOTEBOOKS / f"{step}.ipynb")["cells"]]
    parameters = run.model_dump(exclude=set(FOLDERS))
    recorded = inputs_of(run.records_folder) if step in READ_RECORDS else {}
    files = inputs_of(run.data_folder)
    return text_hash(
        step,
        cells,
        parameters,
        run.is_sample,
        code_hash(),
        files,
        recorded,
        national.frozen_hash(run),
        previous,
    )


def _outline(path: Path) -> str:
    """A cheap fingerprint of an artefact: the hash of a file, names and sizes of a folder. PDFs are put into
    a pack later and know themselves.
    """
    if path.is_dir():
        files = (p for p in sorted(path.rglob("*")) if p.is_file() and p.suffix != ".pdf")
        return text_hash(*[(p.relative_to(path).as_posix(), p.stat().st_size) for p in files])
    return file_hash(path) if path.exists() else "missing"


def is_done(run: Parameters, step: str, key: str) -> bool:
    """Whether a step's stamp carries this key and everything it made is still as it left it."""
    stamp = run.region_folder / ".stamps" / f"{step}.json"
    if not stamp.exists():
        return False
    told = read_json(stamp)
    facts = run.region_folder / "facts.json"
    return (
        told["key"] == key
        and all(_outline(run.region_folder / name) == outline for name, outline in told["made"].items())
        and facts.exists()
        and told["facts"] == _facts_of(facts, step)
    )


def _facts_of(path: Path, step: str) -> str:
    return (
        text_hash({k: v for k, v in read_json(path).items() if v["notebook"] == step})
        if path.exists()
        else "missing"
    )


def execute(run: Parameters, step: str) -> None:
    """Execute one notebook for one region and keep it beside its results, as a notebook and as a page.

    A notebook that fails is kept as `<step>.failed.ipynb`, with the error in it, and its exception goes on.
    """
    folder = run.region_folder
    folder.mkdir(parents=True, exist_ok=True)
    failed = folder / f"{step}.failed.ipynb"
    with tempfile.TemporaryDirectory(prefix=f".{step}.", suffix=".tmp", dir=folder) as temporary:
        executed = Path(temporary) / f"{step}.ipynb"
        try:
            papermill.execute_notebook(
                str(NOTEBOOKS / f"{step}.ipynb"),
                str(executed),
                parameters=run.model_dump(),
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=False,
                extra_arguments=[
                    "--log-level=50"
                ],  # kernels warn of their transport and of being stopped: no news to anybody
            )
        except papermill.exceptions.PapermillExecutionError:
            shutil.move(executed, failed)
            raise
        page = Path(temporary) / f"{step}.html"
        notebook_to_html(executed, page, run.release_folder / "assets", home=folder)
        shutil.move(executed, folder / executed.name)
        shutil.move(page, folder / page.name)
    failed.unlink(missing_ok=True)


def run_region(run: Parameters, only_until: str | None = None) -> RegionResult:
    """Run the notebooks of one region in their order, skipping what is done; stop at the first failure and
    say where.
    """
    result, began, previous = RegionResult(run.region), time.perf_counter(), ""
    marker = run.release_folder / ".progress" / run.slug
    marker.parent.mkdir(parents=True, exist_ok=True)
    for number, step in enumerate(STEPS):
        key = step_key(run, step, previous)
        marker.write_text(f"{number} {step}", encoding="utf-8")
        if is_done(run, step, key):
            result.skipped.append(step)
        else:
            stamp = run.region_folder / ".stamps" / f"{step}.json"
            stamp.unlink(missing_ok=True)
            try:
                execute(run, step)
            except papermill.exceptions.PapermillExecutionError as error:
                result.failed_step = step
                result.message = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
                break
            except Exception as error:  # one region's failure must not stop the others, whatever it is
                result.failed_step, result.message = step, f"{type(error).__name__}: {error}"
                break
            made = {name: _outline(run.region_folder / name) for name in STEPS[step]}
            write_json(
                stamp, {"key": key, "made": made, "facts": _facts_of(run.region_folder / "facts.json", step)}
            )
            result.ran.append(step)
        previous = key
        if step == only_until:
            break
    marker.unlink(missing_ok=True)
    result.seconds = time.perf_counter() - began
    return result


def run_all(
    run: Parameters,
    regions: Iterable[str],
    jobs: int = 2,
    scheduler: str | None = None,
    console: Console | None = None,
) -> list[RegionResult]:
    """Fit England once, then run the regions in parallel processes, with a progress bar each.

    `scheduler` is the address of a Dask cluster that shares the file system; without it local processes are
    used. Raises `DataRefused` when the data fails the gate: then no region is run.
    """
    console = console or Console()
    sweep(run.release_folder)
    runs = [make(**{**run.model_dump(), "region": region}) for region in regions]
    for name in national.STAGES:
        began = time.perf_counter()
        with console.status(f"England: {name}") if console.is_terminal else nullcontext():
            built = national.build(run, name)
        console.print(
            f"England, {name}: {'fitted' if built else 'unchanged'} ({time.perf_counter() - began:.1f} s)"
        )
    runs.sort(key=lambda r: r.region != ENGLAND)
    with _client(scheduler), _watch(runs, console) as done:
        work = joblib.Parallel(n_jobs=min(jobs, len(runs)), return_as="generator_unordered")(
            joblib.delayed(run_region)(r) for r in runs
        )
        results = []
        for result in work:
            results.append(result)
            done(result)
    return sorted(results, key=lambda r: list(regions).index(r.region))


def add_pdfs(
    run: Parameters, results: list[RegionResult], threads: int = 1, console: Console | None = None
) -> None:
    """Write the PDFs of every region that was run, one region after the other, with a progress bar.

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
                    lambda done, total, bar=bar: bars.update(bar, completed=done, total=total),
                )
            except Exception as error:  # as with notebooks: the other regions go on
                result.failed_step = "pdf"
                result.message = (
                    f"{type(error).__name__}: {error} {' '.join(getattr(error, '__notes__', []))}".strip()
                )
                continue
        each = f", {1000 * report.seconds / report.made:.0f} ms each" if report.made else ""
        console.print(
            f"{result.region}: {report.pdfs} PDFs, {report.made} of them set now ({report.seconds:.0f} s{each})"
        )


def _client(scheduler: str | None):
    """A context in which joblib sends its work to a Dask cluster, or nothing at all for local processes."""
    if not scheduler:
        return nullcontext()
    from distributed import Client  # only those who have a cluster pay for the import

    Client(scheduler)
    return joblib.parallel_config(backend="dask")


class _watch:
    """Progress bars fed by what the processes note in `.progress/`: a row per region, its step in words."""

    def __init__(self, runs: list[Parameters], console: Console):
        self.runs, self.console, self.stop = runs, console, Event()
        self.bars = Progress(
            TextColumn("{task.fields[region]:<26}"),
            BarColumn(20),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> Callable[[RegionResult], None]:
        self.rows = {
            r.region: self.bars.add_task("waiting", total=len(STEPS), region=r.region, start=False)
            for r in self.runs
        }
        if self.console.is_terminal:
            self.bars.start()
            self.thread = Thread(target=self._poll, daemon=True)
            self.thread.start()
        return self._done

    def _poll(self) -> None:
        while not self.stop.wait(0.3):
            for run in self.runs:
                try:
                    number, step = (
                        (run.release_folder / ".progress" / run.slug).read_text(encoding="utf-8").split()
                    )
                except (OSError, ValueError):
                    continue
                self.bars.start_task(self.rows[run.region])
                self.bars.update(self.rows[run.region], completed=int(number), description=step)

    def _done(self, result: RegionResult) -> None:
        row = self.rows[result.region]
        words = summary(result)
        self.bars.update(row, completed=len(STEPS) if result.ok else None, description=words)
        self.bars.stop_task(row)
        if not self.console.is_terminal:
            self.console.print(f"{result.region}: {words}")

    def __exit__(self, *_) -> None:
        self.stop.set()
        if self.console.is_terminal:
            self.thread.join()
            self.bars.stop()


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


def artefact_hashes(run: Parameters) -> dict[str, str]:
    """Hashes of all artefacts of a region, as its manifest gives them."""
    return read_json(run.region_folder / manifest.MANIFEST)["artefacts"]


def where(run: Parameters) -> str:
    """The page to open, as a path to show."""
    return shown(pack_index(run))
