"""The quality gate's findings as a region's reader needs them: verdict, reconciliation, reasons for having no
minimum, flags.
"""

from __future__ import annotations

import pandas as pd

from helpers.base import text
from helpers.base.text import known, number, pct, signed
from helpers.base.years import year_words
from helpers.ingest.quality.gate import Compared, compared
from helpers.report.inputs import PackInputs

MEASURES = {
    "absence": "Overall absence",
    "authorised": "Authorised absence",
    "unauthorised": "Unauthorised absence",
    "persistent": "Persistent absence",
    "severe": "Severe absence",
}
VERDICTS = {
    "pass": "Agrees",
    "look": "A person should look",
    "fail": "Differs",
    "not_published": "Not published",
    "no_schools": "No schools of ours",
}
MOST_FLAGS = 50
MOST_ROWS = 250
WORST_ROWS = 100


def summary(inputs: PackInputs, frame: pd.DataFrame) -> dict:
    """What the region's page says about the data. `rows` are England and the region, `more` the region's
    local authorities.
    """
    found = reconciliation(inputs)
    top = [row for row in found if row["geography"] != "la"]
    flags = flags_of_region(inputs)
    areas = [row for row in found if row["geography"] == "la" and row["year"] == year_words(inputs.release)]
    return {
        "verdict": verdict(inputs.quality["verdict"] == "pass", compared(row["code"] for row in found)),
        "rows": top,
        "more": sorted(areas, key=lambda row: -row["used"])[:WORST_ROWS] if len(areas) > MOST_ROWS else areas,
        "cut": len(areas) > MOST_ROWS,
        "statuses": statuses(inputs, frame),
        "flags": flags[:MOST_FLAGS],
        "n_flags": len(flags),
    }


def verdict(passed: bool, counted: Compared) -> str:
    """The gate in a few sentences. `counted` are the comparisons of England, the region and its local
    authorities.
    """
    if not counted.made:
        return "Nothing was compared with published rates in this run."
    were = "was" if counted.made == 1 else "were"
    told = [
        f"The data {'passed' if passed else 'did not pass'} the quality gate.",
        f"{text.plural(counted.made, 'figure')} of England, this region and its local authorities {were} "
        "compared "
        "with published rates.",
    ]
    if counted.differ:
        one = "s" if counted.differ == 1 else ""
        told.append(f"{text.plural(counted.differ, 'figure')} differ{one} by more than the tolerance.")
    if counted.look:
        told.append(f"{text.plural(counted.look, 'figure')} should be looked at by a person.")
    if not counted.differ and not counted.look:
        told.append("All agree within their tolerance.")
    if counted.not_published:
        have = "has" if counted.not_published == 1 else "have"
        told.append(
            f"{text.plural(counted.not_published, 'more figure')} {have} no published rate to compare with."
        )
    return " ".join(told)


def reconciliation(inputs: PackInputs) -> list[dict]:
    """Our figure beside the published one for England, the region and its LAs; largest units first,
    formatted.
    """
    las = {"England", inputs.region_name, *inputs.schools["la_name"].dropna()}
    everywhere = inputs.region_name == "England"
    records = inputs.quality["reconciliation"]
    rows = [
        _compared(r) for r in records if everywhere or r["geography"] == "england" or r["area_name"] in las
    ]
    order = {"england": 0, "region": 1}
    return sorted(
        rows, key=lambda r: (order.get(r["geography"], 3), r["area"], r["year"], r["measure"], r["phase"])
    )


def _compared(record: dict) -> dict:
    """One comparison, formatted; `used`: the share of its tolerance that it uses."""
    difference, tolerance = record["difference_pp"], record["tolerance_pp"]
    judged = known(difference) and known(tolerance)
    return {
        "geography": record["geography"],
        "area": record["area_name"],
        "year": year_words(record["year"]),
        "phase": text.phase_words(record["phase"]),
        "measure": MEASURES[record["measure"]],
        "ours_pct": record["ours_pct"],
        "published_pct": record["published_pct"],
        "difference_pp": difference,
        "tolerance_pp": tolerance,
        "ours": pct(record["ours_pct"], 2) if known(record["ours_pct"]) else "Not known",
        "published": pct(record["published_pct"], 2) if known(record["published_pct"]) else "Not published",
        "difference": signed(difference) if known(difference) else "Not known",
        "tolerance": number(tolerance, 2) if known(tolerance) else "None set",
        "code": record["verdict"],
        "verdict": VERDICTS[record["verdict"]],
        "used": abs(difference) / tolerance if judged and tolerance else 0.0,
    }


def statuses(inputs: PackInputs, frame: pd.DataFrame) -> list[dict]:
    """Schools by status, most frequent first, with the reason in words."""
    return [
        {
            "code": code,
            "name": text.reason_name(code),
            "count": int(count),
            "why": "A minimum is set for this school."
            if code == "assessed"
            else text.reason_sentence(code, inputs.release),
        }
        for code, count in frame["status"].value_counts().items()
    ]


def flags_of_region(inputs: PackInputs) -> list[dict]:
    """Flags about schools of the region, and those about no single school."""
    found = []
    for fault in inputs.quality["faults"]:
        urn = int(fault["urn"]) if known(fault["urn"]) else None
        if fault["severity"] != "flag" or (urn is not None and urn not in inputs.school):
            continue
        message, here = fault["message"], urn is not None
        found.append(
            {
                "message": text.sentence((message.partition("): ")[2] if here else "") or message),
                "todo": fault["what_to_do"],
                "urn": urn,
                "name": inputs.school[urn]["school_name"] if here else "",
            }
        )
    return found
