"""08 · Does the method keep what it promises? Back-tests on years that it had not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from helpers import expectations, ingest, model, peers
from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

if TYPE_CHECKING:
    import plotly.graph_objects as go

STAGE = Stage(
    "evaluation",
    "helpers.evaluate.backtests.stage:back_test",
    after=(ingest.STAGE, model.STAGE, peers.STAGE, expectations.STAGE),
)


def load(run: Parameters) -> Results:
    """The back-tests' results, made first where needed: bars, variants, fairness, coverage, trades,
    backtests, improved, pairs.
    """
    return STAGE.load(run)


def looked_at() -> str:
    """What was looked at while the method was chosen: a figure seen then proves less."""
    from helpers.evaluate.backtests.criteria import LOOKED_AT

    return LOOKED_AT


def criteria_in_words(bars: pd.DataFrame) -> pd.DataFrame:
    """Acceptance criteria with their titles: criterion (number and title), what, ours, wanted, reached, n,
    chance, note. `bars` of the stage.
    """
    from helpers.evaluate.backtests.criteria import TITLES

    named = bars["bar"].map(lambda number: f"{number} · {TITLES[number]}")
    return (
        bars.drop(columns="bar").replace({"": None}).assign(criterion=named)[["criterion", *bars.columns[1:]]]
    )


def forecasts(variants: pd.DataFrame) -> pd.DataFrame:
    """What was compared for next year's absence, the best first."""
    return variants[variants["what"].str.contains("RMSE ratio")].sort_values(["what", "value"])


def context_models(variants: pd.DataFrame) -> pd.DataFrame:
    """What was compared for absence typical in a school's circumstances, the best first."""
    others = variants[~variants["what"].str.contains("RMSE ratio")]
    return others.sort_values(["what", "value"], ascending=[True, False])


def transition_in_words(code: str) -> str:
    """`T1` -> `secondary, 2017/18 to 2018/19`; any other code is a phase from the release to the year after."""
    words = {
        "T1": "secondary, 2017/18 to 2018/19",
        "T2S": "secondary, release to year after",
        "T2P": "primary, release to year after",
    }
    return words.get(code, code)


def in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with `transition` in words."""
    return frame.assign(transition=frame["transition"].map(transition_in_words))


def by_start(fairness: pd.DataFrame) -> pd.DataFrame:
    """Who would have met the target by luck, by starting fifth (1 = least absence, 5 = most), beside a flat
    0.5 points, long: transition, fifth, target, share.
    """
    start = fairness[fairness["kind"] == "starting fifth"].rename(
        columns={"met": "ours", "met_flat": "flat 0.5 pp", "cell": "fifth"}
    )
    return in_words(start).melt(["transition", "fifth"], ["ours", "flat 0.5 pp"], "target", "share")


def by_group(fairness: pd.DataFrame) -> pd.DataFrame:
    """What happened and what had been stated, by group, of the first transition, long: group, which, share."""
    wanted = ~fairness["kind"].isin(["region", "age range"])
    groups = fairness[wanted & (fairness["transition"] == fairness["transition"].iloc[0])]
    named = groups.assign(group=groups["kind"].str.replace(" fifth", "") + " " + groups["cell"])
    return named.rename(columns={"met": "happened"}).melt("group", ["happened", "stated"], "which", "share")


def spreads(fairness: pd.DataFrame, transition: str) -> tuple[float, float]:
    """Highest less lowest share over starting fifths that met our target, and a flat 0.5 points."""
    rows = fairness[(fairness["transition"] == transition) & (fairness["kind"] == "starting fifth")]
    return rows["met"].max() - rows["met"].min(), rows["met_flat"].max() - rows["met_flat"].min()


MEASURES = {
    "ask_best_fifth_pp": "asked of the fifth with least absence (pp)",
    "ask_worst_fifth_pp": "asked of the fifth with most absence (pp)",
    "spread_start": "spread over starting fifths",
    "spread_fsm": "spread over fifths of FSM",
    "spread_region": "spread over regions",
}


def sensitivity_figure(trades: pd.DataFrame) -> go.Figure:
    """What one parameter changed at a time does, a panel each."""
    import plotly.express as px

    renamed = trades.rename(columns=MEASURES)
    long = renamed.melt(["parameter", "value"], list(MEASURES.values()), "measure", "reads")
    axes = {"x": "value", "y": "reads", "color": "measure", "facet_col": "parameter"}
    figure = px.line(long, **axes, facet_col_wrap=3, markers=True)
    figure.update_xaxes(matches=None, showticklabels=True)
    return figure.for_each_annotation(lambda note: note.update(text=note.text.split("=")[-1]))


MOVED_BY = {
    "one_pupil_moves_pp": "one pupil more or less in a measure",
    "rounding_moves_pp": "rounding of last year’s rate",
}


def moves(asked: pd.DataFrame) -> pd.DataFrame:
    """How far one pupil, or rounding, would move a target (pp): moved by, mean, median, 90 and 99 in 100
    below, largest.
    """
    quantiles = asked[list(MOVED_BY)].quantile([0.5, 0.9, 0.99]).T
    out = pd.DataFrame({"moved by": list(MOVED_BY.values()), "mean": asked[list(MOVED_BY)].mean().to_numpy()})
    for share, name in ((0.5, "median"), (0.9, "90 in 100 below"), (0.99, "99 in 100 below")):
        out[name] = quantiles[share].to_numpy()
    return out.assign(largest=asked[list(MOVED_BY)].max().to_numpy())


def not_reached(bars: pd.DataFrame) -> list[str]:
    """Every acceptance criterion that is not reached, in a sentence."""
    return [
        f"Not reached: criterion {b.bar}, {b.what}: {b.ours:.3f} where {b.wanted} was wanted "
        f"({b.chance or b.note or 'no chance level'})."
        for b in bars[~bars["reached"]].itertuples()
    ]
