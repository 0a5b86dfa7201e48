"""The pack: complete, whole or not there at all, the same figures everywhere, readable by anybody."""

from __future__ import annotations

import functools
import json
import math
import re
import zipfile
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pandas as pd
import pytest
from hypothesis import example, given, settings

from helpers import records, report
from helpers.base import text as words
from helpers.base.faults import DataRefused
from helpers.base.params import make
from helpers.report import region, school
from helpers.report.pack import PackInputs, build_pack
from tests.support import extreme_schools
from tests.support.page import Page
from tests.support.region import LONG_NAME, STATUSES, write_region

BROKEN = re.compile(
    r"\b(nan|NaN|None(?! of)|inf|undefined|null|NaT)\b|<NA>|\(\)|\s[.,;:]\s|\.\.| %|%%|\$\$|−0(\.0+)?(?![.\d])"
)
MARKS = (
    "urn",
    "absence_pct",
    "persistent_pct",
    "target_absence_pct",
    "ask_pp",
    "minimum_attendance_shown_pct",
)


@pytest.fixture(scope="module")
def folders(fitted, tmp_path_factory) -> tuple[Path, Path]:
    return write_region(fitted, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def inputs(folders) -> PackInputs:
    return PackInputs.from_folders(*folders)


@pytest.fixture(scope="module")
def pack(inputs, tmp_path_factory) -> Path:
    to = tmp_path_factory.mktemp("packs") / "pack"
    report = build_pack(inputs, to)
    assert (report.pages, report.with_expectation) == (60, 60 - len(STATUSES))
    return to


@pytest.fixture(scope="module")
def pages(pack) -> dict[str, Page]:
    return {
        path.name: Page(path.read_text(encoding="utf-8"))
        for path in [pack / "index.html", *sorted((pack / "schools").glob("*.html"))]
    }


def test_every_row_of_the_register_has_a_page(inputs, pack):
    assert {path.stem for path in (pack / "schools").iterdir()} == {str(urn) for urn in inputs.schools["urn"]}


def test_figures_on_the_page_are_those_of_the_artefacts_to_the_last_digit(inputs, pages):
    expected = inputs.schools.merge(inputs.expectations, on="urn", how="left", validate="1:1")
    for row in expected.to_dict("records"):
        data = pages[f"{row['urn']}.html"].data
        assert int(data["urn"]) == row["urn"]
        for name in MARKS[1:]:
            if math.isnan(row[name]):
                assert name not in data
            else:
                assert data[name] == repr(row[name])


def test_the_spreadsheet_holds_the_same_figures(inputs, pack):
    book = openpyxl.load_workbook(pack / "confidential-north-east.xlsx", read_only=False)
    rows = list(book["Expectations"].iter_rows(values_only=True))
    start = next(i for i, row in enumerate(rows) if row[0] == "Unique Reference Number")
    heading = dict(zip(rows[start], range(len(rows[start])), strict=True))
    sheet = {row[0]: row for row in rows[start + 1 :]}
    assert len(sheet) == len(inputs.expectations)
    for row in inputs.expectations.to_dict("records"):
        assert sheet[row["urn"]][heading["Improvement asked on last year (pp)"]] == pytest.approx(
            row["ask_pp"], abs=1e-12
        )
        assert sheet[row["urn"]][heading["Minimum attendance (%)"]] == row["minimum_attendance_shown_pct"]
        la = sheet[row["urn"]][heading["Attendance of the LA's schools of this phase (%)"]]
        assert la == "[x]" if math.isnan(row["la_attendance_pct"]) else la == row["la_attendance_pct"]


def test_the_csv_beside_holds_the_same_figures(inputs, pack):
    table = pd.read_csv(
        pack / "confidential-north-east-schools.csv", encoding="utf-8-sig", dtype={"la_code": "str"}
    ).set_index("urn")
    expected = inputs.expectations.set_index("urn")
    assert len(table) == len(inputs.schools)
    assert table.loc[expected.index, "ask_pp"].tolist() == expected["ask_pp"].tolist()


def test_the_table_of_schools_shows_the_figures_of_the_pages(inputs, pack):
    script = (pack / "assets" / "schools.js").read_text(encoding="utf-8")
    data = json.loads(script.removeprefix("window.SCHOOLS=").removesuffix(";\n"))
    place = {column["key"]: i for i, column in enumerate(data["columns"])}
    assert len(data["rows"]) == len(inputs.schools)
    for row in data["rows"]:
        facts = school.school_facts(inputs, row[place["urn"]])
        assert row[place["name"]] == facts["name"]
        assert data["levels"]["status"][row[place["status"]]] == words.reason_name(facts["status"])
        if facts["ask"]:
            assert f"{row[place['minimum']]:.1f}%" == facts["ask"]["minimum"]
            assert facts["ask"]["more"].startswith(f"{row[place['ask']]:.1f}")
        else:
            assert row[place["minimum"]] is None


def test_no_page_says_nan_or_none_or_leaves_a_sentence_empty(pages):
    for name, page in pages.items():
        told = re.sub(r"\s+", " ", "".join(page.text))
        assert not BROKEN.search(told), (name, BROKEN.search(told))


def test_every_page_is_marked_as_confidential_invented_and_our_own_formula(pages):
    for page in pages.values():
        told = " ".join(page.text)
        assert told.count(words.MARKING) >= 2
        assert words.INVENTED in told
        assert words.FORMULA in told


def every(examples):
    """Each of the examples as an explicit one of a property test."""
    return lambda test: functools.reduce(lambda done, case: example(case=case)(done), examples, test)


@every(extreme_schools.EXAMPLES)
@settings(max_examples=200)
@given(case=extreme_schools.CASES)
def test_extreme_schools_render_without_a_broken_sentence(inputs, case):
    found = extreme_schools.with_school(inputs, case)
    page = Page(school.render(school.school_facts(found, extreme_schools.URN)))
    expectation = found.expectation[extreme_schools.URN]
    assert page.data.get("ask_pp") == (repr(expectation["ask_pp"]) if case["status"] == "assessed" else None)
    assert case["name"] in "".join(page.text)
    found.school[extreme_schools.URN]["school_name"] = "Plain School"  # the name itself may well say "nan"
    told = re.sub(
        r"\s+", " ", "".join(Page(school.render(school.school_facts(found, extreme_schools.URN))).text)
    )
    assert not (broken := BROKEN.search(told)), told[broken.start() - 80 : broken.end() + 20]


def test_real_data_carries_no_banner_of_invention(inputs):
    real = PackInputs(
        **{
            **{name: getattr(inputs, name) for name in inputs.__dataclass_fields__},
            "manifest": {**inputs.manifest, "sample": False},
        }
    )
    assert words.INVENTED not in school.render(school.school_facts(real, 900001))


def test_ids_are_unique_and_every_reference_to_one_is_kept(pages):
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), name
        for _, attributes in page.attributes:
            for key in ("aria-labelledby", "for"):
                assert set(attributes.get(key, "").split()) <= set(page.ids), name


