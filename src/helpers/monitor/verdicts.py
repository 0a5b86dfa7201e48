"""Verdicts: was the target met, net of what happened to everybody and of recorded shocks, and by more than
chance?

shortfall = published absence - movement of the region's schools of that phase - recorded shocks - target;  z
= shortfall / sd of the baseline. A verdict is a word about one year of one school. It names no cause, and
within the noise it says so. A school whose circumstances have changed has its target reopened instead of
failing it. Routing (`support`) looks at two years, each measured from its own new baseline.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.params import DEFAULT, Parameters
from helpers.expectations import formula
from helpers.monitor.snapshots import LAST_WEEK_FROM

VERDICTS = ("met", "within_noise", "missed_by_more_than_noise", "too_early")
TINY = 1e-9
MIXED_LINKS = {
    "merged": "merged",
    "merged_incomplete": "merged",
    "split": "split",
    "split_incomplete": "split",
}
REOPENED = {
    "roll_grew": "the roll grew by more than the agreed share",
    "roll_fell": "the roll fell by more than the agreed share",
    "sen_rose": "the share of pupils with EHC plans or SEN support rose by more than agreed",
    "merged": "the school has taken in another school",
    "split": "the school was divided",
}
COLUMNS = [
    "urn",
    "year",
    "absence_pct",
    "target_absence_pct",
    "movement_pp",
    "shock_effect_pp",
    "shock_codes",
    "shortfall_pp",
    "shortfall_without_shocks_pp",
    "z",
    "z_without_shocks",
    "met_as_published",
    "verdict",
    "verdict_without_shocks",
    "reopened",
    "words",
]


def movement(area_rates: pd.DataFrame, schools: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """Change of the published absence rate of a school's region and phase between two years.

    `area_rates` as in docs/house.md; `schools`: urn, region_name, phase. Out: urn, movement_pp (NaN where
    nothing is published), movement_area (the region, or England where the region has no rate).
    """
    rates = area_rates[
        area_rates["measure"].eq("absence") & area_rates["geography"].isin(["region", "england"])
    ]
    wide = (
        rates[rates["year"].isin([before, after])]
        .pivot_table(index=["area_name", "phase"], columns="year", values="rate_pct", aggfunc="first")
        .reindex(columns=[before, after])
    )
    change = (wide[after] - wide[before]).dropna()
    keys = pd.MultiIndex.from_frame(schools[["region_name", "phase"]])
    england = pd.MultiIndex.from_arrays([["England"] * len(schools), schools["phase"]])
    own, whole = change.reindex(keys).to_numpy(), change.reindex(england).to_numpy()
    area = np.where(np.isnan(own), "England", schools["region_name"].to_numpy())
    return pd.DataFrame(
        {
            "urn": schools["urn"].to_numpy(),
            "movement_pp": np.where(np.isnan(own), whole, own),
            "movement_area": area,
        }
    )


def area_effects(shocks: pd.DataFrame, snapshots: pd.DataFrame, base_year: str, year: str) -> pd.DataFrame:
    """What shocks of an authority added to its rate of `year` beyond what the base year had: la_ons_code,
    phase, start, end, code, effect_year_pp.

    A target is set from the base year, so what was in both excuses nothing: shocks of the same code in the
    base year are taken off (never below 0). Feasts move through the calendar and are in every year; religious
    observance therefore counts for no more than its rate over the whole year rose beside the region's, where
    both years are complete. `shocks` of `shocks.find`, `snapshots` of `snapshots.clean`.
    """
    counted = shocks[
        (shocks["geography"] == "la") & (shocks["not_counted"] == "") & (shocks["effect_year_pp"] > 0)
    ]
    keys = ["la_ons_code", "phase", "code"]
    rows = counted.loc[counted["year"] == year, [*keys, "start", "end", "effect_year_pp"]].reset_index(
        drop=True
    )
    total = rows.groupby(keys)["effect_year_pp"].transform("sum")
    before = counted[counted["year"] == base_year].groupby(keys)["effect_year_pp"].sum()
    left = (total - before.reindex(pd.MultiIndex.from_frame(rows[keys])).fillna(0.0).to_numpy()).clip(
        lower=0.0
    )
    rise = _rise_beside_region(snapshots, "religious_sessions", base_year, year)
    most = pd.Series(
        rise.reindex(pd.MultiIndex.from_frame(rows[["la_ons_code", "phase"]])).to_numpy(), index=rows.index
    )
    left = left.mask(
        rows["code"].eq("religious_observance") & most.notna(), np.minimum(left, most.clip(lower=0.0))
    )
    rows["effect_year_pp"] *= left / total
    return rows[rows["effect_year_pp"] > TINY].reset_index(drop=True)


def _rise_beside_region(snapshots: pd.DataFrame, column: str, base_year: str, year: str) -> pd.Series:
    """Change of a reason's rate over the whole year (points), authority less region; by la_ons_code and
    phase, complete years only.
    """
    whole = (
        snapshots[snapshots["school_week"] >= LAST_WEEK_FROM]
        .sort_values("end", kind="stable")
        .drop_duplicates(["geography", "area", "phase", "year"], keep="last")
    )
    whole = whole.assign(rate=100 * whole[column] / whole["possible_sessions"])
    wide = whole.pivot(
        index=["geography", "area", "region_name", "phase"], columns="year", values="rate"
    ).reindex(columns=[base_year, year])
    change = (wide[year] - wide[base_year]).rename("change").reset_index()
    la, region = (change[change["geography"] == g] for g in ("la", "region"))
    both = la.merge(
        region[["region_name", "phase", "change"]],
        on=["region_name", "phase"],
        suffixes=("", "_region"),
        validate="m:1",
    )
    return (both["change"] - both["change_region"]).set_axis(
        pd.MultiIndex.from_frame(both[["area", "phase"]])
    )


def shock_effects(
    area: pd.DataFrame, recorded: pd.DataFrame, schools: pd.DataFrame, year: str
) -> pd.DataFrame:
    """What shocks added to each school's rate of the year: urn, shock_effect_pp, shock_codes (joined by `+`).

    `area` of `area_effects`; `recorded` of `sources.recorded_shocks` (entered by hand, or found in a school's
    own extract: scope `school` or `la`). `schools`: urn, la_code, la_ons_code, phase. Where a school's own
    record overlaps an area's shock in time, the own record alone counts. Schools without a shock get no row.
    """
    mine = schools[["urn", "la_code", "la_ons_code", "phase"]]
    by_area = mine.merge(area, on=["la_ons_code", "phase"], validate="m:m")
    noted = recorded[recorded["year"] == year]
    by_hand = (
        noted[noted["scope"] == "la"]
        .drop(columns="urn")
        .merge(mine, on="la_code", validate="m:m", suffixes=("", "_school"))
    )
    by_hand = by_hand[by_hand["phase"].eq(by_hand["phase_school"]) | by_hand["phase"].eq("")]
    own = noted[(noted["scope"] == "school") & noted["urn"].isin(mine["urn"])]
    used = ["urn", "start", "end", "code", "effect_year_pp"]
    others = pd.concat([by_area[used], by_hand[used]], ignore_index=True).astype({"urn": "int64"})
    pairs = others.reset_index().merge(
        own[["urn", "start", "end"]], on="urn", suffixes=("", "_own"), validate="m:m"
    )
    overlap = pairs.loc[(pairs["start"] <= pairs["end_own"]) & (pairs["start_own"] <= pairs["end"]), "index"]
    counted = pd.concat([others.drop(index=overlap.unique()), own[used]], ignore_index=True).astype(
        {"urn": "int64"}
    )
    counted = counted[counted["effect_year_pp"] > 0]
    return counted.groupby("urn", as_index=False).agg(
        shock_effect_pp=("effect_year_pp", "sum"), shock_codes=("code", lambda c: "+".join(sorted(set(c))))
    )


def changed_circumstances(
    before: pd.DataFrame, after: pd.DataFrame, rules: Parameters | None = None
) -> pd.DataFrame:
    """Schools whose target is to be reopened: urn, code (of `REOPENED`), words; one row per school and code.

    `before`, `after`: urn, roll, and where known ehcp_pct, sen_support_pct; `after` also link_kind (of the
    panel). A measure that is missing on either side decides nothing.
    """
    rules = rules or DEFAULT
    measures = ["roll", "ehcp_pct", "sen_support_pct"]
    both = before.reindex(columns=["urn", *measures]).merge(
        after.reindex(columns=["urn", *measures, "link_kind"]),
        on="urn",
        suffixes=("_before", "_after"),
        validate="1:1",
    )
    roll = 100 * (both["roll_after"].astype("float64") / both["roll_before"].astype("float64") - 1)
    sen = (
        both["ehcp_pct_after"]
        + both["sen_support_pct_after"]
        - both["ehcp_pct_before"]
        - both["sen_support_pct_before"]
    )
    link = both["link_kind"].map(MIXED_LINKS)
    found = {
        "roll_grew": roll > rules.roll_change_pct,
        "roll_fell": roll < -rules.roll_change_pct,
        "sen_rose": sen.astype("float64") > rules.sen_rise_pp,
        "merged": link.eq("merged"),
        "split": link.eq("split"),
    }
    size = {"roll_grew": roll, "roll_fell": roll, "sen_rose": sen}
    parts = []
    for code, hit in found.items():
        rows = both.loc[hit.fillna(False), ["urn"]].assign(code=code, words=REOPENED[code])
        if code in size:
            unit = "%" if code.startswith("roll") else "points"
            rows["words"] = [f"{REOPENED[code]} ({v:+.0f} {unit})" for v in size[code][rows.index]]
        parts.append(rows)
    return pd.concat(parts, ignore_index=True).sort_values(["urn", "code"], ignore_index=True)


def verdicts(
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    outcomes: pd.DataFrame,
    movement: pd.DataFrame,
    shocks: pd.DataFrame,
    reopened: pd.DataFrame | None = None,
    rules: Parameters | None = None,
) -> pd.DataFrame:
    """One verdict per school with an expectation; columns `COLUMNS`.

    In: `baseline` (urn, sd_pp), `expectations` (urn, target_absence_pct, minimum_attendance_shown_pct),
    `outcomes` (urn, year, absence_pct of the next full year; one year only), `movement` of `movement`,
    `shocks` of `shock_effects`, `reopened` of `changed_circumstances`. z counts recorded shocks in the
    school's favour, z_without_shocks does not: both are always given. Without a published outcome, or without
    a published movement, there is no z and the verdict is `too_early`. A reopened target is never failed:
    unless met, the verdict is `too_early`. Raises ValueError for outcomes of several years or a school with
    two outcomes.
    """
    rules = rules or DEFAULT
    years = outcomes["year"].dropna().unique()
    if len(years) > 1:
        raise ValueError(f"outcomes of one year are needed, not of {', '.join(sorted(years))}")
    if outcomes["urn"].duplicated().any():
        raise ValueError(
            f"school {outcomes.loc[outcomes['urn'].duplicated(), 'urn'].iloc[0]} has two outcomes for "
            f"{years[0]}"
        )
    out = expectations[["urn", "target_absence_pct", "minimum_attendance_shown_pct"]].merge(
        baseline[["urn", "sd_pp"]], on="urn", validate="1:1"
    )
    out = out.merge(outcomes[["urn", "absence_pct"]], on="urn", how="left", validate="1:1")
    out = out.merge(movement[["urn", "movement_pp"]], on="urn", how="left", validate="1:1")
    out = out.merge(shocks[["urn", "shock_effect_pp", "shock_codes"]], on="urn", how="left", validate="1:1")
    out["year"] = years[0] if len(years) else ""
    out["shock_effect_pp"] = out["shock_effect_pp"].astype("float64").fillna(0.0)
    out["shock_codes"] = out["shock_codes"].astype("str").fillna("")
    out["shortfall_without_shocks_pp"] = out["absence_pct"] - out["movement_pp"] - out["target_absence_pct"]
    out["shortfall_pp"] = out["shortfall_without_shocks_pp"] - out["shock_effect_pp"]
    out["z"] = out["shortfall_pp"] / out["sd_pp"]
    out["z_without_shocks"] = out["shortfall_without_shocks_pp"] / out["sd_pp"]
    out["met_as_published"] = 100 - out["absence_pct"] >= out["minimum_attendance_shown_pct"] - TINY
    changed = reopened if reopened is not None else pd.DataFrame({"urn": [], "words": []})
    why = changed.groupby("urn")["words"].agg("; ".join)
    out["reopened"] = out["urn"].isin(why.index)
    for name, z in (("verdict", "z"), ("verdict_without_shocks", "z_without_shocks")):
        out[name] = _word(out[z], out["met_as_published"] & rules.promise_kept, out["reopened"], rules)
    out["words"] = _words(out, out["urn"].map(why))
    return out[COLUMNS].sort_values("urn", ignore_index=True)


def _word(z: pd.Series, kept: pd.Series, reopened: pd.Series, rules: Parameters) -> pd.Series:
    cases = [z.isna(), kept | z.le(TINY), reopened, z.le(rules.noise_z)]
    word = np.select(cases, ["too_early", "met", "too_early", "within_noise"], VERDICTS[2])
    return pd.Series(word, index=z.index, dtype="str")


def _words(rows: pd.DataFrame, why: pd.Series) -> list[str]:
    """A sentence or two for a head: the figure, what was taken off, the verdict and how sure it is."""
    out = []
    for r, reason in zip(rows.itertuples(index=False), why, strict=True):
        if np.isnan(r.z):
            out.append(
                "Too early to say: no full year has been published for this school and its region since "
                "the target was set."
            )
            continue
        off = f"the region's schools moved by {r.movement_pp:+.2f} points".replace("-", "\N{MINUS SIGN}")
        if r.shock_effect_pp:
            off += (
                f", recorded shocks ({r.shock_codes.replace('_', ' ').replace('+', ', ')}) account for "
                f"{r.shock_effect_pp:.2f}"
            )
        net = f"Absence was {r.absence_pct:.1f}%; {off}. Net of that it was {abs(r.shortfall_pp):.2f} points "
        net += f"{'above' if r.shortfall_pp > 0 else 'below'} the {r.target_absence_pct:.2f}% asked"
        size = f"({abs(r.z):.1f} times what chance typically moves a school like this)"
        if r.verdict == "met" and r.z > TINY:
            ending = f" {size}; but the published rate reached the minimum in the school's report: met."
        elif r.verdict == "met":
            ending = ": met."
        elif r.reopened:
            ending = f", but circumstances changed ({reason}): the target is to be set anew, not failed."
        elif r.verdict == "within_noise":
            ending = f" {size}: within what chance alone can do."
        else:
            ending = f" {size}: missed by more than chance alone makes likely."
        if r.verdict != r.verdict_without_shocks:
            ending += (
                f" Without the shocks the verdict would be: {r.verdict_without_shocks.replace('_', ' ')}."
            )
        out.append(net + ending)
    return out


def _improvement(expectations: pd.DataFrame) -> pd.Series:
    """National and context part of each ask (pp) before any limit; missing where the frame tells a target
    alone.
    """
    if "improvement_pp" in expectations:
        return expectations["improvement_pp"]
    if {"national_part_pp", "context_part_pp"} <= set(expectations.columns):
        return expectations["national_part_pp"] + expectations["context_part_pp"]
    return pd.Series(np.nan, index=expectations.index)


def rebase(
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    outcomes: pd.DataFrame,
    movement: pd.DataFrame,
    parameters: Parameters | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Baseline and expectations for a second year, from the first year's outcome: (baseline, expectations)
    with the columns `verdicts` needs.

    The weight on a school's own figure is the one its first baseline implies, (B - c) / (y - c), the phase's
    median where y is close to c; the context moves with the region; the improvement on the baseline (national
    and context part within floor and cap) is asked again, within the smallest and largest ask. A release fits
    all this anew; this is for following one set of targets through a second year before that. Schools without
    an outcome or a movement get no row.
    """
    parameters = parameters or Parameters()
    rows = baseline[["urn", "phase", "absence_pct", "context_expected_pct", "baseline_pct", "sd_pp"]]
    rows = rows.merge(
        expectations[["urn", "target_absence_pct"]].assign(improvement_pp=_improvement(expectations)),
        on="urn",
        validate="1:1",
    )
    rows = rows.merge(
        outcomes[["urn", "absence_pct"]].rename(columns={"absence_pct": "next_pct"}), on="urn", validate="1:1"
    )
    rows = rows.merge(movement[["urn", "movement_pp"]], on="urn", validate="1:1").dropna(
        subset=["next_pct", "movement_pp"]
    )
    gap = rows["absence_pct"] - rows["context_expected_pct"]
    own = ((rows["baseline_pct"] - rows["context_expected_pct"]) / gap).where(gap.abs() >= 0.1)
    own = own.fillna(own.groupby(rows["phase"]).transform("median"))
    context = rows["context_expected_pct"] + rows["movement_pp"]
    again = context + own * (rows["next_pct"] - context)
    asked = rows["improvement_pp"].fillna(rows["baseline_pct"] - rows["target_absence_pct"])
    target = formula.target(rows["next_pct"], again, 0.0, asked, parameters)
    new = rows[["urn", "phase"]].assign(
        absence_pct=rows["next_pct"], context_expected_pct=context, baseline_pct=again, sd_pp=rows["sd_pp"]
    )
    shown = formula.shown_minimum(rows["next_pct"], target, parameters)
    asks = rows[["urn"]].assign(
        target_absence_pct=target, minimum_attendance_shown_pct=shown, improvement_pp=asked
    )
    return new.reset_index(drop=True), asks.reset_index(drop=True)


