"""The PDF: tagged, told aloud, on two sheets, the figures of the page, and no work done twice."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.base import text as words
from helpers.report import pdf, school
from helpers.report.inputs import PackInputs
from tests.support import extreme_schools
from tests.support.page import Page
from tests.support.pdf_text import ReadPdf
from tests.support.region import LONG_NAME, STATUSES, inputs_of

FIGURE = re.compile(r"[+−]?\d+(?:[.,/]\d+)*%?")
COUNTED = {"1", "2", "3", "4"}  # pages and the numbers of a list, which HTML counts by itself


def figures_of(facts: dict) -> tuple[set[str], set[str]]:
    """Figures that the page says in words and tables, and all that it shows, its charts and their scales included."""
    page = Page(school.render(facts))
    drawn = Page(facts["pictures"]["paper"]).text if facts["pictures"] else []
    return set(FIGURE.findall(" ".join(page.told))), set(FIGURE.findall(" ".join([*page.text, *drawn])))


@pytest.fixture(scope="module")
def inputs(fitted, tmp_path_factory) -> PackInputs:
    return inputs_of(fitted, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def read(inputs):
    """A school's PDF, read back."""
    kept: dict[int, ReadPdf] = {}

    def reader(urn: int) -> ReadPdf:
        if urn not in kept:
            kept[urn] = ReadPdf(pdf.compile_pdf(school.school_facts(inputs, urn)))
        return kept[urn]

    return reader


KINDS = [900001, 900002, 900003, 900005, 900008, 900009, *range(900061 - len(STATUSES), 900061)]


@pytest.mark.parametrize("urn", KINDS)
def test_a_report_is_tagged_has_a_language_a_title_and_says_that_it_is_pdf_ua(inputs, read, urn):
    found = read(urn)
    root, name = found.pdf.Root, school.school_facts(inputs, urn)["name"]
    assert str(root.Lang) == "en-GB"
    assert bool(root.MarkInfo.Marked) and "/StructTreeRoot" in root
    assert bool(root.ViewerPreferences.DisplayDocTitle)
    assert str(found.pdf.docinfo["/Title"]) == f"{name}: attendance report 2023/24"
    assert found.pdf.open_metadata()["pdfuaid:part"] == "1"
    assert found.tags["Title"] == 1 and found.tags["H1"] >= 4
    assert found.tags["Table"] == found.tags["Caption"] == found.tags["THead"]


@pytest.mark.parametrize("urn", [900001, 900004, 900058 - 3])
def test_every_chart_has_the_words_of_the_page_as_alternative_text(inputs, read, urn):
    facts = school.school_facts(inputs, urn)
    charts = [facts[name]["chart"] for name in pdf.CHARTS if facts[name]]
    told = [Page(svg).text for svg in charts]
    assert len(read(urn).alts) == len(charts)
    for alt, parts in zip(read(urn).alts, told, strict=True):
        assert len(alt) > 40 and alt == f"{parts[0]}. {parts[1]}"


@pytest.mark.parametrize("urn", KINDS)
def test_the_pdf_shows_the_figures_of_the_page_and_no_others(inputs, read, urn):
    facts = school.school_facts(inputs, urn)
    told, shown = figures_of(facts)
    paper = set(FIGURE.findall(" ".join([*read(urn).pages, *read(urn).alts])))
    assert told - paper == set()
    assert paper - shown - COUNTED == set()


def test_a_figure_that_is_not_the_pages_is_noticed(inputs):
    facts = school.school_facts(inputs, 900001)
    wrong = {**facts, "ask": {**facts["ask"], "minimum": "12.3%"}}
    paper = set(FIGURE.findall(ReadPdf(pdf.compile_pdf(wrong)).text))
    assert paper - figures_of(facts)[1] - COUNTED == {"12.3%"}


def test_an_ordinary_report_has_two_sheets_and_one_without_a_minimum_has_one(inputs, read):
    assert {len(read(urn).pages) for urn in KINDS[:6]} == {2}
    assert {len(read(urn).pages) for urn in KINDS[6:]} == {1}


def test_every_sheet_is_marked_numbered_and_called_invented(read):
    for urn in (900001, 900060):
        pages = read(urn).pages
        for number, text in enumerate(pages, start=1):
            told = re.sub(r"\s+", " ", text)
            assert words.MARKING in told
            assert words.INVENTED in told
            assert f"Page {number} of {len(pages)}" in told
    assert words.FORMULA in re.sub(r"\s+", " ", pages[-1])


def test_another_marking_is_on_every_sheet_in_place_of_the_usual(inputs):
    marking = "Confidential: for the local authority of Aeldhaven."
    found = ReadPdf(pdf.compile_pdf(school.school_facts(inputs, 900001), marking))
    assert all(
        marking in re.sub(r"\s+", " ", page) and words.MARKING not in re.sub(r"\s+", " ", page)
        for page in found.pages
    )


def test_the_same_facts_give_the_same_bytes_in_any_thread(inputs):
    facts = school.school_facts(inputs, 900001)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(pdf.compile_pdf, [facts, school.school_facts(inputs, 900002), facts]))
    assert made[0] == made[2] == pdf.compile_pdf(facts)
    assert made[0] != made[1]


