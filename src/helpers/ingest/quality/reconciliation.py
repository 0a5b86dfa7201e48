"""Reconciliation: our roll-ups beside the published rates of England, the regions and the local authorities,
and whether each year is the year that it says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base.years import year_words, years_between
from helpers.ingest.panel import one_figure_each
from helpers.ingest.quality.findings import Finding, capped, hard
from helpers.ingest.rates import GEOGRAPHIES, MEASURES, PHASES, roll_up, sessions_of

if TYPE_CHECKING:
    from helpers.ingest.readers.readings import Readings

CHECK_FILE = (
    "Compare the file with the publisher's page, download it again, and read the rows of the place named."
)

# Tolerance of a cell = base_pp + per_spread x spread_pp of the cell (see `rates.roll_up`) + per_school /
# (n_schools + 1) + hidden_share x ours_pct
# (for schools whose rate is suppressed because it is low). Where `look_pp` is given, a smaller difference
# already earns a flag.
# `measured_pp`: largest absolute difference on the published data, 2018/19 for roll and 2022/23 for
# pupils_r_to_11. Sessions are exact but for
# rounding; no published file of all schools gives them.
_BIAS = "pupils stand in for sessions; England and regions average over many schools"
_MIX = "pupils stand in for sessions, so an area's error grows with the spread of its schools"
_UNSEEN = (
    "few schools per area, many pupils who stay for a term; one school outside the file weighs 1 / "
    "(schools + 1)"
)
_COUNTS = (
    "persistent absence counts enrolments, and pupils who come and go are mostly persistent "
    "absentees: biased as well as noisy"
)
_EXACT = "sessions are summed, so only rounding and schools without a figure are left"
_PARTLY = (
    "enrolments are summed, and the schools whose persistent absence one publication suppresses are left out: an "
    "authority with few others moves with them"
)


def _sessions_tolerance(measure: str, phase: str, geography: str) -> tuple:
    """Of roll-ups by session counts. Persistent absence of an authority: 0.30 and 0.08 pp measured on 2018/19."""
    per_school = 2.0 if phase == "special" else 0.0
    if measure == "persistent" and geography == "la":
        return 0.05, 0.3, per_school, None, None, _PARTLY
    return 0.03, 0.1, per_school, None, None, _EXACT


_ROWS = [
    # measure, phase, weights, geography, base_pp, per_spread, per_school, look_pp, measured_pp, reason
    ("absence", "primary", "pupils_r_to_11", "england", 0.03, 0.0, 0.0, None, 0.003, _BIAS),
    ("absence", "primary", "pupils_r_to_11", "region", 0.05, 0.0, 0.0, None, 0.012, _BIAS),
    ("absence", "primary", "pupils_r_to_11", "la", 0.10, 0.5, 0.0, None, 0.068, _MIX),
    ("absence", "secondary", "pupils_r_to_11", "england", 0.05, 0.0, 0.0, None, 0.010, _BIAS),
    ("absence", "secondary", "pupils_r_to_11", "region", 0.07, 0.0, 0.0, None, 0.018, _BIAS),
    ("absence", "secondary", "pupils_r_to_11", "la", 0.15, 0.3, 0.0, None, 0.196, _MIX),
    ("absence", "special", "pupils_r_to_11", "england", 0.20, 0.0, 0.0, None, 0.055, _BIAS),
    ("absence", "special", "pupils_r_to_11", "region", 0.80, 0.0, 0.0, None, 0.428, _UNSEEN),
    ("absence", "special", "pupils_r_to_11", "la", 0.50, 2.0, 12.0, 0.75, 4.005, _UNSEEN),
    ("persistent", "primary", "pupils_r_to_11", "england", 0.25, 0.0, 0.0, None, 0.122, _COUNTS),
    ("persistent", "primary", "pupils_r_to_11", "region", 0.35, 0.0, 0.0, None, 0.158, _COUNTS),
    ("persistent", "primary", "pupils_r_to_11", "la", 0.40, 0.5, 0.0, None, 0.326, _COUNTS),
    ("persistent", "secondary", "pupils_r_to_11", "england", 0.30, 0.0, 0.0, None, 0.139, _COUNTS),
    ("persistent", "secondary", "pupils_r_to_11", "region", 0.45, 0.0, 0.0, None, 0.217, _COUNTS),
    ("persistent", "secondary", "pupils_r_to_11", "la", 0.60, 0.5, 0.0, None, 0.881, _COUNTS),
    ("persistent", "special", "pupils_r_to_11", "england", 0.90, 0.0, 0.0, None, 0.463, _COUNTS),
    ("persistent", "special", "pupils_r_to_11", "region", 1.60, 0.0, 0.0, None, 0.934, _UNSEEN),
    ("persistent", "special", "pupils_r_to_11", "la", 1.50, 2.5, 30.0, None, 9.604, _UNSEEN),
    ("absence", "primary", "roll", "england", 0.05, 0.0, 0.0, None, 0.018, _BIAS),
    ("absence", "primary", "roll", "region", 0.08, 0.0, 0.0, None, 0.035, _BIAS),
    ("absence", "primary", "roll", "la", 0.12, 0.5, 0.0, None, 0.103, _MIX),
    ("absence", "secondary", "roll", "england", 0.12, 0.0, 0.0, None, 0.033, _BIAS),
    ("absence", "secondary", "roll", "region", 0.15, 0.0, 0.0, None, 0.037, _BIAS),
    ("absence", "secondary", "roll", "la", 0.25, 0.3, 0.0, None, 0.175, _MIX),
    ("absence", "special", "roll", "england", 0.30, 0.0, 0.0, None, 0.143, _BIAS),
    ("absence", "special", "roll", "region", 1.00, 0.0, 0.0, None, 0.660, _UNSEEN),
    ("absence", "special", "roll", "la", 0.50, 2.0, 12.0, 0.75, 5.698, _UNSEEN),
    ("persistent", "primary", "roll", "england", 0.25, 0.0, 0.0, None, 0.122, _COUNTS),
    ("persistent", "primary", "roll", "region", 0.40, 0.0, 0.0, None, 0.214, _COUNTS),
    ("persistent", "primary", "roll", "la", 0.50, 1.0, 0.0, None, 0.529, _COUNTS),
    ("persistent", "secondary", "roll", "england", 0.60, 0.0, 0.0, None, 0.285, _COUNTS),
    ("persistent", "secondary", "roll", "region", 0.80, 0.0, 0.0, None, 0.467, _COUNTS),
    ("persistent", "secondary", "roll", "la", 1.00, 1.0, 0.0, None, 1.893, _COUNTS),
    ("persistent", "special", "roll", "england", 1.30, 0.0, 0.0, None, 0.728, _COUNTS),
    ("persistent", "special", "roll", "region", 2.50, 0.0, 0.0, None, 1.559, _UNSEEN),
    ("persistent", "special", "roll", "la", 1.50, 2.5, 30.0, None, 16.550, _UNSEEN),
    *(
        (measure, phase, "sessions", geography, *_sessions_tolerance(measure, phase, geography))
        for measure in MEASURES
        for phase in PHASES
        for geography in ("england", "region", "la")
    ),
]
_KEYS = ["measure", "phase", "weights", "geography"]
TOLERANCES = pd.DataFrame(
    _ROWS, columns=[*_KEYS, "base_pp", "per_spread", "per_school", "look_pp", "measured_pp", "reason"]
)
ROUNDING_PP = (
    0.056  # national rows have one decimal, area rates two: half of each, and the last digit of the floats
)
PROFILE_MARGIN = 1.15  # another year must fit this many times better before a file is said to be of that year
# half of the LA means of a file lie within this of the rates of its own year (at most 0.06 pp where all
# schools are in it)
SAME_YEAR_PP = 0.1
PROFILE_AREAS = 25  # fewer areas than this do not decide a year
SAME_ROLL_SHARE = (
    0.5  # two censuses of different years agree on about 2 % of rolls; above this they are the same census
)
RECONCILIATION = [
    "year",
    "geography",
    "area_code",
    "area_name",
    "region_name",
    "phase",
    "measure",
    "weights",
    "n_schools",
    "ours_pct",
    "published_pct",
    "difference_pp",
    "tolerance_pp",
    "verdict",
]


def reconcile(readings: Readings, register: pd.DataFrame, year: str) -> pd.DataFrame:
    """Our roll-ups beside the published rates of one year: a row per area x phase x measure, England first.

    Columns as in `RECONCILIATION`; difference = ours - published. `verdict`: `pass`, `fail`, `look` (within
    the tolerance, but unusual enough for a person to look), `not_published` (the area's rate is blank), or
    `no_schools` (a rate is published and we have no school with a figure there).
    """
    schools = (
        register.set_index("urn")
        .join(sessions_of(readings.absence, year), validate="one_to_one")
        .reset_index()
    )
    ours = pd.concat([roll_up(schools, measure) for measure in MEASURES], ignore_index=True)
    rates = readings.area_rates
    rates = rates[
        (rates["year"] == year)
        & rates["measure"].isin(MEASURES)
        & rates["phase"].isin(PHASES)
        & rates["geography"].isin(GEOGRAPHIES)
    ]
    keys = ["geography", "area_code", "phase", "measure"]
    code = rates["area_code"].where(rates["geography"] == "la", rates["area_name"])
    published = rates.assign(area_code=code, published_pct=rates["rate_pct"])[
        [*keys, "published_pct", "area_name"]
    ].drop_duplicates(keys)
    out = ours.merge(published, on=keys, how="outer", validate="one_to_one")
    out["n_schools"] = out["n_schools"].fillna(0).astype(int)
    out = out[(out["n_schools"] > 0) | out["published_pct"].notna()]
    names = register.drop_duplicates("la_code").set_index("la_code")
    is_la = out["geography"] == "la"
    out["area_name"] = (
        out["area_code"].map(names["la_name"]).where(is_la).fillna(out["area_name"]).fillna(out["area_code"])
    )
    out["region_name"] = out["area_code"].map(names["region_name"]).where(is_la, out["area_code"])
    out = out.merge(
        TOLERANCES[[*_KEYS, "base_pp", "per_spread", "per_school", "look_pp"]],
        on=_KEYS,
        how="left",
        validate="many_to_one",
    )
    out["tolerance_pp"] = (
        out["base_pp"] + out["per_spread"] * out["spread_pp"] + out["per_school"] / (out["n_schools"] + 1)
    )
    out["tolerance_pp"] += out["hidden_share"] * out["ours_pct"]
    out["difference_pp"] = out["ours_pct"] - out["published_pct"]
    size = out["difference_pp"].abs()
    rules = [
        out["n_schools"] == 0,
        out["published_pct"].isna(),
        size > out["tolerance_pp"],
        size > out["look_pp"],
    ]
    out["verdict"] = np.select(rules, ["no_schools", "not_published", "fail", "look"], default="pass")
    order = pd.Categorical(out["geography"], ["england", "region", "la"], ordered=True)
    out = out.assign(year=year, _order=order).sort_values(
        ["_order", "area_code", "phase", "measure"], kind="stable"
    )
    return out[RECONCILIATION].reset_index(drop=True)


def reconciliation_findings(table: pd.DataFrame, files: dict[str, str]) -> list[Finding]:
    """Findings of a reconciliation: cells outside their tolerance (hard), areas where we have no school
    (hard), unusual ones (flag).

    `files`: year -> name of the absence file. LAs come first, worst first: an LA's error is the cause, its
    region's and England's the effect.
    """
    excess = table["difference_pp"].abs() / table["tolerance_pp"]
    ordered = table.assign(_excess=excess, _la=table["geography"] != "la").sort_values(
        ["_la", "_excess"], ascending=[True, False]
    )
    found, looks = [], []
    for row in ordered[ordered["verdict"].isin(["fail", "look", "no_schools"])].itertuples():
        area = f"{row.area_name} (LA {row.area_code})" if row.geography == "la" else row.area_name
        place = dict(
            file=files.get(row.year, ""),
            year=row.year,
            la_code=row.area_code if row.geography == "la" else "",
            region_name=row.region_name,
        )
        place |= dict(column=MEASURES[row.measure], what_to_do=CHECK_FILE)
        what = f"{area}, {row.phase}, {row.measure} {year_words(row.year)}"
        if row.verdict == "no_schools":
            words = (
                f"{what}: a rate of {row.published_pct:.2f} % is published, but no school with a "
                "figure was found there"
            )
            found.append(hard("no_schools_in_area", words, **place))
            continue
        words = (
            f"{what}: our {row.ours_pct:.2f} % differs by {row.difference_pp:+.2f} pp from the published "
            f"{row.published_pct:.2f} % "
            f"({row.n_schools} schools, weighted by {row.weights}"
        )
        if row.verdict == "fail":
            found.append(
                hard(
                    "rate_differs",
                    f"{words}; tolerance {row.tolerance_pp:.2f} pp)",
                    value=f"{row.ours_pct:.2f}",
                    **place,
                )
            )
        else:
            why = "within the tolerance for so few and different schools, but unusual"
            looks.append(
                Finding("flag", "rate_unusual", f"{words}; {why})", value=f"{row.ours_pct:.2f}", **place)
            )
    return capped(found, most=20) + looks


def year_findings(readings: Readings, registers: dict[str, pd.DataFrame]) -> list[Finding]:
    """Whether every absence file and every census is of the year it says, by three independent comparisons
    with published rates and each other.
    """
    return [*_national_rows(readings, registers), *_profiles(readings, registers), *_censuses(readings)]


def _england(area_rates: pd.DataFrame) -> pd.DataFrame:
    """Published England rates: rows (phase, measure), a column per year."""
    england = area_rates[(area_rates["geography"] == "england") & area_rates["measure"].isin(MEASURES)]
    return england.drop_duplicates(["phase", "measure", "year"]).pivot(
        index=["phase", "measure"], columns="year", values="rate_pct"
    )


def _national_rows(readings, years) -> list[Finding]:
    """The national rows at the end of each performance-tables file against the published rate of its year, to
    rounding.
    """
    england = _england(readings.area_rates)
    found = []
    for (year, file), rows in readings.absence_national.groupby(["year", "file"]):
        values = rows.melt(id_vars="phase", value_vars=list(MEASURES.values()), value_name="pct").dropna(
            subset="pct"
        )
        values["measure"] = values["variable"].map({column: measure for measure, column in MEASURES.items()})
        ours = values.set_index(["phase", "measure"])["pct"]
        apart = england.reindex(ours.index).sub(ours, axis=0).abs()
        fits = [y for y in apart if apart[y].notna().any() and (apart[y].dropna() <= ROUNDING_PP).all()]
        if year in fits:
            continue
        if fits:
            found.append(_mislabelled(file, year, fits[0], "its national rows are those of"))
        elif year in apart:
            worst = apart[year].idxmax()
            words = f"the national row for {worst[0]}, {worst[1]}, is {ours[worst]:.1f} %, but "
            words += f"{england.loc[worst, year]:.2f} % was published for {year_words(year)}"
            place = dict(file=file, year=year, column=MEASURES[worst[1]], value=f"{ours[worst]}")
            found.append(hard("national_rate_differs", words, what_to_do=CHECK_FILE, **place))
    for year in years:
        of_year = readings.absence[
            (readings.absence["year"] == year) & (readings.absence["publication"] == "performance_tables")
        ]
        lacking = set(of_year["file"]) - set(
            readings.absence_national.loc[readings.absence_national["year"] == year, "file"]
        )
        found += [
            hard(
                "truncated",
                "the national rows that end this file are missing: it was cut off",
                file=f,
                year=year,
                row=int(of_year["row"].max()),
            )
            for f in sorted(lacking)
        ]
    return found


def _mislabelled(file: str, label: str, fits: str, why: str, **more) -> Finding:
    words = f"this file is taken for {year_words(label)}, but {why} {year_words(fits)}"
    todo = (
        "Put the file under its own year: the year comes from the folder's or file's name, or from the "
        "column time_period."
    )
    return hard("year_mislabelled", words, file=file, year=label, value=label, what_to_do=todo, **more)


def _profiles(readings, registers: dict[str, pd.DataFrame]) -> list[Finding]:
    """Each absence file's LA means against the published LA rates of every year: the labelled year must fit
    best.

    Files that hold every school are compared as they are. Files that hold some are compared through the
    change of the same schools from the nearest year that all schools have, added to that year's published
    rate, so that which schools are in them does not matter.
    """
    rates = readings.area_rates
    rates = rates[
        (rates["geography"] == "la")
        & (rates["measure"] == "absence")
        & rates["phase"].isin(["primary", "secondary"])
    ]
    published = rates.drop_duplicates(["phase", "area_code", "year"]).pivot(
        index=["phase", "area_code"], columns="year", values="rate_pct"
    )
    every = readings.absence[readings.absence["publication"] == "performance_tables"]
    found = []
    for (file, year), rows in readings.absence.groupby(["file", "year"]):
        if not registers:
            break
        base = min(registers, key=lambda y: (abs(years_between(y, year)), y))
        whole = rows["publication"].iloc[0] == "performance_tables"
        apart = _apart(
            rows,
            registers[base],
            None if whole else one_figure_each(every[every["year"] == base]),
            published,
            base,
        )
        if apart is None:
            continue
        best = apart.idxmin()
        if year not in apart:
            if apart[best] < SAME_YEAR_PP:
                why = (
                    "no rates were published for that year, and half of its LA means lie within "
                    f"{apart[best]:.2f} pp of those of"
                )
                found.append(_mislabelled(file, year, best, why, column="" if whole else "time_period"))
        elif best != year and apart[year] > PROFILE_MARGIN * apart[best] + 0.005:
            why = (
                f"half of its LA means lie more than {apart[year]:.2f} pp from the rates of that year, "
                f"and only {apart[best]:.2f} pp from those of"
            )
            found.append(_mislabelled(file, year, best, why, column="" if whole else "time_period"))
    return found


def _apart(
    rows: pd.DataFrame,
    register: pd.DataFrame,
    before: pd.DataFrame | None,
    published: pd.DataFrame,
    base: str,
) -> pd.Series | None:
    """Median distance of a file's LA x phase means from the published rates of each year; None when too few
    areas decide.
    """
    if base not in published:
        return None
    schools = register.drop_duplicates("urn").set_index("urn")[["phase", "la_code", "roll"]]
    rows = rows.drop_duplicates("urn").set_index("urn")[["absence_pct"]].join(schools, validate="one_to_one")
    if before is not None:
        rows["absence_pct"] = rows["absence_pct"] - before.set_index("urn")["absence_pct"].reindex(rows.index)
    rows = rows[rows["absence_pct"].notna() & (rows["roll"] > 0)]
    sums = (
        rows.assign(wy=rows["roll"] * rows["absence_pct"])
        .groupby(["phase", "la_code"])
        .agg(wy=("wy", "sum"), w=("roll", "sum"), n=("wy", "size"))
    )
    means = (sums["wy"] / sums["w"])[sums["n"] >= (3 if before is not None else 1)]
    means.index.names = published.index.names
    if before is not None:
        means = means + published[base].reindex(means.index)
    apart = published.reindex(means.index).sub(means, axis=0).abs().dropna(how="all")
    enough = apart.columns[apart.notna().sum() >= PROFILE_AREAS]
    return apart[enough].median() if len(enough) else None


def _censuses(readings) -> list[Finding]:
    """Two censuses under different years that agree on most rolls are one census; two of one year that do not
    are not of one year.
    """
    parts = [
        (name, year, rows.drop_duplicates("urn").set_index("urn"), rows["file"].iloc[0])
        for name in ("census", "census_detail")
        for year, rows in getattr(readings, name).groupby("year")
    ]
    found = []
    for i, (one, year, a, file) in enumerate(parts):
        for other, year2, b, file2 in parts[i + 1 :]:
            share = _same_rolls(a, b)
            if year != year2 and share > SAME_ROLL_SHARE:
                why = (
                    f"{100 * share:.0f} % of its schools have the same roll as in {file2}, which is taken for"
                )
                found.append(_mislabelled(file, year, year2, why, column="roll"))
            elif year == year2 and one != other and share < SAME_ROLL_SHARE:
                twins = [
                    label
                    for kind, label, c, _ in parts
                    if label != year and kind == one and _same_rolls(c, b) > SAME_ROLL_SHARE
                ]
                why = (
                    f"only {100 * share:.0f} % of its schools have the same roll as in {file2} of that "
                    "year: it may be that of"
                )
                found.append(
                    _mislabelled(file, year, twins[0] if twins else "another year", why, column="roll")
                )
    return found


def _same_rolls(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Share of the schools in both censuses that have the same roll in both; NaN when fewer than 30 are in
    both.
    """
    both = a.index.intersection(b.index)
    one, other = a.loc[both, "roll"], b.loc[both, "roll"]
    known = one.notna() & other.notna() & (one > 0)
    return float((one == other)[known].mean()) if known.sum() >= 30 else float("nan")
