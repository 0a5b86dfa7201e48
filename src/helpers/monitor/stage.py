"""The national stage `monitor`: in-year figures cleaned, shocks found, and verdicts of all England over the
two years after the release.

Made once per release and read by `07_monitor` (a region's slice) and `06_support` (routing needs all of
England, since places are shared). What is not there gives empty frames with the right columns, and a line in
`inputs` that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from helpers import expectations as minimums
from helpers import ingest as official
from helpers import model
from helpers import records as recorded
from helpers.base.params import DEFAULT, Parameters
from helpers.base.years import year_after, year_words
from helpers.ingest.stage import CIRCUMSTANCES
from helpers.monitor import known_events, own_weeks, progress, shocks, snapshots, verdicts
from helpers.records import agreed

SEASON = dict(
    geography="str",
    area="str",
    region_name="str",
    phase="str",
    school_week="int64",
    share="float64",
    years="int64",
)
SETTLING = dict(phase="str", school_week="int64", left="float64", pairs="int64")


def followed(release: str) -> list[str]:
    """The two years over which a release's targets are followed."""
    first = year_after(release)
    return [first, year_after(first)]


def follow(run: Parameters) -> dict[str, pd.DataFrame]:
    """Shocks, and verdicts over the two years after the release. An invented country has no calendar of known
    events.
    """
    calendar = known_events.read_calendar()
    known = calendar.head(0) if run.is_sample else calendar
    schools, asked = official.load(run), minimums.load(run).expectations
    baseline, noted = model.load(run).baseline, recorded.load(run)
    return build(schools, baseline, asked, noted, run.release, known, run)


def build(
    ingest: Mapping[str, Any],
    baseline: pd.DataFrame,
    expectations: pd.DataFrame,
    records: Mapping[str, pd.DataFrame],
    release: str,
    calendar: pd.DataFrame,
    parameters: Parameters | None = None,
) -> dict[str, pd.DataFrame]:
    """The results of the stage by name. `parameters`: the run's, whose limits hold for the second year's
    target.

    `ingest` holds register, panel, area_rates, attendance and later_census (urn, year, roll, ehcp_pct,
    sen_support_pct of years after the release); `records` the frames of `records.folder.read_all`;
    `calendar` of `known_events.read_calendar`, empty where it does not apply.
    """
    register, years = ingest["register"], followed(release)
    cleaned = snapshots.clean(ingest["attendance"])
    rules = parameters or DEFAULT
    found = shocks.find(cleaned.periods, rules)
    columns = records["recorded_shocks"].columns
    own = own_shocks(records["own_weeks"], cleaned.periods, register, columns, rules)
    noted = pd.concat(
        [f for f in (records["recorded_shocks"], own) if len(f)] or [records["recorded_shocks"]],
        ignore_index=True,
    )
    told, areas, reopened = _verdicts(
        ingest, baseline, expectations, found, cleaned, noted, release, parameters
    )
    season, settling = _season(cleaned.snapshots, years[0])
    absence = found.scores["measure"].eq("absence") & found.scores["geography"].eq("la")
    frames = {
        "inputs": inputs(ingest["attendance"], ingest["panel"], records, release),
        "snapshots": cleaned.snapshots,
        "periods": cleaned.periods[cleaned.periods["geography"].isin(["england", "region"])],
        "put_aside": cleaned.quarantine,
        "counts": cleaned.counts,
        "thresholds": found.thresholds,
        "shocks": found.shocks,
        "scores": found.scores.loc[
            absence, ["area", "phase", "year", "start", "end", "value", "residual", "z", "alarm"]
        ],
        "events": known_events.check_calendar(found, cleaned, calendar),
        "season": season,
        "settling": settling,
        "noted": noted,
        "area_effects": areas,
        "reopened": reopened,
        "verdicts": agreed.beside_verdicts(told, records["agreed"], years[0]),
    }
    return {name: frame.reset_index(drop=True) for name, frame in frames.items()}