def test_pages_are_accessible_in_the_basics(pages):
    for name, page in pages.items():
        tags = [tag for tag, _ in page.attributes]
        assert ("html", {"lang": "en"}) in page.attributes
        assert tags.count("h1") == 1 and tags.count("title") >= 1 and tags.count("main") == 1
        assert tags.count("caption") == tags.count("table")
        assert all("scope" in attributes for tag, attributes in page.attributes if tag == "th"), name
        charts = [attributes for tag, attributes in page.attributes if tag == "svg"]
        assert all(chart["role"] == "img" and chart["aria-labelledby"] for chart in charts)
        levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
        assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False)), (name, levels)


def test_links_lead_to_pages_of_this_pack_only(pack, pages):
    for name, page in pages.items():
        base = pack if name == "index.html" else pack / "schools"
        for link in page.links:
            assert link.startswith("#") or (base / link).resolve().is_file(), (name, link)


def test_nothing_is_loaded_from_the_network(pack):
    for path in pack.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text and "https://" not in text, path


def test_names_with_quotes_tags_and_welsh_letters_are_shown_as_they_are(pack, pages):
    assert "St Mary's & St John's <Primary>" in "".join(pages["900002.html"].text)
    assert LONG_NAME in "".join(pages["900003.html"].text)
    assert len(LONG_NAME) == 90
    assert "<Primary>" not in (pack / "schools" / "900002.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("status", "phase"), STATUSES)
def test_a_school_without_a_minimum_is_told_why(inputs, pages, status, phase):
    urn = inputs.schools.loc[inputs.schools["status"] == status, "urn"].iloc[0]
    told = re.sub(r"\s+", " ", " ".join(pages[f"{urn}.html"].text))
    assert "No minimum is set for this school" in told
    assert words.reason_sentence(status, inputs.release) in told
    assert "Your minimum" not in told


def test_a_special_school_is_given_its_range(inputs, pages):
    row = inputs.special_ranges.iloc[0]
    told = " ".join(pages[f"{row['urn']}.html"].text)
    assert f"between {words.pct(100 - row['upper_pct'])} and {words.pct(100 - row['lower_pct'])}" in told
    assert words.sentence(row["words"]) in told


def test_years_after_the_release_are_not_shown(inputs):
    later = inputs.panel[inputs.panel["urn"] == 900001].iloc[[-1]].assign(year="2023-24", absence_pct=1.23456)
    told = {
        **{name: getattr(inputs, name) for name in inputs.__dataclass_fields__},
        "panel": pd.concat([inputs.panel, later]),
    }
    assert all(
        row["year"] != "2023/24" for row in school.school_facts(PackInputs(**told), 900001)["history"]["rows"]
    )


def test_what_the_gate_flags_is_said_on_the_page_of_the_school_and_on_the_region_page(inputs, pages):
    told = "absence 4.9% in 2021/22 and 9.1% in 2022/23, 1.9 times"
    assert told in "".join(pages["900005.html"].text).lower()
    assert told in "".join(pages["index.html"].text).lower()
    assert "Check this first" in "".join(pages["900005.html"].text)
    assert "Check this first" not in "".join(pages["900006.html"].text)


def test_a_failure_leaves_nothing_and_names_the_school(inputs, tmp_path, monkeypatch):
    original = school.render

    def broken(facts):
        if facts["urn"] == 900030:
            raise RuntimeError("ink has run out")
        return original(facts)

    monkeypatch.setattr(school, "render", broken)
    with pytest.raises(RuntimeError) as caught:
        build_pack(inputs, tmp_path / "pack")
    assert "900030" in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_earlier_pack_as_it_was(inputs, tmp_path, monkeypatch):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "index.html").write_text("earlier", encoding="utf-8")

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("helpers.report.workbook.write_workbook", broken)
    with pytest.raises(OSError, match="disk full"):
        build_pack(inputs, tmp_path / "pack")
    assert [path.name for path in tmp_path.iterdir()] == ["pack"]
    assert (tmp_path / "pack" / "index.html").read_text(encoding="utf-8") == "earlier"


