"""A region for the tests of reports: sixty schools of the fitted sample, numbered from 900001 and made as awkward as
real schools may be, in the folders of a run.
"""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from helpers.base.manifest import write_manifest
from helpers.base.params import Parameters
from helpers.ingest.quality.gate import Quality
from helpers.report.inputs import PackInputs
from helpers.report.pack import build_pack
from helpers.run.stages import STAGES

RELEASE = "2022-23"
REGION = "North East"
LAS = [("501", "Aeldhaven"), ("502", "Brannocshire"), ("503", "Tavrelside"), ("504", "Wexmar Fell")]
TRUST = "Invented Learning Trust"
STATUSES = [
    ("no_published_absence", "secondary"),
    ("not_in_census", "primary"),
    ("special_range_only", "special"),
    ("alternative_provision", "ap"),
    ("nursery", "nursery"),
    ("new", "secondary"),
    ("tiny", "primary"),
    ("incomplete_data", "primary"),
]
LONG_NAME = (
    "Ysgol Sant Ŵyn’s and St Mary-le-Marsh Church of England (Voluntary Aided) Junior School, Ashcombe"[:90]
)
FLAG = {
    "severity": "flag",
    "code": "rate_jumped",
    "message": "Elm Hill School 4 (URN 900005): absence 4.9 % in 2021/22 and 9.1 % in 2022/23, 1.9 times",
    "what_to_do": "Read the row in the published file.",
    "urn": 900005,
    "region_name": REGION,
}
ELSEWHERE = 990001  # schools of other regions are numbered from here
TABLES = {"schools": "ingest.register", "panel": "ingest.panel", "baseline": "model.baseline"} | {
    "drivers": "model.drivers",
    "peers": "peers.peers",
    "alternatives": "peers.alternatives",
    "summary": "peers.summary",
    "expectations": "expectations.expectations",
    "special_ranges": "expectations.special_ranges",
}


def write_region(fitted: Parameters, folder: Path, count: int = 60) -> tuple[Path, Path]:
    """Write a region of `count` schools and the national store that it is a part of, as the notebooks 01 to 04 of a
    run with `out` = `folder` leave them. The last eight schools are without a minimum, one for each reason. Returns
    both folders. `fitted` of the fixture of that name.
    """
    made = {
        name: getattr(STAGES[stage].load(fitted), table).copy()
        for name, (stage, table) in {
            **{name: path.split(".") for name, path in TABLES.items()},
            "area_rates": ("ingest", "area_rates"),
            "boundaries": ("ingest", "boundaries"),
            "files": ("ingest", "files"),
        }.items()
    }
    chosen = _chosen(made["schools"], count)
    _renumber(made, chosen)
    _edit(made)
    run = fitted.model_copy(update={"out": str(folder), "region": REGION})
    region, national = run.region_folder, run.national_folder
    mine = made["schools"]["region_name"] == REGION
    urns = made["schools"].loc[mine, "urn"]
    for name, place in TABLES.items():
        _write(national / f"{place.replace('.', '/')}.parquet", made[name])
        _write(region / f"{name}.parquet", made[name][made[name]["urn"].isin(urns)])
    for name in ("area_rates", "boundaries", "files"):
        _write(national / "ingest" / f"{name}.parquet", made[name])
    _write(national / "records" / "agreed.parquet", STAGES["records"].load(fitted).agreed.iloc[:0])
    for stage in ("ingest", "model", "peers", "expectations"):
        (national / stage / "stamp.json").write_text(json.dumps({"key": stage}), encoding="utf-8")
    quality = STAGES["ingest"].load(fitted).quality | {"faults": [FLAG]}
    (national / "ingest" / "quality.json").write_text(json.dumps(quality), encoding="utf-8")
    Quality.from_json(quality).slice(REGION).write(region / "quality.json")
    write_manifest(run)
    return region, national


def inputs_of(fitted: Parameters, folder: Path, count: int = 60) -> PackInputs:
    """What the pack of such a region is made from."""
    return PackInputs.from_folders(*write_region(fitted, folder, count))


def write_run(fitted: Parameters, folder: Path, count: int = 60) -> Path:
    """Such a region with its pack: a finished run. Returns its release folder."""
    region, national = write_region(fitted, folder, count)
    build_pack(PackInputs.from_folders(region, national), region / "pack")
    return folder / RELEASE


def add_routing(run: Path) -> pd.DataFrame:
    """Give the region a table of the support stage, with a column that the dictionary does not hold."""
    frame = pd.DataFrame({"urn": [900001], "la_code": ["504"], "not_in_the_dictionary": ["secret"]})
    frame.to_parquet(run / "north-east" / "referrals.parquet")
    return frame


