"""Are the similar schools similar, near, and stable (criteria 11 to 13)?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.base.params import Parameters
from helpers.evaluate.backtests.criteria import row
from helpers.model.context import cross_fit, peer_weights, r_squared, usable
from helpers.model.features import design
from helpers.peers import search

FIVE = ["fsm_pct", "sen_support_pct", "eal_pct", "idaci", "log_roll"]
LEAST = {"secondary": 0.53, "primary": 0.44}
HALVES = {"secondary": 0.80, "primary": 0.72}
ROUNDING_PP = 0.05


def mean_of_peers(pairs: pd.DataFrame, outcome: pd.Series) -> pd.Series:
    """Mean outcome of a school's peers, by urn."""
    return pairs.assign(peer=pairs["peer_urn"].map(outcome)).groupby("urn")["peer"].mean()


def jaccard(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Mean over schools of shared peers / peers in either set; `a`, `b`: urn, peer_urn."""
    shared = (
        a[["urn", "peer_urn"]]
        .merge(b[["urn", "peer_urn"]], on=["urn", "peer_urn"], validate="1:1")
        .groupby("urn")
        .size()
    )
    of_a, of_b = a.groupby("urn").size(), b.groupby("urn").size()
    shared = shared.reindex(of_a.index).fillna(0)
    return float((shared / (of_a + of_b.reindex(of_a.index) - shared)).mean())


def sets(
    register: pd.DataFrame, phase: str, weights: pd.DataFrame, linked: pd.DataFrame, run: Parameters
) -> pd.DataFrame:
    """Peer sets alone (urn, peer_urn) of one phase."""
    return search.peer_sets(
        register[register["phase"] == phase], weights[weights["phase"] == phase], linked, run
    )


def unweighted(register: pd.DataFrame, phase: str, k: int) -> tuple[pd.Series, pd.Series]:
    """The plain comparison: mean absence of the k nearest on five standardised variables, no blocks, no
    weights; and the schools' own.
    """
    s = (
        register[(register["phase"] == phase) & (register["status"] == "assessed")]
        .sort_values("urn")
        .set_index("urn")
    )
    x = design(s)[FIVE]
    x = x.fillna(x.median())
    z = ((x - x.mean()) / x.std(ddof=0)).to_numpy()
    y = s["absence_pct"].to_numpy("float64")
    means = np.empty(len(z))
    for start in range(0, len(z), search.CHUNK):
        rows = np.arange(start, min(start + search.CHUNK, len(z)))
        found, _ = search.nearest(z[rows], z, np.zeros((len(rows), len(z))), [np.array([i]) for i in rows], k)
        means[rows] = y[found].mean(axis=1)
    return pd.Series(means, index=s.index), s["absence_pct"]


def likeness_bars(
    register: pd.DataFrame, found: pd.DataFrame, context_r2: dict[str, float], k: int
) -> list[dict]:
    """Criterion 11: how well the mean of a school's peers says its own absence, beside the context model and a
    plain 20 nearest neighbours.
    """
    rows, y = [], register.set_index("urn")["absence_pct"]
    for phase, pairs in found.groupby(found["urn"].map(register.set_index("urn")["phase"])):
        mean = mean_of_peers(pairs, y)
        r2 = r_squared(y[mean.index].to_numpy(), mean.to_numpy())
        plain_mean, own = unweighted(register, phase, k)
        plain = r_squared(own.to_numpy(), plain_mean.to_numpy())
        share, more = r2 / context_r2[phase], r2 - plain
        la = register.set_index("urn")["la_code"]
        abroad = pairs[la.reindex(pairs["urn"]).to_numpy() != la.reindex(pairs["peer_urn"]).to_numpy()]
        elsewhere = mean_of_peers(abroad, y)
        strict = r_squared(y[elsewhere.index].to_numpy(), elsewhere.to_numpy())
        note = f"with peers of other LAs alone, as the context model sees them: {strict:.3f}"
        rows += [
            row(
                11,
                f"{phase}: R2 of the peers' mean",
                r2,
                f">= {LEAST[phase]}",
                r2 >= LEAST[phase],
                len(mean),
                f"20 schools at random: {-1 / k:.2f}",
                note,
            ),
            row(
                11,
                f"{phase}: as a share of the context model's",
                share,
                ">= 0.95",
                share >= 0.95,
                len(mean),
                f"context model {context_r2[phase]:.3f}",
            ),
            row(
                11,
                f"{phase}: above five unweighted variables",
                more,
                ">= 0.08",
                more >= 0.08,
                len(mean),
                f"five variables {plain:.3f}",
            ),
        ]
    return rows


def naming_bars(
    register: pd.DataFrame, baseline: pd.DataFrame, pairs: pd.DataFrame, summary: pd.DataFrame
) -> list[dict]:
    """Criterion 12: distance of the named schools, who has three of them, and that grammar schools are compared
    with grammar schools.
    """
    rows, info = [], register.set_index("urn")
    b = baseline.merge(summary[["urn", "n_named", "times_named"]], on="urn", how="left", validate="1:1")
    for phase, own in b.groupby("phase"):
        named = pairs[pairs["named"] & pairs["urn"].isin(own["urn"])]
        middle, far = named["km"].median(), named["km"].quantile(0.9)
        worse = own[own["absence_pct"] > own["context_expected_pct"]]
        share = (worse["n_named"] >= 3).mean()
        most = f"one school is named at most {int(own['times_named'].max())} times"
        rows += [
            row(
                12,
                f"{phase}: median km to named schools",
                middle,
                "<= 40",
                middle <= 40,
                len(named),
                "",
                most,
            ),
            row(12, f"{phase}: 90th percentile of km", far, "<= 140", far <= 140, len(named)),
            row(
                12,
                f"{phase}: share with three named, of those above their context",
                share,
                ">= 0.90",
                share >= 0.9,
                len(worse),
            ),
        ]
    mixed = int(
        (
            info["selective"].reindex(pairs["urn"]).to_numpy()
            != info["selective"].reindex(pairs["peer_urn"]).to_numpy()
        ).sum()
    )
    rows.append(
        row(
            12,
            "pairs of a selective and a non-selective school",
            mixed,
            "0",
            mixed == 0,
            len(pairs),
            mixing_without_blocks(register, baseline),
        )
    )
    return rows


def mixing_without_blocks(register: pd.DataFrame, baseline: pd.DataFrame) -> str:
    """In words: how many grammar schools would have non-selective peers among the 20 nearest on five
    variables, were there no blocks.
    """
    s = (
        register[(register["phase"] == "secondary") & register["urn"].isin(baseline["urn"])]
        .sort_values("urn")
        .set_index("urn")
    )
    grammar = s["selective"].fillna(False).astype(bool).to_numpy()
    if not grammar.any():
        return "no grammar schools here"
    x = design(s)[FIVE]
    z = ((x - x.mean()) / x.std(ddof=0)).fillna(0.0).to_numpy()
    at = np.flatnonzero(grammar)
    found, _ = search.nearest(z[at], z, np.zeros((len(at), len(z))), [np.array([i]) for i in at], 20)
    return f"without blocks {np.mean((~grammar[found]).any(axis=1)):.0%} of grammar schools would be mixed"


def half_weights(register: pd.DataFrame, phase: str, run: Parameters) -> list[pd.DataFrame]:
    """Peer weights learnt from each half of the local authorities, drawn at random."""
    s = register[(register["phase"] == phase) & (register["status"] == "assessed")].sort_values(
        "urn", ignore_index=True
    )
    codes = np.array(sorted(s["la_code"].unique()))
    np.random.default_rng(run.seed).shuffle(codes)
    out = []
    for part in (codes[: len(codes) // 2], codes[len(codes) // 2 :]):
        half = s[s["la_code"].isin(part)].reset_index(drop=True)
        x = design(half)
        fit = cross_fit(
            x,
            half["absence_pct"].to_numpy("float64"),
            half["la_code"].to_numpy(),
            np.sqrt(half["roll"].to_numpy("float64")),
            run.seed,
        )
        out.append(peer_weights(fit, list(usable(x).columns), phase, run.seed, run.learnt_share))
    return out


def rounded(register: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The register with every published share moved by up to 0.05 pp, as rounding may have done."""
    rng = np.random.default_rng(seed)
    shares = [
        c
        for c in register.columns
        if c.endswith("_pct") and "absence" not in c and pd.api.types.is_float_dtype(register[c])
    ]
    return register.assign(
        **{
            c: (register[c] + rng.uniform(-ROUNDING_PP, ROUNDING_PP, len(register))).clip(0, 100)
            for c in shares
        }
    )


def stability_bars(
    register: pd.DataFrame, found: pd.DataFrame, weights: pd.DataFrame, linked: pd.DataFrame, run: Parameters
) -> list[dict]:
    """Criterion 13: how many peers stay the same when shares are rounded otherwise, and when the weights come from
    half of the LAs.
    """
    rows, moved = [], rounded(register, run.seed)
    for phase in sorted(weights["phase"].unique()):
        ours = found[found["urn"].isin(register.loc[register["phase"] == phase, "urn"])]
        after = jaccard(ours, sets(moved, phase, weights, linked, run))
        rows.append(
            row(
                13,
                f"{phase}: peer sets shared after rounding by 0.05 pp",
                after,
                ">= 0.95",
                after >= 0.95,
                ours["urn"].nunique(),
            )
        )
        halves = [sets(register, phase, w, linked, run) for w in half_weights(register, phase, run)]
        each = [jaccard(ours, h) for h in halves]
        mean = float(np.mean(each))
        note = f"the two halves with each other: {jaccard(*halves):.3f}"
        rows.append(
            row(
                13,
                f"{phase}: with weights learnt from one half of the LAs",
                mean,
                f">= {HALVES[phase]}",
                mean >= HALVES[phase],
                ours["urn"].nunique(),
                "",
                note,
            )
        )
    return rows
