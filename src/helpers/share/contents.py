"""What an export holds for its audience: reports, tables, method and averages, each page under the audience's
marking.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from helpers.base import text
from helpers.base.faults import DataRefused, Fault
from helpers.base.params import ENGLAND, REGIONS, slug
from helpers.base.paths import DICTIONARY, ROOT, shown
from helpers.base.sheet_safe import guarded_frame
from helpers.base.store import file_hash, read_json
from helpers.base.years import year_after, year_words
from helpers.report import pdf, school
from helpers.report.inputs import PackInputs
from helpers.report.pages import ASSETS, environment
from helpers.share import audience
from helpers.share.audience import BadSelection, Share
from helpers.share.suppression import MIN_SCHOOLS

CHECKED = ("schools", "baseline", "peers", "expectations")
STYLE = "assets/pack.css"


@dataclass
class Package:
    """Files on their way into an export: each is written at once and its hash kept."""

    write: object
    files: list[dict] = field(default_factory=list)

    def add(self, name: str, data: bytes | str) -> None:
        """Add a file under a relative name with forward slashes. Text is written as UTF-8."""
        data = data.encode("utf-8") if isinstance(data, str) else data
        self.write(name, data)
        self.files.append({"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})

    def add_tree(self, folder: Path, to: str, only: tuple[str, ...] = ()) -> None:
        """Add every file below a folder, hidden ones left out; `only` are the endings wanted."""
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if (
                path.is_file()
                and not any(part.startswith(".") for part in name.parts)
                and (not only or path.suffix in only)
            ):
                self.add(f"{to}/{name.as_posix()}" if to else name.as_posix(), path.read_bytes())


def fill(package: Package, run: Path, share: Share, register: pd.DataFrame) -> None:
    """Put into a package what its audience may see of a run, and an index page that says what it is and how
    to handle it.
    """
    who = share.audience
    links: list[tuple[str, str]] = []
    page: dict = {"schools": [], "tables": []}
    package.add(STYLE, (ASSETS / "pack.css").read_bytes())
    if who.reports:
        page["schools"] = _reports(package, run, share, register)
        links += _tables(package, run, share, register)
    if who.pack:
        links += _pack(package, run, share)
    if who.all:
        links += _everything(package, run, share)
    if who.averages:
        page["tables"].append(_averages(package, run, register, links))
    if who.masked:
        links += _masked(package, run)
    if who.method:
        links += _method(package, run, share)
    package.add("index.html", _index(share, run, links, **page))


def any_manifest(run: Path) -> dict:
    """The manifest of a region that has been run, England's first. Raises `BadSelection` when no region has
    been run to its end.
    """
    for name in (ENGLAND, *REGIONS):
        path = run / slug(name) / "manifest.json"
        if path.is_file():
            return read_json(path)
    raise BadSelection(
        f"{shown(run)}: no region of this run is finished. Run it to its end first: abie run --all"
    )


def region_folder(run: Path, region: str, england_too: bool = True) -> Path:
    """The finished folder of a region, or England's where the region's own was not made.

    Its tables are compared with the hashes in its manifest: raises `DataRefused` when one was changed after
    the run, `BadSelection` when neither is there.
    """
    for name in (region, ENGLAND) if england_too else (region,):
        folder = run / slug(name)
        if (folder / "manifest.json").is_file():
            written = read_json(folder / "manifest.json").get("artefacts", {})
            changed = [
                f"{table}.parquet"
                for table in CHECKED
                if written.get(f"{table}.parquet") != file_hash(folder / f"{table}.parquet")
            ]
            if changed:
                todo = f'Make it again: abie run --region "{name}"'
                raise DataRefused(
                    Fault(
                        "hard",
                        "changed_artefact",
                        "not as its manifest says",
                        shown(folder / changed[0]),
                        what_to_do=todo,
                    )
                )
            return folder
    raise BadSelection(
        f'{region} has not been run to its end in {shown(run)}. Run it first: abie run --region "{region}"'
    )


def _by_region(run: Path, share: Share, register: pd.DataFrame) -> list[tuple[Path, list[int]]]:
    """The folders that hold the share's schools, each with their URNs."""
    rows = register[register["urn"].isin(share.urns)]
    found: dict[Path, list[int]] = {}
    for region, group in rows.groupby("region_name", sort=True):
        found.setdefault(region_folder(run, str(region)), []).extend(group["urn"].tolist())
    return list(found.items())


