"""What people recorded for a release, read from one folder: agreed ambitions and challenges, shocks entered
by hand, schools' own weeks.

Layout (docs/records-format.md): `agreed.csv`, `decisions*.csv` (one, or one per region),
`recorded-shocks.csv` and `own-extracts/*.csv`; each may be missing, and so may the folder. Every file is
checked line by line; one bad line and nothing of any file is used. Decisions answer the referral list, so
`06_support` reads them when the list is known.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.base.paths import shown
from helpers.records import agreed, own_extract, recorded_shocks

AGREED, DECISIONS, SHOCKS, EXTRACTS = (
    "agreed.csv",
    "decisions*.csv or .xlsx",
    "recorded-shocks.csv",
    "own-extracts",
)
RESULTS = ("agreed", "recorded_shocks", "own_weeks", "record_files")


def read_all(
    folder: Path, register: pd.DataFrame, expectations: pd.DataFrame, must_exist: bool = False
) -> dict[str, pd.DataFrame]:
    """The results of the national stage `records`, by name.

    `agreed` as from `agreed.read_records`, `recorded_shocks` as from `sources.recorded_shocks`, `own_weeks`
    as from `own_extract.whole_school`, and `record_files`: file, taken_for, lines. Raises `DataRefused`
    naming file, row, column, value and what to do: for anything the readers refuse, a school or authority
    that the register does not hold, a file that is none of these, and, where `must_exist`, a folder that is
    not there.
    """
    if must_exist and not folder.is_dir():
        todo = "Make it, or leave the parameter `records` empty."
        raise DataRefused(
            Fault("hard", "no_records", f"there is no folder of records {shown(folder)}", what_to_do=todo)
        )
    _refuse_unknown_files(folder)
    noted, spoken, weeks, files = agreed.no_records(), recorded_shocks.empty(), [], []
    if (folder / AGREED).exists():
        noted = agreed.read_records(folder / AGREED, register, expectations)
        files.append((AGREED, "agreed ambitions and challenges", len(noted)))
    if (folder / SHOCKS).exists():
        spoken = recorded_shocks.read_recorded_shocks(folder / SHOCKS)
        _refuse_unknown(SHOCKS, "id", spoken.loc[spoken["scope"] == "school", "urn"], register["urn"])
        _refuse_unknown(SHOCKS, "id", spoken.loc[spoken["scope"] == "la", "la_code"], register["la_code"])
        files.append((SHOCKS, "shocks recorded by hand", len(spoken)))
    for path in own_extract.find_own_extracts(folder):
        one = own_extract.whole_school(own_extract.read_own_extract(path).weeks)
        _refuse_unknown(path.name, "urn", one["urn"], register["urn"])
        weeks.append(one)
        files.append((f"{EXTRACTS}/{path.name}", "a school's own weeks", len(one)))
    own = pd.concat(weeks, ignore_index=True) if weeks else own_extract.no_weeks()
    _refuse_two_extracts(own)
    table = pd.DataFrame(files, columns=["file", "taken_for", "lines"]).astype(
        {"file": "str", "taken_for": "str", "lines": "int64"}
    )
    return dict(zip(RESULTS, (noted, spoken, own, table), strict=True))


def read_decisions(folder: Path, referrals: pd.DataFrame) -> pd.DataFrame | None:
    """People's decisions of every `decisions*.csv` (as `agreed.read_decisions`), None where there is no such
    file. `referrals`: all of England's.

    Raises `DataRefused` for what that reader refuses, and for a school on which two files decide.
    """
    paths = _decisions(folder)
    if not paths:
        return None
    out = pd.concat(
        [agreed.read_decisions(p, referrals).assign(file=p.name) for p in paths], ignore_index=True
    )
    twice = out[out.duplicated("urn")]
    if len(twice):
        both = ", ".join(out.loc[out["urn"] == twice["urn"].iloc[0], "file"])
        words = f"two files decide on this school: {both}"
        raise DataRefused(
            Fault(
                "hard",
                "record",
                words,
                both,
                None,
                "urn",
                str(twice["urn"].iloc[0]),
                "Keep the newer decision only.",
            )
        )
    return out.drop(columns="file")


def _decisions(folder: Path) -> list[Path]:
    """Files of decisions, as CSV or as workbooks; what Excel locks while it has one open is none."""
    found = [*folder.glob("decisions*.csv"), *folder.glob("decisions*.xlsx")]
    return sorted(path for path in found if not path.name.startswith("~$"))


def _refuse_unknown_files(folder: Path) -> None:
    """A misspelt name would be passed over in silence, and somebody's challenge with it."""
    if not folder.is_dir():
        return
    there = [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not p.name.startswith((".", "~$")) and p.suffix.lower() != ".md"
    ]
    known = {
        folder / AGREED,
        folder / SHOCKS,
        *_decisions(folder),
        *own_extract.find_own_extracts(folder),
    }
    todo = (
        f"Files here: {AGREED}, {DECISIONS} (or .xlsx), {SHOCKS}, and CSV files in the folder {EXTRACTS}. Rename "
        "it or take it out."
    )
    faults = [
        Fault(
            "hard",
            "unknown_record",
            "this is none of the files of a records folder",
            p.relative_to(folder).as_posix(),
            what_to_do=todo,
        )
        for p in there
        if p not in known
    ]
    if faults:
        raise DataRefused(faults)


def _refuse_unknown(file: str, column: str, given: pd.Series, known: pd.Series) -> None:
    strange = [value for value in dict.fromkeys(given.dropna()) if value not in set(known)]
    if strange:
        todo = "Check the number against schools.parquet of this release."
        raise DataRefused(
            [
                Fault(
                    "hard",
                    "unknown_id",
                    "it is not in this release's register",
                    file,
                    None,
                    column,
                    str(v),
                    todo,
                )
                for v in strange
            ]
        )


def _refuse_two_extracts(weeks: pd.DataFrame) -> None:
    twice = weeks[weeks.duplicated(["urn", "week_commencing"])]
    if len(twice):
        first = twice.iloc[0]
        words = f"URN {first['urn']} has the week of {first['week_commencing']:%Y-%m-%d} in two extracts"
        raise DataRefused(
            Fault(
                "hard",
                "two_extracts",
                words,
                EXTRACTS,
                None,
                "week_commencing",
                what_to_do="Keep the newer file only.",
            )
        )
