"""`abie`: the commands. Exit code 0 only when everything asked for was produced; 1 with what failed and why;
2 for bad usage or parameters.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from helpers.base.paths import CATALOGUE, SAMPLE

OK, FAILED, BAD_USAGE = 0, 1, 2


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
    run.add_argument(
        "--pdf-large",
        action="store_true",
        help="also in large print (16 points), as <urn>-large.pdf",
    )
    run.add_argument(
        "--group",
        action="store_true",
        help="let your group read the results; else only you can (on systems that know such rights)",
    )
    run.add_argument(
        "--no-warm",
        action="store_true",
        help="a plain kernel for every notebook, instead of one forked from a process that has loaded the "
        "libraries (slower; elsewhere than on Linux kernels are plain in any case)",
    )
    run.set_defaults(do="run")

    check = commands.add_parser("check", help="recognise, validate and reconcile files, without a run")
    check.add_argument(
        "data",
        type=Path,
        nargs="?",
        default=SAMPLE,
        help="folder of official files (default: the embedded sample)",
    )
    check.add_argument("--release", metavar="YEAR", help="academic year like 2022-23")
    check.set_defaults(do="check")

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
    fetch.set_defaults(do="fetch")

    school = commands.add_parser("school", help="one school's trail, from the published row to its report")
    school.add_argument("urn", type=_urn, metavar="URN", help="the school's Unique Reference Number")
    _data_arguments(school)
    school.set_defaults(do="school")

    page = commands.add_parser("open", help="open the report of the last run in the browser")
    page.add_argument(
        "--region", metavar="NAME", help="the region to open (default: the page of all regions)"
    )
    page.add_argument("--no-browser", action="store_true", help="print the path instead of opening a browser")
    _data_arguments(page)
    page.set_defaults(do="open_page")

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
    explore.set_defaults(do="explore")

    sweep = commands.add_parser(
        "sweep",
        help="a grid of parameters, and a table of what each choice trades",
        description="Answer many choices of parameters on one run: --set slope=0.1,0.2,0.3 --set cap_pp=0.6,0.8",
    )
    sweep.add_argument(
        "--region", metavar="NAME", help="the region that the table is about (default: England)"
    )
    sweep.add_argument(
        "--jobs",
        type=_positive,
        default=min(os.cpu_count() or 1, 4),
        metavar="N",
        help="processes at once (default: %(default)s)",
    )
    _data_arguments(sweep)
    sweep.set_defaults(do="sweep")

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
    compare.set_defaults(do="compare")

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
    share.set_defaults(do="export")
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


def main(argv: list[str] | None = None) -> int:
    """Entry point of `abie`. Returns the exit code."""
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    from helpers import cli_commands as commands  # with the libraries that `--help` can do without
    from helpers.base.faults import DataRefused, NotFound
    from helpers.base.params import BadParameters

    before = os.umask(0o027 if getattr(args, "group", False) else 0o077)
    try:
        return OK if getattr(commands, args.do)(args) else FAILED
    except BadParameters as error:
        commands.console.print(f"{getattr(error, 'title', 'Bad parameters:')}\n{error}", markup=False)
        return BAD_USAGE
    except DataRefused as error:
        commands.print_faults(error.faults, "The data must not be used:")
        return FAILED
    except NotFound as error:
        commands.console.print(str(error), markup=False)
        return FAILED
    except KeyboardInterrupt:
        commands.console.print("Stopped. What was finished is kept; the same command goes on from there.")
        return FAILED
    finally:
        os.umask(before)


if __name__ == "__main__":
    sys.exit(main())
