"""Moments of a data folder in the official formats, the invented country's or the real one, read with nothing
but pandas.

Used by tests/test_sample.py (sample against stated bands) and benchmarks/sample_bands.py (sample beside real
data).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PHASES = {
    "State-funded primary": "primary",
    "State-funded secondary": "secondary",
    "State-funded special school": "special",
}
RATES = {"primary": "PriTotAbs", "secondary": "SecTotAbs"}


def _logit(share: pd.Series, pupils: pd.Series) -> pd.Series:
    count = share / 100 * pupils
    return np.log((count + 0.5) / (pupils - count + 0.5))


def schools(folder: Path) -> pd.DataFrame:
    """Schools of the 2022/23 census with absence of both full years and the features of a context model."""
    spc = pd.read_csv(
        next((folder / "school-census").glob("*.csv.gz")), dtype=str, encoding="utf-8-sig"
    ).set_index("urn")
    spc.index = spc.index.astype(int)

    def number(column: str) -> pd.Series:
        return pd.to_numeric(spc[column], errors="coerce")

    out = pd.DataFrame(
        {
            "phase": spc["phase_type_grouping"].map(PHASES),
            "region": spc["region_name"],
            "la": spc["old_la_code"],
        }
    )
    out["roll"] = number("headcount of pupils")
    years = {
        k: sum(
            number(f"{t} {g} Year group {k}") for t in ("Full time", "Part time") for g in ("girls", "boys")
        )
        for k in range(1, 14)
    }
    out["ks4"], out["sixth"] = (years[10] + years[11]) / out["roll"], (years[12] + years[13]) / out["roll"]
    out["selective"], out["catholic"] = (
        spc["admissions_policy"] == "Selective",
        spc["denomination"] == "Roman Catholic",
    )
    out["rural"] = spc["urban_rural"].str.contains("Rural")
    out["white_british"] = _logit(
        number("% of pupils classified as white British ethnic origin"), out["roll"]
    )
    grt = number("% of pupils classified as Gypsy/Roma ethnic origin") + number(
        "% of pupils classified as traveller of Irish heritage ethnic origin"
    )
    out["grt"] = _logit(grt, out["roll"])
    for year, tag in (("2022-2023", ""), ("2018-2019", "_19")):
        tables = folder / "performance-tables" / year
        absence = pd.read_csv(tables / "england_abs.csv", encoding="utf-8-sig", na_values=["SUPP"]).query(
            "LA != 'NAT'"
        )
        absence = absence.set_index(absence["URN"].astype(int))
        out[f"absence_pct{tag}"] = absence["PERCTOT"].reindex(out.index)
        out[f"persistent_pct{tag}"] = absence["PPERSABS10"].reindex(out.index)
        census = (
            pd.read_csv(tables / "england_census.csv", dtype=str, encoding="utf-8-sig")
            .query("URN != 'NAT'")
            .drop_duplicates("URN")
        )
        census = census.set_index(census["URN"].astype(int))
        for ours, theirs in {
            "fsm6": "PNUMFSMEVER",
            "sen": "PSENELK",
            "ehcp": "PSENELSE",
            "eal": "PNUMEAL",
        }.items():
            out[f"{ours}{tag}"] = _logit(
                pd.to_numeric(census[theirs].str.rstrip("%"), errors="coerce").reindex(out.index), out["roll"]
            )
        out[f"fsm6_pct{tag}"] = pd.to_numeric(census["PNUMFSMEVER"].str.rstrip("%"), errors="coerce").reindex(
            out.index
        )
    place = pd.read_csv(folder / "deprivation" / "idaci_2019_by_school_location.csv").set_index("URN")
    out["idaci"] = ndtri((place["idaci_rank"].reindex(out.index) - 0.5) / 32844)
    out["log_roll"] = np.log(out["roll"].clip(lower=5))
    return out[out["phase"].notna() & (out["roll"] >= 30)]


FEATURES = (
    "fsm6",
    "sen",
    "ehcp",
    "eal",
    "white_british",
    "grt",
    "idaci",
    "log_roll",
    "ks4",
    "sixth",
    "selective",
    "catholic",
    "rural",
)


def design(frame: pd.DataFrame) -> pd.DataFrame:
    """Features of the simple context model: linear and squared terms."""
    x = frame[list(FEATURES)].astype(float)
    for name in ("fsm6", "sen", "eal", "white_british", "log_roll"):
        x[f"{name}_squared"] = (x[name] - x[name].mean()) ** 2
    return x


def expected(frame: pd.DataFrame, outcome: str) -> pd.Series:
    """Context-expected value, never fitted on the school's own authority."""
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 3, 9)))
    folds = GroupKFold(5)
    return pd.Series(
        cross_val_predict(model, design(frame), frame[outcome], groups=frame["la"], cv=folds),
        index=frame.index,
    )


