"""A finished run in small: the invented region of the report tests, laid out as a release folder with its
national store and pack.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

from helpers.base.store import file_hash
from helpers.report.inputs import PackInputs
from helpers.report.pack import build_pack
from tests.support.report_region import RELEASE, write_region

STAGE = {"register": "ingest", "area_rates": "ingest", "boundaries": "ingest", "baseline": "model"}


def write_run(folder: Path, count: int = 60) -> Path:
    """Write the release folder `folder`/2022-23 with one finished region, North East, and its pack. Returns
    the release folder.
    """
    region, national = write_region(folder, count)
    for name, stage in STAGE.items():
        (national / stage).mkdir(exist_ok=True)
        shutil.move(national / f"{name}.parquet", national / stage / f"{name}.parquet")
    for name, stage in (("peers", "peers"), ("expectations", "expectations")):
        (national / stage).mkdir(exist_ok=True)
        shutil.copy(region / f"{name}.parquet", national / stage / f"{name}.parquet")
    for stage in ("ingest", "model", "peers", "expectations"):
        (national / stage / "stamp.json").write_text(json.dumps({"key": stage}), encoding="utf-8")
    register = pd.read_parquet(national / "ingest" / "register.parquet")
    register.loc[register["region_name"] != "North East", "trust_name"] = (
        None  # those regions have not been run
    )
    register.to_parquet(national / "ingest" / "register.parquet")
    quality = json.loads((region / "quality.json").read_text(encoding="utf-8"))
    (national / "ingest" / "quality.json").write_text(
        json.dumps({**quality, "release": RELEASE}), encoding="utf-8"
    )
    seal(region)
    build_pack(PackInputs.from_folders(region, national), region / "pack")
    return folder / RELEASE


def seal(region: Path) -> None:
    """Write the hashes of the region's tables into its manifest, as a run does at its end."""
    manifest = json.loads((region / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"release": RELEASE, "region": "North East", "code": {"version": "0", "sha256": "0" * 64}}
    manifest["artefacts"] = {path.name: file_hash(path) for path in sorted(region.glob("*.parquet"))}
    (region / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def add_routing(run: Path) -> pd.DataFrame:
    """Give the region a table of the support stage, with a column that the dictionary does not hold."""
    frame = pd.DataFrame({"urn": [900001], "la_code": ["974"], "not_in_the_dictionary": ["secret"]})
    frame.to_parquet(run / "north-east" / "referrals.parquet")
    return frame
