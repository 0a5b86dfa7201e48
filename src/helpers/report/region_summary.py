"""A region on one page, in words made from named facts, for somebody who leads the work in the region."""

from __future__ import annotations

import pandas as pd

from helpers.base import text
from helpers.base.text import known, number, pct, points
from helpers.base.years import SCHOOL_DAYS, year_after, year_words
from helpers.report import quality as gate
from helpers.report.inputs import PackInputs
from helpers.report.pages import environment
from helpers.report.region_facts import PHASES, la_table, region_facts

LISTED_AREAS = 3


def summary_facts(
    inputs: PackInputs, frame: pd.DataFrame, facts: dict[str, dict] | None = None
) -> dict[str, dict]:
    """The named facts of the one-page summary: those of `region_facts` and what only this page tells. What
    cannot be known is left out.
    """
    found = dict(facts or region_facts(inputs))

    def add(name: str, value, unit: str = "", decimals: int = 0) -> None:
        if known(value):
            found[name] = {"value": value, "unit": unit, "decimals": decimals}

    assessed = frame[frame["ask_pp"].notna()]
    for phase in PHASES:
        some = assessed[assessed["phase"] == phase]
        if len(some):
            least = some["ask_pp"] <= inputs.parameters["min_ask_pp"] + 1e-6
            add(f"{phase}_least_share", 100 * float(least.mean()), "%", 0)
            add(f"{phase}_ask_ninetieth", float(some["shown_ask_pp"].quantile(0.9)), "pp", 1)
            add(f"{phase}_by_luck", float(some["chance_unaided"].sum()), "schools")
    if len(assessed):
        add("pupils_a_day", float(assessed["pupil_days"].sum()) / SCHOOL_DAYS, "pupils")
        add(
            "above_typical",
            int((assessed["baseline_pct"] > assessed["context_expected_pct"]).sum()),
            "schools",
        )
        similar = inputs.summary[inputs.summary["urn"].isin(assessed["urn"])]
        add("no_close_peers", int(similar["no_close_peers"].sum()), "schools")
        named = inputs.peers[inputs.peers["named"]]
        named = pd.concat([named, inputs.alternatives[inputs.alternatives["named"]]])
        add("with_named", int(named["urn"].nunique()), "schools")
        each = areas_asked(frame).set_index("name")["days_each"]
        for which, name in (("least", each.idxmin()), ("most", each.idxmax())):
            add(f"days_each_{which}", float(each[name]), "days", 2)
            add(f"{which}_area", name)
    flags = {int(urn) for urn in inputs.flags} & set(inputs.schools["urn"].tolist())
    add("flagged", len(flags), "schools")
    return found


def areas_asked(frame: pd.DataFrame) -> pd.DataFrame:
    """Local authorities with a minimum somewhere, most pupil-days first: name, pupil_days, days_each (per
    pupil and year), share of all (0-1).
    """
    areas = pd.DataFrame(la_table(frame)[0])
    areas["pupils"] = areas["name"].map(frame[frame["ask_pp"].notna()].groupby("la_name")["pupils"].sum())
    areas = areas[(areas["assessed"] > 0) & (areas["pupils"] > 0)]
    areas = areas.assign(
        days_each=areas["pupil_days"] / areas["pupils"], share=areas["pupil_days"] / areas["pupil_days"].sum()
    )
    return areas.sort_values(["pupil_days", "name"], ascending=[False, True])[
        ["name", "pupil_days", "days_each", "share"]
    ]


def render(inputs: PackInputs, frame: pd.DataFrame, facts: dict[str, dict] | None = None) -> str:
    """`summary.html`: one printed page. Every figure is a named fact or a row of a table made from the same
    frame.
    """
    found = summary_facts(inputs, frame, facts)
    quality = gate.summary(inputs, frame)
    areas = areas_asked(frame)
    return (
        environment()
        .get_template("summary.html")
        .render(
            region=inputs.region_name,
            release=year_words(inputs.release),
            next_year=year_words(year_after(inputs.release)),
            sample=inputs.sample,
            marks={name: fact["value"] for name, fact in found.items()},
            told={name: say(fact) for name, fact in found.items()},
            phases=[phase for phase in PHASES if f"{phase}_attendance" in found],
            areas=areas.head(LISTED_AREAS).to_dict("records") if len(areas) > LISTED_AREAS else [],
            verdict=quality["verdict"],
            reasons=[row for row in quality["statuses"] if row["name"] != text.reason_name("assessed")],
            words=text,
        )
    )


def say(fact: dict) -> str:
    """A fact as a reader sees it, without the name of what is counted."""
    if isinstance(fact["value"], str):
        return fact["value"]
    if fact["unit"] == "%":
        return pct(fact["value"], fact["decimals"])
    return (
        points(fact["value"], fact["decimals"])
        if fact["unit"] == "pp"
        else number(fact["value"], fact["decimals"])
    )
