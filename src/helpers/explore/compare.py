"""Two runs side by side: what went in, what was changed, what came out otherwise, why and for whom.

An ask is the sum of its parts (return to normal, national part, context part, limits), so the change of an
ask is the sum of the changes of its parts, to the last digit: nothing is estimated here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.paths import shown
from helpers.base.store import read_json

PARTS = ("return_to_normal_pp", "national_part_pp", "context_part_pp", "limits_part_pp")
ABOUT = ("school_name", "la_name", "region_name", "phase", "status", "roll", "absence_pct", "fsm_pct")
FELT = 0.05  # half of the step in which minimum attendance is shown
REASONS = {
    "return_to_normal_pp": "its last figure or its baseline",
    "national_part_pp": "the national part",
    "context_part_pp": "its gap to similar schools, or the slope",
    "limits_part_pp": "the limits",
}
FRAMES = {"register": "ingest", "baseline": "model", "peers": "peers", "expectations": "expectations"}


@dataclass(frozen=True)
class Run:
    """One finished release: `name`, `papers` (inputs, parameters, code), `schools` (a row per school of the
    register: ABOUT, baseline_pct and, of the assessed, PARTS, ask_pp, minimum_attendance_shown_pct,
    chance_unaided), `pairs` (urn, peer_urn)."""

    name: str
    papers: dict
    schools: pd.DataFrame
    pairs: pd.DataFrame


def read_run(folder: str | Path) -> Run:
    """Read a release's folder (`outputs/2022-23`), its national fit and the manifest of any of its regions.

    Raises `DataRefused` naming what is missing.
    """
    folder = Path(folder)
    paths = {name: folder / "national" / stage / f"{name}.parquet" for name, stage in FRAMES.items()}
    manifests = sorted(
        folder.glob("*/manifest.json"), key=lambda path: (path.parent.name != "england", path.parent.name)
    )
    faults = [
        Fault(
            "hard",
            "missing_artefact",
            f"{path.name} is missing",
            shown(path),
            what_to_do="Give the folder of a finished run, like outputs/2022-23.",
        )
        for path in [*paths.values(), *([] if manifests else [folder / "england" / "manifest.json"])]
        if not path.is_file()
    ]
    if faults:
        raise DataRefused(faults)
    frames = {name: pd.read_parquet(path) for name, path in paths.items()}
    outcome = ["urn", *PARTS, "ask_pp", "minimum_attendance_shown_pct", "chance_unaided"]
    schools = (
        frames["register"][["urn", *ABOUT]]
        .merge(frames["baseline"][["urn", "baseline_pct"]], on="urn", how="left", validate="1:1")
        .merge(frames["expectations"][outcome], on="urn", how="left", validate="1:1")
    )
    return Run(shown(folder), read_json(manifests[0]), schools, frames["peers"][["urn", "peer_urn"]])


def papers_differ(a: Run, b: Run) -> pd.DataFrame:
    """What differs in what went in: kind (`input`, `parameter`, `code`, `package`), name, before, after.
    Empty when nothing does.
    """
    rows = []
    sides = [_papers(run.papers) for run in (a, b)]
    for kind, name in sorted(sides[0].keys() | sides[1].keys()):
        before, after = (side.get((kind, name), "not there") for side in sides)
        if before != after:
            rows.append((kind, name, before, after))
    return pd.DataFrame(rows, columns=["kind", "name", "before", "after"])


def _papers(manifest: dict) -> dict[tuple[str, str], str]:
    """A manifest as (kind, name) -> value; the region is no difference between two runs of a release."""
    found = {("input", name): str(digest)[:12] for name, digest in manifest.get("inputs", {}).items()}
    found |= {
        ("parameter", name): str(value)
        for name, value in manifest.get("parameters", {}).items()
        if name != "region"
    }
    found |= {("code", name): str(value)[:19] for name, value in manifest.get("code", {}).items()}
    return found | {("package", name): str(value) for name, value in manifest.get("packages", {}).items()}


def schools_differ(a: Run, b: Run) -> pd.DataFrame:
    """Every school of either run: urn, who it is, status before and after, ask and minimum before and after,
    moved_pp and its parts (`<part>_moved`, adding up to moved_pp), peers_new (share of its similar schools
    that were not there before), figure_changed, because (in words). Largest move first.
    """
    both = a.schools.merge(b.schools, on="urn", how="outer", suffixes=("_before", "_after"), validate="1:1")
    out = both[["urn"]].copy()
    for name in ("school_name", "la_name", "region_name", "phase", "roll", "fsm_pct"):
        out[name] = both[f"{name}_after"].fillna(both[f"{name}_before"])
    out["absence_before_pct"], out["absence_after_pct"] = (
        both["absence_pct_before"],
        both["absence_pct_after"],
    )
    for when in ("before", "after"):
        out[f"status_{when}"] = both[f"status_{when}"].fillna("not in this run")
        out[f"ask_{when}_pp"] = both[f"ask_pp_{when}"]
        out[f"minimum_{when}_pct"] = both[f"minimum_attendance_shown_pct_{when}"]
        out[f"chance_{when}"] = both[f"chance_unaided_{when}"]
    out["moved_pp"] = out["ask_after_pp"] - out["ask_before_pp"]
    for part in PARTS:
        out[part.replace("_pp", "_moved_pp")] = both[f"{part}_after"] - both[f"{part}_before"]
    out["peers_new"] = out["urn"].map(_new_peers(a.pairs, b.pairs))
    before, after = out["absence_before_pct"], out["absence_after_pct"]
    out["figure_changed"] = ~(np.isclose(before, after, atol=1e-9) | (before.isna() & after.isna()))
    out["because"] = [_because(row) for row in out.to_dict("records")]
    size = (
        out["moved_pp"]
        .abs()
        .fillna((out["status_before"] != out["status_after"]) * np.inf)
        .replace(np.nan, 0.0)
    )
    return out.iloc[np.lexsort((out["urn"], -size.to_numpy()))].reset_index(drop=True)


def _new_peers(before: pd.DataFrame, after: pd.DataFrame) -> pd.Series:
    """Share (0-1) of each school's similar schools after that were not among them before; only schools that
    have some in both.
    """
    after = after[after["urn"].isin(before["urn"])]
    merged = after.merge(before.assign(there=True), on=["urn", "peer_urn"], how="left", validate="1:1")
    return merged["there"].isna().groupby(merged["urn"]).mean()


def _because(row: dict) -> str:
    """Why a school's outcome changed, in a few words."""
    if row["status_before"] != row["status_after"]:
        return (
            f"status: {row['status_before'].replace('_', ' ')} before, "
            f"{row['status_after'].replace('_', ' ')} after"
        )
    if not abs(row["moved_pp"]) > 1e-9:
        return ""
    size = {part: abs(row[part.replace("_pp", "_moved_pp")]) for part in PARTS}
    most = max(size, key=size.get)
    told = (
        "its published figure" if most == "return_to_normal_pp" and row["figure_changed"] else REASONS[most]
    )
    if most == "context_part_pp" and row["peers_new"] and row["peers_new"] > 0:
        return f"{told}; {row['peers_new']:.0%} of its similar schools are new"
    return told