def intraclass(values: pd.Series, groups: pd.Series) -> float:
    """One-way intraclass correlation."""
    by = values.groupby(groups)
    sizes, n, k = by.size(), len(values), by.ngroups
    between = (sizes * (by.mean() - values.mean()) ** 2).sum() / (k - 1)
    within = ((values - by.transform("mean")) ** 2).sum() / (n - k)
    typical = (n - (sizes**2).sum() / n) / (k - 1)
    return float((between - within) / (between + (typical - 1) * within))


def years_by_school(folder: Path) -> pd.DataFrame:
    """Absence by number and academic year (201617 ...), from all files in the Explore Education Statistics
    layout.
    """
    parts = [
        pd.read_csv(p, usecols=["time_period", "school_urn", "sess_overall_percent"])
        for p in sorted((folder / "school-absence").glob("*.csv"))
    ]
    return pd.concat(parts).pivot(index="school_urn", columns="time_period", values="sess_overall_percent")


def transition(frame: pd.DataFrame, years: pd.DataFrame) -> dict[str, float]:
    """Secondaries 2017/18 to 2018/19: correlation, shrinkage towards context, and how the yearly change
    depends on size.
    """
    pair = (
        frame[frame["phase"] == "secondary"]
        .join(years, how="inner")
        .dropna(subset=[201718, 201819, "fsm6", "idaci"])
    )
    before, after = pair[201718], pair[201819]
    context = expected(pair, 201718)
    gap, later = before - context, after - context - (after.mean() - before.mean())
    change = after - before - (after.mean() - before.mean())
    out = {
        "r_secondary": float(before.corr(after)),
        "lambda_secondary": float((gap * later).sum() / (gap**2).sum()),
    }
    out["r2_context_201718"] = float(1 - (gap**2).sum() / ((before - before.mean()) ** 2).sum())
    out["sd_change_pp"] = float(change.std())
    third = pd.qcut(pair["roll"], 3, labels=["small", "middle", "large"])
    for name in ("small", "large"):
        out[f"sd_change_pp_{name}"] = float(change[third == name].std())
    back = np.log(years.loc[years.index.isin(pair.index), [201617, 201718, 201819]].dropna())
    out["r_two_years_secondary"] = float(np.exp(back[201617]).corr(np.exp(back[201819])))
    out["r_of_successive_changes"] = float((back[201718] - back[201617]).corr(back[201819] - back[201718]))
    return out


def size_of_changes(frame: pd.DataFrame, years: pd.DataFrame) -> dict[str, float]:
    """How the typical size of a change falls with the roll: slope of log |change| on log roll, given level
    and FSM6.

    Secondaries: all transitions from one year to the next there are, pooled. Primaries have consecutive years
    for an odd sample only, so theirs (and secondaries' too, to compare) is the change from 2018/19 to 2022/23
    of all schools. |Change| below 0.05 pp is raised to it, as one-decimal data cannot tell it from nothing.
    """
    mine, parts = frame[frame["phase"] == "secondary"], []
    for before, after in zip(years.columns[:-1], years.columns[1:], strict=True):
        both = mine.join(years[[before, after]].dropna(), how="inner")
        if after - before == 101 and len(both) > 20:
            parts.append(_log_changes(both, both[before], both[after]))
    out = {"log_sigma_on_log_roll_secondary": _size_slope(parts)}
    for phase in ("primary", "secondary"):
        both = frame[frame["phase"] == phase].dropna(subset=["absence_pct", "absence_pct_19", "fsm6_pct"])
        out[f"log_sigma_four_years_on_log_roll_{phase}"] = _size_slope(
            [_log_changes(both, both["absence_pct_19"], both["absence_pct"])]
        )
    return out


