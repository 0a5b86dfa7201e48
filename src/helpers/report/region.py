"""The region's page: summary in words, map, charts, the table of all schools, and how good the data are."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from helpers.report import charts, gate, maps, words
from helpers.report.inputs import PackInputs
from helpers.report.pages import environment
from helpers.report.words import known, number, pct, year_words

PHASES = ("primary", "secondary")
ROWS_PER_PAGE = 50

# Columns of the table of schools: key, heading, decimals (None for text), shown in the table, offered as a filter.
TABLE = [
    ("name", "School", None, True, False),
    ("urn", "URN", 0, True, False),
    ("la", "Local authority", None, True, True),
    ("phase", "Phase", None, True, True),
    ("status", "Minimum, or why there is none", None, False, True),
    ("roll", "Pupils", 0, True, False),
    ("attendance", "Attendance last year (%)", 1, True, False),
    ("minimum", "Minimum (%)", 1, True, False),
    ("ask", "Improvement asked before rounding (points)", 2, True, False),
    ("chance", "Chance with no real change (in 100)", 0, True, False),
    ("persistent", "Persistent absence (%)", 1, True, False),
    ("school_type", "Type", None, False, True),
    ("urban_rural", "Urban or rural", None, False, True),
    ("admissions_policy", "Admissions", None, False, True),
    ("governance", "Governance", None, False, True),
    ("denomination", "Religious character", None, False, True),
    ("sixth_form", "Sixth form", None, False, True),
]


def school_frame(inputs: PackInputs) -> pd.DataFrame:
    """One row per school with what the region's page counts and lists: schools joined with baseline and expectations, unrounded."""
    base = inputs.baseline[["urn", "context_expected_pct", "baseline_pct", "sd_pp"]]
    wanted = [name for name in inputs.expectations.columns if name == "urn" or name not in inputs.schools]
    frame = inputs.schools.merge(base, on="urn", how="left", validate="1:1").merge(
        inputs.expectations[wanted], on="urn", how="left", validate="1:1"
    )
    frame.loc[frame["status"] != "assessed", wanted[1:]] = np.nan
    frame["attendance_pct"] = 100 - frame["absence_pct"]
    frame["pupils"] = frame["weight_r_to_11"].fillna(frame["roll"]) if "weight_r_to_11" in frame else frame["roll"]
    frame["shown_ask_pp"] = frame["minimum_attendance_shown_pct"] - frame["attendance_pct"]
    frame["pupil_days"] = frame["shown_ask_pp"] / 100 * words.SCHOOL_DAYS * frame["pupils"]
    return frame


def weighted_mean(values: pd.Series, weights: pd.Series) -> float | None:
    """Mean weighted by pupils over the schools that have both; None when there is none."""
    use = values.notna() & weights.notna() & (weights > 0)
    return float(np.average(values[use], weights=weights[use])) if use.any() else None


def region_facts(inputs: PackInputs) -> dict[str, dict]:
    """The named facts behind the region's words and charts: name -> {value, unit, decimals}. A fact that cannot be known is left out."""
    frame = school_frame(inputs)
    facts: dict[str, dict] = {}

    def add(name: str, value, unit: str = "", decimals: int = 0) -> None:
        if known(value):
            facts[name] = {"value": value, "unit": unit, "decimals": decimals}

    assessed = frame[frame["ask_pp"].notna()]
    add("schools", len(frame), "schools")
    add("schools_with_expectation", len(assessed), "schools")
    add("schools_without_expectation", len(frame) - len(assessed), "schools")
    add("local_authorities", frame["la_code"].nunique(), "local authorities")
    add("pupil_days", float(assessed["pupil_days"].sum()) if len(assessed) else None, "pupil-days")
    for phase in PHASES:
        some = assessed[assessed["phase"] == phase]
        add(f"{phase}_schools", len(some), "schools")
        for name, column, unit, decimals in [
            ("attendance", "attendance_pct", "%", 2),
            ("ask", "ask_pp", "pp", 2),
            ("minimum", "minimum_attendance_shown_pct", "%", 2),
            ("best_quarter", "peers_best_quartile_attendance_pct", "%", 2),
        ]:
            add(f"{phase}_{name}", weighted_mean(some[column], some["pupils"]), unit, decimals)
        both = some[some["pre_pandemic_attendance_pct"].notna()]
        add(f"{phase}_pre_pandemic", weighted_mean(both["pre_pandemic_attendance_pct"], both["pupils"]), "%", 2)
        add(f"{phase}_chance", float(some["chance_unaided"].mean()) if len(some) else None, "", 2)
        place = ("england", "England") if inputs.region_name == "England" else ("region", inputs.region_name)
        rate = inputs.la_rates.get((*place, phase, "absence"))
        add(f"{phase}_published", 100 - rate if rate is not None else None, "%", 2)
    return facts