def _reports(package: Package, run: Path, share: Share, register: pd.DataFrame) -> list[dict]:
    """A page and a PDF for each school of the share, marked for it; returns the rows of the index."""
    rows = []
    for folder, urns in _by_region(run, share, register):
        inputs = PackInputs.from_folders(folder, run / "national")
        for urn in urns:
            facts = school.school_facts(inputs, urn)
            package.add(
                f"schools/{urn}.html", school.render(facts, share.marking, within=set(share.urns), pdf=True)
            )
            package.add(f"schools/{urn}.pdf", pdf.compile_pdf(facts, share.marking))
            rows.append(
                {
                    "urn": urn,
                    "name": facts["name"],
                    "la": inputs.school[urn]["la_name"] or "Not known",
                    "phase": text.phase_words(inputs.school[urn]["phase"]),
                    "last": facts["last"]["attendance"] if facts["last"] else "Not published",
                    "minimum": facts["ask"]["minimum"] if facts["ask"] else "None set",
                }
            )
    return sorted(rows, key=lambda row: (row["name"].casefold(), row["urn"]))


def _tables(package: Package, run: Path, share: Share, register: pd.DataFrame) -> list[tuple[str, str]]:
    """The schools' rows as CSV: one table of schools and one of their similar schools."""
    schools, peers = [], []
    for folder, urns in _by_region(run, share, register):
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in CHECKED}
        schools.append(audience.own_schools(share.audience, tables, tuple(urns)))
        peers.append(audience.visible(share.audience, "peers", tables["peers"], tuple(urns)))
    package.add("schools.csv", _csv(pd.concat(schools, ignore_index=True).sort_values("urn")))
    package.add("similar-schools.csv", _csv(pd.concat(peers, ignore_index=True).sort_values(["urn", "rank"])))
    package.add("dictionary.csv", DICTIONARY.read_bytes())
    return [
        ("schools.csv", "the figures of each school, one row each"),
        ("similar-schools.csv", "similar schools of each school"),
        ("dictionary.csv", "what each column means"),
    ]


def _pack(package: Package, run: Path, share: Share) -> list[tuple[str, str]]:
    """A region's pack as it was made, and what the support stage proposes where that has been run."""
    folder = region_folder(run, share.region, england_too=False)
    package.add_tree(folder / "pack", "pack")
    links = [("pack/index.html", f"all schools of {share.region}: map, table, spreadsheet, reports")]
    for name in audience.ROUTING:
        path = folder / f"{name}.parquet"
        if path.is_file():
            frame = pd.read_parquet(path)
            table = frame[[column for column in audience.columns(share.audience, name) if column in frame]]
            package.add(f"routing/{name}.csv", _csv(table))
            links.append((f"routing/{name}.csv", "proposed support; a person decides"))
    return links


def _everything(package: Package, run: Path, share: Share) -> list[tuple[str, str]]:
    """The run itself: the national fit and every finished region, or the one that was asked for."""
    regions = (
        [share.region]
        if share.region
        else [name for name in (ENGLAND, *REGIONS) if (run / slug(name) / "manifest.json").is_file()]
    )
    links = []
    for name in regions:
        folder = region_folder(run, name, england_too=False)
        package.add_tree(folder, folder.name)
        links.append((f"{folder.name}/pack/index.html", f"{name}: pack, tables and executed notebooks"))
    if not share.region:
        package.add_tree(run / "national", "national")
    package.add_tree(run / "assets", "assets", only=(".js",))
    return links


def _averages(package: Package, run: Path, register: pd.DataFrame, links: list[tuple[str, str]]) -> dict:
    """Averages with suppression: all areas as CSV, England and the regions also on the index page."""
    parameters = any_manifest(run)["parameters"]
    asks = pd.read_parquet(run / "national" / "expectations" / "expectations.parquet")
    table = audience.averages(
        audience.assessed(register, asks), parameters["min_ask_pp"], parameters["max_ask_pp"]
    )
    told = table.astype({"schools": "Int64", "pupils": "Int64"}).astype("object")
    package.add("averages.csv", _csv(told.where(table.notna(), audience.SUPPRESSED)))
    links.append(("averages.csv", "averages of England, regions and local authorities; c means withheld"))
    shown_rows = table[table["geography"] != "la"]
    withheld = int(table["ask_pp"].isna().sum())
    return {
        "title": "Averages",
        "caption": "Improvement asked, on average over pupils",
        "lines": [
            (
                f"Withheld (c) are {withheld} of {len(table)} areas, local authorities included: those with "
                f"fewer than {MIN_SCHOOLS} schools, those in "
                "which one or two schools or one trust weigh too much, and those from which such an area "
                "could be worked out by subtraction."
            )
        ],
        "heads": [
            "Area",
            "Phase",
            "Schools",
            "Attendance (%)",
            "Improvement asked (points)",
            "Chance of meeting it with no real change",
        ],
        "texts": 2,
        "rows": [
            [
                row.region_name,
                text.phase_words(row.phase),
                _cell(row.schools, text.number),
                _cell(row.attendance_pct, partial(text.number, decimals=1)),
                _cell(row.ask_pp, partial(text.number, decimals=2)),
                _cell(row.chance_unaided, text.chance),
            ]
            for row in shown_rows.itertuples()
        ],
    }


