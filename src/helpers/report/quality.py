"""The quality gate's findings as a region's reader needs them: verdict, reconciliation, reasons for having no
minimum, flags.
"""

from __future__ import annotations

import pandas as pd

from helpers.base import text
from helpers.base.text import known, number, pct, signed, year_words
from helpers.report.inputs import PackInputs

MEASURES = {
    "absence": "Overall absence",
    "authorised": "Authorised absence",
    "unauthorised": "Unauthorised absence",
    "persistent": "Persistent absence",
    "severe": "Severe absence",
}
LOOK = "A person should look"
VERDICTS = {
    "look": LOOK,
    "pass": "Agrees",
    "passed": "Agrees",
    "agrees": "Agrees",
    "ok": "Agrees",
    "fail": "Differs",
    "failed": "Differs",
    "differs": "Differs",
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
        "verdict": verdict(inputs.quality.get("verdict"), found),
        "rows": top,
        "more": sorted(areas, key=lambda row: -row["used"])[:WORST_ROWS] if len(areas) > MOST_ROWS else areas,
        "cut": len(areas) > MOST_ROWS,
        "statuses": statuses(inputs, frame),
        "flags": flags[:MOST_FLAGS],
        "n_flags": len(flags),
    }


def verdict(code, found: list[dict]) -> str:
    """The gate in a few sentences. `found` are the rows of `reconciliation`."""
    if not found:
        return "Nothing was compared with published rates in this run."
    passed = VERDICTS.get(str(code).lower()) == "Agrees"
    told = (
        ["The data passed the quality gate." if passed else text.sentence(f"The quality gate says: {code}")]
        if known(code)
        else []
    )
    were = "was" if len(found) == 1 else "were"
    told.append(
        f"{text.plural(len(found), 'figure')} of England, this region and its local authorities {were} compared with published rates."
    )
    differ, look = ([row for row in found if row["verdict"] == word] for word in ("Differs", LOOK))
    if differ:
        told.append(
            f"{text.plural(len(differ), 'figure')} differ{'s' if len(differ) == 1 else ''} by more than the tolerance."
        )
    if look:
        told.append(f"{text.plural(len(look), 'figure')} should be looked at by a person.")
    return " ".join(told if differ or look else [*told, "All agree within their tolerance."])


def reconciliation(inputs: PackInputs) -> list[dict]:
    """Our figure beside the published one for England, the region and its LAs; largest units first,
    formatted.
    """
    las = set(inputs.schools["la_name"].dropna())
    everywhere = inputs.region_name == "England"
    rows = []
    for record in inputs.quality.get("reconciliation", []):
        geography = str(record.get("geography") or "")
        area = str(record.get("area_name") or record.get("area") or "")
        if not (everywhere or geography == "england" or area in {"England", inputs.region_name} | las):
            continue
        ours, published, difference, tolerance = (
            record.get(name, record.get(name.rsplit("_", 1)[0]))
            for name in ("ours_pct", "published_pct", "difference_pp", "tolerance_pp")
        )
        rows.append(
            {
                "geography": geography,
                "area": area,
                "year": year_words(str(record["year"]))
                if known(record.get("year"))
                else year_words(inputs.release),
                "phase": text.phase_words(record["phase"]) if record.get("phase") != "all" else "All",
                "measure": MEASURES.get(record.get("measure"), str(record.get("measure"))),
                "ours_pct": ours,
                "published_pct": published,
                "difference_pp": difference,
                "tolerance_pp": tolerance,
                "ours": pct(ours, 2) if known(ours) else "Not known",
                "published": pct(published, 2) if known(published) else "Not published",
                "difference": signed(difference) if known(difference) else "Not known",
                "tolerance": number(tolerance, 2) if known(tolerance) else "None set",
                "verdict": _verdict_words(record.get("verdict")),
                "used": abs(difference) / tolerance
                if known(difference) and known(tolerance) and tolerance
                else 0.0,
            }
        )
    order = {"england": 0, "region": 1, "part": 2}
    return sorted(
        rows,
        key=lambda row: (
            order.get(row["geography"], 3),
            row["area"],
            row["year"],
            row["measure"],
            row["phase"],
        ),
    )


def _verdict_words(code) -> str:
    return VERDICTS.get(str(code).lower()) or (
        str(code).replace("_", " ").capitalize() if known(code) else "Not judged"
    )


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
    for fault in inputs.quality.get("faults", []):
        urn = int(fault["urn"]) if known(fault.get("urn")) else None
        if fault.get("severity") != "flag" or (urn is not None and urn not in inputs.school):
            continue
        message = str(fault.get("message") or fault.get("code") or "")
        here = urn is not None
        found.append(
            {
                "message": text.sentence((message.partition("): ")[2] if here else "") or message),
                "todo": str(fault.get("what_to_do") or "").strip(),
                "urn": urn,
                "name": inputs.school[urn]["school_name"] if here else "",
            }
        )
    return found
