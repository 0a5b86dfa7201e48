"""From verdicts to offers: who is on the referral list and why, what people recorded, and who is offered a
place at which hub.

Nothing here decides. The list carries reasons in words and empty columns for a person's decision; places are
a proposal. A school is listed only on two years' verdicts, each measured from that year's own starting point:
one year's miss is mostly luck, and even two are weak evidence about one school (with no policy at all about
as many schools would be listed). Distances are straight lines on the National Grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.base.params import DEFAULT, Parameters
from helpers.base.years import year_before, year_words
from helpers.records.agreed import newest_ambitions

VERDICTS = ("met", "within_noise", "missed_by_more_than_noise", "too_early")
TIERS = ("intensive", "light_touch", "talk_to_us")
ABOUT = [
    "urn",
    "school_name",
    "la_name",
    "region_name",
    "phase",
    "status",
    "roll",
    "trust_name",
    "easting",
    "northing",
]
RAREST = 500  # no chance smaller than one in this many is told
FLAGS = ("reopened", "met_as_published")
DECISION_COLUMNS = ("decision", "decided_by", "date", "reason")
LEFT_OUT = {
    "no_verdict": "has no verdict for the last year, so it is not routed",
    "too_early": "it is too early to say, in one of the two years",
    "one_year_only": "has a verdict for one year only; two are needed",
    "circumstances_changed": "its circumstances changed, so its target is open again",
    "special_range_only": "is a special school: it has a range, never a point to miss",
    "not_in_register": "is not in this release's register of schools",
}


@dataclass(frozen=True)
class Routed:
    """`referrals` (one row per school listed, greatest need first), `left_out` (urn, code, words), `counts`
    (answer, schools; every school of the register and every other school with a verdict is counted once)."""

    referrals: pd.DataFrame
    left_out: pd.DataFrame
    counts: pd.DataFrame


def _checked(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Verdicts with `fixed_z` and the flags filled in where the frame has none. Raises ValueError for
    anything that cannot be meant.
    """
    lacking = {"urn", "year", "z", "verdict", "shortfall_pp"} - set(verdicts)
    if lacking:
        raise ValueError(f"verdicts lack the columns {sorted(lacking)}")
    unknown = set(verdicts["verdict"].dropna()) - set(VERDICTS)
    if unknown:
        raise ValueError(f"there is no verdict {sorted(unknown)}; verdicts: {', '.join(VERDICTS)}")
    twice = verdicts[verdicts.duplicated(["urn", "year"])]
    if len(twice):
        raise ValueError(f"school {twice['urn'].iloc[0]} has two verdicts for {twice['year'].iloc[0]}")
    out = verdicts.reindex(columns=["urn", "year", "z", "verdict", "shortfall_pp", "fixed_z", *FLAGS])
    for flag in FLAGS:
        out[flag] = out[flag].eq(True)
    return out.astype({"z": "float64", "shortfall_pp": "float64", "fixed_z": "float64"})


