"""Years in which there was no policy: what do the methods find where there is nothing to find?

In 2017/18 to 2018/19 and 2022/23 to 2023/24 nobody was given a target or routed to support by it. An "effect" of being in the worst
group, or of a verdict above a routing threshold, is therefore nil, and a method that finds one is wrong. The naive before/after of the
same schools stands beside it: it is what would have been reported as a success. Routing looks at two years' verdicts; with three years in
a row published, the last verdict alone is used here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t as student

from helpers.support.routing import Rules
from helpers.trial import discontinuity, years
from helpers.trial.forecast_difference import less_a_year_without_policy, net_of_forecast

LEAST = 20
WORST = "highest absence, one in five"


def groups(seen: pd.DataFrame, rules: Rules | None = None) -> dict[str, tuple[str, float]]:
    """Group in words to (column, cut-off): in the group from the cut-off on. Those by verdict only where `seen` has the column z."""
    rules = rules or Rules()
    out = {WORST: ("y", years.worst_from(seen))}
    if "z" in seen:
        named = (("light touch", rules.light_z), ("talk", rules.talk_z), ("intensive", rules.intensive_z))
        out |= {f"last verdict above z {at:g} ({word})": ("z", at) for word, at in named}
    return out


def in_group(seen: pd.DataFrame, column: str, at: float) -> np.ndarray:
    """Who is in the group; a school without a verdict is not."""
    return seen[column].ge(at).fillna(False).to_numpy(dtype=bool)


def one_year(seen: pd.DataFrame, learnt_on: pd.DataFrame, before: pd.DataFrame | None = None, rules: Rules | None = None) -> pd.DataFrame:
    """Effects of every group in one pair of years, one row per group.

    `seen` of `years.with_forecast`, with z of `years.verdict_z` where there is one; `learnt_on` the rows that taught its forecast;
    `before` another pair without policy. Columns: group, schools, naive_pp, naive_lower95_pp, naive_upper95_pp, return_pp, effect_pp,
    se_pp, lower95_pp, upper95_pp, p_value (difference net of forecast), less_pp, less_lower95_pp, less_upper95_pp (the same, less the
    same rule's in `before`), cutoff_pp, cutoff_lower95_pp, cutoff_upper95_pp, cutoff_p (discontinuity).
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
            value, se = less_a_year_without_policy(next(left), seen, group, next(left), before, in_group(before, *was[name]))
            reach = student.ppf(0.975, seen["la_code"].nunique() - 1) * float(se)
            less = [float(value), float(value) - reach, float(value) + reach]
        jump = discontinuity.at_cutoff(
            seen["residual_pp"].to_numpy("float64"), seen[column].to_numpy("float64"), at, seen["la_code"].to_numpy()
        )
        row |= dict(zip(("less_pp", "less_lower95_pp", "less_upper95_pp"), less, strict=True))
        row |= {"cutoff_pp": jump["effect_pp"], "cutoff_lower95_pp": jump["lower95_pp"], "cutoff_upper95_pp": jump["upper95_pp"]}
        rows.append({**row, "cutoff_p": jump["p_value"]})
    return pd.DataFrame(rows)


def all_years(known: dict, verdicts: dict[tuple[str, str], pd.DataFrame], rules: Rules | None = None) -> tuple[pd.DataFrame, dict]:
    """(the table of `one_year` for each placebo pair in `known`, years in front; the frames with forecast by pair).

    `known`: frames of `years.pairs`; `verdicts`: urn, z by the pair of years whose end they judge.
    """
    seen = {pair: years.with_forecast(frame, years.learnt_before(known, pair[0])) for pair, frame in known.items()}
    for pair, earlier in years.PLACEBO.items():
        if pair in seen and earlier in verdicts:
            seen[pair] = seen[pair].merge(verdicts[earlier], on="urn", how="left", validate="1:1")
    parts = []
    for pair in [p for p in years.PLACEBO if p in seen]:
        taught = [f for p, f in seen.items() if p[1] <= min(pair[0], years.LAST_PRE_PANDEMIC)] or [seen[min(seen)]]
        earlier = max((p for p in seen if p[1] <= min(pair[0], years.LAST_PRE_PANDEMIC)), default=None)
        found = one_year(seen[pair], pd.concat(taught, ignore_index=True), seen.get(earlier), rules)
        parts.append(found.assign(years=f"{pair[0].replace('-', '/')} to {pair[1].replace('-', '/')}"))
    table = pd.concat(parts, ignore_index=True)
    return table[["years", *[c for c in table if c != "years"]]], seen


def nil(table: pd.DataFrame) -> pd.DataFrame:
    """How often each method finds something in years without policy: method, tests, found (95 % interval without 0), largest_pp."""
    rows = []
    methods = {
        "naive before/after": "naive",
        "difference net of forecast": "",
        "net of forecast, less a year without policy": "less",
        "discontinuity": "cutoff",
    }
    for name, stem in methods.items():
        low, high = (table[f"{stem}_{side}95_pp".removeprefix("_")] for side in ("lower", "upper"))
        value = table[f"{stem or 'effect'}_pp"]
        known = value.notna()
        found = (low[known] > 0) | (high[known] < 0)
        at = value[known].abs().idxmax() if known.any() else None
        rows.append((name, int(known.sum()), int(found.sum()), float(value[at]) if at is not None else np.nan))
    return pd.DataFrame(rows, columns=["method", "tests", "found", "largest_pp"])
