"""What each command of `abie` does. Every function takes the parsed words and says whether all that was asked for
was produced. What a command needs is imported in it, so that no command waits for another's libraries.
"""

from __future__ import annotations

import argparse
import difflib
import getpass
import os
import sys
import time
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from helpers.base import params
from helpers.base.faults import Fault, NotFound
from helpers.base.params import ENGLAND, REGIONS, BadParameters, Parameters, region_from
from helpers.base.paths import shown

console = Console(
    highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 180
)  # a log file has no width of its own


def parameters(args: argparse.Namespace) -> Parameters:
    """Parameters from file, `--set` and the named options, the later winning. Folders are relative to where
    the command is given.
    """
    values: dict = {}
    for text in args.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadParameters(f"--set {text}: write NAME=VALUE, like --set slope=0.15")
        values[name.strip()] = yaml.safe_load(value)
    for name in params.FOLDERS:
        if getattr(args, name, None):
            values[name] = str(Path(getattr(args, name)).expanduser().resolve())
    if args.release:
        values["release"] = args.release
    return params.load(args.params, **values) if args.params else params.make(**values)


def _steps(args: argparse.Namespace) -> list[str]:
    """Names of the notebooks that are asked for; all where nothing is said. Raises `BadParameters`."""
    from helpers.run.notebooks import steps

    names = list(steps())
    for given in [args.until] if args.until else args.only or []:
        if given not in names:
            close = difflib.get_close_matches(given, names, n=1, cutoff=0.3)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise BadParameters(f"there is no notebook {given!r}.{hint} Notebooks: {', '.join(names)}.")
    return names[: names.index(args.until) + 1] if args.until else args.only or names


def run(args: argparse.Namespace) -> bool:
    from helpers.run import pipeline

    run, wanted = parameters(args), _steps(args)
    named = [region_from(name) for name in args.region or []]
    regions = list(
        dict.fromkeys(
            [ENGLAND, *REGIONS] if args.all else named or ([run.region] if args.params else [ENGLAND])
        )
    )
    began = time.perf_counter()
    results = pipeline.run_all(
        run,
        regions,
        jobs=args.jobs,
        scheduler=args.scheduler,
        console=console,
        wanted=wanted,
        warm_kernels=not args.no_warm,
    )
    if args.pdf:
        pipeline.add_pdfs(run, results, threads=args.jobs, console=console)
    if args.pdf_large:
        pipeline.add_pdfs(run, results, threads=args.jobs, console=console, large=True)
    failed = [r for r in results if not r.ok]
    made = [r for r in results if r.ok]
    console.print(f"\n{len(made)} of {len(results)} regions done in {time.perf_counter() - began:.0f} s.")
    for result in failed:
        notebook = run.release_folder / params.slug(result.region) / f"{result.failed_step}.failed.ipynb"
        console.print(f"Failed: {result.region} in {result.failed_step}: {result.message}", markup=False)
        if notebook.exists():
            console.print(f"  The notebook with the error: {shown(notebook)}", markup=False)
    if made:
        if run.is_sample:
            console.print(
                "This is the embedded sample: an invented country. For real data: make real "
                "DATA=../shared/open-data"
            )
        console.print(
            "Confidential: targets are for the school, its local authority or trust, and the support team."
        )
        here = run.model_copy(update={"region": made[0].region})
        if pipeline.pack_index(here).exists():
            _what_next(run, made, here)
        else:
            console.print(f"Results: {shown(here.region_folder)}")
    return not failed


def _what_next(run: Parameters, made: list, here: Parameters) -> None:
    """What was made and what to try next; the last line is the page to open."""
    names = ", ".join(result.region for result in made)
    top = run.release_folder / "index.html"
    options = f" --out {shown(run.out)}" if "out" in run.model_fields_set else ""
    school = next(iter(sorted((here.region_folder / "pack" / "schools").glob("*.html"))), None)
    console.print(f"Made for {names}: report, support and progress pages, spreadsheets, map data, notebooks.")
    console.print("Try next:")
    if school:
        console.print(f"  abie school {school.stem}{options}   how one number was made, step by step")
    console.print("  abie explore                what moves when a parameter moves")
    console.print("  abie run --region London --set slope=0.1 --out outputs/other")
    console.print("All regions and notebooks: " + shown(top))
    console.print("Open the report:")
    console.print("  " + shown(here.region_folder / "pack" / "index.html"))


