"""Bring the files of the catalogue into a folder: the newest editions, those of one release, or the very ones
that a lock file names.

What is here is never written over, and nothing half-written is left. A newer edition that takes the place of an
earlier one of ours has that one renamed to a hidden file (`.former-...`) beside it, and says so.
"""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from helpers.base.faults import NotFound
from helpers.base.params import BadParameters
from helpers.base.paths import shown
from helpers.base.store import file_hash
from helpers.base.years import academic_year
from helpers.ingest.catalogue import REFERENCE
from helpers.ingest.fetch import lock as locks
from helpers.ingest.fetch.addresses import Address, candidates, filled, of_one_year, resolve, tokens
from helpers.ingest.fetch.keep import Kept, Wanted, keep, keep_pages, kind_of, refuse_unreadable, wanted
from helpers.ingest.fetch.lock import Entry, Lock, is_here
from helpers.ingest.fetch.web import NOT_REACHED, NotFetched, NotThere, Stream, Unchanged, Web
from helpers.ingest.readers import examine

TEMPORARY, FORMER = ".fetch-", ".former-"
AN_HOUR = 3600
LEADING = "absence_ees"  # the dataset whose newest year is the release that the others are fetched for
OFF_LINE = "Is this machine on line? Behind a proxy, set HTTPS_PROXY."
STATES = {
    "fetched": "fetched",
    "had": "already here",
    "manual": "to be downloaded by hand",
    "failed": "failed",
}


@dataclass(frozen=True)
class Fetched:
    """What became of one row of the catalogue: `state` is one of `STATES`; `why` in words."""

    file: str
    state: str
    why: str = ""
    url: str = ""


@dataclass
class FetchReport:
    """What was done, a line per row, and the `release` for which the files are."""

    items: list[Fetched] = field(default_factory=list)
    release: str = ""

    def of(self, state: str) -> list[Fetched]:
        return [item for item in self.items if item.state == state]

    @property
    def failed(self) -> list[Fetched]:
        return self.of("failed")

    @property
    def ok(self) -> bool:
        """Whether nothing failed. Files to be downloaded by hand are not failures."""
        return not self.failed

    def __str__(self) -> str:
        counts = [f"{len(self.of(state))} {words}" for state, words in STATES.items() if self.of(state)]
        lines = [f"{item.file}: {item.why}" for state in ("failed", "manual") for item in self.of(state)]
        advice = [OFF_LINE] if any(NOT_REACHED in item.why for item in self.failed) else []
        return "\n".join([", ".join(counts) or "the catalogue lists nothing to fetch", *lines, *advice])


@dataclass
class _Order:
    """What is asked for, and what all files share."""

    to: Path
    lock: Lock
    web: Web
    release: str
    refresh: bool
    today: date
    console: Console | None
    newest: str = ""


def fetch(
    catalogue: pd.DataFrame,
    to: str | Path,
    release: str = "",
    only: Sequence[str] = (),
    refresh: bool = False,
    lock: str | Path | None = None,
    today: date | None = None,
    console: Console | None = None,
    retries: int = 4,
    backoff: float = 1.0,
) -> FetchReport:
    """Bring the catalogue's files into the folder `to`, read-only, and write the lock file (`lock`, by default in
    that folder).

    `release`: an academic year; else the newest that absence by school is published for. `only`: names of rows,
    else all that are wanted. `refresh`: look for newer editions of what is here. One failure does not stop the
    others. Raises `BadParameters` for a name or year that is none.
    """
    order = _order(to, lock, retries, backoff, console, release, refresh, today)
    report = FetchReport()
    rows = chosen(catalogue, only)
    for row in rows:
        item = _one(row, order)
        _say(order, item)
        report.items.append(item)
        if row["dataset"] == LEADING and not order.release:
            order.newest = _newest(order.lock)
    if not order.release:
        _bring_of_one_year(rows, order, report)
    report.release = order.lock.newest_release()
    return report


