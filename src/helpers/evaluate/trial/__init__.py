"""09 · How would we know that support works? Trials and comparisons rehearsed on years without a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from helpers import ingest, model, peers
from helpers.base.params import Parameters, in_group
from helpers.base.stages import Results, Stage
from helpers.evaluate import backtests

if TYPE_CHECKING:
    import plotly.graph_objects as go

STAGE = Stage(
    "learning",
    "helpers.evaluate.trial.stage:rehearse",
    after=(ingest.STAGE, model.STAGE, peers.STAGE, backtests.STAGE),
    parameters=in_group("routing"),
)


def load(run: Parameters) -> Results:
    """The rehearsal's results, made first where needed: sizes, power_curve, placebo, promises, changes and
    more.
    """
    return STAGE.load(run)


@dataclass(frozen=True)
class Lottery:
    """A lottery drawn on the release's schools. `drawn`: every school with its stratum and arm; `alike`: both
    arms compared before anything happened; `plan`: the plan of analysis, as text; `seal`: SHA-256 of each
    file frozen.
    """

    drawn: pd.DataFrame
    alike: pd.DataFrame
    plan: str
    seal: dict[str, str]


@dataclass(frozen=True)
class Invented:
    """A trial with a planted effect. `rows`: the effect by four estimators; `answer`: the one of the plan;
    `attrition`: schools with an outcome by arm; `by_start`: effects by starting fifth, drawn towards their
    mean; `p_same`: chance of such differences if all were alike; `planted_pp`: the mean effect planted.
    """

    rows: pd.DataFrame
    answer: dict
    attrition: pd.DataFrame
    by_start: pd.DataFrame
    p_same: float
    planted_pp: float


def in_words(parts: dict) -> pd.DataFrame:
    """What a trial would contend with: quantity, value, in words."""
    from helpers.evaluate.trial import power

    return power.in_words(parts)


SIZES = {
    "mdes_raw_pp": "schools, plain means",
    "mdes_pp": "schools, forecast and strata",
    "mdes_authorities_pp": "whole authorities, with forecast",
}


def sizes(rehearsed: pd.DataFrame) -> pd.DataFrame:
    """Smallest effect found four times in five, long: schools, drawn by lot, smallest."""
    return rehearsed.rename(columns=SIZES).melt("schools", list(SIZES.values()), "drawn by lot", "smallest")


def power_figure(curve: pd.DataFrame) -> go.Figure:
    """Chance to find an effect: the formula as a line, invented worlds as dots, what luck allows dotted."""
    import plotly.express as px

    figure = px.line(curve, x="effect_pp", y="formula", markers=False)
    dots = {"mode": "markers", "name": "invented worlds", "marker": {"size": 11, "color": "#b35c00"}}
    figure.add_scatter(x=curve["effect_pp"], y=curve["simulated"], **dots)
    edge = {"mode": "lines", "line": {"dash": "dot", "color": "#505a5f"}, "showlegend": False}
    for name in ("formula_low", "formula_high"):
        figure.add_scatter(x=curve["effect_pp"], y=curve[name], **edge)
    return figure


ALIKE = {
    "treated": "Drawn",
    "control": "Not drawn",
    "standardised": "Difference (standard deviations)",
    "alike": "Alike",
}
EFFECT = {
    "method": "Method",
    "effect_pp": "Effect (pp)",
    "se_pp": "Standard error (pp)",
    "lower95_pp": "Lower end of the 95% interval (pp)",
    "upper95_pp": "Upper end of the 95% interval (pp)",
    "p_value": "p-value",
    "treated": "Drawn",
    "control": "Not drawn",
    "schools": "Schools",
    "with_outcome": "With an outcome",
    "missing_pct": "Missing (%)",
    "shrunk_pp": "Effect, shrunk (pp)",
    "noise_share": "Share of noise",
}
CHECKED = [
    "method",
    "bias_pp",
    "spread_pp",
    "mean_se_pp",
    "coverage",
    "coverage_low",
    "coverage_high",
    "false_positives",
    "false_low",
    "false_high",
]
BALANCED_ON = ("absence_pct", "baseline_pct", "roll", "fsm_pct", "ehcp_pct", "eal_pct")


def rehearse_lottery(run: Parameters) -> Lottery:
    """Draw a lottery among the release's secondaries, write the plan, and freeze both in a folder that is
    thrown away.

    A second draw into the same folder is tried, and must be refused: AssertionError where it is not.
    """
    import tempfile

    from helpers.base.years import year_after
    from helpers.evaluate.trial import assignment, interval_coverage, power

    schools, parts = ingest.load(run), load(run).learning["parts"]
    base = model.load(run).baseline[["urn", "baseline_pct"]]
    pool = schools.register.merge(base, on="urn", validate="1:1")
    pool = pool[pool["phase"] == "secondary"].assign(y=lambda rows: rows["absence_pct"])
    pool = interval_coverage.trial_schools(pool, seed=run.seed)
    drawn = assignment.randomise(pool, run.seed)
    year = year_after(schools.panel["year"].max())
    plan = assignment.analysis_plan(
        drawn,
        question="Does intensive help from a hub reduce absence within a year?",
        release=run.release,
        outcome_year=year,
        seed=run.seed,
        mdes_pp=power.mdes_pp(len(drawn), parts["sd_pp"], parts["r2"], blocks=drawn["stratum"].nunique()),
        groups=("start", "size"),
    )
    with tempfile.TemporaryDirectory() as folder:
        seal = assignment.freeze(folder, drawn, plan, schools.panel, year)
        assert assignment.read_frozen(folder, seal)[1] == plan
        try:
            assignment.freeze(folder, drawn, plan, schools.panel, year)
        except assignment.TrialRefused:
            return Lottery(drawn, _labelled(assignment.balance(pool, drawn, BALANCED_ON)), plan, seal)
    raise AssertionError("a second draw into a frozen folder was not refused")


def invented_trial(run: Parameters) -> Invented:
    """A trial in which we know the answer: real surprises dealt again among schools that are alike, a
    lottery, and a planted improvement that grows with absence and leaves out those that never take it up.
    """
    import numpy as np

    from helpers.evaluate.trial import assignment, effects, simulate
    from helpers.evaluate.trial.stage import PLANTED_PP

    candidates, rng = load(run).candidates, np.random.default_rng(run.seed)
    gain = simulate.planted(PLANTED_PP, candidates, rng)
    lot = assignment.randomise(candidates, run.seed)
    dealt = simulate.deck(candidates).deal(rng)[:, 0]
    outcome = simulate.invented_outcome(candidates, dealt, lot["treated"].to_numpy() * gain)
    trial = effects.with_outcomes(lot, candidates.assign(outcome_pct=outcome), "outcome_pct")
    answer, clustered = effects.itt(trial), effects.itt(trial, cluster="la_code")
    rows = [effects.difference(trial), answer, clustered, effects.randomisation(trial, run.seed)]
    named = "starts in fifth " + trial["start"].astype("str") + " of absence"
    shrunk, found = effects.shrunk(effects.by_group(trial, named))
    attrition = effects.attrition(trial)
    return Invented(pd.DataFrame(rows), answer, attrition, shrunk, found["p_same"], float(gain.mean()))


def quoted(plan: str) -> str:
    """A plan as a Markdown quotation, its headings in bold."""
    lines = plan.splitlines()
    return "\n".join("> " + line.replace("# ", "**", 1) + "**" * line.startswith("#") for line in lines)


PLACEBO = [
    "years",
    "group",
    "schools",
    "naive_pp",
    "return_pp",
    "effect_pp",
    "lower95_pp",
    "upper95_pp",
    "less_pp",
    "cutoff_pp",
]


def placebo_figure(found: pd.DataFrame) -> go.Figure:
    """Effects found where there was no policy, by four methods, with 95 % intervals."""
    import plotly.express as px

    from helpers.evaluate.trial import placebo

    dots = placebo.long(found)
    dots = dots.assign(up=dots["upper95_pp"] - dots["effect_pp"], down=dots["effect_pp"] - dots["lower95_pp"])
    axes = {"x": "effect_pp", "y": "group", "color": "method", "facet_col": "years"}
    figure = px.scatter(dots, **axes, error_x="up", error_x_minus="down")
    figure.update_layout(scattermode="group").update_yaxes(title_text="")
    figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))
    return figure.add_vline(x=0, line_color="#505a5f").update_yaxes(
        range=[-0.6, dots["group"].nunique() - 0.4]
    )


def worst_fifth(found: pd.DataFrame) -> pd.Series:
    """The row of the fifth with most absence in the newest years. `found`: the stage's `placebo`."""
    from helpers.evaluate.trial import placebo

    return found[found["group"] == placebo.WORST].iloc[0]


