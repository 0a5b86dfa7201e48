"""What people recorded: agreed ambitions, challenges to a figure, and decisions on the referral list. Read
from CSV, checked line by line.

Ambitions and challenges: `urn,kind,value,date,reason,recorded_by`. `kind` is `ambition` (value: the
attendance agreed, in %, not below the school's minimum) or `challenge` (value: the attendance in % that the
school holds to be right, or empty when the challenge is not about a figure). Decisions:
`urn,decision,decided_by,date,reason`, also among other columns, so that the referral sheet can be filled in
and read back; `decision` is `offer`, `no_offer` or `wait`, and a row where it is empty is not yet decided.
Dates are written 2026-01-31 or 31/01/2026 (day first). CSV as UTF-8 or as Excel saves it, or a workbook.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.base.faults import DataRefused, Fault
from helpers.records.lines import Unreadable, lines_of

RECORDS = ("urn", "kind", "value", "date", "reason", "recorded_by")
DECISIONS = ("urn", "decision", "decided_by", "date", "reason")
KINDS = ("ambition", "challenge")
CHOICES = ("offer", "no_offer", "wait")
# The headings of the referral workbook, in lower case.
LABELS = {
    "unique reference number": "urn",
    "decision of a person (offer; no_offer; wait)": "decision",
    "decided by": "decided_by",
}


class _Sheet:
    """A CSV being checked: its rows, and the faults found so far. `more`: other columns may stand beside
    those needed.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], more: bool = False):
        self.name, self.faults = path.name, []
        try:
            lines = lines_of(path, LABELS)
            first, header = next(lines, (1, []))
            wanted = [h for h in header if h in columns] if more else header
            if sorted(wanted) != sorted(columns):
                wrong = "the header is not the documented one"
                raise DataRefused(
                    self.fault(first, "", ",".join(header), wrong, f"Write: {','.join(columns)}")
                )
            self.rows = []
            for row, cells in lines:
                if len(cells) != len(header):
                    wrong = f"{len(cells)} cells where the header has {len(header)}"
                    raise DataRefused(self.fault(row, "", "", wrong, "Quote text that holds commas."))
                self.rows.append((row, dict(zip(header, cells, strict=True))))
        except FileNotFoundError:
            raise DataRefused(self.fault(None, "", "", "there is no such file", "Check the path.")) from None
        except Unreadable as error:
            raise DataRefused(self.fault(None, "", "", str(error), error.do)) from None

    def fault(self, row: int | None, column: str, value: str, message: str, do: str) -> Fault:
        return Fault("hard", "record", message, self.name, row, column, value, do)

    def check(self, row: int, cells: dict, column: str, parse: Callable, message: str, do: str):
        """The parsed cell, or None with a fault noted."""
        try:
            return parse(cells[column])
        except (ValueError, KeyError):
            self.faults.append(self.fault(row, column, cells[column], message, do))
            return None

    def common(self, row: int, cells: dict, known: set[int], who: str, today: date) -> dict:
        """The cells that both files have: urn, date, reason and who wrote it."""
        urn = self.check(row, cells, "urn", _urn, "this is not a URN", "Write the school's six-digit number.")
        if urn is not None and urn not in known:
            self.faults.append(
                self.fault(
                    row,
                    "urn",
                    cells["urn"],
                    "no such school here",
                    "Check the number against the register or list.",
                )
            )
        day = self.check(row, cells, "date", _day, "this is not a date", "Write it like 2026-01-31.")
        if day is not None and day > today:
            self.faults.append(
                self.fault(
                    row,
                    "date",
                    cells["date"],
                    "the date lies in the future",
                    "Record what is agreed already.",
                )
            )
        text = {
            c: self.check(row, cells, c, _text, "this is empty", "Say it in a few words.")
            for c in ("reason", who)
        }
        return {"urn": urn, "date": pd.Timestamp(day) if day else pd.NaT, **text}

    def once(self, keys: tuple[str, ...]) -> None:
        """A second row with the same keys is a fault that names the first."""
        seen: dict[tuple, int] = {}
        for row, cells in self.rows:
            first = seen.setdefault(tuple(cells[k] for k in keys), row)
            if first != row:
                self.faults.append(
                    self.fault(
                        row,
                        keys[0],
                        cells[keys[0]],
                        f"the same {', '.join(keys)} as in row {first}",
                        "Keep one of them.",
                    )
                )

    def stop_if_faulty(self) -> None:
        if self.faults:
            raise DataRefused(sorted(self.faults, key=lambda f: f.row or 0))