def fetch_locked(
    to: str | Path,
    lock: str | Path | None = None,
    console: Console | None = None,
    retries: int = 4,
    backoff: float = 1.0,
) -> FetchReport:
    """Bring the very files that a lock file names; where the publisher's are others now, say what has changed and
    leave them. Raises `NotFound` without a lock file.
    """
    order = _order(to, lock, retries, backoff, console)
    if not order.lock.entries:
        raise NotFound(
            f"there is no lock file {shown(order.lock.path)}: run abie fetch without --locked first"
        )
    report = FetchReport(release=order.lock.newest_release())
    for entry in sorted(order.lock.entries.values(), key=lambda entry: entry.file):
        item = _locked(entry, order)
        _say(order, item)
        report.items.append(item)
    own = order.to / locks.NAME
    if report.ok and not own.exists():
        order.lock.save(own)
    return report


def chosen(catalogue: pd.DataFrame, only: Sequence[str] = ()) -> list[dict]:
    """The rows of the catalogue that are asked for by name or dataset; else all that are wanted or have an address
    of their own. Raises `BadParameters`.
    """
    rows = catalogue.to_dict("records")
    if not only:
        return [row for row in rows if (row["wanted"] if row["name"] else row["url"])]
    found: list[dict] = []
    for given in only:
        named = [row for row in rows if row["name"] == given] or [
            row for row in rows if given in (row["dataset"], row["file"])
        ]
        if not named:
            names = sorted({row["name"] for row in rows if row["name"]} | {row["dataset"] for row in rows})
            close = difflib.get_close_matches(given, names, n=1, cutoff=0.4)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise BadParameters(
                f"the catalogue has nothing named {given!r}.{hint} Names: {', '.join(names)}."
            )
        found += [row for row in named if row not in found]
    return found


def _order(
    to: str | Path,
    lock: str | Path | None,
    retries: int,
    backoff: float,
    console: Console | None,
    release: str = "",
    refresh: bool = False,
    today: date | None = None,
) -> _Order:
    if release and academic_year(release) is None:
        raise BadParameters(f"--release {release}: an academic year like 2023-24 is needed")
    to = Path(to)
    to.mkdir(parents=True, exist_ok=True)
    for left in to.glob(f"{TEMPORARY}*"):  # of a command that was killed, where nobody writes any more
        with suppress(OSError):  # another command clears away too
            if time.time() - max(path.stat().st_mtime for path in (left, *left.glob("*"))) > AN_HOUR:
                shutil.rmtree(left, ignore_errors=True)
    held = Lock(Path(lock) if lock else to / locks.NAME)
    release = academic_year(release) or "" if release else ""
    order = _Order(to, held, Web(retries, backoff), release, refresh, today or date.today(), console)
    order.newest = _newest(held)
    return order


def _newest(lock: Lock) -> str:
    """The newest year for which absence by school is here; empty where none is."""
    years = [year for e in lock.entries.values() if e.dataset == LEADING and e.of_years for year in e.years]
    return max(years, default="")


def _bring_of_one_year(rows: list[dict], order: _Order, report: FetchReport) -> None:
    """Where the newest editions are of different years, those of the earliest of them too: one release needs all
    of the same year.
    """
    here = {row["name"]: order.lock.newest(row["name"]) for row in rows if row["name"] and of_one_year(row)}
    years = {entry.year for entry in here.values() if entry and entry.year}
    if len(years) < 2:
        return
    pinned = replace(order, release=min(years))
    for row in rows:
        entry = here.get(row["name"])
        if entry and entry.year != pinned.release and (row["name"], pinned.release) not in order.lock.entries:
            item = _one(row, pinned)
            _say(pinned, item)
            report.items.append(item)


