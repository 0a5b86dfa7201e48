"""What `abie fetch` does with its options, and what it prints."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from helpers.base.params import BadParameters
from helpers.base.paths import shown
from helpers.ingest import fetch
from helpers.ingest.catalogue import read_catalogue


def run(args: argparse.Namespace, console: Console) -> bool:
    """Do what is asked. Returns whether nothing failed. Raises `BadParameters`, `NotFound`, `DataRefused`."""
    to = args.to.expanduser().resolve()
    lock = args.lock.expanduser().resolve() if args.lock else to / fetch.LOCK_NAME
    if args.which_release:
        release = fetch.Lock(lock).newest_release()
        console.print(release or NO_RELEASE, markup=False)
        return bool(release)
    if args.locked:
        if args.release or args.only or args.refresh:
            raise BadParameters("--locked brings what the lock file names: it goes with no other choice")
        report = fetch.fetch_locked(to, lock, console)
    else:
        catalogue = read_catalogue(args.catalogue)
        if args.list:
            console.print(_listed(fetch.chosen(catalogue, args.only)))
            return True
        report = fetch.fetch(
            catalogue, to, args.release or "", args.only, args.refresh, lock, console=console
        )
    console.print(str(report), markup=False)
    if lock.exists():
        console.print(f"Lock file: {shown(lock)}", markup=False)
    if report.release:
        console.print(f"Newest release that these files allow: {report.release}", markup=False)
    return report.ok


NO_RELEASE = "No release: absence, the census and the detailed census of one year are needed. Run abie fetch."


def _listed(rows: list[dict]) -> Table:
    table = Table(title="What can be fetched", title_justify="left")
    for name in ("name", "what", "publisher", "address"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(row["name"], row["what"], row["publisher"], row["url"] or "by hand: see its note")
    return table
