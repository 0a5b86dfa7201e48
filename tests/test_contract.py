"""Claims about the contract: every result and every column has a name that a person can read, and means one thing."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.base import contract, show
from helpers.base.paths import ROOT
from helpers.run.stages import STAGES

MADE = ("ingest", "model", "peers", "expectations", "records", "monitor", "siting")


def unnamed(frame: pd.DataFrame, table: str) -> list[str]:
    """Columns of a frame that the dictionary does not hold."""
    known = contract.columns_of(table).index
    return [name for name in frame.columns if name not in known and name != "geometry"]


@pytest.mark.parametrize("stage", MADE)
def test_every_column_of_every_result_of_a_stage_is_named(fitted, stage):
    results = STAGES[stage].load(fitted)
    for table in contract.tables(made_by=stage, kind="parquet"):
        assert unnamed(results[table.partition(".")[2]], table) == [], table


@pytest.mark.parametrize("stage", MADE)
def test_the_key_of_every_result_of_a_stage_names_one_row(fitted, stage):
    results = STAGES[stage].load(fitted)
    for table in contract.tables(made_by=stage, kind="parquet"):
        key = contract.artefacts().at[table, "key"].split()
        if key:
            assert not results[table.partition(".")[2]].duplicated(key).any(), table


def test_every_result_has_a_maker_a_meaning_and_columns():
    for row in contract.artefacts().itertuples():
        assert (
            row.about
            and row.kind in ("parquet", "json", "folder")
            and row.sensitivity in ("public", "restricted")
        )
        assert row.made_by or row.table in ("facts", "manifest")
        if row.kind == "parquet":
            assert len(contract.columns(row.table)) >= 1, row.table


def test_no_label_is_a_raw_name_and_none_is_given_twice_in_a_table():
    frame = contract.dictionary()
    plain = frame["label"].str.replace("no_offer", "")  # a word to be written into the sheet
    assert not plain.str.contains("_").any() and (frame["label"] != frame["name"]).all()
    for table, rows in frame.groupby("table"):
        again = rows[rows.duplicated(["label", "unit"], keep=False)]
        assert again.empty or set(again["name"]) <= {"area", "area_name"}, (table, again["name"].tolist())


def test_a_label_belongs_to_table_and_column():
    """0.2.0 looked a label up by its bare name: England's movement stood under the region's."""
    of_region = contract.label("verdicts", "movement_pp")
    of_england = contract.label("evaluation.improved", "movement_pp")
    assert "region" in of_region and "England" in of_england
    with pytest.raises(KeyError, match="2 meanings"):
        contract.plain_label("movement_pp")


def test_an_unknown_table_or_column_is_named_in_the_error():
    with pytest.raises(KeyError, match="no table 'nothing'"):
        contract.columns("nothing")
    with pytest.raises(KeyError, match="no column 'nothing' of table 'baseline'"):
        contract.label("baseline", "nothing")


def test_a_table_for_a_reader_refuses_a_column_without_a_heading():
    frame = pd.DataFrame({"urn": [900001], "p_holm": [0.2], "odd_name": [1]})
    with pytest.raises(ValueError, match="no heading for 'odd_name'"):
        show.table(frame, "Odd")
    shown = show.table(frame, "Even", headings={"odd_name": "Odd"})
    assert "p-value, corrected" in shown.html() and "Odd" in shown.text() and "900001" in shown.text()


def test_a_table_says_the_same_as_text_and_as_html():
    frame = pd.DataFrame({"school_name": ["A & <B>"], "absence_pct": [5.25], "named": [True], "roll": [None]})
    shown = show.table(frame, "One", of=["schools", "peers"])
    assert "A &amp; &lt;B&gt;" in shown.html() and "A & <B>" in shown.text()
    for text in (shown.html(), shown.text()):
        assert "5.2" in text and "yes" in text and "–" in text


def test_the_page_of_the_contract_is_current():
    assert (ROOT / "docs" / "data-contract.md").read_text(encoding="utf-8") == contract.page()
