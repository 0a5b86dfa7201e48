"""One school's trail: from the row as published to its report, every step with its numbers, so that a
reviewer can follow and redo it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from helpers import expectations, ingest, model, peers
from helpers.base.faults import NotFound
from helpers.base.params import Parameters
from helpers.base.paths import shown
from helpers.ingest.readers.tables import decode, unpack
from helpers.ingest.readers.workbooks import headers
from helpers.ingest.readers.workbooks import rows as sheet_rows

URN_COLUMNS = ("urn", "school_urn")


def published_rows(
    folder: Path, files: pd.DataFrame, urns: set[int]
) -> list[tuple[str, int, dict[str, str]]]:
    """Rows of the absence files for these URNs, read anew, without the readers' checks: (file, line, cells as
    published).
    """
    found = []
    for name in files.loc[files["taken_for"].str.startswith("absence"), "path"]:
        for line, row in _rows(folder / name, name):
            column = next(c for c in row if c.strip().lower() in URN_COLUMNS)
            text = (row[column] or "").strip().removesuffix(".0")
            if text.isdigit() and int(text) in urns:
                found.append((name, line, row))
    return found


def _rows(path: Path, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cells by column) of a published table as the readers accept it: text, gzip, or the first sheet
    of a workbook that has a column of URNs.
    """
    raw = path.read_bytes()
    if raw.startswith(b"PK"):
        sheets = [
            sheet for sheet, head in headers(path) if {c.strip().lower() for c in head} & set(URN_COLUMNS)
        ]
        lines = sheet_rows(path, sheets[0])
        _, head = next(lines)
        yield from ((line, dict(zip(head, cells, strict=False))) for line, cells in lines)
        return
    reader = csv.DictReader(io.StringIO(decode(unpack(raw, name), name), newline=""))
    for row in reader:
        yield reader.line_num, row


def trail(run: Parameters, urn: int) -> str:
    """The whole trail of one school as text; builds the national fit where it is not there.

    Raises `NotFound` for a URN that is not in the register.
    """
    official = ingest.load(run)
    row = official.register.set_index("urn").reindex([urn]).iloc[0]
    if pd.isna(row["status"]):
        raise NotFound(
            f"URN {urn} is neither in the census of {run.release} nor in its published absence. Check the "
            "number."
        )
    history = official.panel[official.panel["urn"] == urn]
    behind = {urn} | {int(u) for text in history["published_urns"].dropna() for u in str(text).split("+")}
    lines = [f"{row['school_name']} (URN {urn}), {row['la_name']}, {row['region_name']}; {row['phase']}", ""]
    lines += ["1. As published (file, line, cells)"]
    for name, line, cells in published_rows(run.data_folder, official.files, behind):
        lines.append(
            f"   {name}, line {line}: "
            + ", ".join(f"{k}={v}" for k, v in cells.items() if v not in ("", None))
        )
    lines += ["", "2. As joined: one school, many years"]
    for h in history.sort_values("year").itertuples():
        lines.append(
            f"   {h.year}: {_pct(h.absence_pct)} absence, published for URN {h.published_urns} "
            f"({h.link_kind}; {h.publication})"
        )
    lines += [
        "",
        f"3. Status in {run.release}: {row['status']}"
        + (f" ({row['status_note']})" if row.get("status_note") else ""),
    ]
    if row["status"] == "assessed":
        lines += _assessed(run, urn, row)
    region = run.model_copy(update={"region": row["region_name"]})
    page = region.region_folder / "pack" / "schools" / f"{urn}.html"
    lines += [
        "",
        "Report: "
        + (shown(page) if page.exists() else f'not made yet: abie run --region "{row["region_name"]}"'),
    ]
    return "\n".join(lines)