def without_naive(counts: pd.DataFrame) -> pd.DataFrame:
    """Intervals that leave out zero, without the plain comparison of before and after."""
    return counts[counts["method"] != "naive before/after"]


def jumps(continuity: pd.DataFrame) -> pd.DataFrame:
    """What was known beforehand at the line, measures in words."""
    return _labelled(continuity)


def calibration_figure(tenths: pd.DataFrame) -> go.Figure:
    """Stated chance and what came, by tenths, with 95 % intervals."""
    import plotly.express as px

    tenths = tenths.assign(up=tenths["upper95"] - tenths["met"], down=tenths["met"] - tenths["lower95"])
    axes = {"x": "stated", "y": "met", "facet_col": "years", "hover_data": ["schools"]}
    figure = px.scatter(tenths, **axes, error_y="up", error_y_minus="down")
    line = {"type": "line", "x0": 0.1, "y0": 0.1, "x1": 0.6, "y1": 0.6, "line": {"dash": "dot"}}
    figure.add_shape(**line, row="all", col="all")
    return figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))


def read_out(answer: dict, parts: dict) -> str:
    """What a trial's answer would mean, in words."""
    from helpers.evaluate.trial import changes, power

    smallest = power.mdes_pp(parts["n"], parts["sd_pp"], parts["r2"], blocks=parts["blocks"])
    return changes.from_trial(answer, 0.2, smallest)


def _labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose `measure` holds column names, these in words."""
    from helpers.model.features import in_words as feature

    return frame.assign(measure=frame["measure"].map(feature))
