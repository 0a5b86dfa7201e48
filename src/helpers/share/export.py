"""`abie export`: one audience's share of a run, as a folder or an encrypted archive, with a manifest of who
got what.

What goes in is decided in `audience.py` and made in `contents.py`; here it is written. Nothing is left
behind when it fails, nothing that is there is written over, and files can be read by their owner only.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyzipper

from helpers.base.paths import shown
from helpers.base.store import file_hash, read_json, text_hash
from helpers.share import audience, contents
from helpers.share.audience import BadSelection, Share
from helpers.share.contents import Package

PASSWORD = "ABIE_EXPORT_PASSWORD"
SHORTEST_PASSWORD = 12
LEDGER = "exports.jsonl"
MANIFEST = "manifest.json"
OWNER_FILE = 0o600


@dataclass(frozen=True)
class Exported:
    """What was written: where, how many files and bytes, for whom."""

    path: Path
    files: int
    bytes: int
    share: Share


def export(
    run: Path,
    name: str,
    to: Path,
    urn: int | None = None,
    la: str | None = None,
    trust: str | None = None,
    region: str | None = None,
    password: str | None = None,
) -> Exported:
    """Write one audience's share of a run (a release folder like outputs/2022-23) below the folder `to`.

    With a password the share is an AES-256 archive and no plain copy touches the disk; names of files inside
    can be read without it. Raises `BadSelection` for what cannot be asked, `DataRefused` when the run is not
    whole, `OSError` when it cannot be written.
    """
    run = check_run(run)
    register = pd.read_parquet(run / "national" / "ingest" / "register.parquet")
    given = {"urn": urn, "la": la, "trust": trust, "region": region}
    share = audience.share(name, register, **given)
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise BadSelection(f"The password is too short: give at least {SHORTEST_PASSWORD} characters.")
    to = to.expanduser().resolve()
    if to == run or run in to.parents:
        raise BadSelection(f"--to {shown(to)}: do not write an export into the run itself.")
    label = "-".join(part for part in ("abie", run.name, share.audience.name, share.slug) if part)
    target = to / (f"{label}.zip" if password else label)
    for earlier in (to / label, to / f"{label}.zip"):
        if earlier.exists():
            raise BadSelection(
                f"{shown(earlier)} is there already. An export is never written over: choose another --to, "
                "or move it away."
            )
    source = run_of(run)
    _one_edition(run, share, source)
    with _private(), _archive(target, label, password) if password else _folder(target) as package:
        contents.fill(package, run, share, register)
        manifest = {
            "audience": share.audience.name,
            "for": share.who,
            "selection": {key: value for key, value in given.items() if value is not None},
            "marking": share.marking,
            "marking_note": audience.OWN_MARKING,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": source,
            "encrypted": password is not None,
            "schools": len(share.urns) if share.urns is not None else 0,
            "files": package.files,
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        package.write(MANIFEST, text.encode("utf-8"))
    _enter(run, manifest, target, hashlib.sha256(text.encode("utf-8")).hexdigest())
    return Exported(target, len(package.files) + 1, sum(file["bytes"] for file in package.files), share)


def check_run(run: Path) -> Path:
    """The release folder, resolved. Raises `BadSelection` when it is not one."""
    run = run.expanduser().resolve()
    if (run / "national" / "expectations" / "stamp.json").is_file():
        return run
    if (run.parent / "national").is_dir():
        raise BadSelection(
            f"{shown(run)} is one region of a run: give the folder above it, {shown(run.parent)}."
        )
    inside = [path.parent.parent for path in run.glob("*/national/expectations")] if run.is_dir() else []
    if inside:
        raise BadSelection(
            f"{shown(run)} holds runs: give one of them, {', '.join(shown(path) for path in sorted(inside))}."
        )
    raise BadSelection(
        f"{shown(run)} is not a finished run. Give a release folder like outputs/2022-23, or make one: "
        "abie run --all"
    )


def run_of(run: Path) -> dict:
    """Which run an export is from: release, the hash of the national fit, code and whether the data is
    invented.
    """
    stages = {
        path.parent.name: read_json(path)["key"] for path in sorted((run / "national").glob("*/stamp.json"))
    }
    manifest = contents.any_manifest(run)
    return {
        "release": run.name,
        "sample": bool(manifest.get("sample", False)),
        "fit": text_hash(
            {name: stages[name] for name in ("ingest", "model", "peers", "expectations") if name in stages}
        ),
        "code": manifest.get("code", {}),
        "artefacts": {
            name: file_hash(run / "national" / name)
            for name in ("ingest/register.parquet", "expectations/expectations.parquet")
        },
    }


def _one_edition(run: Path, share: Share, source: dict) -> None:
    """Refuse averages of a second fit of a release: two editions can be subtracted from each other, and the
    difference may be one school.
    """
    if not share.audience.averages:
        return
    for entry in ledger(run):
        if (
            audience.AUDIENCES[entry["audience"]].averages
            and entry["run"]["artefacts"] != source["artefacts"]
        ):
            raise BadSelection(
                f"Averages of {run.name} went out on {entry['made_at'][:10]} ({entry['audience']}) from "
                "another fit. Two editions can be subtracted "
                "from each other, and what is left may be one school. Withdraw the first edition, then "
                f"take its line out of {shown(run / LEDGER)}."
            )


def ledger(run: Path) -> list[dict]:
    """Who got what of this run: one entry per export, oldest first."""
    path = run / LEDGER
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        if path.is_file()
        else []
    )


def _enter(run: Path, manifest: dict, target: Path, digest: str) -> None:
    kept = ("audience", "for", "selection", "made_at", "run", "encrypted", "schools")
    entry = {name: manifest[name] for name in kept} | {
        "name": target.name,
        "files": len(manifest["files"]),
        "manifest_sha256": digest,
    }
    handle = os.open(run / LEDGER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_FILE)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


@contextmanager
def _private() -> Iterator[None]:
    """Whatever is made in this block is its owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _folder(target: Path) -> Iterator[Package]:
    """A package that becomes a folder, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))

    def write(name: str, data: bytes) -> None:
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(OWNER_FILE)

    try:
        yield Package(write)
        if target.exists():
            raise BadSelection(
                f"{shown(target)} was made by somebody else meanwhile. An export is never written over."
            )
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _archive(target: Path, label: str, password: str) -> Iterator[Package]:
    """A package that becomes an archive encrypted with AES-256, whole or not at all; nothing plain is
    written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with pyzipper.AESZipFile(
            temporary, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
        ) as archive:
            archive.setpassword(password.encode("utf-8"))
            yield Package(lambda name, data: archive.writestr(f"{label}/{name}", data))
        _put(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _put(temporary: Path, target: Path) -> None:
    """Give a finished file its name, never over another: a link fails where the name is taken, a rename would
    not.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise BadSelection(
            f"{shown(target)} was made by somebody else meanwhile. An export is never written over."
        ) from None
    except OSError:  # a file system without links
        os.rename(temporary, target)