def _chosen(register: pd.DataFrame, count: int) -> pd.DataFrame:
    """Which schools of the sample are taken, in the order of their new numbers: old (their number in the sample), urn,
    la (place in `LAS`). One in three is secondary. Schools of the region come first, then others, then copies.
    """
    nearest = (
        register.assign(away=register["region_name"] != REGION)
        .sort_values("away", kind="stable")
        .set_index("urn")
    )
    pools = {
        phase: cycle(nearest.index[(nearest["status"] == "assessed") & (nearest["phase"] == phase)].tolist())
        for phase in ("primary", "secondary")
    }
    old = [next(pools["primary" if i % 3 else "secondary"]) for i in range(count - len(STATUSES))]
    old += [
        nearest.index[(nearest["status"] == status) & (nearest["phase"] == phase)][0]
        for status, phase in STATUSES
    ]
    la = [3, *(i // 3 % 3 for i in range(1, count))]
    return pd.DataFrame({"old": old, "urn": 900001 + np.arange(count), "la": la})


def _renumber(made: dict[str, pd.DataFrame], chosen: pd.DataFrame) -> None:
    """Keep the chosen schools and those elsewhere that are similar to one of them, under new numbers, in place."""
    first = chosen.drop_duplicates("old").set_index("old")["urn"]
    similar = {name: made[name][made[name]["urn"].isin(first.index)] for name in ("peers", "alternatives")}
    named = similar["alternatives"][similar["alternatives"]["named"]]
    others = pd.Index(pd.concat([similar["peers"], named])["peer_urn"].unique()).difference(first.index)
    away = pd.Series(ELSEWHERE + np.arange(len(others)), index=others)
    numbers = pd.concat([chosen[["old", "urn"]], away.rename_axis("old").reset_index(name="urn")])
    for name in TABLES:
        frame = similar.get(name, made[name]).rename(columns={"urn": "old"})
        made[name] = numbers.merge(frame, on="old", how="inner").drop(columns="old")
    for name in similar:
        to = pd.concat([first, away])
        frame = made[name][made[name]["peer_urn"].isin(to.index)]
        made[name] = frame.assign(peer_urn=frame["peer_urn"].map(to).astype("int64")).reset_index(drop=True)


def _edit(made: dict[str, pd.DataFrame]) -> None:
    """Put every chosen school into the region, and make some of them awkward, in place."""
    schools = made["schools"]
    _place(schools)
    row = schools.set_index("urn").index.get_loc
    columns = schools.columns.get_indexer
    schools.iloc[row(900002), columns(["school_name"])[0]] = "St Mary's & St John's <Primary>"
    schools.iloc[row(900003), columns(["school_name"])[0]] = LONG_NAME
    schools.loc[schools["urn"] == 900003, ["easting", "northing"]] = np.nan
    bare = ["persistent_pct", "fsm_pct", "years_6_to_8_pct", "pre_pandemic_absence_pct"]
    schools.loc[schools["urn"] == 900005, bare] = np.nan
    schools.loc[schools["urn"] == 900006, "years_6_to_8_pct"] = 0.0
    schools.loc[schools["urn"] == 900007, "roll"] = 31.0
    schools["trust_name"] = [
        TRUST if urn < ELSEWHERE and (urn - 900001) % 4 == 1 else None for urn in schools["urn"]
    ]
    peers = made["peers"]
    peers.loc[(peers["urn"] == 900003) | (peers["peer_urn"] == 900003), "km"] = np.nan
    region = schools.set_index("urn")["region_name"]
    peers["same_region"] = peers["urn"].map(region) == peers["peer_urn"].map(region)
    summary = made["summary"]
    named = pd.concat([made[name][made[name]["named"]] for name in ("peers", "alternatives")])["peer_urn"]
    summary["times_named"] = summary["urn"].map(named.value_counts()).fillna(0).astype("int64")
    summary["no_close_peers"] = summary["urn"] == 900010
    summary["code"] = np.where(summary["urn"] == 900009, "widened: to all age ranges", "")
    panel = made["panel"]
    panel = made["panel"] = panel[(panel["urn"] != 900004) | (panel["year"] == RELEASE)].copy()
    own = panel["link_kind"] == "own"
    panel.loc[own, "published_urn"] = panel.loc[own, "urn"]
    panel.loc[own, "published_urns"] = panel.loc[own, "urn"].astype("str")
    merged = (panel["urn"] == 900008) & (panel["year"] < "2019")
    panel.loc[merged, ["published_urn", "published_urns", "link_kind"]] = [800008, "800008", "merged"]
    panel.loc[(panel["urn"] == 900005) & (panel["year"] == RELEASE), "persistent_pct"] = np.nan
    rates = made["area_rates"]
    made["area_rates"] = rates[~((rates["geography"] == "la") & (rates["area_code"] == LAS[3][0]))]
    made["expectations"].loc[made["expectations"]["urn"] == 900001, "la_attendance_pct"] = np.nan


def _place(schools: pd.DataFrame) -> None:
    """Give each chosen school its LA and a place in it, and each other school a region elsewhere, in place."""
    here, mine = schools["region_name"] == REGION, schools["urn"] < ELSEWHERE
    number = schools["urn"] - 900001
    place = np.where(number == 0, 3, number // 3 % 3)
    there = schools[here & schools["easting"].notna()]
    for at, (code, name) in enumerate(LAS):
        local = there[there["la_code"] == code]
        put = mine & (place == at)
        schools.loc[put, ["la_code", "la_name"]] = code, name
        schools.loc[put, "la_ons_code"] = f"X0600000{at + 1}"
        some = local.iloc[np.arange(put.sum()) % len(local)]
        schools.loc[put, "easting"] = some["easting"].to_numpy() + 150.0 * np.arange(put.sum())
        schools.loc[put, "northing"] = some["northing"].to_numpy()
    other = schools.loc[schools["region_name"] == "South West", ["la_code", "la_ons_code", "la_name"]].iloc[0]
    schools.loc[here & ~mine, ["la_code", "la_ons_code", "la_name"]] = other.tolist()
    schools.loc[here & ~mine, "region_name"] = "South West"
    schools.loc[mine, "region_name"] = REGION


def _write(path: Path, frame: pd.DataFrame | gpd.GeoDataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.reset_index(drop=True).to_parquet(path)
