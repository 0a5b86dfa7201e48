"""The draft notice to a named school, and guidance on moves between schools: what is told, what is withheld,
and where it is from.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from helpers.base.params import make
from helpers.base.store import write_json
from helpers.report import advice, pdf, school
from helpers.report.inputs import PackInputs
from helpers.run import pipeline
from tests.support.page import Page
from tests.support.pdf_text import ReadPdf
from tests.support.region import inputs_of, write_region

URN = 900004


@pytest.fixture(scope="module")
def inputs(fitted, tmp_path_factory) -> PackInputs:
    return inputs_of(fitted, tmp_path_factory.mktemp("report"))


def named_by(inputs: PackInputs, urns: list[int]) -> PackInputs:
    """The region in which these schools' reports, and no others, name school `URN`."""
    summary = inputs.summary.copy()
    summary.loc[summary["urn"] == URN, "times_named"] = len(urns)
    naming = pd.DataFrame({"urn": urns, "peer_urn": URN, "km": [float(10 + i) for i in range(len(urns))]})
    return replace(inputs, summary=summary, naming=naming)


def in_la(inputs: PackInputs, la: str, count: int) -> list[int]:
    rows = inputs.register[inputs.register["la_name"] == la]
    return rows["urn"].head(count).tolist()


def told(inputs: PackInputs) -> dict | None:
    return school.school_facts(inputs, URN)["notice"]


def test_a_named_school_is_told_how_often_and_that_it_may_say_no_on_page_and_paper(inputs):
    found = named_by(inputs, in_la(inputs, "Tavrelside", 5))
    facts = school.school_facts(found, URN)
    for text in (" ".join(Page(school.render(facts)).text), ReadPdf(pdf.compile_pdf(facts)).text):
        text = re.sub(r"\s+", " ", text)
        assert "The reports of 5 other schools name your school" in text
        assert "You can say no" in text and "A draft: nothing has been sent" in text
        assert "a conversation" in text


def test_a_school_that_is_not_named_gets_no_notice(inputs):
    found = named_by(inputs, [])
    assert told(found) is None
    assert "draft notice" not in school.render(school.school_facts(found, URN))


def test_which_schools_name_it_is_never_told(inputs):
    urns = in_la(inputs, "Tavrelside", 6) + in_la(inputs, "Brannocshire", 4)
    found = named_by(inputs, urns)
    notice = " ".join(str(part) for part in told(found).values())
    names = inputs.register.set_index("urn")["school_name"]
    assert all(str(urn) not in notice and names[urn] not in notice for urn in urns)


def test_places_are_told_in_groups_of_at_least_three(inputs):
    own = inputs.school[URN]["la_name"]
    other = next(la for la in ("Tavrelside", "Brannocshire", "Aeldhaven") if la != own)
    assert (
        f"4 in {own} and 3 elsewhere in North East"
        in told(named_by(inputs, in_la(inputs, own, 4) + in_la(inputs, other, 3)))["named"]
    )
    few_here = told(named_by(inputs, in_la(inputs, own, 2) + in_la(inputs, other, 5)))["named"]
    assert "They are all in North East" in few_here and own not in few_here
    one_abroad = told(named_by(inputs, in_la(inputs, own, 4) + [990001]))["named"]
    assert own not in one_abroad and "North East" not in one_abroad
    assert "Of these" not in told(named_by(inputs, in_la(inputs, own, 2)))["named"]


def test_distance_is_told_only_when_enough_schools_share_it(inputs):
    assert (
        "Half of them are within 12 kilometres"
        in told(named_by(inputs, in_la(inputs, "Tavrelside", 5)))["named"]
    )
    assert "within" not in told(named_by(inputs, in_la(inputs, "Tavrelside", 4)))["named"]


def test_reports_counted_elsewhere_in_another_number_are_not_broken_down(inputs):
    found = named_by(inputs, in_la(inputs, "Tavrelside", 5))
    summary = found.summary.copy()
    summary.loc[summary["urn"] == URN, "times_named"] = 9
    notice = told(replace(found, summary=summary))["named"]
    assert "9 other schools" in notice and "Tavrelside" not in notice and "North East" not in notice


@pytest.mark.parametrize(
    ("phase", "block", "fits"),
    [
        ("primary", "primary", advice.LEAVING),
        ("primary", "middle", advice.LEAVING),
        ("secondary", "secondary", advice.RECEIVING),
        ("secondary", "all_through", advice.LEAVING),
        ("special", "special", advice.UNIVERSAL),
    ],
)
def test_guidance_fits_the_years_that_the_school_teaches_and_names_its_source(phase, block, fits):
    found = advice.transitions({"phase": phase, "block": block, "years_6_to_8_pct": 20.0})
    assert [(line["text"], line["source"]) for line in found["advice"]] == fits
    assert all(
        re.search(r"DfE|EEF|FFT", line["source"]) and re.search(r"20\d\d", line["source"])
        for line in found["advice"]
    )


@pytest.mark.parametrize("share", [None, 0.0, float("nan")])
def test_a_school_without_pupils_in_those_years_gets_no_guidance(share):
    assert advice.transitions({"phase": "primary", "block": "infant", "years_6_to_8_pct": share}) is None


def test_pdfs_beside_the_pages_do_not_make_a_finished_step_stale_and_a_failure_is_the_regions(
    fitted, tmp_path, monkeypatch
):
    run = make(out=str(tmp_path), region="North East")
    write_region(fitted, tmp_path)
    pack = run.region_folder / "pack"
    (pack / "schools").mkdir(parents=True)
    before = pipeline._outline(pack)
    results = [pipeline.RegionResult("North East"), pipeline.RegionResult("London")]
    pipeline.add_pdfs(run, results, threads=2)
    assert len(list((pack / "schools").glob("*.pdf"))) == 60
    assert pipeline._outline(pack) == before
    write_json(pack / "other.json", {})
    assert pipeline._outline(pack) != before
    assert (
        results[0].ok
        and not results[1].ok
        and results[1].failed_step == "pdf"
        and "missing" in results[1].message
    )
