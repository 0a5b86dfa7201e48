"""Claims about what follows the targets: the national stages monitor and siting, with all inputs and without,
and the pages made from them.
"""

from __future__ import annotations

import csv
from datetime import datetime

import openpyxl
import pandas as pd
import pytest

from helpers.base import contract
from helpers.base.faults import DataRefused
from helpers.base.params import DEFAULT, make
from helpers.base.text import MARKING
from helpers.ingest.readers.readings import empty
from helpers.monitor import known_events
from helpers.monitor import stage as monitor
from helpers.records import agreed
from helpers.report import monitor_page, support_page
from helpers.run.stages import STAGES
from helpers.run.step import Step
from helpers.support import places, routing, siting
from helpers.support import stage as support


@pytest.fixture(scope="module")
def country(fitted):
    """Everything of the sample's national store that support and monitor read."""
    names = ("ingest", "model", "expectations", "records", "monitor", "siting")
    return {name: STAGES[name].load(fitted) for name in names}


def rebuilt(country, **without) -> dict:
    """The stage `monitor` with parts of the ingest left out."""
    none = known_events.read_calendar().head(0)
    made = monitor.build(
        {**country["ingest"], **without},
        country["model"]["baseline"],
        country["expectations"]["expectations"],
        country["records"],
        "2022-23",
        none,
    )
    return made


def test_every_school_with_a_minimum_has_a_verdict_for_both_years(country):
    verdicts = country["monitor"]["verdicts"]
    asked = set(country["expectations"]["expectations"]["urn"])
    for year in monitor.followed("2022-23"):
        assert set(verdicts.loc[verdicts["year"] == year, "urn"]) == asked


def test_without_attendance_files_there_are_no_shocks_and_the_reason_is_told(country):
    made = rebuilt(country, attendance=empty("attendance"))
    whole = country["monitor"]
    for name in (
        "snapshots",
        "periods",
        "shocks",
        "scores",
        "thresholds",
        "season",
        "settling",
        "counts",
        "put_aside",
    ):
        assert made[name].empty and list(made[name]) == list(whole[name]), name
    told = made["inputs"].set_index("input").loc["in-year attendance by area"]
    assert not told["there"] and "no shocks by area" in told["words"]
    assert made["verdicts"]["z"].notna().any()  # the year's end can be judged without in-year figures


def test_without_later_years_it_is_too_early_for_everybody(country):
    panel = country["ingest"]["panel"]
    made = rebuilt(country, panel=panel[panel["year"] <= "2022-23"])
    assert set(made["verdicts"]["verdict"]) == {"too_early"} and set(made["verdicts"]["year"]) == {"2023-24"}
    routed = routing.route(made["verdicts"], country["ingest"]["register"])
    assert routed.referrals.empty
    assert made["inputs"].loc[~made["inputs"]["there"], "words"].str.contains("too early").any()


def test_with_one_later_year_nobody_is_offered_a_place(country):
    panel = country["ingest"]["panel"]
    made = rebuilt(country, panel=panel[panel["year"] <= "2023-24"])
    routed = routing.route(made["verdicts"], country["ingest"]["register"])
    assert set(routed.referrals["tier"]) <= {"talk_to_us"}


def test_a_jump_of_the_roll_in_a_later_census_reopens_the_target(country):
    register = country["ingest"]["register"]
    panel, asked = country["ingest"]["panel"], country["expectations"]["expectations"]["urn"]
    own = panel[(panel["year"] == "2023-24") & (panel["link_kind"] == "own") & panel["urn"].isin(asked)]
    urn = own["urn"].iloc[0]
    before = register.set_index("urn").loc[urn]
    row = {
        "urn": urn,
        "year": "2023-24",
        "roll": before["roll"] * 1.4,
        "ehcp_pct": before["ehcp_pct"],
        "sen_support_pct": before["sen_support_pct"],
    }
    made = rebuilt(country, later_census=pd.DataFrame([row]))
    assert made["reopened"].loc[made["reopened"]["urn"] == urn, "code"].tolist() == ["roll_grew"]
    mine = made["verdicts"][(made["verdicts"]["urn"] == urn) & (made["verdicts"]["year"] == "2023-24")]
    assert mine["reopened"].item() and mine["verdict"].item() in ("met", "too_early")


def test_without_hubs_there_is_no_plan_and_the_stage_says_why(country):
    asks, baseline = country["expectations"]["expectations"], country["model"]["baseline"]
    made = support.build(
        {**country["ingest"], "hubs": empty("hubs")}, baseline, asks, country["monitor"]["verdicts"], DEFAULT
    )
    plan = siting.from_stage(made)
    whole = siting.from_stage(country["siting"])
    assert (
        plan.sites.empty
        and list(plan.sites) == list(whole.sites)
        and list(plan.comparison) == list(whole.comparison)
    )
    assert "0 hubs on the map" in siting.conclusions(plan)[0] and siting.headlines(plan) == []


def test_no_school_of_the_referral_list_is_a_candidate_to_lead_a_hub(country):
    listed = routing.route(country["monitor"]["verdicts"], country["ingest"]["register"]).referrals
    assert len(listed) and not set(listed["urn"]) & set(country["siting"]["candidates"]["urn"])