def summary_words(facts: dict[str, dict], region: str, release: str) -> list[str]:
    """The region in a few sentences, every figure a named fact."""

    def say(name: str) -> str:
        fact = facts[name]
        return (pct if fact["unit"] == "%" else number)(fact["value"], fact["decimals"])

    lines = [
        f"This pack holds {say('schools')} state-funded schools in {say('local_authorities')} local authorities. "
        f"{say('schools_with_expectation')} have a minimum for {year_words(words.year_after(release))}; {say('schools_without_expectation')} have "
        "none, each with a reason."
    ]
    for phase in PHASES:
        if f"{phase}_attendance" in facts:
            text = (
                f"In the {say(f'{phase}_schools')} {phase} schools with a minimum, attendance was {say(f'{phase}_attendance')} in "
                f"{year_words(release)}, counting each pupil once. On average they are asked for {say(f'{phase}_ask')} percentage points more."
            )
            if f"{phase}_chance" in facts:
                text += f" With no real change anywhere, {words.chance(facts[f'{phase}_chance']['value'])} of them would meet it by luck."
            lines.append(text)
    if "pupil_days" in facts:
        lines.append(
            f"If every school reached exactly its minimum, pupils in {region} would spend {say('pupil_days')} more pupil-days in school "
            "over the year."
        )
    return lines


def render(inputs: PackInputs, frame: pd.DataFrame, spreadsheet: str, csv: str) -> str:
    """The region's page as HTML. `frame` is `school_frame`; `spreadsheet` and `csv` are the names of the files beside the page."""
    facts = region_facts(inputs)
    areas, numbers = la_table(frame)
    data = table_data(frame)
    return (
        environment()
        .get_template("region.html")
        .render(
            region=inputs.region_name,
            release=year_words(inputs.release),
            next_year=year_words(words.year_after(inputs.release)),
            sample=inputs.sample,
            summary=summary_words(facts, inputs.region_name, inputs.release),
            maps=region_maps(inputs, frame, numbers),
            areas=areas,
            distributions=[chart for phase in PHASES if (chart := distribution(frame, phase))],
            ladders=[chart for phase in PHASES if (chart := ladder(facts, phase, inputs.region_name, inputs.release))],
            columns=[{"key": k, "label": h, "number": d is not None} for k, h, d, shown, _ in TABLE if shown],
            filters=[
                {"key": k, "label": h, "levels": data["levels"][k], "main": k in ("la", "phase", "status")}
                for k, h, _, _, offered in TABLE
                if offered and len(data["levels"].get(k, [])) > 1
            ],
            first_rows=first_rows(data),
            total=len(frame),
            per_page=ROWS_PER_PAGE,
            spreadsheet=spreadsheet,
            csv=csv,
            quality=gate.summary(inputs, frame),
            sources=inputs.source_files,
            code=code_words(inputs.manifest),
            words=words,
        )
    )


def code_words(manifest: dict) -> str:
    code = manifest.get("code", {})
    parts = [("version", code.get("version")), ("commit", str(code.get("git_commit") or "")[:12])]
    return ", ".join(f"{name} {value}" for name, value in parts if known(value))


