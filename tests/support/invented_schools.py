"""An invented register and panel, small enough for unit tests, with a known dependence of absence on
circumstances.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

REGIONS = ["North East", "London", "South West"]
SHARES = (
    "eal_pct white_british_pct white_other_pct gypsy_roma_traveller_pct mixed_pct indian_pct "
    "pakistani_pct bangladeshi_pct other_asian_pct "
    "black_caribbean_pct black_african_pct other_black_pct chinese_pct other_ethnic_pct "
    "ethnicity_unclassified_pct young_carer_pct "
    "sixth_form_pct nursery_pct years_6_to_8_pct grammar_area_pct"
).split()


def register(
    n_primary: int = 240, n_secondary: int = 160, n_special: int = 12, n_las: int = 12, seed: int = 1
) -> pd.DataFrame:
    """Columns of the dictionary's table `schools` that the method reads. Every eighth secondary is selective."""
    rng = np.random.default_rng(seed)
    phase = np.repeat(["primary", "secondary", "special"], [n_primary, n_secondary, n_special])
    n = len(phase)
    la = rng.integers(0, n_las, n)
    fsm = rng.uniform(2, 60, n)
    roll = np.where(phase == "primary", rng.integers(40, 600, n), rng.integers(300, 1800, n)).astype(float)
    out = pd.DataFrame(
        {
            "urn": 100_000 + np.arange(n),
            "school_name": [f"Invented School {i}" for i in range(n)],
            "la_code": [f"{200 + k}" for k in la],
            "region_name": [REGIONS[k % len(REGIONS)] for k in la],
            "phase": phase,
            "status": np.where(phase == "special", "special_range_only", "assessed"),
            "school_type": "Community school",
            "sex_of_school": "Mixed",
            "denomination": np.where(rng.random(n) < 0.2, "Roman Catholic", "No religious character"),
            "urban_rural": np.where(
                rng.random(n) < 0.3, "(England/Wales) Rural village", "(England/Wales) Urban city and town"
            ),
            "selective": (phase == "secondary") & (np.arange(n) % 8 == 0),
            "roll": roll,
            "fsm_pct": fsm,
            "fsm6_pct": np.clip(fsm + rng.normal(2, 3, n), 0, 100),
            "sen_support_pct": rng.uniform(3, 25, n),
            "ehcp_pct": rng.uniform(0, 6, n),
            "girls_pct": rng.uniform(40, 60, n),
            "mean_year_group": np.where(phase == "primary", 3.0, 9.0) + rng.normal(0, 0.2, n),
            "idaci_rank": rng.integers(1, 32_844, n).astype(float),
            "imd_rank": rng.integers(1, 32_844, n).astype(float),
            "easting": rng.uniform(200_000, 600_000, n),
            "northing": rng.uniform(100_000, 600_000, n),
            **{c: rng.uniform(0, 10, n) for c in SHARES},
        }
    )
    out["block"] = np.where(out["selective"], "secondary_selective", out["phase"])
    level = np.select([phase == "primary", phase == "secondary"], [4.5, 6.5], 11.0)
    noise = rng.normal(0, 0.6, n) * np.sqrt(300 / roll)
    out["absence_pct"] = np.round(
        level + 0.05 * out["fsm6_pct"] + 0.05 * out["sen_support_pct"] - 1.5 * out["selective"] + noise, 1
    )
    out["pre_pandemic_urn"] = out["urn"].astype("Int64")
    out["pre_pandemic_absence_pct"] = np.round(out["absence_pct"] * 0.7, 1)
    return out


def panel(schools: pd.DataFrame, seed: int = 2) -> pd.DataFrame:
    """Three pre-pandemic years and the release's year: a lasting departure from context plus noise that is
    smaller in large schools.
    """
    rng = np.random.default_rng(seed)
    frames = [schools[["urn", "absence_pct"]].assign(year="2022-23")]
    for year in ("2016-17", "2017-18", "2018-19"):
        noise = rng.normal(0, 0.5, len(schools)) * np.sqrt(1000 / schools["roll"])
        frames.append(
            pd.DataFrame(
                {
                    "urn": schools["urn"],
                    "absence_pct": schools["pre_pandemic_absence_pct"] + noise,
                    "year": year,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def links(schools: pd.DataFrame) -> pd.DataFrame:
    """Each even school of the first forty is the predecessor of the one after it."""
    urn = schools["urn"].to_numpy()
    return pd.DataFrame({"urn": urn[1:40:2], "related_urn": urn[0:40:2]})


def area_rates(schools: pd.DataFrame, year: str = "2022-23") -> pd.DataFrame:
    """LA rates of the release's year, by phase."""
    rates = schools.groupby(["la_code", "phase"])["absence_pct"].mean().reset_index()
    return rates.rename(columns={"la_code": "area_code", "absence_pct": "rate_pct"}).assign(
        year=year, geography="la", measure="absence"
    )