def for_whom(changed: pd.DataFrame, by: str) -> pd.DataFrame:
    """The change by group of schools with an ask in both runs. `by`: phase, region_name, `start` (fifth of
    last year's absence before, within the phase, 1 the lowest) or `fsm` (fifth of free school meals).
    Columns: group, schools, felt (moved by 0.05 pp or more), ask_before_pp, ask_after_pp, moved_pp (means
    over schools), chance_before, chance_after.
    """
    both = changed[changed["moved_pp"].notna()]
    if by in ("start", "fsm"):
        column = {"start": "absence_before_pct", "fsm": "fsm_pct"}[by]
        fifth = both.groupby("phase")[column].transform(
            lambda values: np.ceil(values.rank(method="first", pct=True) * 5)
        )
        both = both.assign(
            group=both["phase"].astype(str) + ", fifth " + fifth.map("{:.0f}".format).astype(str)
        )[fifth.notna()]
    else:
        both = both.assign(group=both[by])
    means = ["ask_before_pp", "ask_after_pp", "moved_pp", "chance_before", "chance_after"]
    return (
        both.groupby("group")
        .agg(
            schools=("urn", "size"),
            felt=("moved_pp", lambda moved: int((moved.abs() >= FELT).sum())),
            **{name: (name, "mean") for name in means},
        )
        .reset_index()
    )


