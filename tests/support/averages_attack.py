"""An invented country, and the attack on its published averages: a linear programme that works out how much
they tell of any one school.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

LOW, HIGH = 0.1, 1.2
EXACT = 1e-6  # the attacker is given the averages unrounded: rounding would only help us


def country(
    seed: int = 1,
    sizes: tuple[tuple[int, ...], ...] = ((14, 12, 2, 25), (11, 1, 30, 18), (13, 16, 12, 20), (40,)),
) -> pd.DataFrame:
    """An invented country: `sizes` are the schools of each authority of each region. One phase, columns as
    `audience.assessed` gives them.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for r, region in enumerate(sizes):
        for a, count in enumerate(region):
            for i in range(count):
                rows.append(
                    {
                        "urn": 900001 + len(rows),
                        "school_name": f"School {len(rows)}",
                        "region_name": f"Region {r}",
                        "la_code": f"{901 + 10 * r + a}",
                        "la_name": f"Authority {r}{a}",
                        "trust_name": f"Trust {r}{a}{i % 6}" if i % 3 else None,
                        "phase": "primary",
                        "weight": float(rng.integers(80, 900)),
                        "absence_pct": float(rng.normal(6, 1)),
                        "ask_pp": float(np.clip(rng.normal(0.35, 0.25), LOW, HIGH)),
                        "chance_unaided": 0.36,
                    }
                )
    return pd.DataFrame(rows)


def attack(
    schools: pd.DataFrame, table: pd.DataFrame, knows: pd.Series | None = None, most: int = 10_000
) -> pd.Series:
    """How far apart (points) the least and the most are that each school may be asked for, to a reader who
    knows all pupils' numbers and the exact average of every area that the table does not withhold.

    `knows` marks schools whose asks the reader has: they are left out. `most` limits the attack to the
    largest schools, whose width is the least.
    """
    published = table[table["ask_pp"].notna()]
    rows, bounds_of_sums = [], []
    for row in published.itertuples():
        members = pd.Series(True, index=schools.index)
        if row.geography != "england":
            members = schools["region_name"] == row.region_name
        if row.geography == "la":
            members = members & (schools["la_code"] == row.la_code)
        weights = (schools["weight"] * members).to_numpy()
        rows.append(weights / weights.sum())
        bounds_of_sums.append(rows[-1] @ schools["ask_pp"].to_numpy())
    a, b = csr_matrix(np.array(rows).reshape(-1, len(schools))), np.array(bounds_of_sums)
    a_ub = csr_matrix(np.vstack([a.toarray(), -a.toarray()]))
    b_ub = np.concatenate([b + EXACT, -(b - EXACT)])
    own = np.zeros(len(schools), dtype=bool) if knows is None else knows.to_numpy()
    bounds = [(ask, ask) if mine else (LOW, HIGH) for ask, mine in zip(schools["ask_pp"], own, strict=True)]
    widths = {}
    order = np.argsort(-schools["weight"].to_numpy(), kind="stable")
    for i in order[~own[order]][:most]:
        ends = []
        for sign in (1, -1):
            goal = np.zeros(len(schools))
            goal[i] = sign
            found = linprog(
                goal,
                A_ub=a_ub if len(b) else None,
                b_ub=b_ub if len(b) else None,
                bounds=bounds,
                method="highs",
            )
            assert found.status == 0, found.message
            ends.append(sign * found.fun)
        widths[schools["urn"].iloc[i]] = ends[1] - ends[0]
    return pd.Series(widths)