def _one(row: dict, order: _Order) -> Fetched:
    """One row: what is here is kept, else its addresses are tried in turn."""
    name = row["name"] or row["file"]
    year = (order.release or order.newest) if of_one_year(row) else ""
    missing = False
    entry = order.lock.entries.get((name, year)) or (None if order.release else order.lock.newest(name))
    if entry and is_here(entry, order.to):
        missing = bool(order.release and entry.of_years and order.release not in entry.years)
        if not order.refresh and not missing:
            return Fetched(entry.file, "had", f"already here, fetched {entry.fetched[:10]}", entry.address)
    else:
        there = _in_the_way(row, entry, order, year)
        if there:
            return there
    if not row["url"]:
        return _by_hand(row, order)
    why: list[str] = []
    url = row["url"]
    for words in candidates(row, order.release if of_one_year(row) else "", order.newest, order.today):
        try:
            address = resolve(row, words, order.web)
            url = address.url
            return _bring(row, address, order, len(why))
        except Unchanged:
            if entry and missing:
                why.append(
                    f"the publisher has no rows of {order.release} yet; the file here ends with {entry.years[-1]}"
                )
                break
            return Fetched(
                entry.file if entry else row["file"], "had", "already here; the publisher's is the same"
            )
        except NotThere as error:
            why.append(str(error))
        except (NotFetched, OSError) as error:
            why.append(
                str(error) if isinstance(error, NotFetched) else f"the file could not be written: {error}"
            )
            break
    return Fetched(row["file"], "failed", _failure(row, why), url)


def _failure(row: dict, why: list[str]) -> str:
    tried = f" ({len(why)} addresses tried)" if len(why) > 1 else ""
    page = row["landing_page"] or "its note in the catalogue"
    see = "" if NOT_REACHED in why[-1] else f"; see {page}"
    return f"{why[-1]}{tried}{see}"


def _by_hand(row: dict, order: _Order) -> Fetched:
    where = (
        f"download it from {row['landing_page']}"
        if row["landing_page"]
        else row["note"] or "the catalogue has no address for it"
    )
    return Fetched(row["file"], "manual", f"{where}; save it as {shown(order.to / row['file'])}")


def _in_the_way(row: dict, entry: Entry | None, order: _Order, year: str) -> Fetched | None:
    """What is to be said of a file that lies where the row's would, without having been fetched as it is."""
    words = next(candidates(row, year, "", order.today), {}) if year or not of_one_year(row) else {}
    file = entry.file if entry else filled(row["file"], words)
    target = order.to / file
    if not target.exists():
        return None
    if entry:
        why = (
            f"{shown(target)} was changed after it was fetched; raw files are never overwritten: "
            "move it away to fetch it again"
        )
        return Fetched(file, "failed", why)
    if not row["sha256"]:
        return Fetched(file, "had", "here already, though not by this command: kept as it is")
    if file_hash(target) == row["sha256"]:
        return Fetched(file, "had", "already here with the right checksum")
    why = (
        f"{shown(target)} is here already and is another edition; raw files are never overwritten: "
        "move it away to fetch this one"
    )
    return Fetched(file, "failed", why)


def _bring(row: dict, address: Address, order: _Order, steps_back: int) -> Fetched:
    """Download to a temporary name, check, and put in its place. Raises `NotFetched`, `OSError`."""
    want = wanted(row["keep"], row["dataset"], row["years"], row["member"])
    same = next((e for e in order.lock.entries.values() if e.address == address.url), None)
    same = same if same and same.name == (row["name"] or row["file"]) and is_here(same, order.to) else None
    with tempfile.TemporaryDirectory(dir=order.to, prefix=TEMPORARY) as folder:
        path = Path(folder) / f".{Path(row['file']).name}"
        kept, sent = _download(address.url, want, path, order, same)
        refuse_unreadable(kept.years if row["years"] else [], order.release)
        _refuse_another_file(row, path, kept)
        words = dict(address.words)
        if kept.years:
            words["years"] = "_".join(dict.fromkeys((kept.years[0], kept.years[-1])))
        if "{" in (file := filled(row["file"], words)):
            raise NotFetched(
                f"the catalogue's file name needs {', '.join(sorted(tokens(file)))}, which is not known"
            )
        made = _entry(row, address, file, kept, sent, want)
        return _place(path, made, order, steps_back)


