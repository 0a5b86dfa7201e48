"""07 · What happened since, and what may be said about it? Shocks found in area figures, and verdicts by
school.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from helpers import expectations, ingest, model, records
from helpers.base.params import DEFAULT, ENGLAND, Parameters, in_group
from helpers.base.stages import Results, Stage

if TYPE_CHECKING:
    import plotly.graph_objects as go

STAGE = Stage(
    "monitor",
    "helpers.monitor.stage:follow",
    after=(ingest.STAGE, model.STAGE, expectations.STAGE, records.STAGE),
    parameters=in_group("monitor"),
    assets=("data/calendar.csv",),
)
FOUND = [
    "area_name",
    "phase",
    "start",
    "end",
    "words",
    "excess_pp",
    "days_lost",
    "effect_year_pp",
    "not_counted",
]
COURSE = {
    "absence_pct": "Absence since September (%)",
    "target_pct": "On the way to the target (%)",
    "lower_pct": "Lower limit (%)",
    "upper_pct": "Upper limit (%)",
    "course": "Where it is",
    "school_week": "School week",
}
JUMPS = {"roll_before": "Pupils before", "roll_after": "Pupils after", "change_pct": "Change (%)"}
VERDICT_COLOURS = {
    "met": "#1d70b8",
    "within_noise": "#b1b4b6",
    "missed_by_more_than_noise": "#b35c00",
    "too_early": "#4c2c92",
}


def load(run: Parameters) -> Results:
    """The stage's results, made first where needed: verdicts, shocks, snapshots, periods and what they rest
    on.
    """
    return STAGE.load(run)


def followed(run: Parameters) -> list[str]:
    """The two academic years over which a release's targets are followed."""
    from helpers.monitor import stage

    return stage.followed(run.release)


def missing(inputs: pd.DataFrame) -> list[str]:
    """What the year cannot be followed with, and what that means, in sentences. `inputs` of the stage."""
    gone = inputs[~inputs["there"]]
    return [f"{row.input[0].upper()}{row.input[1:]}: none, so {row.words}." for row in gone.itertuples()]


def missing_years(run: Parameters) -> list[str]:
    """Years without published absence of schools, and what that means for verdicts, in sentences."""
    inputs = load(run).inputs
    gone = inputs[inputs["input"].str.startswith("published absence") & ~inputs["there"]]
    return [f"{row.input[0].upper()}{row.input[1:]}: none. So {row.words}." for row in gone.itertuples()]


def used_and_put_aside(counts: pd.DataFrame) -> pd.DataFrame:
    """In-year figures counted, with the reason in words: level, kind, code, n, why."""
    from helpers.monitor import snapshots

    return counts.assign(why=counts["code"].map(snapshots.CODES).fillna("used"))


def through_the_year(periods: pd.DataFrame) -> pd.DataFrame:
    """England's absence by fortnight or week, primary and secondary, each week at its finest."""
    from helpers.monitor import shocks

    england = periods["geography"].eq("england") & periods["phase"].isin(["primary", "secondary"])
    return shocks.finest(periods[england])


def shocks_here(shocks: pd.DataFrame, region: str) -> pd.DataFrame:
    """Shocks of a region's areas and of England as a whole, mainstream phases."""
    main = shocks[shocks["phase"] != "special"]
    return (
        main if region == ENGLAND else main[main["region_name"].eq(region) | main["geography"].eq("england")]
    )


