"""Claims about the trail: any school can be followed from the published row to its number, and the arithmetic
can be redone from the text.
"""

from __future__ import annotations

import gzip
import re

import openpyxl
import pandas as pd
import pytest

from helpers import audit, cli
from helpers.audit.trail import published_rows, trail
from helpers.run.stages import STAGES


@pytest.fixture(scope="module")
def register(fitted):
    return STAGES["ingest"].load(fitted)["register"]


def test_the_published_row_is_quoted_with_its_file_and_line(fitted, register):
    school = register[register["status"] == "assessed"].iloc[0]
    text = trail(fitted, int(school["urn"]))
    file, line = re.search(
        r"(performance-tables/2022-2023/england_abs\.csv), line (\d+): .*PERCTOT=", text
    ).groups()
    raw = (fitted.data_folder / file).read_text(encoding="utf-8-sig").splitlines()[int(line) - 1]
    assert str(school["urn"]) in raw.split(",")
    assert f"{school['absence_pct']:.1f}" in raw.split(",")


def test_the_parts_in_the_text_add_up_to_the_ask(fitted, register):
    for urn in register.loc[register["status"] == "assessed", "urn"].sample(5, random_state=1):
        text = trail(fitted, int(urn))
        parts = [
            float(re.search(rf"{name}.*?([+-]\d+\.\d+) pp", text)[1])
            for name in ("national part", "context part", "limits")
        ]
        returned = float(re.search(r"return to normal .*= ([+-]\d+\.\d+) pp", text)[1])
        ask = float(re.search(r"= ask +([+-]\d+\.\d+) pp", text)[1])
        assert returned + sum(parts) == pytest.approx(ask, abs=0.0021)


def test_the_context_and_gap_remade_from_parts_equal_the_stored_ones(fitted, register):
    urn = int(register.loc[register["status"] == "assessed", "urn"].iloc[7])
    text = trail(fitted, urn)
    remade, stored = re.search(r"= ([\d.]+) % +\(stored: ([\d.]+) %\)", text).groups()
    assert remade == stored
    gap, gap_stored = re.search(r"gap ([\d.]+) pp +\(stored: ([\d.]+)\)", text).groups()
    assert gap == gap_stored


def test_a_school_without_an_expectation_has_a_trail_that_ends_in_its_reason(fitted, register):
    special = register[register["status"] == "special_range_only"].iloc[0]
    text = trail(fitted, int(special["urn"]))
    assert "Status in 2022-23: special_range_only" in text and "Baseline" not in text


def test_a_predecessor_s_published_row_is_quoted_too(fitted, register):
    panel = STAGES["ingest"].load(fitted)["panel"]
    joined = panel[(panel["link_kind"] == "same_school") & (panel["year"] == "2018-19")].iloc[0]
    text = trail(fitted, int(joined["urn"]))
    assert f"URN {joined['published_urns']} (same_school" in text
    assert re.search(rf"2018-2019/england_abs\.csv, line \d+: .*URN={joined['published_urns']}", text)


def test_an_unknown_urn_is_refused_in_words(fitted, capsys):
    assert cli.main(["school", "999999", "--out", fitted.out]) == cli.FAILED
    assert "neither in the census" in capsys.readouterr().out


def test_rows_are_found_under_either_name_of_the_urn_column(tmp_path):
    (tmp_path / "a.csv").write_text("LA,URN,PERCTOT\n201,100001,5.2\n", encoding="utf-8-sig")
    (tmp_path / "b.csv").write_text(
        "time_period,school_urn,sess_overall_percent\n202223,100001,5.21\n202223,100002,6\n"
    )
    files = pd.DataFrame(
        {
            "path": ["a.csv", "b.csv", "c.csv"],
            "taken_for": ["absence_performance_tables", "absence_ees", "points"],
        }
    )
    rows = published_rows(tmp_path, files, {100001})
    assert [(name, line) for name, line, _ in rows] == [("a.csv", 2), ("b.csv", 2)]


def test_a_schools_published_rows_include_those_of_the_number_it_had_before(fitted, register):
    panel = STAGES["ingest"].load(fitted).panel
    had = panel[panel["link_kind"].eq("same_school") & panel["urn"].isin(register["urn"])].iloc[0]
    rows = audit.published_rows(fitted, int(had["urn"]))
    found = {
        int(v) for _, _, cells in rows for k, v in cells.items() if k.strip().lower() in ("urn", "school_urn")
    }
    assert int(had["published_urn"]) in found and int(had["published_urn"]) != int(had["urn"])


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "xlsx"])
def test_rows_are_found_in_every_kind_of_file_that_the_readers_accept(tmp_path, ending):
    """0.2.0 opened each file as plain text: a gzip file ended in a UnicodeDecodeError."""
    rows = [["URN", "PERCTOT"], ["900001", "5.1"], ["900002", "SUPP"]]
    path = tmp_path / f"england_abs.{ending}"
    text = "".join(",".join(row) + "\n" for row in rows)
    if ending == "xlsx":
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    else:
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    files = pd.DataFrame({"path": [path.name], "taken_for": ["absence_performance_tables"]})
    assert published_rows(tmp_path, files, {900002}) == [(path.name, 3, {"URN": "900002", "PERCTOT": "SUPP"})]


def test_an_internal_error_is_never_shown_as_a_bare_word(fitted, monkeypatch, capsys):
    """0.2.0 caught every LookupError and printed the missing column's name alone."""

    def broken(*_):
        raise KeyError("fsm_pct")

    monkeypatch.setattr("helpers.audit.trail.trail", broken)
    with pytest.raises(KeyError):
        cli.main(["school", "900001", "--out", str(fitted.out)])
    assert capsys.readouterr().out == ""
