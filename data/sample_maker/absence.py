"""Absence of every institution in every year: context, authority, a persistent school effect, and noise that
falls with size.

On the log scale: absence = national level of the phase and year x context x authority and region x school
(first-order autoregressive over years) x noise. National overall and unauthorised rates of every year, and
persistent and severe rates of a few anchor years, are matched; persistent and severe rates of the other
years, the rates of all schools together and the spread of regions and authorities come out as they may.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .moments import Moments
from .register import exists

YEARS = (2016, 2017, 2018, 2019, 2021, 2022, 2023, 2024, 2025)
ANCHORS = (2019, 2023)  # years whose persistent absence is matched
SEVERE_ANCHORS = (2019, 2023, 2025)
SEVERE_NOISE = 0.35
SESSIONS = {"primary": 368.0, "secondary": 362.0, "special": 364.0}


@dataclass(frozen=True)
class Recipe:
    """Spread of the parts of log absence in a phase, at a roll of `roll0` and 25 % FSM6. Tuned to the bands
    of measure.py.
    """

    context_sd: float  # 2022/23
    context_before: float  # factor on the context part before the pandemic
    # share of an authority's mean context that does not show: within authorities circumstances count for more
    context_local: float
    region_sd: float
    authority_sd: float
    authority_memory: float  # correlation of the authority effect from one year to the next
    school_sd: float
    memory: float  # correlation of the school effect from one year to the next
    school_slope: float  # on log roll
    noise_sd: float
    noise_slope: float
    roll0: float


RECIPES = {
    "primary": Recipe(0.188, 0.86, 0.36, 0.010, 0.037, 0.60, 0.158, 0.86, -0.27, 0.055, -0.50, 240.0),
    "secondary": Recipe(0.230, 0.80, 0.40, 0.026, 0.050, 0.95, 0.158, 0.78, -0.22, 0.025, -0.50, 1000.0),
    "special": Recipe(0.300, 0.90, 0.00, 0.020, 0.030, 0.90, 0.270, 0.93, -0.25, 0.085, -0.50, 130.0),
}
FSM_SLOPE = 0.004  # on the log spread, per percentage point of FSM6


@dataclass(frozen=True)
class Sessions:
    """Counts of one year, one entry per institution (zero where it has no figures)."""

    year: int
    enrolments: np.ndarray
    possible: np.ndarray
    authorised: np.ndarray
    unauthorised: np.ndarray
    persistent: np.ndarray
    severe: np.ndarray

    @property
    def missed(self) -> np.ndarray:
        return self.authorised + self.unauthorised


def context(
    moments: Moments,
    register: pd.DataFrame,
    latents: pd.DataFrame,
    earlier: pd.DataFrame,
    now: pd.DataFrame,
    year: int,
) -> np.ndarray:
    """Context part of log absence (mean 0, spread as in the recipe) from the intake of that year, per phase."""
    past = np.clip((2023 - year) / 4, -0.25, 1.25)
    out = np.zeros(len(register))
    for phase, recipe in RECIPES.items():
        mine = (register["phase"] == phase).to_numpy()
        features = latents[mine].copy()
        for name in ("fsm6", "sen", "ehcp", "eal"):
            features[name] += past * (earlier.loc[mine, f"latent_{name}"] - latents.loc[mine, name])
        kind = register.loc[mine, "kind"]
        features["selective"], features["infant"] = kind == "selective", kind == "infant"
        features["junior"], features["middle"] = kind == "junior", kind == "middle"
        features["catholic"] = register.loc[mine, "church"] == "Roman Catholic"
        features["rural"] = ~register.loc[mine, "urban"]
        features["ks4"], features["sixth"] = now.loc[mine, "ks4_share"], now.loc[mine, "sixth_share"]
        features = features.astype(float)
        scale = features.std().replace(0, 1)
        scale["grt"] = max(scale["grt"], 0.5)
        features = ((features - features.mean()) / scale).clip(-3.5, 3.5)
        features["fsm6_squared"], features["eal_squared"] = features["fsm6"] ** 2, features["eal"] ** 2
        effect = sum(moments.get(f"context_effect:{k}", phase, "2023") * v for k, v in features.items())
        effect = effect - recipe.context_local * effect.groupby(register.loc[mine, "la"]).transform("mean")
        effect = (effect - effect.mean()) / effect.std() * recipe.context_sd
        out[mine] = effect * (recipe.context_before if year < 2020 else 1.0)
    return out


def _paths(rng: np.random.Generator, register: pd.DataFrame, now: pd.DataFrame) -> dict[int, np.ndarray]:
    """Everything but context: region, authority, school effect and noise on the log scale, by year."""
    years = range(2016, 2026)
    region, authority = rng.standard_normal(9), rng.standard_normal((len(years), 36))
    shocks = rng.standard_t(7, (len(years), len(register))) / np.sqrt(7 / 5)
    noise = rng.standard_t(7, (len(years), len(register))) / np.sqrt(7 / 5)
    parent = register["parent"].to_numpy()
    shocks[:, parent >= 0] = shocks[:, parent[parent >= 0]]
    la = register["la"].to_numpy()
    fsm6_pct = 100 * now["fsm6"] / np.maximum(now["r_to_11"], 1)
    spread, memory, rough = (np.zeros(len(register)) for _ in range(3))
    area = np.zeros((len(years), len(register)))
    for phase, recipe in RECIPES.items():
        mine = (register["phase"] == phase).to_numpy()
        size = np.log(now["roll"].to_numpy() / recipe.roll0)
        wide = np.exp(FSM_SLOPE * (fsm6_pct - 25.0).clip(-25, 40))
        regional = (region - region.mean()) / region.std() * recipe.region_sd
        local = authority[0]
        for k in range(len(years)):
            if k:
                local = (
                    recipe.authority_memory * local + np.sqrt(1 - recipe.authority_memory**2) * authority[k]
                )
            area[k, mine] = (regional[la // 4] + recipe.authority_sd * local[la])[mine]
        spread[mine] = (recipe.school_sd * np.exp(recipe.school_slope * size) * wide)[mine]
        rough[mine] = (recipe.noise_sd * np.exp(recipe.noise_slope * size) * wide)[mine]
        memory[mine] = recipe.memory
    out, effect = {}, shocks[0] * spread
    for k, year in enumerate(years):
        if k:
            effect = memory * effect + np.sqrt(1 - memory**2) * spread * shocks[k]
        out[year] = area[k] + effect + np.clip(noise[k], -4, 4) * rough
    return out


def roll_in(register: pd.DataFrame, now: pd.DataFrame, earlier: pd.DataFrame, year: int) -> np.ndarray:
    """Pupils of Reception to Year 11 in a year: between the two censuses in proportion, held at their ends
    outside.
    """
    past = float(np.clip((2023 - year) / 4, -0.5, 1.5))
    share = now["r_to_11"].to_numpy() / now["roll"].to_numpy()
    return np.maximum(np.rint(share * (now["roll"] + past * (earlier["roll"] - now["roll"])).to_numpy()), 1)


def _solve(target: float, weight: np.ndarray, of: callable, low: float, high: float) -> float:
    """The shift that brings a weighted mean to its target, by bisection (of(shift) rises with the shift)."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if float((of(middle) * weight).sum() / weight.sum()) < target else (low, middle)
        )
    return round((low + high) / 2, 9)