def in_short(changed: pd.DataFrame) -> dict[str, float]:
    """The comparison in a few figures: schools in either run, with an ask in both, felt (moved by 0.05 pp or
    more), minimum_changed (as shown), gained and lost an ask, mean and largest move (pp), and the mean move
    of each part (adding up to the mean move)."""
    both = changed[changed["moved_pp"].notna()]
    before, after = changed["ask_before_pp"].notna(), changed["ask_after_pp"].notna()
    return {
        "schools": len(changed),
        "in_both": len(both),
        "felt": int((both["moved_pp"].abs() >= FELT).sum()),
        "minimum_changed": int((both["minimum_after_pct"] - both["minimum_before_pct"]).abs().gt(1e-6).sum()),
        "figure_changed": int(changed["figure_changed"].sum()),
        "gained": int((after & ~before).sum()),
        "lost": int((before & ~after).sum()),
        "mean_moved_pp": float(both["moved_pp"].mean()) if len(both) else 0.0,
        "largest_moved_pp": float(both["moved_pp"].iloc[0]) if len(both) else 0.0,
        **{
            part.replace("_pp", "_mean_moved_pp"): float(both[part.replace("_pp", "_moved_pp")].mean())
            if len(both)
            else 0.0
            for part in PARTS
        },
    }


def in_words(a: Run, b: Run, papers: pd.DataFrame, changed: pd.DataFrame, rows: int = 10) -> str:
    """The comparison as text for a terminal."""
    short = in_short(changed)
    lines = [f"Before: {a.name}", f"After:  {b.name}", "", "What went in"]
    lines += [
        f"   {row.kind} {row.name}: {row.before} -> {row.after}" for row in papers.itertuples(index=False)
    ] or ["   the same: files, parameters, code, packages"]
    lines += [
        "",
        "What came out",
        (
            f"   {short['in_both']:,} schools have a minimum in both, {short['gained']:,} only after, "
            f"{short['lost']:,} only before"
        ),
        (
            f"   {short['felt']:,} asks moved by {FELT} points or more, {short['minimum_changed']:,} "
            "minimums "
            "changed as they are shown"
        ),
        f"   mean move {short['mean_moved_pp']:+.3f} points, largest {short['largest_moved_pp']:+.2f}",
    ]
    lines += [
        f"      of it {REASONS[part]}: {short[part.replace('_pp', '_mean_moved_pp')]:+.3f}" for part in PARTS
    ]
    if short["felt"]:
        lines += ["", "For whom (mean move in points; schools that moved by 0.05 or more)"]
        for by in ("phase", "start", "fsm"):
            lines += [
                f"   {name}: {move:+.3f}; {felt:,} of {schools:,}"
                for name, move, felt, schools in _short_groups(changed, by)
            ]
    if short["felt"] or short["gained"] or short["lost"]:
        lines += ["", "The schools that changed most"]
        for row in changed.head(rows).to_dict("records"):
            move = (
                ""
                if np.isnan(row["moved_pp"])
                else f"{row['ask_before_pp']:.2f} -> {row['ask_after_pp']:.2f} points; "
            )
            lines.append(
                f"   {row['school_name']} (URN {row['urn']}, {row['la_name']}): "
                f"{move}{row['because'] or 'no change'}"
            )
    return "\n".join(lines)


def _short_groups(changed: pd.DataFrame, by: str) -> list[tuple]:
    """Rows of `for_whom` as tuples, with what the fifths are of."""
    name = {"start": " of absence last year", "fsm": " of free school meals"}.get(by, "")
    return [
        (f"{row.group}{name}", row.moved_pp, row.felt, row.schools)
        for row in for_whom(changed, by).itertuples(index=False)
    ]
