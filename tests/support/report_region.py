"""An invented region in the contract's artefacts, small and full of awkward schools, for the tests of
reports.
"""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import Polygon

from helpers.base.params import FOLDERS, make

RELEASE = "2022-23"
REGION = "North East"
YEARS = ["2016-17", "2017-18", "2018-19", "2021-22", "2022-23"]
LAS = [
    ("971", "E99000001", "Ashcombe Vale"),
    ("972", "E99000002", "Brindle and Marsh"),
    ("973", "E99000003", "Coldwater"),
    ("974", "E99000004", "Dunmere Islands"),
]
STATUSES = [
    ("no_published_absence", "secondary"),
    ("not_in_census", "primary"),
    ("special_range_only", "special"),
    ("alternative_provision", "ap"),
    ("nursery", "nursery"),
    ("new", "secondary"),
    ("tiny", "primary"),
    ("incomplete_data", "secondary"),
]
LONG_NAME = (
    "Ysgol Sant Ŵyn’s and St Mary-le-Marsh Church of England (Voluntary Aided) Junior School, Ashcombe"[:90]
)
GATE_COLUMNS = (
    "year",
    "geography",
    "area_name",
    "phase",
    "measure",
    "n_schools",
    "ours_pct",
    "published_pct",
    "difference_pp",
    "tolerance_pp",
    "verdict",
)
FLAG = {
    "severity": "flag",
    "code": "rate_jumped",
    "message": "Elm Hill School 4 (URN 900005): absence 4.9 % in 2021/22 and 9.1 % in 2022/23, 1.9 times",
    "what_to_do": "Read the row in the published file.",
    "urn": 900005,
}
PARAMETERS = make(region=REGION, release=RELEASE).model_dump(exclude=set(FOLDERS))