def test_the_same_inputs_give_the_same_bytes(inputs, pack, tmp_path):
    build_pack(inputs, tmp_path / "pack")
    for path in sorted(pack.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "pack" / path.relative_to(pack)).read_bytes(), path.name


def test_the_spreadsheet_has_title_language_tables_and_frozen_headings(pack):
    book = openpyxl.load_workbook(pack / "confidential-north-east.xlsx")
    assert book.properties.language == "en-GB"
    assert "North East" in book.properties.title
    assert book.sheetnames[:3] == ["Cover", "Contents", "Notes"]
    assert {
        "Schools",
        "Expectations",
        "Similar schools",
        "Local authorities",
        "Quality",
        "Reasons",
        "Flags",
        "Dictionary",
    } <= set(book.sheetnames)
    for name in book.sheetnames[3:]:
        assert len(book[name].tables) == 1
        assert book[name].freeze_panes
        assert words.MARKING in {row[0] for row in book[name].iter_rows(max_row=5, values_only=True)}
    with zipfile.ZipFile(pack / "confidential-north-east.xlsx") as archive:
        assert archive.testzip() is None


def test_region_facts_are_means_over_pupils(inputs):
    facts = region.region_facts(inputs)
    frame = inputs.schools.merge(inputs.expectations, on="urn", validate="1:1")
    some = frame[frame["phase"] == "secondary"]
    more = some["minimum_attendance_shown_pct"] - (100 - some["absence_pct"])
    by_hand = sum(more * some["weight_r_to_11"]) / sum(some["weight_r_to_11"])
    assert facts["secondary_ask"]["value"] == pytest.approx(by_hand)
    assert (
        facts["schools"]["value"]
        == facts["schools_with_expectation"]["value"] + facts["schools_without_expectation"]["value"]
    )
    json.dumps(facts, allow_nan=False)


def test_a_missing_artefact_is_named(folders, tmp_path):
    with pytest.raises(DataRefused) as caught:
        PackInputs.from_folders(tmp_path, folders[1])
    assert {fault.code for fault in caught.value.faults} == {"missing_artefact"}
    assert any("drivers.parquet" in fault.message for fault in caught.value.faults)


def test_a_missing_column_is_named(inputs):
    told = {name: getattr(inputs, name) for name in inputs.__dataclass_fields__}
    with pytest.raises(DataRefused, match="expectations has no column ask_pp"):
        PackInputs(**{**told, "expectations": inputs.expectations.drop(columns="ask_pp")})


def test_a_school_that_is_there_twice_is_refused(inputs):
    told = {name: getattr(inputs, name) for name in inputs.__dataclass_fields__}
    with pytest.raises(DataRefused, match="duplicate_urn"):
        PackInputs(**{**told, "schools": pd.concat([inputs.schools, inputs.schools.iloc[[0]]])})


def test_what_a_pack_holds_is_counted_and_a_record_of_another_region_is_not(tmp_path, monkeypatch):
    run = make(out=str(tmp_path))
    run.region_folder.mkdir(parents=True)
    pd.DataFrame({"urn": [1, 2, 3]}).to_parquet(run.region_folder / "schools.parquet")
    noted = SimpleNamespace(agreed=pd.DataFrame({"urn": [2, 2, 9]}))
    monkeypatch.setattr(records, "load", lambda run: noted)
    counted = report.counted(run, SimpleNamespace(pages=3, with_expectation=2))
    assert counted["how many"].tolist() == [3, 2, 1]