def _log_changes(both: pd.DataFrame, before: pd.Series, after: pd.Series) -> pd.DataFrame:
    """Log of the size of each school's change net of the common ratio, with roll, level and FSM6, all
    centred.
    """
    change = after - before * (after.mean() / before.mean())
    size = np.log(change.abs().clip(lower=0.05))
    rows = pd.DataFrame(
        {"y": size, "n": np.log(both["roll"]), "level": np.log(before), "fsm": both["fsm6_pct"]}
    ).dropna()
    return rows - rows.mean()


def _size_slope(parts: list[pd.DataFrame]) -> float:
    rows = pd.concat(parts)
    return float(
        np.linalg.lstsq(rows[["n", "level", "fsm"]].to_numpy(), rows["y"].to_numpy(), rcond=None)[0][0]
    )


def area_spread(folder: Path) -> dict[str, float]:
    """Spread of published rates over authorities and regions, and how authorities keep their place."""
    table = pd.read_csv(next((folder / "published-rates").glob("*.csv")), dtype=str)
    table["value"], table["number"] = (
        pd.to_numeric(table["Values"], errors="coerce"),
        pd.to_numeric(table["LA Number"]).astype(int),
    )
    out = {}
    for phase, code in RATES.items():
        wide = table[table["Short Desc"] == code].pivot(index="number", columns="Years", values="value")
        la, region = wide[wide.index < 970], wide[(wide.index >= 980) & ~wide.index.isin([987, 988])]
        for year in ("2019", "2023"):
            out[f"la_sd_{phase}_{year}"] = float(la[year].std())
            out[f"region_sd_{phase}_{year}"] = float(region[year].std())
        out[f"la_r_{phase}_2023_2024"] = float(la["2023"].corr(la["2024"]))
    return out


def moments(folder: Path) -> dict[str, float]:
    """All moments of a data folder by name."""
    frame = schools(folder)
    out: dict[str, float] = {}
    for phase in ("primary", "secondary"):
        mine = frame[(frame["phase"] == phase) & frame["absence_pct"].notna()].dropna(subset=list(FEATURES))
        for outcome, name in (("absence_pct", "absence"), ("persistent_pct", "persistent")):
            y = mine[outcome]
            fitted = expected(mine, outcome)
            out[f"mean_{name}_{phase}"], out[f"sd_{name}_{phase}"] = float(y.mean()), float(y.std())
            out[f"r2_context_{name}_{phase}"] = float(
                1 - ((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum()
            )
            if name == "absence":
                left = y - fitted
                out[f"icc_la_{phase}"], out[f"icc_la_residual_{phase}"] = (
                    intraclass(y, mine["la"]),
                    intraclass(left, mine["la"]),
                )
                size = pd.qcut(mine["roll"], 5, labels=False)
                out[f"residual_sd_small_to_large_{phase}"] = float(
                    left[size == 0].std() / left[size == 4].std()
                )
        out[f"r_absence_persistent_{phase}"] = float(mine["absence_pct"].corr(mine["persistent_pct"]))
        out[f"r_absence_fsm6_{phase}"] = float(mine["absence_pct"].corr(mine["fsm6_pct"]))
        both = mine.dropna(subset=["absence_pct_19"])
        out[f"sd_absence_2019_{phase}"] = float(both["absence_pct_19"].std())
        out[f"r_2019_2023_{phase}"] = float(both["absence_pct"].corr(both["absence_pct_19"]))
    years = years_by_school(folder)
    return out | transition(frame, years) | size_of_changes(frame, years) | area_spread(folder)