def two_years(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The last year of `verdicts` and the one before side by side: urn, year, and verdict, z, shortfall_pp,
    fixed_z and flags, each also with `_before`. Every school with any verdict has a row."""
    given = _checked(verdicts)
    last = given["year"].max() if len(given) else ""
    then = given[given["year"] == (year_before(last) if last else "")].drop(columns="year")
    both = pd.DataFrame({"urn": given["urn"].unique()})
    both = both.merge(given[given["year"] == last], on="urn", how="left", validate="1:1")
    both = both.merge(then, on="urn", how="left", validate="1:1", suffixes=("", "_before"))
    for flag in FLAGS:
        both[flag], both[f"{flag}_before"] = both[flag].eq(True), both[f"{flag}_before"].eq(True)
    return both.assign(year=last)


def count_by_threshold(verdicts: pd.DataFrame) -> pd.DataFrame:
    """How many schools each threshold would list: z, schools (both years above it), expected_if_improved (had
    every school with two verdicts made exactly the improvement asked, with one year's luck independent of the
    next)."""
    thresholds = np.arange(0, 2.51, 0.25)
    both = two_years(verdicts)
    low = both[["z", "z_before"]].min(axis=1, skipna=False)
    known = int(low.notna().sum())
    schools = [int((low > t).sum()) for t in thresholds]
    return pd.DataFrame(
        {"z": thresholds, "schools": schools, "expected_if_improved": known * norm.sf(thresholds) ** 2}
    )


def route(verdicts: pd.DataFrame, register: pd.DataFrame, rules: Parameters | None = None) -> Routed:
    """The referral list, the talk list, and who was left out and why.

    `verdicts` (as from `monitor.verdicts`, two years below each other): urn, year, z (shortfall / usual
    yearly error, from that year's own baseline), verdict (`VERDICTS`), shortfall_pp (absence above the
    target, net of area movement and shocks), and where known fixed_z (from the first year's baseline),
    reopened (changed circumstances opened the target again) and met_as_published (the published rate reached
    the minimum in the school's report: never counted as a miss). `register`: table `schools`. A school is
    listed only when the register says `assessed`, so never a special school, and only with a verdict for both
    years (for a talk, the last). Raises ValueError for a doubled or unknown verdict.
    """
    each = register.reindex(columns=ABOUT).merge(two_years(verdicts), on="urn", how="outer", validate="1:1")
    each["need_pupils"] = each["shortfall_pp"] / 100 * each["roll"]
    each["answer"] = _answers(each, rules or DEFAULT)
    listed = each[each["answer"].isin(TIERS)].rename(columns={"answer": "tier"})
    listed = listed.sort_values(
        ["tier", "need_pupils", "urn"], ascending=[True, False, True], ignore_index=True
    )
    by_luck = norm.sf(listed["z"]) * norm.sf(listed["z_before"])
    listed["chance_by_luck"] = np.where(listed["tier"] == "talk_to_us", norm.sf(listed["fixed_z"]), by_luck)
    listed["why"] = [_why(row) for row in listed.to_dict("records")]
    for column in DECISION_COLUMNS:
        listed[column] = pd.Series("", index=listed.index, dtype="str")
    out = each[~each["answer"].isin([*TIERS, "not_listed"])]
    out = out[["urn", "answer"]].rename(columns={"answer": "code"}).sort_values("urn", ignore_index=True)
    out["words"] = (
        out["code"].map(LEFT_OUT).fillna("has no expectation in this release, so there is nothing to miss")
    )
    counts = each["answer"].value_counts().rename_axis("answer").reset_index(name="schools")
    return Routed(listed.drop(columns=["status", *FLAGS, *(f"{f}_before" for f in FLAGS)]), out, counts)


def _answers(each: pd.DataFrame, rules: Parameters) -> np.ndarray:
    """A tier, `not_listed`, or the code of why not, for each row: the first that applies. A school's status
    stands for itself.
    """
    flag = {name: each[name].eq(True) for name in (*FLAGS, *(f"{f}_before" for f in FLAGS))}
    low = each[["z", "z_before"]].min(axis=1, skipna=False)
    now = each["verdict"].isin(VERDICTS[1:3]) & ~flag["met_as_published"]
    then = each["verdict_before"].isin(VERDICTS[1:3]) & ~flag["met_as_published_before"]
    missed = now & then & (each["need_pupils"] > 0)
    early = each["verdict"].eq("too_early") | each["verdict_before"].eq("too_early")
    cases = [
        ("not_in_register", each["status"].isna()),
        ("status", each["status"] != "assessed"),
        ("no_verdict", each["verdict"].isna() | (each["z"].isna() & each["verdict"].ne("too_early"))),
        ("circumstances_changed", flag["reopened"] | flag["reopened_before"]),
        ("too_early", early),
        ("intensive", missed & (low > rules.intensive_z)),
        ("light_touch", missed & (low > rules.light_z)),
        ("talk_to_us", now & (each["fixed_z"] > rules.talk_z)),
        ("one_year_only", each["verdict_before"].isna() | each["z_before"].isna()),
    ]
    answer = np.select(
        [mask.to_numpy() for _, mask in cases], [name for name, _ in cases], default="not_listed"
    )
    return np.where(answer == "status", each["status"].astype("object"), answer)


def odds(chance: float) -> str:
    """A small chance in words, no more exact than it is known: `about once in 150`, `less than once in 500`.

    Real tails are heavier than normal ones (2 % of errors lie beyond 2.5 spreads, where a normal
    distribution has 0.6 %), so nothing rarer is claimed.
    """
    if chance < 1 / RAREST:
        return f"less than once in {RAREST}"
    n = 1 / chance
    step = 10 ** max(int(np.floor(np.log10(n))) - 1, 0)
    return f"about once in {step * round(n / step):,.0f}"


def _why(row: dict) -> str:
    """Which test, by how much, how sure: in words."""
    now, then = year_words(row["year"]), year_words(year_before(row["year"]))
    sure = odds(row["chance_by_luck"])
    if row["tier"] == "talk_to_us":
        return (
            f"Measured from its first starting point, absence in {now} was above the most asked for by "
            f"{row['fixed_z']:.1f} times the school's usual "
            "yearly error, but not by enough two years running. A school that had made the improvement "
            f"would be this far off by luck {sure}. "
            "A reason for a talk; no place is offered."
        )
    return (
        "Two years running, each measured from its own starting point, absence was above the most asked for: "
        f"by {row['shortfall_pp_before']:.1f} pp in {then} ({row['z_before']:.1f} times the school's usual "
        "yearly error) "
        f"and by {row['shortfall_pp']:.1f} pp in {now} ({row['z']:.1f} times). "
        f"A school that had made the improvement would be this far off twice by luck {sure}. This says "
        "nothing about the cause."
    )


def with_records(
    referrals: pd.DataFrame, records: pd.DataFrame, decisions: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Referrals with the newest agreed ambition (`agreed_attendance_pct`), the challenges in words
    (`challenges`) and, where people have decided, their decision in its columns, which come last. Nothing is
    added to the list or taken off it."""
    out = referrals.merge(
        newest_ambitions(records).drop(columns="agreed_reason"), on="urn", how="left", validate="1:1"
    )
    said = records[records["kind"] == "challenge"].sort_values(["urn", "date"])
    words: dict[int, list[str]] = {}
    for row in said.itertuples():
        words.setdefault(row.urn, []).append(f"{row.date:%Y-%m-%d}: {row.reason} ({row.recorded_by})")
    out["challenges"] = pd.Series(
        ["; ".join(words.get(urn, [])) for urn in out["urn"]], index=out.index, dtype="str"
    )
    if decisions is not None:
        text = decisions.assign(date=decisions["date"].dt.strftime("%Y-%m-%d")).set_index("urn")
        for column in DECISION_COLUMNS:
            decided = text[column].to_dict()
            out[column] = pd.Series(
                [decided.get(u, was) for u, was in zip(out["urn"], out[column], strict=True)],
                index=out.index,
                dtype="str",
            )
    return out[[c for c in out if c not in DECISION_COLUMNS] + list(DECISION_COLUMNS)]
