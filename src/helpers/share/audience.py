"""Who may see what: the only place that decides. An audience gets the columns, tables and reports that are
named for it here, and nothing else.

Confidential by design: what is not listed is not given. Columns come from `data/dictionary.csv`
(sensitivity); a column that the dictionary does not hold is given to nobody but the analyst, who works on the
run itself.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.base import contract
from helpers.base.params import ENGLAND, BadParameters, region_from
from helpers.ingest.rates import weighted_mean
from helpers.share import suppression

OWN_MARKING = "This marking is this project’s own. It is not a security classification of the government."
SUPPRESSED = "c"  # DfE's symbol for a figure withheld to protect confidentiality
FEWEST_ALIKE = 10  # masked schools that share the bands by which somebody could know one again
SCHOOL_TABLES, ROUTING = contract.tables(share="school"), contract.tables(share="team")
METHOD = ("method.md", "assumptions.md")


class BadSelection(BadParameters):
    """An export that cannot be made as asked; the message says what is wrong and what to write instead."""

    title = "Nothing was exported:"


@dataclass(frozen=True)
class Audience:
    """One kind of reader: what names its share, and what that share may hold.

    `reader` is who reads it where no school or area is named. `needs` is the option that names the share
    (`urn`, `la`, `trust`, `region`, or none); `may` one that narrows it. `sees` are the dictionary's
    sensitivities. What it holds: `reports`: report and row of each of its schools; `pack`: a region's pack,
    and what the support stage proposes; `masked`: schools nobody can be known by; `averages`: averages with
    suppression; `method`: method, parameters and quality without schools; `all`: the run.
    """

    name: str
    reader: str
    marking: str
    needs: str = ""
    may: str = ""
    sees: tuple[str, ...] = ("public",)
    reports: bool = False
    pack: bool = False
    masked: bool = False
    averages: bool = False
    method: bool = False
    all: bool = False


_ALL = ("public", "restricted")
_NOT = "Not for publication, not for Ofsted."
_OPEN = "Public: method, quality and averages. It holds no school’s target."
AUDIENCES = {
    a.name: a
    for a in (
        Audience(
            "school",
            "the school",
            f"Confidential: for {{who}}, its local authority and its trust. {_NOT}",
            needs="urn",
            sees=_ALL,
            reports=True,
        ),
        Audience(
            "la",
            "the local authority",
            f"Confidential: for the local authority of {{who}}; each report also for its own school. {_NOT}",
            needs="la",
            sees=_ALL,
            reports=True,
        ),
        Audience(
            "trust",
            "the trust",
            f"Confidential: for {{who}}; each report also for its own school. {_NOT}",
            needs="trust",
            sees=_ALL,
            reports=True,
        ),
        Audience(
            "rise",
            "the support team",
            f"Confidential: for the support team of {{who}}. {_NOT}",
            needs="region",
            sees=_ALL,
            pack=True,
        ),
        Audience(
            "analyst",
            "the analysts",
            f"Confidential: for the analysts of this work. All schools, all targets. {_NOT}",
            may="region",
            sees=_ALL,
            all=True,
        ),
        Audience(
            "reviewer",
            "reviewers of the method",
            (
                "Confidential: for reviewers of the method. Schools are masked; do not try to find out which "
                "they are. Not for publication."
            ),
            sees=_ALL,
            masked=True,
            averages=True,
            method=True,
        ),
        Audience("public", "the public", _OPEN, averages=True, method=True),
        Audience("ofsted", "Ofsted", _OPEN, averages=True, method=True),
    )
}


@dataclass(frozen=True)
class Share:
    """What one reader gets: the audience, who it is in words and in a file name, and the schools (None: no
    single school).
    """

    audience: Audience
    who: str
    slug: str
    urns: tuple[int, ...] | None
    region: str = ""

    @property
    def marking(self) -> str:
        return self.audience.marking.format(who=self.who)


def audience(name: str) -> Audience:
    """The audience of that name. Raises `BadSelection` listing all."""
    if name not in AUDIENCES:
        raise BadSelection(
            f"--audience {name}: there is no such audience. Audiences: {', '.join(AUDIENCES)}."
        )
    return AUDIENCES[name]


def share(name: str, register: pd.DataFrame, **given: object) -> Share:
    """What is asked for: an audience and its `urn`, `la`, `trust` or `region`, looked up in the register (all
    schools of England).

    Raises `BadSelection` when the option that names the share is missing, is another audience's, or names
    nothing in the register.
    """
    who = audience(name)
    options = {option: value for option, value in given.items() if value is not None}
    if who.needs and who.needs not in options:
        raise BadSelection(f"--audience {name} needs --{who.needs}: {_EXAMPLES[who.needs]}.")
    extra = sorted(set(options) - {who.needs, who.may})
    if extra:
        takes = (
            f"it takes --{who.needs or who.may}"
            if who.needs or who.may
            else "it takes no selection, everybody in it gets the same"
        )
        raise BadSelection(f"--audience {name} has no use for --{extra[0]}: {takes}.")
    if "urn" in options:
        return _of_school(who, register, int(str(options["urn"])))
    if "la" in options:
        return _of_la(who, register, str(options["la"]).strip())
    if "trust" in options:
        return _of_trust(who, register, str(options["trust"]).strip())
    if "region" in options:
        region = region_from(str(options["region"]))
        if region == ENGLAND and who.needs == "region":
            raise BadSelection(f"--audience {name} is for one region’s team: name one of the nine regions.")
        urns = (
            register["urn"] if region == ENGLAND else register.loc[register["region_name"] == region, "urn"]
        )
        return Share(who, region, _slug(region), tuple(urns.tolist()), region)
    return Share(who, who.reader, "", tuple(register["urn"].tolist()) if who.all else None)


_EXAMPLES = {
    "urn": "a school’s number, like --urn 123456",
    "la": "its 3-digit code, like --la 202",
    "trust": "its name in quotation marks",
    "region": "like --region London",
}


def _of_school(who: Audience, register: pd.DataFrame, urn: int) -> Share:
    rows = register[register["urn"] == urn]
    if rows.empty:
        raise BadSelection(
            f"--urn {urn}: this run holds no school of that number. Check the number, or the release."
        )
    return Share(who, str(rows["school_name"].iloc[0]), str(urn), (urn,))


def _of_la(who: Audience, register: pd.DataFrame, code: str) -> Share:
    rows = register[register["la_code"] == code]
    if rows.empty:
        known = register.drop_duplicates("la_code").dropna(subset=["la_name"])
        by_ons = known[known["la_ons_code"] == code.upper()]
        by_name = known[known["la_name"].str.casefold() == code.casefold()]
        meant = by_ons if len(by_ons) else by_name
        if len(meant):
            kind = "an ONS code" if len(by_ons) else "a name"
            found = meant.iloc[0]
            raise BadSelection(
                f"--la {code} is {kind}: write the 3-digit code of {found['la_name']}, --la "
                f"{found['la_code']}."
            )
        close = difflib.get_close_matches(code, known["la_code"].tolist() + known["la_name"].tolist(), n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise BadSelection(f"--la {code}: this run holds no local authority of that 3-digit code.{hint}")
    return Share(who, str(rows["la_name"].iloc[0]), code, tuple(rows["urn"].tolist()))


def _of_trust(who: Audience, register: pd.DataFrame, name: str) -> Share:
    names = register["trust_name"].dropna()
    found = sorted({other for other in names if other.casefold() == name.casefold()})
    if not found:
        folded = {other.casefold(): other for other in names}
        holds = [known for known in sorted(folded) if name.casefold() in known]
        close = [
            folded[c]
            for c in holds[:3] or difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.5)
        ]
        hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
        raise BadSelection(f"--trust {name!r}: no school of this run belongs to a trust of that name.{hint}")
    return Share(
        who,
        found[0],
        _slug(found[0]),
        tuple(register.loc[register["trust_name"].isin(found), "urn"].tolist()),
    )


def _slug(name: str) -> str:
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in name.lower())
    return "-".join(part for part in plain.split("-") if part)[:60]


def columns(who: Audience, table: str) -> list[str]:
    """Columns of a table that an audience may see, in the dictionary's order."""
    frame = contract.dictionary()
    rows = frame[frame["table"] == table]
    return rows.loc[rows["sensitivity"].isin(who.sees), "name"].tolist()


