"""`abie`: the commands. Exit code 0 only when everything asked for was produced; 1 with what failed and why;
2 for bad usage or parameters.
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
from helpers.base.faults import DataRefused, Fault, NotFound
from helpers.base.params import ENGLAND, REGIONS, BadParameters, Parameters, region_from
from helpers.base.paths import CATALOGUE, SAMPLE, shown

OK, FAILED, BAD_USAGE = 0, 1, 2
console = Console(
    highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 180
)  # a log file has no width of its own


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="abie",
        description="Minimum attendance improvement of every school in England, set fairly and traceable "
        "number by number. "
        "The formula is this project's own, not the Department for Education's.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="official files in, regional packs out",
        description="Run the notebooks for one region, several or all.",
    )
    _data_arguments(run)
    which = run.add_mutually_exclusive_group()
    which.add_argument(
        "--region",
        action="append",
        metavar="NAME",
        help="a region (may be given several times); England is one more region",
    )
    which.add_argument("--all", action="store_true", help="England and the nine regions")
    run.add_argument(
        "--jobs",
        type=_positive,
        default=min(os.cpu_count() or 1, 4),
        metavar="N",
        help="processes at once (default: %(default)s)",
    )
    run.add_argument(
        "--scheduler",
        metavar="ADDR",
        help="address of a Dask cluster that shares this file system, like tcp://host:8786",
    )
    part = run.add_mutually_exclusive_group()
    part.add_argument(
        "--until",
        metavar="STEP",
        help="only the notebooks up to this one, and what they stand on, like 05_report",
    )
    part.add_argument(
        "--only",
        metavar="STEP",
        action="append",
        help="only this notebook, and what it stands on (may be given several times)",
    )
    run.add_argument(
        "--pdf",
        action="store_true",
        help="also a PDF beside every school's page; those that have not changed are kept",
    )
    run.set_defaults(do=_run)

    check = commands.add_parser("check", help="recognise, validate and reconcile files, without a run")
    check.add_argument(
        "data",
        type=Path,
        nargs="?",
        default=SAMPLE,
        help="folder of official files (default: the embedded sample)",
    )
    check.add_argument("--release", metavar="YEAR", help="academic year like 2022-23")
    check.set_defaults(do=_check)

    fetch = commands.add_parser(
        "fetch",
        help="download the official files, the newest or one release's",
        description="Bring the official files of the catalogue: the newest editions, those of one release, or "
        "the very ones of a lock file. What is here is never written over.",
    )
    fetch.add_argument(
        "--to",
        type=Path,
        default=Path("data/raw"),
        metavar="DIR",
        help="where to put them (default: data/raw)",
    )
    fetch.add_argument("--release", metavar="YEAR", help="academic year like 2023-24 (default: the newest)")
    fetch.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="only this one, as --list names them (may be given several times)",
    )
    fetch.add_argument(
        "--refresh", action="store_true", help="look for newer editions of what is here already"
    )
    fetch.add_argument(
        "--locked",
        action="store_true",
        help="the very files of the lock file, or what the publisher has changed since",
    )
    fetch.add_argument(
        "--lock",
        type=Path,
        metavar="FILE",
        help="another lock file (default: .fetched.lock.json in the folder)",
    )
    fetch.add_argument(
        "--catalogue", type=Path, default=CATALOGUE, metavar="FILE", help="another catalogue of editions"
    )
    fetch.add_argument("--list", action="store_true", help="print names and addresses; fetch nothing")
    fetch.add_argument(
        "--which-release",
        action="store_true",
        help="print the newest release that the fetched files allow; fetch nothing",
    )
    fetch.set_defaults(do=_fetch)

    school = commands.add_parser("school", help="one school's trail, from the published row to its report")
    school.add_argument("urn", type=_urn, metavar="URN", help="the school's Unique Reference Number")
    _data_arguments(school)
    school.set_defaults(do=_school)

    explore = commands.add_parser(
        "explore", help="open JupyterLab to move a parameter and see what moves, or to audit one school"
    )
    explore.add_argument(
        "notebook", nargs="?", default="explore", choices=("explore", "audit_school"), help="default: explore"
    )
    explore.add_argument("--region", metavar="NAME", help="the region to start from")
    explore.add_argument(
        "--no-browser", action="store_true", help="print the address instead of opening a browser"
    )
    _data_arguments(explore)
    explore.set_defaults(do=_explore)

    compare = commands.add_parser(
        "compare", help="two finished runs: what went in, what came out, why and for whom"
    )
    compare.add_argument(
        "before", type=Path, metavar="BEFORE", help="release folder of one run, like outputs/2022-23"
    )
    compare.add_argument("after", type=Path, metavar="AFTER", help="release folder of the other")
    compare.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write every school's change to a CSV file"
    )
    compare.set_defaults(do=_compare)

    share = commands.add_parser(
        "export",
        help="one audience's share of a run, as a folder or an encrypted archive",
        description=(
            "Write what one audience may see, with a manifest of who got what. Nothing that is "
            "there is written over."
        ),
    )
    share.add_argument(
        "run", type=Path, metavar="RUN", help="release folder of a finished run, like outputs/2022-23"
    )
    share.add_argument(
        "--audience",
        required=True,
        metavar="WHO",
        help="school, la, trust, rise, analyst, reviewer, public or ofsted",
    )
    share.add_argument("--urn", type=_urn, metavar="N", help="for a school: its number")
    share.add_argument("--la", metavar="CODE", help="for a local authority: its 3-digit code")
    share.add_argument("--trust", metavar="NAME", help="for a trust: its name")
    share.add_argument(
        "--region", metavar="NAME", help="for a support team: its region; for an analyst: one region only"
    )
    share.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="folder in which the export is made"
    )
    share.add_argument(
        "--encrypt",
        action="store_true",
        help=(
            "an archive encrypted with AES-256; the password is asked for, or taken from ABIE_EXPORT_PASSWORD"
        ),
    )
    share.set_defaults(do=_export)
    return parser


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", metavar="DIR", help="folder of official files (default: the embedded, invented sample)"
    )
    parser.add_argument(
        "--release", metavar="YEAR", help="academic year of the newest full data, like 2022-23"
    )
    parser.add_argument("--out", metavar="DIR", help="where results go (default: outputs)")
    parser.add_argument(
        "--records",
        metavar="DIR",
        help="what people recorded: ambitions, challenges, decisions, shocks (default: data/records)",
    )
    parser.add_argument("--params", type=Path, metavar="FILE", help="parameter file, like params/london.yml")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set one parameter, like --set slope=0.15",
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _urn(text: str) -> int:
    if not (text.isdigit() and len(text) == 6):
        raise argparse.ArgumentTypeError(f"a URN has six digits, like 123456; this is {text!r}")
    return int(text)


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


def _run(args: argparse.Namespace) -> int:
    from helpers.run import pipeline  # papermill takes a second to import: the other commands do without

    run, wanted = parameters(args), _steps(args)
    named = [region_from(name) for name in args.region or []]
    regions = list(
        dict.fromkeys(
            [ENGLAND, *REGIONS] if args.all else named or ([run.region] if args.params else [ENGLAND])
        )
    )
    began = time.perf_counter()
    results = pipeline.run_all(
        run, regions, jobs=args.jobs, scheduler=args.scheduler, console=console, wanted=wanted
    )
    if args.pdf:
        pipeline.add_pdfs(run, results, threads=args.jobs, console=console)
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
            console.print("Open the report:")
            console.print("  " + pipeline.where(here))
        else:
            console.print(f"Results: {shown(here.region_folder)}")
    return FAILED if failed else OK


def _check(args: argparse.Namespace) -> int:
    from helpers.ingest.check import check_folder

    return OK if check_folder(args.data.expanduser().resolve(), args.release, console) else FAILED


def _fetch(args: argparse.Namespace) -> int:
    from helpers.ingest.fetch import command as fetching

    return OK if fetching.run(args, console) else FAILED


def _school(args: argparse.Namespace) -> int:
    from helpers.audit.trail import trail

    console.print(trail(parameters(args), args.urn), markup=False)
    return OK


def _explore(args: argparse.Namespace) -> int:
    from helpers.run import jupyter

    run = parameters(args)
    notebook = jupyter.prepare(
        run.model_copy(update={"region": region_from(args.region)}) if args.region else run, args.notebook
    )
    console.print(f"Your copy: {shown(notebook)}. Close JupyterLab with Ctrl-C.", markup=False)
    return OK if jupyter.open_lab(notebook, browser=not args.no_browser) == 0 else FAILED


def _compare(args: argparse.Namespace) -> int:
    from helpers.base.store import atomic_file
    from helpers.explore import compare

    before, after = compare.read_run(args.before), compare.read_run(args.after)
    changed = compare.schools_differ(before, after)
    if args.csv:
        with atomic_file(args.csv) as temporary:
            changed.to_csv(temporary, index=False, encoding="utf-8-sig", lineterminator="\n")
    console.print(
        compare.in_words(before, after, compare.papers_differ(before, after), changed), markup=False
    )
    return OK


def _export(args: argparse.Namespace) -> int:
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
        return FAILED
    console.print(
        f"{shown(made.path)}: {made.files} files, {made.bytes / 1e6:.1f} MB, for {made.share.who}.",
        markup=False,
    )
    console.print(made.share.marking, markup=False)
    return OK


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


def main(argv: list[str] | None = None) -> int:
    """Entry point of `abie`. Returns the exit code."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return args.do(args)
    except BadParameters as error:
        console.print(f"{getattr(error, 'title', 'Bad parameters:')}\n{error}", markup=False)
        return BAD_USAGE
    except DataRefused as error:
        print_faults(error.faults, "The data must not be used:")
        return FAILED
    except NotFound as error:
        console.print(str(error), markup=False)
        return FAILED
    except KeyboardInterrupt:
        console.print("Stopped. What was finished is kept; the same command goes on from there.")
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