def _download(
    url: str, want: Wanted, path: Path, order: _Order, same: Entry | None = None
) -> tuple[Kept, list[Stream]]:
    with _bar(order, path.name.lstrip(".")) as told:
        if "offset" in tokens(url):
            return keep_pages(
                lambda offset: order.web.stream(filled(url, {"offset": str(offset)}), "map", told), path
            )
        unless = (same.etag, same.modified) if same else ("", "")
        stream = order.web.stream(url, kind_of(path.name), told, unless)
        return keep(stream, want, path), [stream]


def _refuse_another_file(row: dict, path: Path, kept: Kept) -> None:
    """What has come must be what the row says: by its checksum where it is listed, by its content where a reader
    knows it.
    """
    if row["sha256"] and kept.sha256 != row["sha256"]:
        listed = row["bytes"]
        shorter = (
            f", and shorter than listed ({kept.bytes:,} of {listed:,} bytes): perhaps it broke off"
            if not pd.isna(listed) and listed and kept.bytes < listed
            else ""
        )
        raise NotFetched(
            f"wrong checksum{shorter}. It is still {row['what']}, so the publisher may have replaced it: "
            "compare it with the publication page before listing it as a new edition"
        )
    if kept.columns is not None or row["dataset"] == REFERENCE:
        return  # a table's header has been looked at while it came
    found = examine(path)
    if row["dataset"] not in (found.name, *found.frames):
        taken_for = f"taken for {found.name}" if found.name else found.reason
        raise NotFetched(f"the publisher has changed its layout: expected {row['dataset']}, {taken_for}")


def _entry(row: dict, address: Address, file: str, kept: Kept, sent: list[Stream], want: Wanted) -> Entry:
    return Entry(
        name=row["name"] or row["file"],
        dataset=row["dataset"],
        file=file,
        address=address.url,
        fetched=locks.now(),
        bytes=kept.bytes,
        sha256=kept.sha256,
        sent_bytes=sum(stream.size for stream in sent),
        sent_sha256=sent[0].sha256 if len(sent) == 1 else "",
        licence=row["licence"],
        publisher=row["publisher"],
        what=row["what"],
        edition=address.edition or row["period"],
        year=_year_of(row, address),
        years=kept.years,
        of_years=bool(want.first),
        rows=kept.rows,
        columns=kept.columns if kept.columns_left_out else None,
        member=want.member,
        etag=sent[0].etag if len(sent) == 1 else "",
        modified=sent[0].modified if len(sent) == 1 else "",
    )


def _year_of(row: dict, address: Address) -> str:
    if not of_one_year(row):
        return ""
    for text in (address.edition, address.words.get("year", ""), address.words.get("release", "")):
        if text and academic_year(text):
            return academic_year(text) or ""
    return ""


def _place(path: Path, made: Entry, order: _Order, steps_back: int) -> Fetched:
    """Give the new file its name; an earlier edition of ours makes room for it."""
    lock, target = order.lock, order.to / made.file
    entry = lock.entries.get((made.name, made.year))
    ours = entry is not None and is_here(entry, order.to)
    if ours and entry.sha256 == made.sha256:
        lock.add(replace(made, file=entry.file, fetched=entry.fetched))
        return Fetched(entry.file, "had", "already here; the publisher's is the same", made.address)
    note = ""
    if target.exists() and not (ours and entry.file == made.file):
        if file_hash(target) != made.sha256:
            raise NotFetched(
                f"{shown(target)} is here already and is another edition; raw files are never overwritten: "
                "move it away to fetch this one"
            )
        lock.add(made)
        return Fetched(made.file, "had", "already here, the same as the publisher's", made.address)
    if ours:
        here = order.to / entry.file
        former = here.with_name(f"{FORMER}{entry.fetched.replace(':', '')}-{here.name}")
        os.replace(here, former)
        note = f"; the edition of {entry.fetched[:10]} is now {shown(former)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o444)
    os.replace(path, target)
    lock.add(made)
    if steps_back:
        newer = "1 newer address" if steps_back == 1 else f"{steps_back} newer addresses"
        note += f"; nothing under {newer}"
    return Fetched(made.file, "fetched", _what_came(made) + note, made.address)