def visible(who: Audience, table: str, frame: pd.DataFrame, urns: tuple[int, ...] | None) -> pd.DataFrame:
    """The rows of these schools and the columns that the audience may see. A column without an entry in the
    dictionary is left out.
    """
    rows = frame if urns is None else frame[frame["urn"].isin(urns)]
    return rows[[name for name in columns(who, table) if name in frame]].reset_index(drop=True)


def own_schools(who: Audience, tables: dict[str, pd.DataFrame], urns: tuple[int, ...]) -> pd.DataFrame:
    """One row per school with all that its audience may see of it: register, baseline and expectation side by
    side.
    """
    frame = visible(who, "schools", tables["schools"], urns)
    for name in SCHOOL_TABLES[1:]:
        more = visible(who, name, tables[name], urns)
        frame = frame.merge(
            more[["urn", *[c for c in more if c not in frame]]], on="urn", how="left", validate="1:1"
        )
    return frame


def assessed(register: pd.DataFrame, expectations: pd.DataFrame) -> pd.DataFrame:
    """Assessed schools with what averages are made from: identity, weight (pupils of Reception to Year 11,
    else the roll), absence, ask, chance.
    """
    keep = [
        "urn",
        "school_name",
        "region_name",
        "la_code",
        "la_name",
        "trust_name",
        "phase",
        "roll",
        "weight_r_to_11",
        "absence_pct",
    ]
    frame = register[keep].merge(
        expectations[["urn", "ask_pp", "chance_unaided"]], on="urn", how="inner", validate="1:1"
    )
    frame["weight"] = frame["weight_r_to_11"].where(frame["weight_r_to_11"] > 0, frame["roll"])
    return frame[frame["weight"] > 0].reset_index(drop=True)