def la_table(frame: pd.DataFrame) -> tuple[list[dict], dict[str, int]]:
    """One row per local authority, by name, unrounded, and the number of each ONS code on the map."""
    rows, numbers = [], {}
    groups = sorted(frame.groupby("la_code"), key=lambda pair: str(pair[1]["la_name"].iloc[0]))
    for i, (_, group) in enumerate(groups, start=1):
        codes = group["la_ons_code"].dropna() if "la_ons_code" in group else []
        if len(codes):
            numbers[codes.iloc[0]] = i
        assessed = group[group["ask_pp"].notna()]
        row = {"number": i, "name": group["la_name"].iloc[0], "schools": len(group), "assessed": len(assessed)}
        for phase in PHASES:
            some = assessed[assessed["phase"] == phase]
            for name, column in (("attendance", "attendance_pct"), ("ask", "ask_pp")):
                row[f"{phase}_{name}"] = weighted_mean(some[column], some["pupils"])
        rows.append(row | {"pupil_days": float(assessed["pupil_days"].sum())})
    return rows, numbers


def region_maps(inputs: PackInputs, frame: pd.DataFrame, numbers: dict[str, int]) -> list[dict]:
    """A map per phase: LAs shaded by attendance, schools as dots."""
    found = []
    for phase in PHASES:
        some = frame[(frame["phase"] == phase) & frame["attendance_pct"].notna()]
        groups = some.dropna(subset=["la_ons_code"]).groupby("la_ons_code")
        values = pd.Series({code: weighted_mean(g["attendance_pct"], g["pupils"]) for code, g in groups}, dtype="float64").dropna()
        if some.empty or values.empty:
            continue
        low, high = values.idxmin(), values.idxmax()
        names = dict(zip(some["la_ons_code"], some["la_name"], strict=True))
        described = (
            f"{words.plural(len(some), 'school')} in {words.plural(len(values), 'local authority', 'local authorities')}. Attendance is "
            f"highest in {names[high]} ({pct(values[high], 1)}) and lowest in {names[low]} ({pct(values[low], 1)}). All figures are in the "
            "table of local authorities."
        )
        title = f"{words.phase_words(phase)} schools: attendance by local authority, {year_words(inputs.release)}, per cent"
        lost = int(some["easting"].isna().sum()) if "easting" in some else len(some)
        picture = maps.la_map(f"map-{phase}", title, inputs.boundaries, values, numbers, some, described)
        if picture:
            found.append({"title": title, "svg": picture, "lost": lost})
    return found


def distribution(frame: pd.DataFrame, phase: str) -> dict | None:
    """How attendance last year is spread over the schools with an expectation."""
    values = frame.loc[(frame["phase"] == phase) & frame["ask_pp"].notna(), "attendance_pct"]
    if len(values) < 3:
        return None
    step = 0.5 if values.quantile(0.99) - values.quantile(0.01) < 12 else 1.0
    low = np.floor(values.quantile(0.005) / step) * step
    edges = np.arange(low, np.ceil(values.max() / step) * step + step / 2, step)
    edges = edges if len(edges) > 1 else np.array([low, low + step])
    counts, _ = np.histogram(values.clip(lower=low), edges)
    median, worst, best = (float(values.quantile(q)) for q in (0.5, 0.25, 0.75))
    title = f"{words.phase_words(phase)} schools by attendance last year"
    told = (
        f"{words.plural(len(values), 'school')}. Half of them have attendance between {pct(worst, 1)} and {pct(best, 1)}; the school in the "
        f"middle has {pct(median, 1)}."
    )
    bins = list(zip(edges[:-1].tolist(), counts.tolist(), strict=True))
    chart = charts.histogram(f"spread-{phase}", title, bins, step, [(median, f"middle school {pct(median, 1)}")], told, "%")
    below = int((values < low).sum())
    if below:
        told += f" The first bar holds {words.plural(below, 'school')} below {pct(low, 1)}."
    return {"title": title, "svg": chart, "told": told}