def inputs(attendance: pd.DataFrame, panel: pd.DataFrame, records: dict, release: str) -> pd.DataFrame:
    """input, found, there, words: what the year can be watched with, and what is missing without it."""
    rows = [
        (
            "in-year attendance by area",
            (f"{attendance['published'].nunique():,} publications, {len(attendance):,} rows"),
            len(attendance) > 0,
            "no shocks by area and no path through the year can be shown",
        ),
    ]
    for number, year in enumerate(followed(release)):
        n = int((panel["year"].eq(year) & panel["absence_pct"].notna()).sum())
        lost = (
            "it is too early for any verdict"
            if number == 0
            else "nobody can be put on the list for a place: it takes two years"
        )
        rows.append((f"published absence of schools, {year_words(year)}", f"{n:,} schools", n > 0, lost))
    spoken, weeks = records["recorded_shocks"], records["own_weeks"]
    rows.append(
        (
            "shocks recorded by hand",
            f"{len(spoken):,} lines",
            len(spoken) > 0,
            "only what the area figures show is taken off",
        )
    )
    rows.append(
        (
            "schools' own weeks",
            f"{weeks['urn'].nunique():,} schools",
            len(weeks) > 0,
            "no school's own year can be read week by week",
        )
    )
    rows.append(
        (
            "agreed ambitions and challenges",
            f"{len(records['agreed']):,} lines",
            len(records["agreed"]) > 0,
            "minimums stand alone",
        )
    )
    out = pd.DataFrame(rows, columns=["input", "found", "there", "words"])
    return out.assign(words=out["words"].mask(out["there"], ""))


def own_shocks(
    weeks: pd.DataFrame,
    periods: pd.DataFrame,
    register: pd.DataFrame,
    columns: pd.Index,
    rules: Parameters = DEFAULT,
) -> pd.DataFrame:
    """Shocks in the weeks that schools sent, each beside its region; `columns` of a recorded shock."""
    about, found = register.set_index("urn"), []
    for urn, mine in weeks.groupby("urn"):
        area = own_weeks.area_weeks(periods, "region", about.at[urn, "region_name"], about.at[urn, "phase"])
        found.append(own_weeks.in_extract(mine, area, rules).reindex(columns=columns))
    found = [f for f in found if len(f)]
    out = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)
    return out.astype(
        {"urn": "Int64", "effect_year_pp": "float64", "entered_on": "datetime64[s]", "la_code": "str"}
    )


def _season(snapshots_: pd.DataFrame, year: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The season without the year that is judged, and how fast a year settles; empty where too few complete
    years were published.
    """
    out = []
    for make, kinds in (
        (lambda: progress.season(snapshots_, leave_out=year), SEASON),
        (lambda: progress.settling(snapshots_), SETTLING),
    ):
        complete = snapshots_.loc[snapshots_["school_week"] >= snapshots.LAST_WEEK_FROM, "year"]
        enough = complete[complete != year].nunique() > 0 if kinds is SEASON else complete.nunique() > 1
        out.append(make() if enough else pd.DataFrame({c: pd.Series(dtype=k) for c, k in kinds.items()}))
    return out[0], out[1]


def _verdicts(
    ingest: dict,
    baseline,
    expectations,
    found: shocks.Found,
    cleaned: snapshots.Cleaned,
    noted: pd.DataFrame,
    release: str,
    parameters,
):
    """Verdicts of both years, the areas' shock effects, and the targets reopened (both with `year`)."""
    register, panel, years = ingest["register"], ingest["panel"], followed(release)
    bases = dict(zip(years, [release, *years], strict=False))
    outcomes = panel[panel["year"].isin(years) & panel["absence_pct"].notna()]
    moves = {y: verdicts.movement(ingest["area_rates"], register, b, y) for y, b in bases.items()}
    areas = {y: verdicts.area_effects(found.shocks, cleaned.snapshots, b, y) for y, b in bases.items()}
    effects = {y: verdicts.shock_effects(areas[y], noted, register, y) for y in years}
    before, changed = register[["urn", *CIRCUMSTANCES]], {}
    for year in years:
        after = outcomes.loc[outcomes["year"] == year, ["urn", "published_urn", "link_kind"]]
        census = ingest["later_census"].loc[ingest["later_census"]["year"] == year, ["urn", *CIRCUMSTANCES]]
        census = census.rename(columns={"urn": "published_urn"}).astype({"published_urn": "Int64"})
        after = after.merge(census, on="published_urn", how="left", validate="m:1")
        changed[year] = verdicts.changed_circumstances(before, after, parameters)
        known = after.set_index("urn")[CIRCUMSTANCES].astype("float64")
        before = (
            known.combine_first(before.set_index("urn").astype("float64")).rename_axis("urn").reset_index()
        )
    told = verdicts.follow(
        baseline, expectations, outcomes, years, moves, effects, changed, parameters=parameters
    )
    with_year = [
        pd.concat([frames[y].assign(year=y) for y in years], ignore_index=True) for frames in (areas, changed)
    ]
    return told, *with_year
