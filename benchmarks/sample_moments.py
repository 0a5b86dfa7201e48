"""Measure on the real open data the national moments that the embedded sample is built from, and write
data/sample_moments.csv.

    python benchmarks/sample_moments.py ../shared/open-data

Only national and regional aggregates are written: no school and no local authority can be read back from the
file. `role` says what a moment is for: `built_from` is used by the generator, `held_out` is only compared
with afterwards.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.linear_model import RidgeCV

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "data" / "sample_moments.csv"
PHASES = {
    "State-funded primary": "primary",
    "State-funded secondary": "secondary",
    "State-funded special school": "special",
}
LATENTS = ("fsm6", "sen", "ehcp", "eal", "white_british", "grt", "log_roll", "idaci")
RATES = "DfE via Local Authority Interactive Tool, absence rates of England"
CENSUS = "DfE school census 2022/23 (SPC underlying data, performance tables), measured here"
ABSENCE = "DfE absence by school, measured here"
# Session-weighted national rates: overall and unauthorised for every year are built from; persistent only in
# two, severe in three.
CODES = {
    "absence_pct": {
        "primary": "PriTotAbs",
        "secondary": "SecTotAbs",
        "special": "total_absence_special",
        "all": "TotAbs",
    },
    "unauthorised_pct": {
        "primary": "PriUnauth",
        "secondary": "SecUnauth",
        "special": "unauthorised_absence_special",
    },
    "persistent_pct": {
        "primary": "SFPriPerAbNew",
        "secondary": "SFSecPerAbNew",
        "special": "SpecPerAbNew",
        "all": "TotPerAbNew",
    },
    "severe_pct": {
        "primary": "SFPriSevPerAbNew",
        "secondary": "SFSecSevPerAbNew",
        "special": "SpecSevPerAbNew",
        "all": "TotSevPerAbNew",
    },
}
BUILT_FROM_YEARS = {"persistent_pct": ("2019", "2023"), "severe_pct": ("2019", "2023", "2025")}
ETHNIC = (
    "Irish",
    "any other white background",
    "white and black Caribbean",
    "white and black African",
    "white and Asian",
    "any other mixed background",
    "Indian",
    "Pakistani",
    "Bangladeshi",
    "any other Asian background",
    "Caribbean",
    "African",
    "any other black background",
    "Chinese",
    "any other ethnic group",
)


def logit(pct: pd.Series, pupils: pd.Series) -> pd.Series:
    """Empirical logit of a percentage of `pupils`, with half a pupil added so that none and all stay finite."""
    count = pct / 100 * pupils
    return np.log((count + 0.5) / (pupils - count + 0.5))


def schools(folder: Path) -> pd.DataFrame:
    """One row per school of the 2022/23 census with its intake on latent scales and its absence in both full
    years.
    """
    spc = pd.read_csv(next((folder / "school-census").glob("*.csv.gz")), dtype=str, encoding="utf-8-sig")
    spc = spc.set_index(spc["urn"].astype(int))

    def number(column: str) -> pd.Series:
        return pd.to_numeric(spc[column], errors="coerce")

    def share(group: str) -> pd.Series:
        return number(f"% of pupils classified as {group} ethnic origin")

    frame = pd.DataFrame(
        {
            "phase": spc["phase_type_grouping"].map(PHASES),
            "region": spc["region_name"],
            "la": spc["old_la_code"],
        }
    )
    frame["roll"] = number("headcount of pupils")
    frame["white_british_pct"] = share("white British")
    frame["grt_pct"] = share("Gypsy/Roma") + share("traveller of Irish heritage")
    for group in ETHNIC:
        frame[f"n:{group}"] = number(f"number of pupils classified as {group} ethnic origin")
    frame["n:unclassified"] = number("number of pupils unclassified")
    years = {
        k: [f"{t} {g} {k}" for t in ("Full time", "Part time") for g in ("girls", "boys")]
        for k in spc_years()
    }
    groups = {k: sum(number(c).fillna(0) for c in v) for k, v in years.items()}
    r_to_11 = sum(v for k, v in groups.items() if k not in ("Year group 12", "Year group 13"))
    frame["ks4"] = (groups["Year group 10"] + groups["Year group 11"]) / r_to_11.clip(lower=1)
    frame["sixth"] = (groups["Year group 12"] + groups["Year group 13"]) / frame["roll"].clip(lower=1)
    frame["infant"] = (sum(groups[f"Year group {i}"] for i in (3, 4, 5, 6)) == 0) & (
        frame["phase"] == "primary"
    )
    frame["junior"] = ((groups["Reception"] + groups["Year group 1"] + groups["Year group 2"]) == 0) & (
        frame["phase"] == "primary"
    )
    frame["selective"] = spc["admissions_policy"] == "Selective"
    frame["catholic"] = spc["denomination"] == "Roman Catholic"
    frame["rural"] = spc["urban_rural"].str.contains("Rural")
    frame["middle"] = spc["middle_school"].notna()
    for year, tag in (("2022-2023", ""), ("2018-2019", "_19")):
        tables = folder / "performance-tables" / year
        census = (
            pd.read_csv(tables / "england_census.csv", dtype=str, encoding="utf-8-sig")
            .query("URN != 'NAT'")
            .drop_duplicates("URN")
        )
        census = census.set_index(census["URN"].astype(int))
        names = {
            "fsm6": "PNUMFSMEVER",
            "sen": "PSENELK",
            "ehcp": "PSENELSE",
            "eal": "PNUMEAL",
            "roll_census": "NOR",
        }
        for ours, theirs in names.items():
            frame[f"{ours}_pct{tag}"] = pd.to_numeric(
                census[theirs].str.rstrip("%"), errors="coerce"
            ).reindex(frame.index)
        absence = pd.read_csv(tables / "england_abs.csv", encoding="utf-8-sig", na_values=["SUPP"]).query(
            "LA != 'NAT'"
        )
        absence = absence.set_index(absence["URN"].astype(int))
        frame[f"absence_pct{tag}"] = absence["PERCTOT"].reindex(frame.index)
        frame[f"persistent_pct{tag}"] = absence["PPERSABS10"].reindex(frame.index)
    place = pd.read_csv(folder / "deprivation" / "idaci_2019_by_school_location.csv").set_index("URN")
    frame["idaci"] = norm.ppf((place["idaci_rank"].reindex(frame.index) - 0.5) / 32844)
    for name in ("fsm6", "sen", "ehcp", "eal", "white_british", "grt"):
        frame[name] = logit(frame[f"{name}_pct"], frame["roll"])
    frame["log_roll"] = np.log(frame["roll"].clip(lower=5))
    return frame.dropna(subset=["phase"])


def spc_years() -> list[str]:
    return ["Reception", *(f"Year group {i}" for i in range(1, 14))]


def rate_rows(folder: Path) -> list[dict]:
    """National published rates by measure, phase and academic year (named by the year in which it ends)."""
    table = pd.read_csv(next((folder / "published-rates").glob("*.csv")), dtype=str).query(
        "`LA and Regions` == 'England'"
    )
    rows = []
    for moment, codes in CODES.items():
        for phase, code in codes.items():
            for year, value in table[table["Short Desc"] == code].set_index("Years")["Values"].items():
                if value == "-":
                    continue
                built = phase != "all" and year in BUILT_FROM_YEARS.get(moment, (year,))
                role = "built_from" if built else "held_out"
                rows.append(row(moment, phase, year, round(float(value), 2), "%", role, RATES, code))
    return rows


def row(
    moment: str, phase: str, key: object, value: float, unit: str, role: str, source: str, note: str = ""
) -> dict:
    return dict(
        moment=moment, phase=phase, key=str(key), value=value, unit=unit, role=role, source=source, note=note
    )


def intake_rows(frame: pd.DataFrame) -> list[dict]:
    """Means by region, spread between and within LAs, and within-LA correlations of the intake's latent
    scales.
    """
    rows = []
    for phase, group in frame.groupby("phase"):
        latent = group[list(LATENTS)].dropna()
        la, region = group["la"].reindex(latent.index), group["region"].reindex(latent.index)
        by_region, by_la = latent.groupby(region), latent.groupby(la)
        within = latent - by_la.transform("mean")
        between = (
            by_la.mean() - by_region.mean().reindex(region.groupby(la).first()).set_index(by_la.mean().index)
        ).std()
        for name in LATENTS:
            for place, value in by_region[name].mean().items():
                rows.append(
                    row(f"intake_mean:{name}", phase, place, round(value, 3), "latent", "built_from", CENSUS)
                )
            rows.append(
                row(
                    f"intake_sd_within_la:{name}",
                    phase,
                    "",
                    round(within[name].std(), 3),
                    "latent",
                    "built_from",
                    CENSUS,
                )
            )
            rows.append(
                row(
                    f"intake_sd_between_las:{name}",
                    phase,
                    "",
                    round(between[name], 3),
                    "latent",
                    "built_from",
                    CENSUS,
                )
            )
        correlation = within.corr()
        for i, first in enumerate(LATENTS):
            for second in LATENTS[:i]:
                value = round(correlation.loc[first, second], 3)
                rows.append(
                    row(
                        f"intake_correlation:{first}",
                        phase,
                        second,
                        value,
                        "r",
                        "built_from",
                        CENSUS,
                        "within LA",
                    )
                )
        for name in ("fsm6", "sen", "ehcp", "eal"):
            pair = (
                group[[name, f"{name}_pct_19", "roll_census_pct_19"]]
                .dropna()
                .query("roll_census_pct_19 > 50")
            )
            before = logit(pair[f"{name}_pct_19"], pair["roll_census_pct_19"])
            rows.append(
                row(
                    f"intake_stability:{name}",
                    phase,
                    "2019-2023",
                    round(pair[name].corr(before), 3),
                    "r",
                    "built_from",
                    CENSUS,
                )
            )
            shift = round(float((before - pair[name]).mean()), 3)
            rows.append(
                row(
                    f"intake_shift:{name}",
                    phase,
                    "2019-2023",
                    shift,
                    "latent",
                    "built_from",
                    CENSUS,
                    "2018/19 less 2022/23",
                )
            )
        minority = group[[f"n:{g}" for g in ETHNIC]].sum()
        for name, value in (minority / minority.sum()).items():
            rows.append(
                row(
                    f"minority_share:{name[2:]}",
                    phase,
                    "",
                    round(value, 4),
                    "share",
                    "built_from",
                    CENSUS,
                    "of all other pupils",
                )
            )
        unknown = group["n:unclassified"].sum() / group["roll"].sum()
        rows.append(
            row("ethnicity_unclassified_share", phase, "", round(unknown, 4), "share", "built_from", CENSUS)
        )
    return rows


def context_rows(frame: pd.DataFrame) -> list[dict]:
    """How much log absence moves per standard deviation of each circumstance (ridge, all schools of the
    phase, 2022/23).
    """
    rows = []
    flags = ["selective", "catholic", "infant", "junior", "middle", "ks4", "sixth", "rural"]
    for phase, group in frame.groupby("phase"):
        group = group[group["absence_pct"].notna() & (group["roll"] >= 30)].dropna(subset=list(LATENTS))
        design = group[[*LATENTS, *flags]].astype(float)
        design = (design - design.mean()) / design.std().replace(0, 1)
        for name in ("fsm6", "eal"):
            design[f"{name}_squared"] = design[name] ** 2
        fit = RidgeCV(np.logspace(-1, 3, 9)).fit(design, np.log(group["absence_pct"]))
        for name, value in zip(design.columns, fit.coef_, strict=True):
            rows.append(
                row(
                    f"context_effect:{name}",
                    phase,
                    "2023",
                    round(value, 4),
                    "log % per SD",
                    "built_from",
                    ABSENCE,
                )
            )
        for tag, year in (("", "2023"), ("_19", "2019")):
            y = np.log(group[f"absence_pct{tag}"]).dropna()
            rows.append(
                row(
                    "log_absence_sd",
                    phase,
                    year,
                    round(y.std(), 3),
                    "log %",
                    "built_from",
                    ABSENCE,
                    "unweighted, roll of 30 or more",
                )
            )
            pair = group[[f"absence_pct{tag}", f"persistent_pct{tag}", "roll"]].dropna()
            shares = logit(pair[f"persistent_pct{tag}"], pair["roll"])
            level = np.log(pair[f"absence_pct{tag}"]) - np.log(pair[f"absence_pct{tag}"]).mean()
            bend, slope, _ = fit = np.polyfit(level, shares, 2)
            left = shares - np.polyval(fit, level)
            rows.append(
                row(
                    "persistent_slope", phase, year, round(slope, 3), "logit per log %", "built_from", ABSENCE
                )
            )
            rows.append(
                row(
                    "persistent_curvature",
                    phase,
                    year,
                    round(bend, 3),
                    "logit per squared log %",
                    "built_from",
                    ABSENCE,
                )
            )
            rows.append(
                row(
                    "persistent_residual_sd",
                    phase,
                    year,
                    round(left.std(), 3),
                    "logit",
                    "built_from",
                    ABSENCE,
                )
            )
    return rows


def severe_rows(folder: Path) -> list[dict]:
    """Slope of severe absence on overall absence over LAs (no file gives severe absence by school)."""
    table = pd.read_csv(next((folder / "published-rates").glob("*.csv")), dtype=str).query("Years == '2023'")
    table = table[pd.to_numeric(table["LA Number"]) < 970].assign(
        value=lambda t: pd.to_numeric(t["Values"], errors="coerce")
    )
    wide = table.pivot(index="LA Number", columns="Short Desc", values="value")
    rows = []
    for phase in PHASES.values():
        pair = wide[[CODES["absence_pct"][phase], CODES["severe_pct"][phase]]].dropna()
        pair = pair[(pair > 0).all(axis=1)]
        x, y = np.log(pair.iloc[:, 0]), np.log(pair.iloc[:, 1] / (100 - pair.iloc[:, 1]))
        rows.append(
            row(
                "severe_slope",
                phase,
                "2023",
                round(np.polyfit(x, y, 1)[0], 2),
                "logit per log %",
                "built_from",
                RATES,
                "over LAs",
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of the real open data")
    folder = parser.parse_args().data
    frame = schools(folder)
    rows = rate_rows(folder) + intake_rows(frame) + context_rows(frame) + severe_rows(folder)
    with OUT.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} moments written to {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