def averages(schools: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Averages by phase and area, over pupils, with what would tell a school's own figure withheld
    (`suppression.publishable`).

    `schools` as `assessed` gives them; `low` and `high` the limits of an ask in points. Columns: phase,
    geography, region_name, la_code, la_name, schools, pupils (to the nearest 100), attendance_pct, ask_pp,
    chance_unaided; a withheld row is missing (NaN) in the last five. One table of one partition, so that no
    two tables can be set against each other.
    """
    rows = []
    for phase, group in schools.groupby("phase", sort=True):
        published = suppression.publishable(group, low, high)
        for area, members in suppression.areas(group).items():
            row = {
                "phase": phase,
                "geography": ("england", "region", "la")[len(area)],
                "region_name": area[0] if area else "England",
                "la_code": area[1] if len(area) == 2 else "",
                "la_name": members["la_name"].iloc[0] if len(area) == 2 else "",
            }
            if area in published:
                row |= {
                    "schools": len(members),
                    "pupils": round(members["weight"].sum(), -2),
                    "attendance_pct": round(
                        100 - weighted_mean(members["absence_pct"], members["weight"]), 1
                    ),
                    "ask_pp": round(weighted_mean(members["ask_pp"], members["weight"]), 2),
                    "chance_unaided": round(weighted_mean(members["chance_unaided"], members["weight"]), 2),
                }
            rows.append(row)
    values = ["schools", "pupils", "attendance_pct", "ask_pp", "chance_unaided"]
    frame = pd.DataFrame(rows, columns=["phase", "geography", "region_name", "la_code", "la_name", *values])
    frame[values] = frame[values].astype("float64")
    order = frame["geography"].map({"england": 0, "region": 1, "la": 2})
    return (
        frame.assign(o=order)
        .sort_values(["phase", "o", "region_name", "la_code"])
        .drop(columns="o")
        .reset_index(drop=True)
    )


def masked(tables: dict[str, pd.DataFrame], seed: int | None = None) -> pd.DataFrame:
    """Assessed schools without identity, in a random order: bands of what is public about them, and the parts
    of their asks to 0.05 points.

    Bands are phase, absence (whole points) and size; a school whose bands fewer than ten share is left out
    and counted by the caller. No seed: the order cannot be made again.
    """
    frame = (
        tables["schools"]
        .merge(tables["expectations"], on="urn", validate="1:1")
        .merge(tables["baseline"][["urn", "sd_pp"]], on="urn", validate="1:1")
    )
    size = pd.cut(
        frame["roll"],
        [0, 150, 300, 600, 1000, np.inf],
        labels=["up to 150", "151-300", "301-600", "601-1000", "over 1000"],
    )
    whole = np.floor(frame["absence_pct"])
    out = pd.DataFrame(
        {
            "phase": frame["phase"],
            "absence_band_pct": [f"{low:.0f} to under {low + 1:.0f}" for low in whole],
            "size_band": size.astype("str"),
        }
    )
    for name in (
        "gap_pp",
        "return_to_normal_pp",
        "national_part_pp",
        "context_part_pp",
        "limits_part_pp",
        "ask_pp",
        "sd_pp",
        "chance_unaided",
    ):
        out[name] = (frame[name] / 0.05).round() * 0.05
        out[name] = out[name].round(2)
    alike = out.groupby(["phase", "absence_band_pct", "size_band"])["ask_pp"].transform("size")
    out = (
        out[alike >= FEWEST_ALIKE]
        .sample(frac=1, random_state=np.random.default_rng(seed))
        .reset_index(drop=True)
    )
    out.insert(0, "school", [f"S{i:05d}" for i in range(1, len(out) + 1)])
    return out


def quality_without_schools(quality: dict) -> dict:
    """The gate's record with areas and files only: what it found about single schools is counted by code, not
    told.
    """
    counts: dict[str, int] = {}
    for fault in quality.get("faults", []):
        counts[fault["code"]] = counts.get(fault["code"], 0) + 1
    kept = ("release", "verdict", "n_hard", "n_flags", "reconciliation", "tolerances", "suppressed")
    return {name: quality[name] for name in kept if name in quality} | {"findings_by_code": counts}


def method_of(manifest: dict) -> dict:
    """What a run was made from, without a row of any school: parameters, code, packages, inputs by name and
    hash.
    """
    kept = ("release", "sample", "formula", "parameters", "seed", "code", "python", "packages", "inputs")
    return {name: manifest[name] for name in kept if name in manifest}
