"""Who gets support first: a stratified, seeded lottery, frozen before anybody knows an outcome.

Strata are region x phase x size x start. Small strata are joined with their neighbours, so that each can hold
both arms. The assignment and the analysis plan are written once, each with its SHA-256, into a folder that is
then never written again: a changed file is found when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

SMALLEST = 4
LEVELS = ("region_name", "phase", "size", "start")
COVARIATES = ("y", "baseline_pct", "roll", "fsm_pct", "ehcp_pct", "eal_pct")
FILES = {"assignment": "assignment.csv", "plan": "analysis-plan.md"}
SEAL = "seal.json"
BALANCED = 0.1


class TrialRefused(ValueError):
    """A trial's files cannot be used, or may not be written; the message says why and what to do."""


def strata(schools: pd.DataFrame, smallest: int = SMALLEST) -> pd.Series:
    """A stratum in words for each row: region | phase | size | start.

    `schools`: region_name, phase, roll, y (last year's absence, %). Size: below or above the median roll of
    the phase; start: thirds of y within the phase. A stratum below `smallest` schools gives up start, then
    size, then region; at last the phase stands alone.
    """
    if schools["urn"].duplicated().any():
        raise TrialRefused(
            f"school {schools.loc[schools['urn'].duplicated(), 'urn'].iloc[0]} stands twice in the list of "
            "schools for the trial"
        )
    holes = [c for c in ("region_name", "phase", "roll", "y") if schools[c].isna().any()]
    if holes:
        raise TrialRefused(
            f"missing values in {', '.join(holes)}: leave those schools out of the trial, and say so in "
            "the plan"
        )
    by = schools.groupby("phase")
    parts = pd.DataFrame(
        {"region_name": schools["region_name"].astype("str"), "phase": schools["phase"].astype("str")}
    )
    parts["size"] = np.where(schools["roll"] > by["roll"].transform("median"), "larger", "smaller")
    rank = by["y"].rank(method="first", pct=True)
    parts["start"] = np.select([rank <= 1 / 3, rank <= 2 / 3], ["low absence", "middle"], "high absence")
    label = parts[list(LEVELS)].agg(" | ".join, axis=1)
    for dropped in ("start", "size", "region_name"):
        small = label.map(label.value_counts()) < smallest
        parts.loc[small, dropped] = "any"
        label = parts[list(LEVELS)].agg(" | ".join, axis=1)
    return label.rename("stratum")


def randomise(schools: pd.DataFrame, seed: int, share: float = 0.5, smallest: int = SMALLEST) -> pd.DataFrame:
    """The lottery: urn, la_code, region_name, phase, roll, y, stratum, treated (bool), ordered by urn.

    Within each stratum `share` of the schools is drawn; where that is not a whole number, a second draw
    decides between the two numbers around it, so that every school has the same chance. The same schools and
    seed give the same answer in whatever order they come.
    """
    if not 0 < share < 1:
        raise TrialRefused(f"share {share}: it lies between 0 and 1")
    out = schools.sort_values("urn", ignore_index=True)
    out["stratum"] = strata(out, smallest)
    out["treated"] = draw(out["stratum"].to_numpy(), share, np.random.default_rng(seed))
    about = [c for c in ("urn", "la_code", "region_name", "phase", "roll", "y") if c in out]
    return out[[*about, "stratum", "treated"]]


