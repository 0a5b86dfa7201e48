"""Who goes to each school: roll by year group, disadvantage, special needs, language, ethnicity,
neighbourhood.

Intake is drawn on latent (logit) scales with the regional means, spread between and within authorities and
correlations measured nationally (data/sample_moments.csv), then turned into whole pupils that add up.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr

from .moments import Moments

LATENTS = ("fsm6", "sen", "ehcp", "eal", "white_british", "grt", "log_roll", "idaci")
# Rolls by kind (mean of the log, spread); the phase's own spread between authorities and regions comes on
# top.
LOG_ROLL = {
    "primary": (5.43, 0.50),
    "infant": (5.25, 0.40),
    "junior": (5.55, 0.38),
    "first": (4.90, 0.45),
    "middle_primary": (5.70, 0.2),
    "secondary": (6.92, 0.36),
    "selective": (7.03, 0.17),
    "middle": (6.10, 0.40),
    "upper": (6.85, 0.25),
    "all_through": (7.12, 0.36),
    "technical": (5.9, 0.3),
    "sixteen_plus": (6.4, 0.4),
    "special": (4.85, 0.50),
    "ap": (3.7, 0.6),
    "nursery": (4.55, 0.3),
    "independent": (5.4, 0.7),
}
# Selective schools take in fewer disadvantaged pupils; nurseries and pupil referral units differ from the
# phase they borrow from.
OFFSETS = {
    "selective": {"fsm6": -1.35, "sen": -1.2, "ehcp": -0.7, "eal": 0.3},
    "technical": {"sen": 0.4, "eal": -0.3},
    "ap": {"fsm6": 0.3, "sen": 4.5, "ehcp": -5.6},
    "nursery": {"eal": 0.8},
}
BORROWED = {"nursery": "primary", "ap": "special", "independent": "primary"}
GROUPS = list(range(-2, 14))  # N1, N2, Reception, Years 1 to 13


def expit(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def counts(latent: np.ndarray, pupils: np.ndarray) -> np.ndarray:
    """Whole pupils behind an empirical logit (the inverse of the measurement, which adds half a pupil)."""
    return np.clip(np.rint(np.round(expit(latent) * (pupils + 1) - 0.5, 6)), 0, pupils).astype(np.int64)


def draw_latents(rng: np.random.Generator, moments: Moments, register: pd.DataFrame) -> pd.DataFrame:
    """Latent intake of 2022/23, one row per institution, columns LATENTS."""
    authority = rng.standard_normal((36, len(LATENTS)))
    school = rng.standard_normal((len(register), len(LATENTS)))
    out = np.zeros_like(school)
    for phase in register["phase"].unique():
        source = BORROWED.get(phase, phase)
        correlation = np.eye(len(LATENTS))
        for i, first in enumerate(LATENTS):
            for j, second in enumerate(LATENTS[:i]):
                correlation[i, j] = correlation[j, i] = moments.get(
                    f"intake_correlation:{first}", source, second
                )
        mix = np.linalg.cholesky(correlation + 0.01 * np.eye(len(LATENTS)))
        within = np.array([moments.get(f"intake_sd_within_la:{k}", source) for k in LATENTS])
        between = np.array([moments.get(f"intake_sd_between_las:{k}", source) for k in LATENTS])
        mine = (register["phase"] == phase).to_numpy()
        means = np.array(
            [
                [moments.get(f"intake_mean:{k}", source, r) for k in LATENTS]
                for r in register.loc[mine, "region"]
            ]
        )
        by_la = (authority @ mix.T)[register.loc[mine, "la"]]
        out[mine] = means + by_la * between + (school[mine] @ mix.T) * within
    frame = pd.DataFrame(np.round(out, 6), columns=list(LATENTS), index=register.index)
    for kind, change in OFFSETS.items():
        for name, value in change.items():
            frame.loc[register["kind"] == kind, name] += value
    rural = ~register["urban"] & (register["phase"] == "primary")
    frame.loc[rural, ["fsm6", "eal", "idaci", "white_british"]] += np.array([-0.25, -0.7, 0.3, 0.6])
    frame["log_roll"] = _log_roll(frame["log_roll"], register)
    for child, parent in register["parent"][register["parent"] >= 0].items():
        frame.loc[child] = frame.loc[parent]
        frame.loc[child, "log_roll"] += np.log(register.loc[child, "share"])
    return frame


def _log_roll(latent: pd.Series, register: pd.DataFrame) -> pd.Series:
    """Replace the phase's mean and spread of the roll by those of the kind of school; rural primaries are
    smaller.
    """
    centred = latent.groupby(register["phase"]).transform(lambda s: (s - s.mean()) / s.std())
    mean = register["kind"].map(lambda k: LOG_ROLL[k][0])
    spread = register["kind"].map(lambda k: LOG_ROLL[k][1])
    rural = (~register["urban"] & (register["phase"] == "primary")).astype(float)
    return (
        mean + centred * spread - 0.60 * rural + 0.12 * (1 - rural) * (register["phase"] == "primary")
    ).round(6)


def year_groups(rng: np.random.Generator, register: pd.DataFrame, latents: pd.DataFrame) -> np.ndarray:
    """Pupils by year group (columns GROUPS), one row per institution; the row sum is the roll of 2022/23."""
    roll = np.clip(np.rint(np.exp(latents["log_roll"].to_numpy())), 12, 2600)
    tiny = rng.choice(np.flatnonzero((register["kind"] == "primary") & ~register["urban"]), 8, replace=False)
    roll[tiny] = rng.integers(16, 30, len(tiny))
    sizes = np.exp(rng.normal(0, 0.09, (len(register), len(GROUPS))))
    nursery, sixth = rng.random(len(register)), rng.uniform(0.09, 0.24, len(register))
    out = np.zeros((len(register), len(GROUPS)), dtype=np.int64)
    for i, school in enumerate(register.itertuples()):
        weight = np.zeros(len(GROUPS))
        low, high = int(school.low) + 2, int(school.high) + 2
        weight[low : high + 1] = sizes[i, low : high + 1]
        if (
            school.kind in ("primary", "infant", "first", "all_through")
            and school.low == 0
            and nursery[i] < 0.52
        ):
            weight[1] = 0.75
            weight[0] = 0.12 if nursery[i] < 0.15 else 0.0
        if school.phase == "special":
            weight[2:14] *= np.linspace(0.6, 1.3, 12)
            low_only, high_only = nursery[i] < 0.2, nursery[i] > 0.65
            weight[9:14] *= 0.0 if low_only else 1.0
            weight[2:9] *= 0.0 if high_only else 1.0
        if school.sixth and school.kind != "sixteen_plus" or (school.phase == "special" and nursery[i] > 0.4):
            share = sixth[i] * (1.4 if school.kind in ("selective", "upper") else 1.0)
            weight[14:16] = weight.sum() * share / (1 - share) * np.array([0.53, 0.47])
        out[i] = _spread(int(roll[i]), weight)
    return out


def _spread(total: int, weight: np.ndarray) -> np.ndarray:
    """Whole pupils in proportion to the weights that add up to the total."""
    raw = np.round(total * weight / weight.sum(), 6)
    base = np.floor(raw)
    order = np.argsort(-(raw - base), kind="stable")
    base[order[: int(round(total - base.sum()))]] += 1
    return base.astype(np.int64)


def pupils(
    rng: np.random.Generator,
    moments: Moments,
    register: pd.DataFrame,
    latents: pd.DataFrame,
    groups: np.ndarray,
) -> pd.DataFrame:
    """Counts of pupils in 2022/23 by characteristic, all within the roll and consistent with one another."""
    frame = pd.DataFrame(index=register.index)
    frame["roll"] = groups.sum(axis=1)
    frame["r_to_11"] = groups[:, 2:14].sum(axis=1)
    frame["y11"] = groups[:, 13]
    frame["ks4_share"] = groups[:, 12:14].sum(axis=1) / np.maximum(frame["r_to_11"], 1)
    frame["sixth_share"] = groups[:, 14:16].sum(axis=1) / frame["roll"]
    roll = frame["roll"].to_numpy()
    single = register["sex"].map({"Girls": 1.0, "Boys": 0.0}).to_numpy()
    mixed = np.clip(
        rng.normal(np.where(register["phase"].isin(["special", "ap"]), 0.28, 0.491), 0.03), 0.05, 0.95
    )
    frame["girls_share"] = np.where(np.isnan(single), mixed, single)
    base = np.maximum(frame["r_to_11"], 0)
    frame["fsm6"] = counts(latents["fsm6"].to_numpy(), base)
    fsm = latents["fsm6"].to_numpy() - 0.11 + rng.normal(0, 0.08, len(register))
    frame["fsm"] = np.where(register["kind"] == "sixteen_plus", counts(fsm, roll), counts(fsm, base))
    frame["ehcp"] = counts(latents["ehcp"].to_numpy(), roll)
    frame["sen"] = np.minimum(counts(latents["sen"].to_numpy(), roll), roll - frame["ehcp"])
    frame["eal_unknown"] = np.minimum(rng.poisson(0.004 * roll), roll)
    frame["eal"] = np.minimum(counts(latents["eal"].to_numpy(), roll), roll - frame["eal_unknown"])
    imd = 0.93 * latents["idaci"] + rng.normal(0, 0.34, len(register))
    for name, score in (("idaci_rank", latents["idaci"]), ("imd_rank", imd)):
        frame[name] = np.clip(np.rint(32844 * ndtr(score.to_numpy().round(6))), 1, 32844).astype(np.int64)
    frame["young_carers"] = rng.binomial(
        roll,
        np.where(register["phase"] == "secondary", 0.0065, 0.0031) * (rng.random(len(register)) < 0.4) * 2.4,
    )
    return pd.concat([frame, _ethnicity(rng, moments, register, latents, roll)], axis=1)


def _ethnicity(
    rng, moments: Moments, register: pd.DataFrame, latents: pd.DataFrame, roll: np.ndarray
) -> pd.DataFrame:
    """Pupils by ethnic group; every authority and school has its own mix of minorities around the national
    one.
    """
    names = list(moments.named("minority_share", "primary"))
    by_la = rng.gamma(3.0, 1.0, (36, len(names)))
    unknown = np.minimum(rng.poisson(0.015 * roll), roll // 4)
    grt = np.minimum(counts(latents["grt"].to_numpy(), roll), roll - unknown)
    white = np.minimum(counts(latents["white_british"].to_numpy(), roll), roll - unknown - grt)
    rest = roll - unknown - grt - white
    irish_travellers = rng.binomial(grt, 0.3)
    out = {
        "white British": white,
        "traveller of Irish heritage": irish_travellers,
        "Gypsy/Roma": grt - irish_travellers,
        "unclassified": unknown,
    }
    others = np.zeros((len(register), len(names)), dtype=np.int64)
    own = rng.gamma(1.2, 0.8, (len(register), len(names)))
    for i, (phase, la) in enumerate(zip(register["phase"], register["la"], strict=True)):
        share = np.array([moments.get(f"minority_share:{k}", BORROWED.get(phase, phase)) for k in names])
        weight = share * by_la[la] * own[i]
        others[i] = _spread(int(rest[i]), weight)
    out |= {name: others[:, k] for k, name in enumerate(names)}
    return pd.DataFrame({f"ethnic:{k}": v for k, v in out.items()}, index=register.index)


def earlier_pupils(
    rng: np.random.Generator,
    moments: Moments,
    register: pd.DataFrame,
    latents: pd.DataFrame,
    now: pd.DataFrame,
) -> pd.DataFrame:
    """Roll and counts of 2018/19 on the same institutions, as stable over the four years as they were
    nationally.
    """
    growth = {"primary": 0.014, "secondary": -0.105, "special": -0.188}
    change = np.round(
        rng.normal(
            register["phase"].map(growth).fillna(0.0), np.where(register["phase"] == "special", 0.15, 0.09)
        ),
        6,
    )
    roll = np.clip(np.rint(now["roll"].to_numpy() * np.exp(change)), 10, None).astype(np.int64)
    frame = pd.DataFrame({"roll": roll}, index=register.index)
    for name in ("fsm6", "sen", "ehcp", "eal"):
        source = register["phase"].map(lambda p: BORROWED.get(p, p))
        stable = source.map(lambda p, n=name: moments.get(f"intake_stability:{n}", p, "2019-2023"))
        shift = source.map(lambda p, n=name: moments.get(f"intake_shift:{n}", p, "2019-2023"))
        mean = latents[name].groupby(register["phase"]).transform("mean")
        spread = latents[name].groupby(register["phase"]).transform("std")
        noise = rng.standard_normal(len(register))
        past = mean + shift + stable * (latents[name] - mean) + np.sqrt(1 - stable**2) * spread * noise
        frame[f"latent_{name}"] = past.round(6)
        frame[name] = counts(frame[f"latent_{name}"].to_numpy(), roll)
    frame["sen"] = np.minimum(frame["sen"], roll - frame["ehcp"])
    frame["eal_unknown"] = np.minimum(rng.poisson(0.003 * roll), roll - frame["eal"])
    frame["fsm"] = np.rint(frame["fsm6"] * np.where(register["phase"] == "secondary", 0.58, 0.72)).astype(
        np.int64
    )
    frame["girls_share"] = now["girls_share"]
    return frame