def make_absence(
    rng: np.random.Generator,
    moments: Moments,
    register: pd.DataFrame,
    latents: pd.DataFrame,
    now: pd.DataFrame,
    earlier: pd.DataFrame,
):
    """Sessions of every institution by year; zero where it is not open or publishes no absence."""
    paths = _paths(rng, register, now)
    fsm = ((latents["fsm6"] - latents.groupby(register["phase"])["fsm6"].transform("mean")) / 0.9).to_numpy()
    churn = np.clip(0.018 + 0.012 * fsm + rng.normal(0, 0.01, len(register)), 0.0, 0.2)
    own = {
        k: rng.standard_normal((len(YEARS), len(register)))
        for k in ("persistent", "severe", "unauthorised", "days")
    }
    stay = {k: rng.standard_normal(len(register)) for k in own}
    out = {}
    for k, year in enumerate(YEARS):
        open_now = exists(register, year) & register["absence"].to_numpy()
        logs = context(moments, register, latents, earlier, now, year) + paths[year]
        pupils = roll_in(register, now, earlier, year)
        enrolments = np.where(open_now, np.rint(pupils * (1 + churn)), 0).astype(np.int64)
        y11 = (now["y11"] / np.maximum(now["r_to_11"], 1)).to_numpy()
        noise = {name: 0.75 * stay[name] + 0.66 * own[name][k] for name in own}
        out[year] = _year(
            moments,
            register,
            year,
            open_now,
            logs,
            pupils * (1 - 0.16 * y11),
            enrolments,
            fsm,
            noise,
            now["roll"].to_numpy(),
        )
    return out