def largest_shock(here: pd.DataFrame, scores: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """The authority's shock that added most to its year: a title, and the scores of its windows with `shown`
    (whether the window is part of a shock). Without a shock the title says so and the frame is empty.
    """
    local = here[(here["geography"] == "la") & (here["not_counted"] == "")]
    if local.empty:
        return "No shock was found here", scores.head(0).assign(shown="")
    top = local.sort_values(["effect_year_pp", "shock_id"]).iloc[-1]
    seen, alike = (
        rows[(rows["area"] == top["area"]) & (rows["phase"] == top["phase"])] for rows in (scores, local)
    )
    part = [
        ((alike["start"] <= row.end) & (alike["end"] >= row.start)).any()
        for row in seen.itertuples(index=False)
    ]
    words = ["part of a shock" if within else "no shock" for within in part]
    title = f"{top['area_name']}, {top['phase']}: absence beside its season and its neighbours"
    return title, seen.assign(shown=words)


def paths(run: Parameters, schools: pd.DataFrame) -> pd.DataFrame:
    """Each school's path to its target by school week, with limits; empty where no season is known: urn,
    school_week, unchanged_pct, target_pct, lower_pct, upper_pct and more. `schools`: the region's register.
    """
    from helpers.monitor import progress

    watched, mine = load(run), schools["urn"]
    if watched.settling.empty or watched.season.empty:
        return pd.DataFrame(columns=["urn", "school_week"])
    base, asked = model.load(run).baseline, expectations.load(run).expectations
    base, asked = (frame[frame["urn"].isin(mine)].reset_index(drop=True) for frame in (base, asked))
    year = followed(run)[0]
    return progress.path(base, asked, schools, watched.snapshots, year, watched.season, watched.settling)


PATHS = {
    "unchanged_pct": "if nothing changes",
    "target_pct": "to the target",
    "lower_pct": "lower limit",
    "upper_pct": "upper limit",
}


def one_path(all_paths: pd.DataFrame, urn: int) -> pd.DataFrame:
    """One school's path, long: school_week, path, absence_pct; empty where there is none."""
    one = all_paths[all_paths["urn"] == urn].rename(columns=PATHS)
    return one.melt("school_week", [name for name in PATHS.values() if len(one)], "path", "absence_pct")


def weeks_sent(run: Parameters, schools: pd.DataFrame) -> pd.DataFrame:
    """The weeks of the first year followed that schools of the region sent, by school and week."""
    weeks = records.load(run).own_weeks
    mine = weeks["urn"].isin(schools["urn"]) & weeks["year"].eq(followed(run)[0])
    return weeks[mine].sort_values(["urn", "week_commencing"], ignore_index=True)


def course(run: Parameters, weeks: pd.DataFrame, all_paths: pd.DataFrame) -> pd.DataFrame:
    """Where each school that sent its weeks is on its path: urn, school_week, absence_pct, target_pct,
    limits, course, words; only the columns that are known. The run's `noise_z` decides, as in a verdict.
    """
    from helpers.monitor import progress

    so_far = progress.latest(weeks, all_paths)
    read = progress.read_progress(so_far, all_paths, run) if len(so_far) else so_far
    wanted = ["urn", "school_week", "absence_pct", "target_pct", "lower_pct", "upper_pct", "course", "words"]
    return read[[name for name in wanted if name in read]]


def noted_here(noted: pd.DataFrame, schools: pd.DataFrame) -> pd.DataFrame:
    """Shocks recorded by hand or found in own weeks that concern the region's schools or authorities."""
    mine = noted["urn"].isin(schools["urn"]) | noted["la_code"].isin(schools["la_code"])
    return noted[mine].reset_index(drop=True)


def control_chart(weeks: pd.DataFrame, schools: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Weekly absence less the region's, with control limits, of schools that sent eight weeks or more, long:
    week_commencing, urn (text), line, points. Empty where none did.
    """
    from helpers.monitor import own_weeks as own
    from helpers.monitor import progress

    beside = own.all_beside_region(weeks, schools, periods)
    enough = beside.groupby("urn")["points"].transform("size") >= progress.RUN
    charts = [
        progress.xmr(mine.set_index("week_commencing")["points"]).assign(urn=str(urn))
        for urn, mine in beside[enough].groupby("urn")
    ]
    columns = ["week_commencing", "urn", "value", "centre", "lower", "upper"]
    chart = pd.concat(charts).reset_index() if charts else pd.DataFrame(columns=columns)
    return chart.melt(["week_commencing", "urn"], columns[2:], "line", "points")


def control_figure(lines: pd.DataFrame) -> go.Figure:
    """The control charts, one below the other. `lines` of `control_chart`."""
    import plotly.express as px

    several = lines["urn"].nunique() > 1
    labels = {"week_commencing": "week"}
    return px.line(
        lines,
        x="week_commencing",
        y="points",
        color="line",
        facet_row="urn" if several else None,
        labels=labels,
    )


def roll_jumps(run: Parameters, weeks: pd.DataFrame) -> pd.DataFrame:
    """Steps of the roll in schools' own weeks: a reason to look at a target again."""
    from helpers.monitor import own_weeks as own

    return own.roll_jumps(weeks, run.roll_step_pct)


def counted(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Verdicts by year, verdict and phase."""
    return pd.crosstab([verdicts["year"], verdicts["verdict"]], verdicts["phase"]).reset_index()


def with_and_without_shocks(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Verdicts without the shocks (rows) against those with them (columns, in words)."""
    both = pd.crosstab(verdicts["verdict_without_shocks"], verdicts["verdict"])
    return both.rename(columns=lambda name: name.replace("_", " ").capitalize()).reset_index()


def half_settled(settling: pd.DataFrame, too_early_share: float = DEFAULT.too_early_share) -> dict[str, int]:
    """The first school week with no more than this share of a year's uncertainty left, by mainstream phase."""
    late = settling[(settling["left"] <= too_early_share) & settling["phase"].ne("special")]
    return {str(phase): int(week) for phase, week in late.groupby("phase")["school_week"].min().items()}


def settled_in_words(run: Parameters) -> list[str]:
    """From which week on a word may be said about a year, a sentence for each mainstream phase."""
    gone = "half" if run.too_early_share == 0.5 else f"{1 - run.too_early_share:.0%}"
    return [
        f"{phase.title()}: {gone} of a year's uncertainty is gone by school week {week}; "
        "before, it is too early to say."
        for phase, week in sorted(half_settled(load(run).settling, run.too_early_share).items())
    ]