def follow(
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    outcomes: pd.DataFrame,
    years: list[str],
    movements: dict[str, pd.DataFrame],
    shocks: dict[str, pd.DataFrame],
    reopened: dict[str, pd.DataFrame] | None = None,
    parameters: Parameters | None = None,
) -> pd.DataFrame:
    """Verdicts of one release's targets over the following `years`, below each other: `COLUMNS` and fixed_z.

    Each later year is re-based: its target is set from the year before (`rebase`), so that one bad year is
    not counted twice. fixed_z measures every year from the first target, net of all movement since.
    `outcomes`: urn, year, absence_pct; the other frames by year, as for `verdicts`. A later year without any
    outcome is left out; the first always stands, with `too_early` throughout when there is none.
    """
    parts, movement_since, base, asks = [], None, baseline, expectations
    for i, year in enumerate(years):
        known = outcomes[(outcomes["year"] == year) & outcomes["absence_pct"].notna()]
        if i and known.empty:
            break
        moved = movements[year]
        told = verdicts(
            base, asks, known, moved, shocks[year], (reopened or {}).get(year), parameters
        ).assign(year=year)
        by_urn = moved.set_index("urn")["movement_pp"]
        movement_since = by_urn if movement_since is None else movement_since.add(by_urn)
        first = baseline.set_index("urn")["sd_pp"], expectations.set_index("urn")["target_absence_pct"]
        sd, target = (told["urn"].map(s) for s in first)
        fixed = told["absence_pct"] - told["urn"].map(movement_since) - told["shock_effect_pp"] - target
        parts.append(told.assign(fixed_z=fixed / sd))
        base, asks = rebase(base, asks, known, moved, parameters)
    return pd.concat(parts, ignore_index=True)