def _what_came(entry: Entry) -> str:
    parts = [f"{size(entry.bytes)} kept, {size(entry.sent_bytes)} sent"]
    if entry.bytes == entry.sent_bytes:
        parts = [size(entry.bytes)]
    if entry.rows is not None:
        parts.append(f"{entry.rows:,} rows")
    if entry.years:
        parts.append(" to ".join(dict.fromkeys((entry.years[0], entry.years[-1]))))
    elif entry.edition:
        parts.append(entry.edition)
    return ", ".join(parts)


def _locked(entry: Entry, order: _Order) -> Fetched:
    """One file of the lock: here as it was, brought again as it was, or what has changed."""
    target = order.to / entry.file
    if is_here(entry, order.to):
        return Fetched(entry.file, "had", "already here with the right checksum", entry.address)
    if target.exists():
        why = (
            f"{shown(target)} is another file than the lock's; raw files are never overwritten: move it away"
        )
        return Fetched(entry.file, "failed", why, entry.address)
    columns = tuple(entry.columns) if entry.columns is not None else None
    years = tuple(entry.years) if entry.of_years else ()
    want = Wanted(columns, columns or (), "", years, entry.member)
    with tempfile.TemporaryDirectory(dir=order.to, prefix=TEMPORARY) as folder:
        path = Path(folder) / f".{target.name}"
        try:
            kept, sent = _download(entry.address, want, path, order)
        except (NotFetched, OSError) as error:
            return Fetched(
                entry.file, "failed", f"{error}; the lock is of {entry.fetched[:10]}", entry.address
            )
        bytes_sent = sum(stream.size for stream in sent)
        if kept.sha256 != entry.sha256:
            return Fetched(entry.file, "failed", _changed(entry, kept, bytes_sent), entry.address)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.chmod(path, 0o444)
        os.replace(path, target)
    note = ""
    if entry.sent_sha256 and sent[0].sha256 != entry.sent_sha256:
        note = "; the publisher's file has changed, but not in what is kept"
    return Fetched(entry.file, "fetched", f"the same bytes as on {entry.fetched[:10]}{note}", entry.address)


def _changed(entry: Entry, kept: Kept, bytes_sent: int) -> str:
    """How the publisher's file differs from the one of the lock, in words."""
    said = [f"{bytes_sent:,} bytes instead of {entry.sent_bytes:,}"] if bytes_sent != entry.sent_bytes else []
    if kept.rows is not None and entry.rows is not None and kept.rows != entry.rows:
        said.append(f"{kept.rows:,} rows instead of {entry.rows:,}")
    lost, new = set(entry.years) - set(kept.years), set(kept.years) - set(entry.years)
    said += [f"without {', '.join(sorted(lost))}"] if lost else []
    said += [f"with {', '.join(sorted(new))}"] if new else []
    return (
        f"the publisher has changed the file since {entry.fetched[:10]}: "
        f"{', '.join(said) or 'other figures in as many rows and bytes'}. Nothing was kept; to take the new one, "
        "run abie fetch --refresh"
    )


def size(count: int) -> str:
    """A number of bytes to read."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


@contextmanager
def _bar(order: _Order, name: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar of progress while a file comes, where somebody looks."""
    if order.console is None or not order.console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=order.console, transient=True) as progress:
        task = progress.add_task(name, total=None)
        yield lambda had, total: progress.update(task, completed=had, total=total)


def _say(order: _Order, item: Fetched) -> None:
    if order.console is not None and item.state in ("fetched", "had"):
        host = urlsplit(item.url).netloc
        came_from = f" (from {host})" if host and item.state == "fetched" else ""
        order.console.print(f"{item.file}: {item.why}{came_from}", markup=False)


__all__ = ["FetchReport", "Fetched", "chosen", "fetch", "fetch_locked", "size"]