def _urn(text: str) -> int:
    if not re.fullmatch(r"[0-9]{6}", text):
        raise ValueError
    return int(text)


def _day(text: str) -> date:
    """2026-01-31, or 31/01/2026 as Excel writes it on a British computer."""
    if british := re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", text):
        day, month, year = map(int, british.groups())
        return date(year, month, day)
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError
    return date.fromisoformat(text)


def _text(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _attendance(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or float(text) > 100:
        raise ValueError
    return float(text)


def _one_of(allowed: tuple[str, ...]) -> Callable:
    return {word: word for word in allowed}.__getitem__


def read_records(
    path: str | Path, register: pd.DataFrame, expectations: pd.DataFrame, today: date | None = None
) -> pd.DataFrame:
    """Agreed ambitions and challenges: urn, kind, value (attendance, %), date, reason, recorded_by.

    Raises `DataRefused` with every fault at once (file, row, column, value, what to do): unknown school,
    kind, number or date, an ambition below the school's minimum or for a school without one, an empty reason
    or name, the same school, kind and date twice.
    """
    sheet = _Sheet(Path(path), RECORDS)
    known, minimum = set(register["urn"]), expectations.set_index("urn")["minimum_attendance_shown_pct"]
    rows = []
    for row, cells in sheet.rows:
        out = sheet.common(row, cells, known, "recorded_by", today or date.today())
        out["kind"] = sheet.check(
            row, cells, "kind", _one_of(KINDS), "there is no such kind", f"Kinds: {', '.join(KINDS)}."
        )
        out["value"] = float("nan")
        if cells["value"] or out["kind"] == "ambition":
            out["value"] = sheet.check(
                row,
                cells,
                "value",
                _attendance,
                "this is not an attendance rate",
                "Write a per cent such as 94.5.",
            )
        if out["kind"] == "ambition" and out["value"] is not None and out["urn"] in known:
            least = minimum.get(out["urn"])
            if least is None:
                sheet.faults.append(
                    sheet.fault(
                        row,
                        "urn",
                        cells["urn"],
                        "it has no minimum in this release",
                        "Record a challenge, or nothing.",
                    )
                )
            elif out["value"] < least - 1e-9:
                do = (
                    "An ambition is attendance, at or above the minimum; to dispute the minimum, record "
                    "a challenge."
                )
                sheet.faults.append(
                    sheet.fault(
                        row,
                        "value",
                        cells["value"],
                        f"this is below the school's minimum of {least:.1f}%",
                        do,
                    )
                )
        rows.append(out)
    sheet.once(("urn", "kind", "date"))
    sheet.stop_if_faulty()
    return pd.DataFrame(rows, columns=list(RECORDS)).astype(
        {
            "urn": "int64",
            "kind": "str",
            "value": "float64",
            "date": "datetime64[s]",
            "reason": "str",
            "recorded_by": "str",
        }
    )


def no_records() -> pd.DataFrame:
    """The frame of `read_records` when nobody recorded anything."""
    empty = pd.DataFrame(columns=list(RECORDS))
    return empty.astype(
        {
            "urn": "int64",
            "kind": "str",
            "value": "float64",
            "date": "datetime64[s]",
            "reason": "str",
            "recorded_by": "str",
        }
    )


def for_school(records: pd.DataFrame, urn: int) -> dict:
    """What was recorded for one school: `ambition` (attendance_pct, date, reason, recorded_by of the newest
    one, or None) and `challenges` (a list of date, attendance_pct or None, reason, recorded_by, oldest
    first). Plain values, nothing missing but None."""
    mine = records[records["urn"] == urn].sort_values("date", kind="stable")
    rows = [
        {
            "kind": row.kind,
            "attendance_pct": None if pd.isna(row.value) else float(row.value),
            "date": row.date.date(),
            "reason": row.reason,
            "recorded_by": row.recorded_by,
        }
        for row in mine.itertuples(index=False)
    ]
    of_kind = {
        kind: [{k: v for k, v in row.items() if k != "kind"} for row in rows if row["kind"] == kind]
        for kind in KINDS
    }
    return {
        "ambition": of_kind["ambition"][-1] if of_kind["ambition"] else None,
        "challenges": of_kind["challenge"],
    }


def newest_ambitions(records: pd.DataFrame) -> pd.DataFrame:
    """urn, agreed_attendance_pct, agreed_on, agreed_reason: the newest ambition of each school that has one."""
    newest = (
        records[records["kind"] == "ambition"]
        .sort_values("date", kind="stable")
        .drop_duplicates("urn", keep="last")
    )
    names = {"value": "agreed_attendance_pct", "date": "agreed_on", "reason": "agreed_reason"}
    return newest[["urn", *names]].rename(columns=names).reset_index(drop=True)


def beside_verdicts(verdicts: pd.DataFrame, records: pd.DataFrame, year: str) -> pd.DataFrame:
    """Verdicts with the agreed ambition beside the minimum: agreed_attendance_pct, agreed_on, agreed_reason
    and ambition (`reached`, `not_reached`, `too_early`, empty without one), in the words, too.

    An ambition is for `year`, the year of the target, and is compared with the published rate as it stands.
    The verdict is about the minimum alone: to agree more than the minimum never makes a school fail.
    """
    out = verdicts.merge(newest_ambitions(records), on="urn", how="left", validate="m:1")
    other = out["year"] != year
    for column in ("agreed_attendance_pct", "agreed_on", "agreed_reason"):
        out[column] = out[column].mask(other)
    attendance, has = 100 - out["absence_pct"], out["agreed_attendance_pct"].notna()
    reached = attendance >= out["agreed_attendance_pct"] - 1e-9
    cases = [~has, attendance.isna(), reached]
    out["ambition"] = pd.Series(
        np.select(cases, ["", "too_early", "reached"], "not_reached"), index=out.index, dtype="str"
    )
    said = {
        "reached": "was reached",
        "not_reached": "was not reached; it was the school's own aim and no minimum",
        "too_early": "stands",
    }
    told = [
        f"{words} The agreed ambition of {value:.1f}% attendance ({date:%Y-%m-%d}) {said[ambition]}."
        if ambition
        else words
        for words, value, date, ambition in zip(
            out["words"], out["agreed_attendance_pct"], out["agreed_on"], out["ambition"], strict=True
        )
    ]
    return out.assign(words=pd.Series(told, index=out.index, dtype="str"))


def read_decisions(path: str | Path, referrals: pd.DataFrame, today: date | None = None) -> pd.DataFrame:
    """People's decisions on the referral list: urn, decision, decided_by, date, reason. Rows whose decision
    is empty are not yet decided.

    Raises `DataRefused` with every fault at once; a school that is not on the list, or comes twice, is one.
    """
    sheet = _Sheet(Path(path), DECISIONS, more=True)
    sheet.rows = [(row, cells) for row, cells in sheet.rows if cells["decision"]]
    rows = []
    for row, cells in sheet.rows:
        out = sheet.common(row, cells, set(referrals["urn"]), "decided_by", today or date.today())
        out["decision"] = sheet.check(
            row,
            cells,
            "decision",
            _one_of(CHOICES),
            "there is no such decision",
            f"Decisions: {', '.join(CHOICES)}.",
        )
        rows.append(out)
    sheet.once(("urn",))
    sheet.stop_if_faulty()
    types = {"urn": "int64", "decision": "str", "decided_by": "str", "date": "datetime64[s]", "reason": "str"}
    return pd.DataFrame(rows, columns=list(DECISIONS)).astype(types)