def _cell(value: float, shape: Callable[[float], str]) -> str:
    return audience.SUPPRESSED if pd.isna(value) else shape(value)


def _masked(package: Package, run: Path) -> list[tuple[str, str]]:
    """The table of masked schools, of all England where it was run, else of the regions that were."""
    names = (
        [ENGLAND]
        if (run / slug(ENGLAND) / "manifest.json").is_file()
        else [n for n in REGIONS if (run / slug(n) / "manifest.json").is_file()]
    )
    folders = [region_folder(run, name, england_too=False) for name in names]
    tables = {
        name: pd.concat([pd.read_parquet(f / f"{name}.parquet") for f in folders], ignore_index=True)
        for name in CHECKED
    }
    table = audience.masked(tables)
    package.add("masked-schools.csv", _csv(table))
    left_out = len(tables["expectations"]) - len(table)
    return [
        (
            "masked-schools.csv",
            (
                f"{text.plural(len(table), 'school')} without identity; {left_out} left out because too few "
                "are like them"
            ),
        )
    ]


def _method(package: Package, run: Path, share: Share) -> list[tuple[str, str]]:
    """Method papers, parameters and quality, without a row of any school."""
    manifest = any_manifest(run)
    for name in audience.METHOD:
        package.add(
            f"method/{name}", f"> {share.marking}\n\n" + (ROOT / "docs" / name).read_text(encoding="utf-8")
        )
    quality = audience.quality_without_schools(read_json(run / "national" / "ingest" / "quality.json"))
    package.add("method/run.json", _json({"marking": share.marking, **audience.method_of(manifest)}))
    package.add("method/quality.json", _json({"marking": share.marking, **quality}))
    package.add("method/dictionary.csv", DICTIONARY.read_bytes())
    return [
        ("method/method.md", "the formula on one page"),
        ("method/assumptions.md", "assumptions and limits"),
        ("method/run.json", "parameters, input files with their hashes, code and packages"),
        ("method/quality.json", "reconciliation with published figures; findings counted"),
        ("method/dictionary.csv", "what each column means"),
    ]


def _index(
    share: Share, run: Path, links: list[tuple[str, str]], schools: list[dict], tables: list[dict]
) -> str:
    who, release = share.audience, run.name
    confidential = who.marking.startswith("Confidential")
    handling = [audience.OWN_MARKING]
    if confidential:
        handling += [
            (
                "Keep it where only those can read it for whom it is marked. Do not forward it, put it on a "
                "web page or in a public meeting’s papers."
            ),
            "If it reached you by mistake, delete it and tell whoever sent it.",
        ]
    else:
        handling.append(
            "Targets of schools are not published. Averages that would tell one are withheld and marked c."
        )
    handling.append(
        "manifest.json lists every file with its SHA-256, for whom it was made, when, and from which run."
    )
    about = share.who if confidential and not who.masked else "method and averages"
    return (
        environment()
        .get_template("export.html")
        .render(
            MARKING=share.marking,
            title=f"Attendance expectations {year_words(year_after(release))}: {about}",
            sample=bool(any_manifest(run).get("sample")),
            lines=[f"Data for {year_words(release)}. {text.FORMULA}"],
            schools=schools,
            tables=tables,
            links=links,
            handling=handling,
            words=text,
            release=year_words(release),
            next_year=year_words(year_after(release)),
        )
    )


def _csv(frame: pd.DataFrame) -> bytes:
    """CSV that a spreadsheet opens with its letters right."""
    return guarded_frame(frame).to_csv(index=False, lineterminator="\n").encode("utf-8-sig")


def _json(value: dict) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