@pytest.fixture(scope="module")
def pages(country, tmp_path_factory):
    """Both folders of a region that has decisions, ambitions and shocks: folder, the referral sheet,
    verdicts.
    """
    run = make(region="North East")
    folder, register = tmp_path_factory.mktemp("pages"), country["ingest"]["register"]
    plan, watched = siting.from_stage(country["siting"]), country["monitor"]
    routed = routing.route(watched["verdicts"], register)
    referrals = routing.with_records(routed.referrals, country["records"]["agreed"])
    proposed = places.offer_places(referrals, plan.leads)
    here = Step(run, "06_support").here
    mine, offers = here(referrals), here(proposed.offers)
    sheet = support_page.referral_sheet(mine, offers)
    points = siting.map_points(
        plan, siting.demand(register, country["model"]["baseline"], country["expectations"]["expectations"])
    )
    borders = country["ingest"]["boundaries"].head(4)
    left = here(routed.left_out)
    support_page.write_support(
        folder / "support", run, sheet, left, plan, points, borders, ["Nothing is missing."]
    )
    verdicts = watched["verdicts"].merge(
        register.loc[register["region_name"] == run.region, ["urn", "school_name", "phase", "la_name"]],
        on="urn",
    )
    monitor_page.write_monitor(
        folder / "monitor", run, verdicts, watched["shocks"].head(5), watched["noted"], watched["inputs"]
    )
    return folder, sheet, verdicts, routed


def test_both_folders_are_marked_confidential_on_every_page_and_sheet(pages):
    folder, *_ = pages
    for name in ("support", "monitor"):
        assert (folder / name / "index.html").read_text(encoding="utf-8").count(MARKING) >= 2
        files = sorted(p.name for p in (folder / name).glob("*.*"))
        assert len(files) == 3 and all(f.startswith("confidential-") or f == "index.html" for f in files)
        book = openpyxl.load_workbook(next((folder / name).glob("*.xlsx")))
        for sheet in (s for s in book.worksheets if s.title not in ("Contents", "Notes")):
            assert any(MARKING == cell.value for row in sheet.iter_rows(max_row=5) for cell in row), (
                sheet.title
            )


def test_the_sheet_has_a_row_per_school_listed_and_ends_in_empty_columns_for_a_person(pages):
    folder, sheet, _, routed = pages
    with (folder / "support" / support_page.CSV).open(encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [int(r["urn"]) for r in rows] == sheet["urn"].tolist() and len(rows) > 3
    assert list(rows[0])[-4:] == ["decision", "decided_by", "date", "reason"]
    assert all(r[c] == "" for r in rows for c in ("decision", "decided_by", "date", "reason"))
    assert all(r["why"] and r["place"] for r in rows)


def test_the_sheet_filled_in_is_read_back_as_decisions(pages, tmp_path):
    folder, sheet, _, routed = pages
    filled = pd.read_csv(folder / "support" / support_page.CSV, dtype="str", keep_default_na=False)
    filled.loc[0, ["decision", "decided_by", "date", "reason"]] = [
        "wait",
        "A Person",
        "2025-11-20",
        "a new head",
    ]
    filled.to_csv(tmp_path / "decisions.csv", index=False)
    read = agreed.read_decisions(tmp_path / "decisions.csv", routed.referrals)
    assert read["urn"].tolist() == [sheet["urn"].iloc[0]] and read["decision"].tolist() == ["wait"]


def test_the_workbook_filled_in_with_excel_is_read_back_as_it_saves_it(pages, tmp_path):
    folder, sheet, _, routed = pages
    book = openpyxl.load_workbook(folder / "support" / support_page.BOOK)
    page = book["Referrals"]
    top = next(row[0].row for row in page.iter_rows() if row[0].value == "Unique Reference Number")
    heads = [cell.value for cell in page[top]]
    for name, value in zip(
        heads[-4:], ["offer", "Zoë’s panel", datetime(2025, 11, 20), "agreed"], strict=True
    ):
        page.cell(top + 1, heads.index(name) + 1).value = value
    book.save(tmp_path / "decisions.xlsx")
    read = agreed.read_decisions(tmp_path / "decisions.xlsx", routed.referrals)
    assert read["urn"].tolist() == [sheet["urn"].iloc[0]] and read["decision"].tolist() == ["offer"]
    assert read["date"].tolist() == [pd.Timestamp(2025, 11, 20)] and read["decided_by"].tolist() == [
        "Zoë’s panel"
    ]
    path = tmp_path / "decisions.csv"
    lines = f"urn,decision,decided_by,date,reason\r\n{sheet['urn'].iloc[0]},wait,Zoë,24/11/2025,–\r\n"
    path.write_bytes(lines.encode("cp1252"))
    read = agreed.read_decisions(path, routed.referrals)
    assert read["date"].tolist() == [pd.Timestamp(2025, 11, 24)] and read["decided_by"].tolist() == ["Zoë"]
    (tmp_path / "decisions-b.xlsx").write_bytes(b"not a workbook")
    with pytest.raises(DataRefused, match="not an Excel workbook"):
        agreed.read_decisions(tmp_path / "decisions-b.xlsx", routed.referrals)


def test_the_page_tells_minimum_and_ambition_apart(pages):
    folder, _, verdicts, _ = pages
    page = (folder / "monitor" / "index.html").read_text(encoding="utf-8")
    assert "ambition not reached" in page and "ambition reached" in page and "no minimum" in page
    assert (verdicts.loc[verdicts["ambition"] == "not_reached", "verdict"] == "met").any()


def test_artefacts_of_support_and_monitor_are_in_the_dictionary():
    for name in contract.tables(share="team"):
        assert contract.made_by(name) in ("06_support", "07_monitor") and len(contract.columns(name)) >= 3


def test_a_new_record_makes_stale_what_reads_records_and_nothing_else(fitted, tmp_path):
    (tmp_path / "agreed.csv").write_text("urn,kind,value,date,reason,by\n", encoding="utf-8")
    noted = fitted.model_copy(update={"records": str(tmp_path)})
    stale = [name for name, stage in STAGES.items() if stage.key(fitted) != stage.key(noted)]
    assert stale == ["records", "monitor", "siting"]