def ladder(facts: dict[str, dict], phase: str, region: str, release: str) -> dict | None:
    """The region's ladder: means over pupils."""
    rungs = [
        (f"Last year, {year_words(release)}", f"{phase}_attendance", False),
        ("Average minimum", f"{phase}_minimum", True),
        (f"All {phase} schools of {region}, as published", f"{phase}_published", False),
        ("Best quarter of similar schools", f"{phase}_best_quarter", False),
        ("The same schools before the pandemic, 2018/19", f"{phase}_pre_pandemic", False),
    ]
    rows = [(name, facts[key]["value"], strong) for name, key, strong in rungs if key in facts]
    if len(rows) < 2:
        return None
    told = "; ".join(f"{name}: {pct(value, 2)}" for name, value, _ in rows) + "."
    title = f"{words.phase_words(phase)} schools: the ladder, attendance in per cent"
    return {"title": title, "svg": charts.dots(f"ladder-{phase}", title, rows, told, 2), "told": told}


def table_data(frame: pd.DataFrame) -> dict:
    """The table of schools in a compact form: texts as numbers of their level, figures rounded as they are shown, missing as null."""
    texts = {
        "la": frame["la_name"],
        "phase": frame["phase"].map(words.phase_words),
        "status": frame["status"].map(words.reason_name),
        **{
            name: frame[name] for name in ("school_type", "urban_rural", "admissions_policy", "governance", "denomination") if name in frame
        },
    }
    if "sixth_form_pct" in frame:
        texts["sixth_form"] = frame["sixth_form_pct"].map(
            lambda share: ("With sixth form" if share > 0 else "Without") if known(share) else None
        )
    levels, columns = {}, {"name": frame["school_name"].fillna("").tolist()}
    for name, series in texts.items():
        series = series.where(series.notna(), None)
        levels[name] = sorted({value for value in series if known(value)})
        place = {value: i for i, value in enumerate(levels[name])}
        columns[name] = [place.get(value) for value in series]
    figures = {
        "urn": frame["urn"],
        "roll": frame["roll"],
        "attendance": frame["attendance_pct"],
        "minimum": frame["minimum_attendance_shown_pct"],
        "ask": frame["ask_pp"],
        "chance": 100 * frame["chance_unaided"],
        "persistent": frame["persistent_pct"] if "persistent_pct" in frame else pd.Series(np.nan, index=frame.index),
    }
    decimals = {key: d for key, _, d, _, _ in TABLE if d is not None}
    for name, series in figures.items():
        columns[name] = [_figure(value, decimals[name]) for value in series.tolist()]
    order = sorted(range(len(frame)), key=lambda i: (columns["name"][i].casefold(), columns["urn"][i]))
    keys = [key for key, *_ in TABLE if key in columns]
    return {
        "columns": [{"key": k, "label": h, "decimals": d, "shown": s} for k, h, d, s, _ in TABLE if k in columns],
        "levels": levels,
        "rows": [[columns[key][i] for key in keys] for i in order],
    }


def _figure(value: float, decimals: int) -> float | int | None:
    if not known(value):
        return None
    rounded = words.rounded(value, decimals)
    return int(rounded) if decimals == 0 else float(rounded)


def table_script(data: dict) -> str:
    """The data as a script, so that the page also works from a folder, where browsers refuse to fetch files."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    return f"window.SCHOOLS={text};\n"


def first_rows(data: dict) -> list[list[dict]]:
    """The first page of the table, for readers without scripts."""
    keys = [c["key"] for c in data["columns"]]
    urn = keys.index("urn")
    shown = []
    for row in data["rows"][:ROWS_PER_PAGE]:
        cells = []
        for column, value in zip(data["columns"], row, strict=True):
            if not column["shown"]:
                continue
            if value is None:
                text = "–"
            elif column["key"] in data["levels"]:
                text = data["levels"][column["key"]][value]
            elif column["key"] == "urn":
                text = str(value)
            else:
                text = value if column["decimals"] is None else number(value, column["decimals"])
            link = f"schools/{row[urn]}.html" if column["key"] == "name" else ""
            cells.append({"text": text, "number": column["decimals"] is not None, "link": link})
        shown.append(cells)
    return shown