def test_names_with_quotes_tags_and_welsh_letters_are_set_as_they_are(read):
    assert "St Mary's & St John's <Primary>" in read(900002).text
    assert LONG_NAME.replace(" ", "") in re.sub(r"\s", "", read(900003).text)


def test_the_font_has_every_letter_that_is_let_through(inputs):
    letters = sorted(pdf._known_letters() - {"\u00a0", "\u00ad", " "})
    facts = {**school.school_facts(inputs, 900060), "caveats": [" ".join(letters)]}
    text = ReadPdf(pdf.compile_pdf(facts)).text
    assert set(letters) - set(text) == set()


@settings(max_examples=25)
@given(
    name=st.text(min_size=1, max_size=90),
    markup=st.sampled_from(["#f.urn", "*bold*", "$x$", "= H", "@ref", "\\", "//", "<a>"]),
)
def test_any_name_at_all_can_be_set_and_is_never_taken_for_markup(inputs, name, markup):
    facts = {**school.school_facts(inputs, 900060), "name": f"{markup} {name}"}
    assert markup.replace(" ", "") in re.sub(r"\s", "", ReadPdf(pdf.compile_pdf(facts)).text)


@settings(max_examples=40)
@given(case=extreme_schools.CASES)
def test_extreme_schools_can_be_set_with_the_figures_of_their_pages(inputs, case):
    case = {**case, "name": "Extreme School"}  # any name at all is tried above
    facts = school.school_facts(extreme_schools.with_school(inputs, case), extreme_schools.URN)
    told, shown = figures_of(facts)
    read = ReadPdf(pdf.compile_pdf(facts))
    paper = set(FIGURE.findall(" ".join([*read.pages, *read.alts])))
    assert told - paper == set()
    assert paper - shown - COUNTED == set()
    assert len(read.pages) <= 3


def test_large_print_is_set_in_sixteen_points_and_loses_nothing(inputs, pack, tmp_path):
    few = replace(inputs, schools=inputs.schools.iloc[:1])
    report = pdf.write_pdfs(few, pack, tmp_path / "store", large=True)
    assert _names(pack / "schools") == {"900001-large.pdf"} and report.made == 1
    told, _ = figures_of(school.school_facts(inputs, 900001))
    read = ReadPdf((pack / "schools" / "900001-large.pdf").read_bytes())
    assert told - set(FIGURE.findall(" ".join([*read.pages, *read.alts]))) == set() and len(read.pages) > 2


def test_a_long_report_takes_a_third_sheet_and_loses_nothing(inputs):
    facts = school.school_facts(inputs, 900001)
    found = ReadPdf(pdf.compile_pdf({**facts, "caveats": [f"Caveat {i} is here. " * 20 for i in range(12)]}))
    assert len(found.pages) > 2
    assert "Caveat 11 is here" in re.sub(r"\s+", " ", found.text)


@pytest.fixture
def pack(tmp_path) -> Path:
    (tmp_path / "pack" / "schools").mkdir(parents=True)
    return tmp_path / "pack"


@pytest.fixture(scope="module")
def few(inputs) -> PackInputs:
    return replace(inputs, schools=inputs.schools.iloc[-10:])


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_second_run_sets_nothing_again_and_a_changed_school_alone(few, pack, tmp_path):
    seen = []
    first = pdf.write_pdfs(few, pack, tmp_path / "store", threads=2, progress=lambda *done: seen.append(done))
    assert (first.pdfs, first.made, seen[-1]) == (10, 10, (10, 10))
    assert _names(pack / "schools") == {f"{urn}.pdf" for urn in few.schools["urn"]}
    before = _names(tmp_path / "store")
    assert pdf.write_pdfs(few, pack, tmp_path / "store").made == 0
    renamed = few.schools.copy()
    renamed.loc[renamed["urn"] == 900060, "school_name"] = "Newly Named School"
    assert pdf.write_pdfs(replace(few, schools=renamed), pack, tmp_path / "store").made == 1
    assert "Newly Named School" in ReadPdf((pack / "schools" / "900060.pdf").read_bytes()).text
    after = _names(tmp_path / "store")
    assert len(after) == 10 and {name[:6] for name in before ^ after} == {"900060"}


def test_england_takes_the_pdfs_of_its_regions(few, pack, tmp_path):
    pdf.write_pdfs(few, pack, tmp_path / "store")
    assert pdf.write_pdfs(replace(few, region_name="England"), pack, tmp_path / "store").made == 0


def test_a_run_that_stops_goes_on_where_it_was(few, pack, tmp_path, monkeypatch):
    original, wanted = school.school_facts, few.schools["urn"].iloc[6]

    def stops(inputs, urn):
        if urn == wanted:
            raise OSError("disk full")
        return original(inputs, urn)

    monkeypatch.setattr(school, "school_facts", stops)
    with pytest.raises(OSError, match="disk full") as caught:
        pdf.write_pdfs(few, pack, tmp_path / "store")
    assert str(wanted) in caught.value.__notes__[0]
    kept = _names(tmp_path / "store")
    assert len(kept) >= 6 and all(name.endswith(".pdf") and not name.startswith(".") for name in kept)
    monkeypatch.setattr(school, "school_facts", original)
    assert pdf.write_pdfs(few, pack, tmp_path / "store").made == 10 - len(kept)