def draw(stratum: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """One stratified draw: True for those chosen."""
    codes = pd.factorize(stratum, sort=True)[0]
    wanted = share * np.bincount(codes)
    take = np.floor(wanted) + (rng.random(len(wanted)) < wanted - np.floor(wanted))
    order = np.lexsort((rng.random(len(codes)), codes))
    place = np.empty(len(codes), dtype="int64")
    first = np.cumsum(np.bincount(codes)) - np.bincount(codes)
    place[order] = np.arange(len(codes)) - first[codes[order]]
    return place < take[codes]


def balance(
    schools: pd.DataFrame, assignment: pd.DataFrame, covariates: tuple[str, ...] = COVARIATES
) -> pd.DataFrame:
    """Are the two arms alike? measure, treated, control, standardised (difference in pooled standard
    deviations), alike (within 0.1).

    A difference here is luck by construction: it is no reason to draw again, the analysis adjusts for it.
    """
    both = schools.merge(assignment[["urn", "treated"]], on="urn", validate="1:1", suffixes=("_given", ""))
    rows = []
    for name in [c for c in covariates if c in both]:
        a, b = (
            both.loc[both["treated"], name].astype("float64"),
            both.loc[~both["treated"], name].astype("float64"),
        )
        spread = np.sqrt((a.var() + b.var()) / 2)
        gap = (a.mean() - b.mean()) / spread if spread > 0 else 0.0
        rows.append((name, a.mean(), b.mean(), gap, bool(abs(gap) <= BALANCED)))
    return pd.DataFrame(rows, columns=["measure", "treated", "control", "standardised", "alike"])


def analysis_plan(
    trial: pd.DataFrame,
    *,
    question: str,
    release: str,
    outcome_year: str,
    seed: int,
    mdes_pp: float,
    groups: tuple[str, ...],
) -> str:
    """The plan as text, to be frozen before outcomes: what will be estimated, how, for whom, and what would
    change our mind.
    """
    n, chosen = len(trial), int(trial["treated"].sum())
    return f"""# Analysis plan

Question: {question}

Schools: {n:,} ({chosen:,} drawn for support, {n - chosen:,} not), in {trial["stratum"].nunique():,} strata of region, phase, size and
start. Release {release}; seed {seed}.

Outcome: absence rate (%) of {outcome_year}, as published, of every school in the assignment. No other outcome decides.

Primary estimate: intention to treat, by arm as drawn whatever was taken up. Regression of the outcome on arm, forecast (baseline_pct), last year's
absence, log roll and FSM, each centred and interacted with arm (Lin 2013), with stratum effects and HC2 standard errors; two-sided, 5 %.

Check: randomisation inference within strata, 4,999 draws, seed {seed}. If the two disagree at 5 %, the randomisation test decides.

Smallest effect this trial would find four times in five: {mdes_pp:.2f} pp.

Groups, declared now: {", ".join(groups)}. Estimates by group are shrunk (empirical Bayes) and are for the next trial, not for decisions.

Missing outcomes: schools without a published rate are left out and counted by arm. If the two arms differ by more than 5 points in the share missing,
no effect is claimed.

What will be said: the estimate with its interval, and whether it excludes zero. "No effect was found" is not "there is no effect": the interval says
which effects are ruled out.
"""


def freeze(folder: Path, assignment: pd.DataFrame, plan: str, panel: pd.DataFrame, outcome_year: str) -> dict:
    """Write the assignment, the plan and their seal into a new `folder`; returns the seal (file name to
    SHA-256, outcome_year).

    Raises `TrialRefused` when the folder already holds anything, or when `panel` (urn, year, absence_pct)
    already knows an outcome of the trial's schools: a plan written after the outcome is not a plan.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise TrialRefused(
            f"{folder.name} already holds a trial: an assignment is drawn once. Use a new folder for a new "
            "trial."
        )
    known = panel[
        (panel["year"] == outcome_year) & panel["absence_pct"].notna() & panel["urn"].isin(assignment["urn"])
    ]
    if len(known):
        raise TrialRefused(
            f"outcomes of {outcome_year} are already known for {known['urn'].nunique():,} schools of the "
            "trial: too late for an assignment or a plan"
        )
    contents = {FILES["assignment"]: assignment.to_csv(index=False, lineterminator="\n"), FILES["plan"]: plan}
    seal = {"outcome_year": outcome_year, **{name: _hash(text.encode()) for name, text in contents.items()}}
    unfinished = folder.with_name(folder.name + ".unfinished")
    unfinished.mkdir(parents=True)
    for name, text in {**contents, SEAL: json.dumps(seal, indent=1) + "\n"}.items():
        (unfinished / name).write_text(text, encoding="utf-8", newline="\n")
        (unfinished / name).chmod(0o444)
    if folder.exists():
        folder.rmdir()
    os.replace(unfinished, folder)
    return seal


def read_frozen(folder: Path, seal: dict | None = None) -> tuple[pd.DataFrame, str]:
    """(assignment, plan) of a frozen trial. Raises `TrialRefused` when a file is missing, or is not the one
    that was sealed.

    `seal`: as `freeze` returned it, where a copy was kept elsewhere (it should be: somebody who can change a
    file can change the seal beside it).
    """
    folder = Path(folder)
    missing = [name for name in (*FILES.values(), SEAL) if not (folder / name).exists()]
    if missing:
        raise TrialRefused(f"{folder.name} lacks {', '.join(missing)}: this is not a frozen trial")
    kept = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    if seal is not None and seal != kept:
        raise TrialRefused(
            f"{folder.name}/{SEAL} is not the seal that was kept: the trial was drawn again or changed"
        )
    for name in FILES.values():
        if _hash((folder / name).read_bytes()) != kept[name]:
            raise TrialRefused(
                f"{folder.name}/{name} was changed after it was frozen: its SHA-256 is not the sealed one. "
                "Restore the original."
            )
    assignment = pd.read_csv(folder / FILES["assignment"], dtype={"la_code": "str"})
    return assignment, (folder / FILES["plan"]).read_text(encoding="utf-8")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
