"""The table of criteria as one page that stands alone."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from helpers.base.show import table
from helpers.evaluate.backtests.criteria import LOOKED_AT, TITLES
from helpers.report.pages import ASSETS, environment

MOVES = {
    "median_pp": "Median (pp)",
    "p95_pp": "95 in 100 below (pp)",
    "p99_pp": "99 in 100 below (pp)",
    "largest_pp": "Largest (pp)",
    "what": "What",
}


def render(
    bars: pd.DataFrame,
    variants: pd.DataFrame,
    fairness: pd.DataFrame,
    trades: pd.DataFrame,
    moves: pd.DataFrame,
    sample: bool,
) -> str:
    """A page of all criteria with value, what was wanted, number of schools and chance level, then what was
    compared. Frames as in `evaluate.backtests.stage.Evaluation`; `moves`: what, median_pp, p95_pp, p99_pp,
    largest_pp.
    """
    groups = [
        {
            "number": int(number),
            "title": TITLES[int(number)],
            "rows": [
                {
                    "what": b.what,
                    "ours": f"{b.ours:,.3f}",
                    "wanted": b.wanted,
                    "reached": bool(b.reached),
                    "n": f"{b.n:,}",
                    "chance": b.chance,
                    "note": b.note,
                }
                for b in rows.itertuples()
            ],
        }
        for number, rows in bars.groupby("bar")
    ]
    more = [
        (
            variants.sort_values(["what", "value"]),
            "Everything compared: higher R2 is better, a lower RMSE ratio is better",
            "evaluation.variants",
        ),
        (
            fairness,
            "Who met the target by luck, with no policy: shares by group (fifths: 1 is the lowest)",
            "evaluation.fairness",
        ),
        (
            trades,
            "Sensitivity to each parameter, on the last pre-pandemic pair of years",
            "evaluation.trades",
        ),
        (moves, "How far targets move", ()),
    ]
    tables = [
        Markup(table(frame, caption, of=source, headings=MOVES, rows=200).html())
        for frame, caption, source in more
        if len(frame)
    ]
    return (
        environment()
        .get_template("criteria.html")
        .render(
            groups=groups,
            tables=tables,
            looked_at=LOOKED_AT,
            sample=sample,
            css=Markup((ASSETS / "pack.css").read_text(encoding="utf-8")),
            reached=int(bars["reached"].sum()),
            n=len(bars),
        )
    )