def _schools(rng: np.random.Generator, count: int) -> pd.DataFrame:
    rows = []
    for i in range(count):
        phase = "secondary" if i % 3 == 0 else "primary"
        status = "assessed"
        if i >= count - len(STATUSES):
            status, phase = STATUSES[i - (count - len(STATUSES))]
        code, ons, la = LAS[i // 3 % 3] if i else LAS[3]
        level = {"secondary": 8.6, "primary": 5.7, "special": 12.5}.get(phase, 7.0)
        roll = float(rng.integers(500, 1500) if phase == "secondary" else rng.integers(60, 420))
        rows.append(
            {
                "urn": 900001 + i,
                "school_name": (
                    f"{['Alder', 'Birch', 'Cedar', 'Damson', 'Elm', 'Fir'][i % 6]} "
                    f"{['Hill', 'Bank', 'Mere', 'Wood'][i % 4]} School {i}"
                ),
                "la_code": code,
                "la_ons_code": ons,
                "la_name": la,
                "region_name": REGION,
                "phase": phase,
                "status": status,
                "status_note": None,
                "school_type": "Academy converter" if i % 2 else "Community school",
                "block": phase,
                "postcode": None,
                "trust_name": "Invented Learning Trust" if i % 4 == 1 else None,
                "roll": roll,
                "weight_r_to_11": round(roll * 0.95),
                "absence_pct": round(float(np.clip(rng.normal(level, 1.4), 2, 30)), 5 if i % 2 else 1),
                "persistent_pct": round(float(np.clip(rng.normal(2.6 * level, 4), 1, 80)), 1),
                "pre_pandemic_absence_pct": round(level - 2, 1),
                "easting": 419000.0 + 22000 * LAS.index((code, ons, la)) + float(rng.uniform(0, 15000)),
                "northing": 540000.0 + float(rng.uniform(0, 55000)),
                "fsm_pct": round(float(rng.uniform(2, 60)), 1),
                "urban_rural": "Urban city and town" if i % 3 else "Rural village",
                "admissions_policy": "Non-selective",
                "governance": "Academy" if i % 2 else "LA maintained",
                "denomination": "Church of England" if i % 5 == 0 else "None",
                "sixth_form_pct": 12.0 if phase == "secondary" and i % 2 else 0.0,
                "years_6_to_8_pct": 40.0 if phase == "secondary" else 14.0,
            }
        )
    frame = pd.DataFrame(rows).set_index("urn", drop=False)
    frame.loc[900002, "school_name"] = "St Mary's & St John's <Primary>"
    frame.loc[900003, "school_name"] = LONG_NAME
    frame.loc[900003, ["easting", "northing"]] = np.nan
    frame.loc[900005, ["persistent_pct", "fsm_pct", "years_6_to_8_pct", "pre_pandemic_absence_pct"]] = np.nan
    frame.loc[900006, "years_6_to_8_pct"] = 0.0
    frame.loc[900007, "roll"] = 31.0
    no_figure = frame["status"].isin(["no_published_absence", "alternative_provision", "nursery"])
    frame.loc[no_figure, ["absence_pct", "persistent_pct", "pre_pandemic_absence_pct"]] = np.nan
    bare = frame["status"].eq("not_in_census")
    for column in ("roll", "weight_r_to_11", "fsm_pct", "years_6_to_8_pct", "sixth_form_pct"):
        frame.loc[bare, column] = np.nan
    frame.loc[bare, ["urban_rural", "governance", "school_type", "la_ons_code"]] = None
    return frame.reset_index(drop=True)


def _baseline(schools: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    some = schools[schools["status"] == "assessed"].reset_index(drop=True)
    y = some["absence_pct"]
    context = y.groupby(some["phase"]).transform("mean") + rng.normal(0, 0.6, len(some))
    base = context + 0.82 * (y - context)
    sd = np.where(some["phase"] == "secondary", 0.65, 0.6) * (1 + 100 / some["roll"])
    frame = pd.DataFrame(
        {
            "urn": some["urn"],
            "phase": some["phase"],
            "absence_pct": y,
            "context_expected_pct": context,
            "baseline_pct": base,
        }
    )
    frame["sd_pp"] = sd
    for level, z in ((80, 1.2816), (90, 1.6449)):
        frame[f"lower{level}_pct"] = (base - z * sd).clip(lower=0)
        frame[f"upper{level}_pct"] = base + z * sd
    return frame


def _peers(schools: pd.DataFrame, baseline: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    base = baseline.set_index("urn")["baseline_pct"]
    for phase, group in baseline.groupby("phase"):
        urns = [*group["urn"].tolist(), 990001 if phase == "primary" else 990002]
        for urn in group["urn"]:
            others = [u for u in rng.choice(urns, min(len(urns), 25), replace=False).tolist() if u != urn][
                :20
            ]
            for rank, peer in enumerate(others, start=1):
                rows.append(
                    {
                        "urn": urn,
                        "peer_urn": peer,
                        "rank": rank,
                        "distance": rank / 10,
                        "closeness": ["very close", "close", "fairly close", "not close"][(rank - 1) // 5],
                        "same_region": peer < 990000,
                        "km": np.nan if urn == 900003 or peer == 900003 else float(rng.uniform(1, 150)),
                        "named": bool(rank <= 9 and peer in base.index and base[peer] < base[urn] - 0.9),
                    }
                )
    return pd.DataFrame(rows)


def _expectations(schools: pd.DataFrame, baseline: pd.DataFrame, peers: pd.DataFrame) -> pd.DataFrame:
    base = baseline.set_index("urn")["baseline_pct"]
    quartile = peers.assign(b=peers["peer_urn"].map(base)).groupby("urn")["b"].quantile(0.25)
    before = schools.set_index("urn")["pre_pandemic_absence_pct"]
    la = schools.set_index("urn")["la_code"]
    rows = []
    for row in baseline.itertuples():
        best = quartile[row.urn]
        gap = max(0.0, row.baseline_pct - best)
        national, context = 0.08, 0.2 * gap
        wanted = row.baseline_pct - national - context
        target = float(np.clip(wanted, row.absence_pct - 1.2, row.absence_pct - 0.1))
        shown = np.floor(round((100 - target) * 10, 6)) / 10
        if shown < 100 - row.absence_pct + 0.1 - 1e-9:
            shown = round(shown + 0.1, 1)
        rows.append(
            {
                "urn": row.urn,
                "gap_pp": gap,
                "return_to_normal_pp": row.absence_pct - row.baseline_pct,
                "national_part_pp": national,
                "context_part_pp": context,
                "limits_part_pp": wanted - target,
                "ask_pp": row.absence_pct - target,
                "target_absence_pct": target,
                "minimum_attendance_pct": 100 - target,
                "minimum_attendance_shown_pct": float(shown),
                "chance_unaided": float(np.clip(0.45 - 0.3 * (national + context), 0.001, 0.99)),
                "chance_if_real": 0.5,
                "one_pupil_moves_pp": 0.03,
                "rounding_moves_pp": 0.05,
                "la_attendance_pct": np.nan
                if la[row.urn] == "974"
                else 94.1
                if row.phase == "primary"
                else 91.0,
                "peers_best_quartile_attendance_pct": 100 - best,
                "pre_pandemic_attendance_pct": 100 - before[row.urn],
            }
        )
    return pd.DataFrame(rows)


def _panel(schools: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for row in schools.itertuples():
        if pd.isna(row.absence_pct):
            continue
        years = ["2022-23"] if row.urn == 900004 else YEARS
        for year in years:
            own = year == RELEASE
            merged = row.urn == 900008 and year < "2019"
            rows.append(
                {
                    "urn": row.urn,
                    "year": year,
                    "absence_pct": row.absence_pct
                    if own
                    else round(max(1.0, row.absence_pct - 1.5 * (year < "2020") + rng.normal(0, 0.5)), 1),
                    "persistent_pct": row.persistent_pct if own else np.nan,
                    "published_urn": 800008 if merged else row.urn,
                    "link_kind": "merged" if merged else "own",
                }
            )
    return pd.DataFrame(rows)


def write_region(folder: Path, count: int = 60, seed: int = 1) -> tuple[Path, Path]:
    """Write an invented region's folder and national store under `folder`; returns both paths."""
    rng = np.random.default_rng(seed)
    schools = _schools(rng, count)
    baseline = _baseline(schools, rng)
    peers = _peers(schools, baseline, rng)
    expectations = _expectations(schools, baseline, peers)
    drivers = pd.DataFrame(
        [
            {"urn": urn, "driver": name, "contribution_pp": float(rng.normal(0, size))}
            for urn in baseline["urn"]
            for name, size in [
                ("fsm_pct", 0.8),
                ("sen_support_pct", 0.3),
                ("ehcp_pct", 0.2),
                ("eal_pct", 0.3),
                ("roll", 0.2),
                ("region_name", 0.2),
                ("idaci_rank", 0.2),
                ("urban_rural", 0.1),
                ("ethnicity", 0.2),
                ("denomination", 0.1),
            ]
        ]
    )
    summary = pd.DataFrame({"urn": baseline["urn"], "n_peers": 20})
    summary["widened"] = summary["urn"] == 900009
    summary["no_close_peers"] = summary["urn"] == 900010
    summary["times_named"] = (
        summary["urn"].map(peers.loc[peers["named"], "peer_urn"].value_counts()).fillna(0).astype(int)
    )
    special = schools.loc[schools["phase"] == "special", ["urn", "absence_pct"]]
    ranges = pd.DataFrame(
        {
            "urn": special["urn"],
            "lower_pct": special["absence_pct"] - 3.4,
            "upper_pct": special["absence_pct"] + 3.4,
            "words": "A change inside this range may be chance alone.",
        }
    )
    elsewhere = schools.iloc[[0, 1]].assign(
        urn=[990001, 990002],
        school_name=["Far Away Primary School", "Far Away High School"],
        la_name="Elsewhere",
        region_name="South West",
        phase=["primary", "secondary"],
        la_code="981",
    )
    elsewhere_base = baseline.iloc[[0, 1]].assign(urn=[990001, 990002])
    rates = [
        dict(
            year=RELEASE,
            geography=geography,
            area_code=code,
            area_name=name,
            region_name=REGION,
            phase=phase,
            measure=measure,
            rate_pct=rate,
        )
        for geography, code, name in [
            ("england", "", "England"),
            ("region", "", REGION),
            *[("la", la[0], la[2]) for la in LAS[:3]],
        ]
        for phase, measure, rate in [
            ("primary", "absence", 5.9),
            ("secondary", "absence", 9.0),
            ("all", "absence", 7.4),
            ("primary", "persistent", 16.2),
            ("secondary", "persistent", 26.5),
        ]
    ]
    t = np.linspace(0, 1, 40)
    wave = 1500 * np.sin(9 * t)
    edges = [np.c_[x + wave, 535000 + 65000 * t] for x in (415000, 437000, 459000, 482000)]
    polygons = [Polygon([*left, *right[::-1]]) for left, right in zip(edges, edges[1:], strict=False)]
    polygons.append(Polygon(np.c_[490000 + 4000 * np.cos(6.3 * t), 610000 + 4000 * np.sin(6.3 * t)]))
    boundaries = gpd.GeoDataFrame(
        {"la_ons_code": [la[1] for la in LAS], "la_name": [la[2] for la in LAS]},
        geometry=polygons,
        crs="EPSG:27700",
    )
    quality = {
        "verdict": "pass",
        "reconciliation": [
            dict(zip(GATE_COLUMNS, row, strict=True))
            for row in [
                (RELEASE, "england", "England", "primary", "absence", 16000, 5.93, 5.9, 0.03, 0.09, "pass"),
                (RELEASE, "region", REGION, "secondary", "absence", 160, 9.31, 9.0, 0.31, 0.2, "fail"),
                (RELEASE, "la", "Ashcombe Vale", "secondary", "absence", 9, 9.02, 9.0, 0.02, 0.29, "pass"),
                (RELEASE, "la", "Elsewhere", "secondary", "absence", 9, 9.02, 9.0, 0.02, 0.29, "pass"),
            ]
        ],
        "statuses": schools["status"].value_counts().to_dict(),
        "faults": [FLAG],
    }
    manifest = {
        "sample": True,
        "parameters": PARAMETERS,
        "code_version": "0.1.0",
        "inputs": [
            {
                "file": "performance-tables/2022-2023/england_abs.csv",
                "taken_for": "absence_performance_tables",
                "years": ["2022-23"],
                "sha256": "0" * 64,
            },
            {"file": "census/spc.csv", "taken_for": "census_spc", "years": ["2022-23"], "sha256": "1" * 64},
        ],
    }
    region, national = folder / RELEASE / "north-east", folder / RELEASE / "national"
    region.mkdir(parents=True)
    national.mkdir(parents=True)
    for name, frame in {
        "schools": schools,
        "baseline": baseline,
        "peers": peers,
        "expectations": expectations,
        "drivers": drivers,
        "panel": _panel(schools, rng),
        "summary": summary,
        "special_ranges": ranges,
    }.items():
        frame.to_parquet(region / f"{name}.parquet")
    pd.concat([schools, elsewhere], ignore_index=True).to_parquet(national / "register.parquet")
    pd.concat([baseline, elsewhere_base], ignore_index=True).to_parquet(national / "baseline.parquet")
    pd.DataFrame(rates).to_parquet(national / "area_rates.parquet")
    boundaries.to_parquet(national / "boundaries.parquet")
    (region / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (region / "quality.json").write_text(json.dumps(quality), encoding="utf-8")
    return region, national
