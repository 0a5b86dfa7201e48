"""Years in which there was no policy: what do the methods find where there is nothing to find?

In 2017/18 to 2018/19 and 2022/23 to 2023/24 nobody was given a target or routed to support by it. An "effect"
of being in the worst group, or of a verdict above a routing threshold, is therefore nil, and a method that
finds one is wrong. The naive before/after of the same schools stands beside it: it is what would have been
reported as a success. Routing looks at two years' verdicts; with three years in a row published, the last
verdict alone is used here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from helpers.base.params import DEFAULT, Parameters
from helpers.base.years import PRE_PANDEMIC, year_words
from helpers.evaluate import year_pairs
from helpers.evaluate.trial import discontinuity
from helpers.evaluate.trial.forecast_difference import less_a_year_without_policy, net_of_forecast

LEAST = 20
WORST = "highest absence, one in five"
METHODS = {
    "naive before/after": "naive",
    "difference net of forecast": "effect",
    "net of forecast, less a year without policy": "less",
    "discontinuity at the cut-off": "cutoff",
}


@dataclass(frozen=True)
class Rehearsal:
    """Pairs of years with all that test-and-learn needs: `fitted` (parameters of the forecast) and `seen`
    (frames of `years.with_forecast`, placebo pairs with the verdict z of the year before) by pair, `table`
    (effects where there was no policy), `last` (the newest pre-pandemic pair)."""

    fitted: dict
    seen: dict
    table: pd.DataFrame
    last: tuple[str, str]

    @property
    def before(self) -> tuple[str, str]:
        """The pair before `last`, or `last` itself where there is none."""
        return max((p for p in self.seen if p[1] <= self.last[0]), default=self.last)


def groups(seen: pd.DataFrame, rules: Parameters | None = None) -> dict[str, tuple[str, float]]:
    """Group in words to (column, cut-off): in the group from the cut-off on. Those by verdict only where
    `seen` has the column z.
    """
    rules = rules or DEFAULT
    out = {WORST: ("y", year_pairs.worst_from(seen))}
    if "z" in seen:
        named = (("light touch", rules.light_z), ("talk", rules.talk_z), ("intensive", rules.intensive_z))
        out |= {f"last verdict above z {at:g} ({word})": ("z", at) for word, at in named}
    return out


def in_group(seen: pd.DataFrame, column: str, at: float) -> np.ndarray:
    """Who is in the group; a school without a verdict is not."""
    return seen[column].ge(at).fillna(False).to_numpy(dtype=bool)


def one_year(
    seen: pd.DataFrame,
    learnt_on: pd.DataFrame,
    before: pd.DataFrame | None = None,
    rules: Parameters | None = None,
) -> pd.DataFrame:
    """Effects of every group in one pair of years, one row per group.

    `seen` of `years.with_forecast`, with z of `years.verdict_z` where there is one; `learnt_on` the rows that
    taught its forecast; `before` another pair without policy. Columns: group, schools, naive_pp,
    naive_lower95_pp, naive_upper95_pp, return_pp, effect_pp, se_pp, lower95_pp, upper95_pp, p_value
    (difference net of forecast), less_pp, less_lower95_pp, less_upper95_pp (the same, less the same rule's in
    `before`), cutoff_pp, cutoff_lower95_pp, cutoff_upper95_pp, cutoff_p (discontinuity).
    """
    rows = []
    was = {} if before is None else groups(before, rules)
    for name, (column, at) in groups(seen, rules).items():
        group = in_group(seen, column, at)
        if min(group.sum(), (~group).sum()) < LEAST:
            continue
        row = {"group": name, **net_of_forecast(seen, group, learnt_on)}
        less = [np.nan] * 3
        if name in was and in_group(before, *was[name]).sum() >= LEAST:
            left = (f["residual_pp"].to_numpy("float64") for f in (seen, before))
            value, se = less_a_year_without_policy(
                next(left), seen, group, next(left), before, in_group(before, *was[name])
            )
            reach = student.ppf(0.975, seen["la_code"].nunique() - 1) * float(se)
            less = [float(value), float(value) - reach, float(value) + reach]
        jump = discontinuity.at_cutoff(
            seen["residual_pp"].to_numpy("float64"),
            seen[column].to_numpy("float64"),
            at,
            seen["la_code"].to_numpy(),
        )
        row |= dict(zip(("less_pp", "less_lower95_pp", "less_upper95_pp"), less, strict=True))
        row |= {
            "cutoff_pp": jump["effect_pp"],
            "cutoff_lower95_pp": jump["lower95_pp"],
            "cutoff_upper95_pp": jump["upper95_pp"],
        }
        rows.append({**row, "cutoff_p": jump["p_value"]})
    return pd.DataFrame(rows)


def rehearse(
    register: pd.DataFrame,
    panel: pd.DataFrame,
    area_rates: pd.DataFrame,
    peers: pd.DataFrame,
    run: Parameters,
    known: dict | None = None,
) -> Rehearsal:
    """All pairs of years that the panel holds, for secondaries, and the effects found where there was no
    policy.

    `known`: frames of `years.pairs` where somebody has made them already; they take most of the time.
    """
    known = (
        year_pairs.pairs(register, panel, year_pairs.WANTED, "secondary", run.seed)
        if known is None
        else known
    )
    verdicts = {}
    for pair in [p for p in year_pairs.PLACEBO.values() if p in known]:
        learnt = year_pairs.learnt_before(known, pair[0], run)
        verdicts[pair] = year_pairs.verdict_z(known[pair], learnt, peers, register, area_rates, run, pair)
    return all_years(known, verdicts, run)


def all_years(
    known: dict, verdicts: dict[tuple[str, str], pd.DataFrame], rules: Parameters | None = None
) -> Rehearsal:
    """The table of `one_year` for each placebo pair in `known` (years in front), and the frames behind it.

    `known`: frames of `years.pairs`; `verdicts`: urn, z by the pair of years whose end they judge. Raises
    ValueError without a pre-pandemic pair.
    """
    fitted = {pair: year_pairs.learnt_before(known, pair[0], rules or DEFAULT) for pair in known}
    seen = {pair: year_pairs.with_forecast(frame, fitted[pair]) for pair, frame in known.items()}
    for pair, earlier in year_pairs.PLACEBO.items():
        if pair in seen and earlier in verdicts:
            seen[pair] = seen[pair].merge(verdicts[earlier], on="urn", how="left", validate="1:1")
    parts = []
    for pair in [p for p in year_pairs.PLACEBO if p in seen]:
        quiet = [p for p in seen if p[1] <= min(pair[0], PRE_PANDEMIC)]
        taught = pd.concat([seen[p] for p in quiet or [min(seen)]], ignore_index=True)
        found = one_year(seen[pair], taught, seen[max(quiet)] if quiet else None, rules)
        parts.append(found.assign(years=in_words(pair)))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"years": [], "group": []})
    last = max(p for p in seen if p[1] <= PRE_PANDEMIC)
    return Rehearsal(fitted, seen, table[["years", *[c for c in table if c != "years"]]], last)


def in_words(pair: tuple[str, str]) -> str:
    """`("2017-18", "2018-19")` -> `2017/18 to 2018/19`."""
    return " to ".join(map(year_words, pair))


def long(table: pd.DataFrame) -> pd.DataFrame:
    """A row per group and method: years, group, method, effect_pp, lower95_pp, upper95_pp; for charts."""
    parts = []
    for method, stem in METHODS.items():
        edge = "" if stem == "effect" else f"{stem}_"
        columns = {
            f"{stem}_pp": "effect_pp",
            f"{edge}lower95_pp": "lower95_pp",
            f"{edge}upper95_pp": "upper95_pp",
        }
        parts.append(table[["years", "group", *columns]].rename(columns=columns).assign(method=method))
    return pd.concat(parts, ignore_index=True).dropna(subset="effect_pp")


def nil(table: pd.DataFrame) -> pd.DataFrame:
    """How often each method finds something in years without policy: method, tests, found (95 % interval
    without 0), largest_pp.
    """
    rows = long(table)
    rows["found"] = (rows["lower95_pp"] > 0) | (rows["upper95_pp"] < 0)
    rows["size"] = rows["effect_pp"].abs()
    out = rows.groupby("method", sort=False).agg(
        tests=("found", "size"), found=("found", "sum"), largest_pp=("size", "max")
    )
    return (
        out.reindex(METHODS)
        .dropna()
        .astype({"tests": "int64", "found": "int64"})
        .rename_axis("method")
        .reset_index()
    )