def _year(moments, register, year, open_now, logs, pupils, enrolments, fsm, noise, roll) -> Sessions:
    counts = {
        k: np.zeros(len(register), dtype=np.int64)
        for k in ("possible", "authorised", "unauthorised", "persistent", "severe")
    }
    for phase in RECIPES:
        mine = np.flatnonzero(open_now & (register["phase"] == phase).to_numpy())
        possible = np.rint(pupils[mine] * SESSIONS[phase] * (1 + 0.004 * noise["days"][mine]))
        shape = np.exp(logs[mine])
        level = moments.get("absence_pct", phase, year) / ((shape * possible).sum() / possible.sum())
        rate = np.clip(level * shape, 0.8, 60.0)
        missed = np.rint(np.round(rate / 100 * possible, 6))
        share = _unauthorised_share(
            moments, phase, year, rate, possible, fsm[mine], noise["unauthorised"][mine]
        )
        unauthorised = np.rint(np.round(share * missed, 6))
        size = (
            0.76 * np.sqrt(np.clip(300.0 / roll[mine], 0.4, 4.0))
            if phase == "primary"
            else np.ones(len(mine))
        )
        persistent = _tail(
            moments,
            "persistent",
            phase,
            year,
            rate,
            enrolments[mine],
            noise["persistent"][mine] * size + 0.20 * fsm[mine],
        )
        severe = _tail(moments, "severe", phase, year, rate, enrolments[mine], noise["severe"][mine])
        # A pupil who misses a tenth (half) misses at least that share; the others miss less than a tenth
        # (half).
        pupil = enrolments[mine]
        persistent = np.clip(
            persistent, np.ceil((rate - 9.0) / 91.0 * pupil + 0.01).clip(0), np.floor(rate / 10.5 * pupil)
        )
        severe = np.clip(
            severe,
            np.ceil((rate - 47.0) / 53.0 * pupil).clip(0),
            np.minimum(np.floor(rate / 53 * pupil), persistent),
        )
        counts["possible"][mine], counts["unauthorised"][mine] = possible, unauthorised
        counts["authorised"][mine] = missed - unauthorised
        counts["persistent"][mine], counts["severe"][mine] = persistent, severe
    return Sessions(
        year,
        enrolments,
        counts["possible"],
        counts["authorised"],
        counts["unauthorised"],
        counts["persistent"],
        counts["severe"],
    )


def _unauthorised_share(moments, phase, year, rate, possible, fsm, noise) -> np.ndarray:
    """Share of absence that is unauthorised: rises with absence and disadvantage; national share matched."""
    score = (
        {"primary": 0.49, "secondary": 0.69, "special": 0.4}[phase] * np.log(rate) + 0.38 * fsm + 0.45 * noise
    )
    target = moments.get("unauthorised_pct", phase, year)
    shift = _solve(target, possible, lambda s: rate / (1 + np.exp(-np.clip(score + s, -30, 30))), -12.0, 12.0)
    return 1 / (1 + np.exp(-(score + shift)))


def _tail(
    moments, name: str, phase: str, year: int, rate: np.ndarray, pupils: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """Pupils who miss a tenth or half: a logit line (bent for a tenth) in log absence around a national
    level.

    The level is matched in the anchor years only. In between, persistent absence follows the national level
    of overall absence, and severe absence, which has kept rising while overall absence fell, follows time; so
    the other years' published rates stay unseen.
    """
    here = np.log(moments.get("absence_pct", phase, year))
    distance = np.clip(np.log(rate) - here, -1.2, 1.2)
    if name == "persistent":
        clock = {y: np.log(moments.get("absence_pct", phase, y)) for y in ANCHORS}
        middle = _between(
            here, clock, {y: _logit_of(moments.get("persistent_pct", phase, y)) for y in ANCHORS}
        )
        slope = _between(here, clock, {y: moments.get("persistent_slope", phase, y) for y in ANCHORS})
        bend = moments.get("persistent_curvature", phase, 2023)
        score = (
            slope * distance + bend * distance**2 + moments.get("persistent_residual_sd", phase, 2023) * noise
        )
    else:
        middle = _between(
            year,
            {y: y for y in SEVERE_ANCHORS},
            {y: _logit_of(moments.get("severe_pct", phase, y)) for y in SEVERE_ANCHORS},
        )
        score = moments.get("severe_slope", phase, 2023) * distance + SEVERE_NOISE * noise
    target = 100 / (1 + np.exp(-middle))
    shift = _solve(
        target, pupils.astype(float), lambda s: 100 / (1 + np.exp(-np.clip(score + s, -30, 30))), -15.0, 8.0
    )
    return np.rint(np.round(pupils / (1 + np.exp(-np.clip(score + shift, -30, 30))), 6))


def _logit_of(pct: float) -> float:
    return float(np.log(pct / (100 - pct)))


def _between(x: float, clock: dict[int, float], level: dict[int, float]) -> float:
    """Linear between the two nearest anchors; beyond them the line goes on for at most a third of their
    distance.
    """
    years = sorted(clock, key=clock.get)
    k = max(0, min(len(years) - 2, sum(clock[y] <= x for y in years) - 1))
    first, second = years[k], years[k + 1]
    part = float(np.clip((x - clock[first]) / (clock[second] - clock[first]), -0.35, 1.35))
    return level[first] + part * (level[second] - level[first])