def open_page(args: argparse.Namespace) -> bool:
    import webbrowser

    run = parameters(args)
    region = run.release_folder / params.slug(region_from(args.region)) / "pack" if args.region else None
    page = (region or run.release_folder) / "index.html"
    if not page.is_file():
        raise NotFound(f"there is no report at {shown(page)} yet. Make it first: make run, or abie run")
    console.print(shown(page), markup=False)
    return args.no_browser or webbrowser.open(page.as_uri())


def check(args: argparse.Namespace) -> bool:
    from helpers.ingest.check import check_folder

    return check_folder(args.data.expanduser().resolve(), args.release, console)


def fetch(args: argparse.Namespace) -> bool:
    from helpers.ingest.fetch import command as fetching

    return fetching.run(args, console)


def school(args: argparse.Namespace) -> bool:
    from helpers.audit.trail import trail

    console.print(trail(parameters(args), args.urn), markup=False)
    return True


def explore(args: argparse.Namespace) -> bool:
    from helpers.run import jupyter

    run = parameters(args)
    notebook = jupyter.prepare(
        run.model_copy(update={"region": region_from(args.region)}) if args.region else run, args.notebook
    )
    console.print(f"Your copy: {shown(notebook)}. Close JupyterLab with Ctrl-C.", markup=False)
    return jupyter.open_lab(notebook, browser=not args.no_browser) == 0


def sweep(args: argparse.Namespace) -> bool:
    from rich.progress import Progress

    from helpers.explore import sweep

    combinations, args.set = sweep.grid(args.set), []
    run = parameters(args)
    run = run.model_copy(update={"region": region_from(args.region) if args.region else ENGLAND})
    with Progress(console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task("choices", total=len(combinations))
        frame = sweep.sweep(run, combinations, args.jobs, lambda done: bars.update(bar, completed=done))
    page = sweep.write(run, frame)
    console.print(
        f"{len(frame)} choices, {int(frame['note'].ne('').sum())} of them impossible. Open the table:"
    )
    console.print("  " + shown(page), markup=False)
    return True


def compare(args: argparse.Namespace) -> bool:
    from helpers.base.sheet_safe import guarded_frame
    from helpers.base.store import atomic_file
    from helpers.explore import compare

    before, after = compare.read_run(args.before), compare.read_run(args.after)
    changed = compare.schools_differ(before, after)
    if args.csv:
        with atomic_file(args.csv) as temporary:
            guarded_frame(changed).to_csv(temporary, index=False, encoding="utf-8-sig", lineterminator="\n")
    console.print(
        compare.in_words(before, after, compare.papers_differ(before, after), changed), markup=False
    )
    return True


def export(args: argparse.Namespace) -> bool:
    from helpers.share import export

    password = _password(export.PASSWORD) if args.encrypt else None
    try:
        made = export.export(
            args.run, args.audience, args.to, args.urn, args.la, args.trust, args.region, password
        )
    except OSError as error:
        console.print(
            f"Nothing was exported: {error.strerror or error} ({error.filename or args.to})", markup=False
        )
        return False
    console.print(
        f"{shown(made.path)}: {made.files} files, {made.bytes / 1e6:.1f} MB, for {made.share.who}.",
        markup=False,
    )
    console.print(made.share.marking, markup=False)
    return True


def _password(variable: str) -> str:
    """The password of an archive, from the environment or asked for twice. Never from the command line, which
    other users can read.
    """
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise BadParameters(
            f"--encrypt: nobody is there to type a password. Put it into the environment variable {variable}."
        )
    first = getpass.getpass("Password of the archive: ")
    if getpass.getpass("Once more: ") != first:
        raise BadParameters("--encrypt: the two passwords differ.")
    return first


def print_faults(faults: list[Fault], title: str) -> None:
    """Print faults as a table: severity, code, place, message and what to do."""
    table = Table(title=title, title_justify="left", show_lines=False)
    for name in ("severity", "code", "where", "what", "what to do"):
        table.add_column(name, overflow="fold")
    for fault in faults:
        place = ", ".join(
            t
            for t in (fault.file, f"row {fault.row}" if fault.row else "", fault.column, str(fault.value))
            if t
        )
        table.add_row(fault.severity, fault.code, place, fault.message, fault.what_to_do)
    console.print(table)
