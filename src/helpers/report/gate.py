"""The quality gate's findings as a region's reader needs them: verdict, reconciliation, reasons for having no minimum, flags."""

from __future__ import annotations

import re

import pandas as pd

from helpers.report import words
from helpers.report.inputs import PackInputs
from helpers.report.words import known, number, pct, signed, year_words

MEASURES = {
    "absence": "Overall absence",
    "authorised": "Authorised absence",
    "unauthorised": "Unauthorised absence",
    "persistent": "Persistent absence",
    "severe": "Severe absence",
}
VERDICTS = {
    "pass": "Agrees",
    "passed": "Agrees",
    "agrees": "Agrees",
    "ok": "Agrees",
    "fail": "Differs",
    "failed": "Differs",
    "differs": "Differs",
}
MOST_FLAGS = 50


def summary(inputs: PackInputs, frame: pd.DataFrame) -> dict:
    """What the region's page says about the data. `rows` are England and the region, `more` the region's local authorities."""
    found = reconciliation(inputs)
    top = [row for row in found if row["geography"] != "la"]
    flags = flags_of_region(inputs)
    bad = [row for row in found if row["verdict"] == "Differs"]
    return {
        "verdict": verdict(inputs.quality.get("verdict"), len(found), len(bad)),
        "rows": top,
        "more": [row for row in found if row["geography"] == "la"],
        "statuses": statuses(inputs, frame),
        "flags": flags[:MOST_FLAGS],
        "n_flags": len(flags),
    }


def verdict(code, n_rows: int, n_differ: int) -> str:
    if not n_rows:
        return "Nothing was compared with published rates in this run."
    were = "was" if n_rows == 1 else "were"
    compared = f"{words.plural(n_rows, 'figure')} of England, this region and its local authorities {were} compared with published rates."
    if n_differ:
        compared += f" {words.plural(n_differ, 'figure')} differ{'s' if n_differ == 1 else ''} by more than the tolerance."
    else:
        compared += " All agree within their tolerance."
    passed = VERDICTS.get(str(code).lower()) == "Agrees"
    return ("The data passed the quality gate. " if passed else f"The quality gate says: {code}. " if known(code) else "") + compared


def reconciliation(inputs: PackInputs) -> list[dict]:
    """Our figure beside the published one for England, the region and its LAs; largest units first, formatted."""
    las = set(inputs.schools["la_name"].dropna())
    everywhere = inputs.region_name == "England"
    rows = []
    for record in inputs.quality.get("reconciliation", []):
        geography = str(record.get("geography") or "")
        area = str(record.get("area_name") or record.get("area") or "")
        if not (everywhere or geography == "england" or area in {"England", inputs.region_name} | las):
            continue
        ours, published, difference, tolerance = (
            record.get(name, record.get(name.rsplit("_", 1)[0])) for name in ("ours_pct", "published_pct", "difference_pp", "tolerance_pp")
        )
        rows.append(
            {
                "geography": geography,
                "area": area,
                "year": year_words(str(record["year"])) if known(record.get("year")) else year_words(inputs.release),
                "phase": words.phase_words(record["phase"]) if record.get("phase") != "all" else "All",
                "measure": MEASURES.get(record.get("measure"), str(record.get("measure"))),
                "ours": pct(ours, 2) if known(ours) else "Not known",
                "published": pct(published, 2) if known(published) else "Not published",
                "difference": signed(difference) if known(difference) else "Not known",
                "tolerance": number(tolerance, 2) if known(tolerance) else "None set",
                "verdict": _verdict_words(record.get("verdict")),
            }
        )
    order = {"england": 0, "region": 1, "part": 2}
    return sorted(rows, key=lambda row: (order.get(row["geography"], 3), row["area"], row["year"], row["measure"], row["phase"]))


def _verdict_words(code) -> str:
    return VERDICTS.get(str(code).lower()) or (str(code).replace("_", " ").capitalize() if known(code) else "Not judged")


def statuses(inputs: PackInputs, frame: pd.DataFrame) -> list[dict]:
    """Schools by status, most frequent first, with the reason in words."""
    return [
        {
            "code": code,
            "name": words.reason_name(code),
            "count": number(count),
            "why": "A minimum is set for this school." if code == "assessed" else words.reason_sentence(code, inputs.release),
        }
        for code, count in frame["status"].value_counts().items()
    ]


def flags_of_region(inputs: PackInputs) -> list[dict]:
    """Flags that name a school of the region, and those that name none; what only concerns other regions is left out."""
    everywhere = set(inputs.register["urn"])
    found = []
    for fault in inputs.quality.get("faults", []):
        if fault.get("severity") != "flag":
            continue
        urns = {
            int(u) for u in re.findall(r"\b\d{6}\b", f"{fault.get('message', '')} {fault.get('value', '')} {fault.get('urn', '')}")
        } & everywhere
        here = sorted(urn for urn in urns if urn in inputs.school)
        if urns and not here:
            continue
        found.append(
            {
                "message": str(fault.get("message") or fault.get("code") or "").strip(),
                "todo": str(fault.get("what_to_do") or "").strip(),
                "urn": here[0] if here else None,
                "name": inputs.school[here[0]]["school_name"] if here else "",
            }
        )
    return found