def _assessed(run: Parameters, urn: int, row: pd.Series) -> list[str]:
    """Steps 4 to 8 of an assessed school, recomputed from their parts."""
    fitted, set_ = model.load(run), expectations.load(run)
    base = fitted.baseline.set_index("urn").loc[urn]
    ask = set_.expectations.set_index("urn").loc[urn]
    parts = fitted.drivers[fitted.drivers["urn"] == urn].sort_values(
        "contribution_pp", key=abs, ascending=False
    )
    mean = fitted.model["phase_mean"][row["phase"]]
    away = math.log(base["absence_pct"] / base["context_expected_pct"])
    share = math.log(base["baseline_pct"] / base["context_expected_pct"]) / away if away else 1.0
    lines = [
        "",
        "4. Typical in these circumstances (context-expected)",
        f"   mean of {row['phase']} schools {mean:.3f} %",
    ]
    lines += [f"   {p.contribution_pp:+.3f} pp  {p.driver}" for p in parts.itertuples()]
    lines += [
        f"   = {mean + parts['contribution_pp'].sum():.3f} %   (stored: {base['context_expected_pct']:.3f} %)"
    ]
    lines += ["", "5. Baseline: next year if nothing changes nationally"]
    lines += [
        (
            f"   {base['context_expected_pct']:.3f} x ({base['absence_pct']:.3f} / "
            f"{base['context_expected_pct']:.3f}) ^ {share:.3f} "
            f"= {base['baseline_pct']:.3f} %;  standard deviation {base['sd_pp']:.3f} pp;  80 %: "
            f"{base['lower80_pct']:.2f} to {base['upper80_pct']:.2f} %"
        )
    ]
    names = ingest.load(run).register.set_index("urn")["school_name"]
    similar = peers.load(run).peers
    near = similar[similar["urn"] == urn].sort_values("rank")
    baselines = fitted.baseline.set_index("urn")["baseline_pct"]
    lines += ["", f"6. Similar schools: {len(near)}"]
    for p in near.itertuples():
        mark = "  named" if p.named else ""
        distance = (
            f"{p.distance:.3f}, {p.closeness}, {p.km:.0f} km"
            if pd.notna(p.km)
            else f"{p.distance:.3f}, {p.closeness}"
        )
        lines.append(
            f"   {p.rank:>2}. {names[p.peer_urn]} (URN {p.peer_urn}): baseline {baselines[p.peer_urn]:.2f} "
            f"%; {distance}{mark}"
        )
    quartile = baselines[near["peer_urn"]].quantile(0.25)
    gap = max(0.0, base["baseline_pct"] - quartile)
    lines += [
        (
            f"   best quartile of these baselines {quartile:.3f} %;  gap {gap:.3f} pp   (stored: "
            f"{ask['gap_pp']:.3f})"
        )
    ]
    lines += ["", "7. The minimum improvement (our formula, not DfE's)"]
    lines += [
        (
            f"   return to normal   {base['absence_pct']:.3f} - {base['baseline_pct']:.3f} = "
            f"{ask['return_to_normal_pp']:+.3f} pp"
        ),
        f"   national part      {ask['national_part_pp']:+.3f} pp",
        f"   context part       {run.slope} x {gap:.3f} = {ask['context_part_pp']:+.3f} pp",
        (
            f"   limits             {ask['limits_part_pp']:+.3f} pp   (floor {run.floor_pp}, cap "
            f"{run.cap_pp}, "
            f"ask {run.min_ask_pp} to {run.max_ask_pp})"
        ),
        f"   = ask              {ask['ask_pp']:+.3f} pp",
        (
            f"   absence at most    {base['absence_pct']:.3f} - {ask['ask_pp']:.3f} = "
            f"{ask['target_absence_pct']:.3f} %"
        ),
        (
            f"   minimum attendance {ask['minimum_attendance_pct']:.3f} %, shown as "
            f"{ask['minimum_attendance_shown_pct']:.1f} %"
        ),
    ]
    lines += [
        "",
        f"8. Chance of meeting it with no real change {ask['chance_unaided']:.0%}; "
        f"if absence ends lower than forecast by the whole ask {ask['chance_if_real']:.0%}",
    ]
    return lines


def _pct(value: float) -> str:
    return "no figure" if pd.isna(value) else f"{value:g} %"
