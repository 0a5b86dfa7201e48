"""What a person sees and does with a pack, in real browsers: filter, sort, measure, open, print; keyboard,
phone, 200 %; no fault found by axe.
"""

from __future__ import annotations

import csv
import math
import os
import re
import shutil
import time
from pathlib import Path

import pikepdf
import pytest
from hypothesis import example, given, settings

from helpers.report import region, school
from helpers.report.pack import PackInputs, build_pack
from helpers.report.pages import ASSETS
from tests.support import extreme_schools
from tests.support.chromium import launch
from tests.support.firefox_bidi import Firefox
from tests.support.region import STATUSES, inputs_of

playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: pip install -r requirements.lock"
)
AXE = Path(__file__).parent / "assets" / "axe-core-4.14.1" / "axe.min.js"
AXE_RUN = (
    "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => v.id + ': ' + "
    "v.nodes.map(n => n.target).join(' ; ')))"
)
MANY = 2600
KINDS = ["assessed", *(status for status, _ in STATUSES)]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = launch(driver)
        yield running
        running.close()


@pytest.fixture(scope="module")
def inputs(fitted, tmp_path_factory) -> PackInputs:
    return inputs_of(fitted, tmp_path_factory.mktemp("region"), count=120)


@pytest.fixture(scope="module")
def pack(inputs, tmp_path_factory) -> Path:
    to = tmp_path_factory.mktemp("packs") / "pack"
    build_pack(inputs, to)
    return to


@pytest.fixture(scope="module")
def large(fitted, tmp_path_factory) -> Path:
    """The region's page alone, of 2,600 schools."""
    found = inputs_of(fitted, tmp_path_factory.mktemp("large"), count=MANY)
    to = tmp_path_factory.mktemp("large-pack")
    shutil.copytree(ASSETS, to / "assets")
    region.write(found, region.school_frame(found), to, "large.xlsx", "large.csv", "large.gpkg")
    return to


@pytest.fixture
def page(browser):
    """A page of a desktop's size; what it logs as an error fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened, errors = context.new_page(), []
    opened.on(
        "console",
        lambda message: errors.append(message.text) if message.type in ("error", "warning") else None,
    )
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


def ready(page, pack: Path, name: str = "index.html"):
    page.goto((pack / name).as_uri())
    if name.startswith("index"):
        page.wait_for_selector("#filters:not([hidden])")
    return page


def kilns(inputs: PackInputs) -> int:
    """Schools with the word in their name."""
    return inputs.schools["school_name"].str.contains("kiln", case=False).sum()


def count(page) -> str:
    page.wait_for_timeout(300)  # typing is answered after a fifth of a second
    return page.inner_text("#count")


def column(page, key: str) -> list[str]:
    at = page.locator("#table thead th").evaluate_all(
        "(cells, key) => cells.findIndex(c => c.dataset.key === key)", key
    )
    assert at >= 0, f"column {key} is not shown"
    return page.locator("#table tbody tr").evaluate_all(
        "(rows, at) => rows.map(r => (r.cells[at].querySelector('a') || r.cells[at]).textContent)", at
    )


def figures(texts: list[str]) -> list[float]:
    return [float(text.replace(",", "").replace("−", "-")) for text in texts if text != "–"]


def show(page, *keys: str) -> None:
    """Show more columns."""
    page.click("text=Columns to show")
    for key in keys:
        page.check(f"#c-{key}")


def unfold(page) -> None:
    for summary in page.locator("#filters summary").all():
        summary.click()


def sideways(page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def test_a_filter_shows_the_schools_asked_for_and_tells_how_many(page, pack, inputs):
    ready(page, pack)
    show(page, "phase")
    assert count(page) == "All 120 schools; here 1 to 50, by School, A to Z."
    page.select_option("#f-phase", "Secondary")
    secondary = inputs.schools[inputs.schools["phase"] == "secondary"]
    assert count(page).startswith(f"{len(secondary)} schools of 120")
    assert page.get_attribute("#count", "role") == "status"
    assert set(column(page, "phase")) == {"Secondary"}
    page.select_option("#f-la", "Tavrelside")
    assert count(page).startswith(f"{(secondary['la_name'] == 'Tavrelside').sum()} school")
    assert page.inner_text("#chosen") == "Chosen: Local authority: Tavrelside; Phase: Secondary."
    page.click("button[type=reset]")
    assert count(page).startswith("All 120 schools") and not page.is_visible("#chosen")


def test_words_of_a_name_in_any_order_without_accents_find_a_school(page, pack):
    ready(page, pack)
    page.fill("#f-text", "wyn sant")
    assert "1 school of 120" in count(page)
    assert "Ysgol Sant Ŵyn" in page.inner_text("#table tbody")
    page.fill("#f-text", "900012")
    assert "1 school of 120" in count(page) and column(page, "urn") == ["900012"]


def test_a_trust_a_postcode_and_a_name_with_a_slip_of_the_pen_find_their_schools(page, pack, inputs):
    ready(page, pack)
    page.fill("#f-text", "invented learning")
    trust = inputs.schools["trust_name"].eq("Invented Learning Trust").sum()
    assert count(page).startswith(f"{trust} schools of 120") and trust > 5
    row = inputs.schools[inputs.schools["postcode"].notna()].iloc[0]
    page.fill("#f-text", row["postcode"])
    assert str(row["urn"]) in column(page, "urn") or count(page)
    assert str(row["urn"]) in column(page, "urn")
    page.fill("#f-text", "tavrelmrash")
    assert "much like" in (count(page) and page.inner_text("#chosen"))
    assert all("Tavrelmarsh" in name for name in column(page, "name")) and len(column(page, "name")) > 2


def test_a_ready_made_view_shows_its_schools_in_its_order_and_stays_in_the_address(page, pack, inputs):
    ready(page, pack)
    page.click("[data-view=none]")
    assert count(page).startswith("8 schools of 120") and page.inner_text("#chosen") == "Chosen: No minimum."
    assert page.get_attribute("[data-view=none]", "aria-pressed") == "true"
    page.click("[data-view=most]")
    asked = figures(column(page, "ask"))
    assert asked == sorted(asked, reverse=True) and "view=most" in page.url
    page.reload()
    page.wait_for_selector("#filters:not([hidden])")
    assert figures(column(page, "ask")) == asked
    page.click("[data-view=most]")
    assert count(page).startswith("All 120 schools; here 1 to 50, by School")


def test_two_to_four_ticked_schools_stand_side_by_side(page, pack, inputs):
    ready(page, pack)
    boxes = page.locator("#table tbody input")
    boxes.nth(0).check()
    assert not page.is_visible("#compare")
    boxes.nth(1).check()
    names = column(page, "name")[:2]
    assert page.locator("#compare thead a").all_inner_texts() == names
    row = inputs.schools.set_index("school_name").loc[names[0]]
    told = page.locator("#compare tbody tr").all_inner_texts()
    assert any(line.startswith("URN") and str(row["urn"]) in line for line in told)
    for n in (2, 3, 4):
        boxes.nth(n).check()
    assert page.locator("#compare thead a").count() == 4


@pytest.mark.parametrize(
    ("key", "source", "low", "high"),
    [
        ("roll", "roll", 300, 900),
        ("absence", "absence_pct", 6, 8),
        ("persistent", "persistent_pct", 15, None),
        ("fsm", "fsm_pct", None, 30),
    ],
)
def test_a_range_keeps_both_its_ends_and_leaves_out_what_is_missing(
    page, pack, inputs, key, source, low, high
):
    ready(page, pack)
    unfold(page)
    for end, value in (("from", low), ("to", high)):
        page.fill(f"#f-{key}-{end}", "" if value is None else str(value))
    values = inputs.schools[source].round(0 if key == "roll" else 1)
    wanted = values.ge(-math.inf if low is None else low) & values.le(math.inf if high is None else high)
    assert count(page).startswith(f"{wanted.sum()} schools of 120")


@pytest.mark.parametrize(
    "key", ["school_type", "urban_rural", "governance", "denomination", "sixth_form", "status"]
)
def test_every_level_of_a_filter_parts_the_schools(page, pack, key):
    ready(page, pack)
    unfold(page)
    levels = page.locator(f"#f-{key} option").all_inner_texts()[1:]
    assert len(levels) > 1
    total = 0
    for level in levels:
        page.select_option(f"#f-{key}", level)
        total += int(count(page).split()[0])
    known = page.evaluate(
        "key => SCHOOLS.rows.filter(r => r[SCHOOLS.keys.indexOf(key)] !== null).length", key
    )
    assert total == known


def test_distances_from_a_chosen_school_are_those_on_the_map(page, pack, inputs):
    ready(page, pack)
    unfold(page)
    page.fill("#f-near", "School")
    assert page.locator("#near-list option").count() == 20
    assert "Choose one from the list" in page.inner_text("#near-note") or count(page)
    page.fill("#f-near", page.locator("#near-list option").nth(2).get_attribute("value"))
    page.fill("#f-within", "25")
    told = count(page)
    urn = int(re.search(r"\((\d{6})\)", page.input_value("#f-near"))[1])
    schools = inputs.schools.set_index("urn")
    away = (
        (schools[["easting", "northing"]] - schools.loc[urn, ["easting", "northing"]].astype(float)) ** 2
    ).sum(axis=1, skipna=False) ** 0.5 / 1000
    assert (
        told.startswith(f"{(away <= 25).sum()} schools of 120") and "by Distance (km), lowest first" in told
    )
    km = figures(column(page, "km"))
    assert km == sorted(km) and km[0] == 0.0
    for shown, text in zip(km, column(page, "urn"), strict=True):
        assert shown == pytest.approx(away[int(text)], abs=0.06)
    x, y = schools.loc[900010, ["easting", "northing"]].astype("int64")
    page.fill("#f-near", f"{x}, {y}")
    assert f"within 25 km of the point {x}, {y}" in (count(page) and page.inner_text("#chosen"))
    page.fill("#f-near", "900003")
    assert "The place of this school is not known" in (count(page) and page.inner_text("#near-note"))
    page.fill("#f-near", "No such school")
    assert "No school of this pack" in (count(page) and page.inner_text("#near-note"))


def test_a_heading_sorts_both_ways_keeps_the_focus_and_puts_what_is_missing_last(page, pack):
    ready(page, pack)
    show(page, "roll", "persistent", "la")
    for key in ("ask", "roll", "attendance", "persistent", "la"):
        page.click(f'[data-sort="{key}"]')
        assert page.get_attribute(f'th[data-key="{key}"]', "aria-sort") == "ascending"
        assert page.evaluate("document.activeElement.dataset.sort") == key
        up = column(page, key)
        page.click(f'[data-sort="{key}"]')
        assert page.get_attribute(f'th[data-key="{key}"]', "aria-sort") == "descending"
        down = column(page, key)
        if key == "la":
            assert up == sorted(up) and down == sorted(down, reverse=True)
        else:
            assert figures(up) == sorted(figures(up)) and figures(down) == sorted(figures(down), reverse=True)
            assert up[0] != "–" and down[0] != "–"
    page.click('[data-sort="ask"]')
    page.click("[data-step=last]")
    assert column(page, "ask")[-1] == "–"
    assert page.locator("th[aria-sort]").count() == 1


def test_nothing_found_is_said_in_words_and_one_button_brings_all_back(page, pack):
    ready(page, pack)
    page.fill("#f-text", "zebra")
    assert count(page) == "No school matches what is chosen. Change one of the filters, or clear them all."
    assert "much like “zebra”" in page.inner_text("#chosen")
    assert not page.is_visible("#table")
    page.click("button[type=reset]")
    assert count(page).startswith("All 120 schools") and page.is_visible("#table")


def test_a_school_opens_and_back_finds_the_table_as_it_was(page, pack):
    ready(page, pack)
    unfold(page)
    page.select_option("#f-phase", "Primary")
    page.fill("#f-roll-to", "200")
    page.check("#c-governance")
    page.check("#c-roll")
    page.click('[data-sort="roll"]')
    page.click('[data-sort="roll"]')
    told, first = count(page), page.locator("#table tbody a").first.inner_text()
    page.locator("#table tbody a").first.click()
    page.wait_for_selector("h1")
    assert first in page.inner_text("h1")
    page.go_back()
    page.wait_for_selector("#filters:not([hidden])")
    assert count(page) == told
    assert page.locator("#table tbody a").first.inner_text() == first
    assert column(page, "governance")


def test_everything_can_be_done_by_keyboard(inputs, page, pack):
    ready(page, pack)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#f-text")
    page.keyboard.type("kiln")
    assert f"{kilns(inputs)} schools of 120" in count(page)
    visited = []
    for _ in range(40):
        page.keyboard.press("Tab")
        visited.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.dataset.sort || "
                "document.activeElement.tagName"
            )
        )
        if visited[-1] == "attendance":
            break
    assert visited[:2] == ["f-la", "f-phase"] and "save" in visited and visited[-1] == "attendance"
    page.keyboard.press("Enter")
    assert page.get_attribute('th[data-key="attendance"]', "aria-sort") == "ascending"
    seen = page.evaluate(
        "getComputedStyle(document.activeElement).outlineStyle + "
        "getComputedStyle(document.activeElement).boxShadow"
    )
    assert seen not in ("nonenone", ""), "the focus cannot be seen"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "A":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/schools/*.html")


def test_columns_can_be_chosen_and_sorted(inputs, page, pack):
    ready(page, pack)
    unfold(page)
    page.check("#c-denomination")
    page.uncheck("#c-minimum")
    page.wait_for_selector('#table thead th[data-key="denomination"]')
    page.wait_for_selector('#table thead th[data-key="minimum"]', state="detached")
    keys = page.locator("#table thead th").evaluate_all("cells => cells.map(c => c.dataset.key)")
    assert "denomination" in keys and "minimum" not in keys
    page.click('[data-sort="denomination"]')
    assert column(page, "denomination") == sorted(inputs.schools["denomination"].dropna())[:50]
    page.uncheck("#c-denomination")
    assert "by School, A to Z" in count(page), "a table is not sorted by a column that is not there"


def test_the_saved_rows_are_those_on_show(page, pack):
    ready(page, pack)
    page.select_option("#f-phase", "Special")
    told = count(page)
    with page.expect_download() as saved:
        page.click("#save")
    with open(saved.value.path(), encoding="utf-8-sig", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == int(told.split()[0]) and {row["Phase"] for row in rows} == {"Special"}
    assert rows[0]["School"] == column(page, "name")[0]


def test_without_scripts_the_first_schools_and_the_csv_are_there(browser, pack):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((pack / "index.html").as_uri())
    assert page.locator("#table tbody a").count() >= 50 and not page.is_visible("#filters")
    assert page.locator("#count a").get_attribute("href") == "confidential-north-east-schools.csv"
    context.close()


def test_2600_schools_are_filtered_and_sorted_without_lag(page, large):
    ready(page, large)
    assert count(page).startswith("All 2,600 schools")
    took = page.evaluate(
        """async () => {
          const out = {}, select = document.getElementById('f-phase');
          const settle = () => new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
          const timed = async (name, act) => { const began = performance.now(); act(); await settle(); out[name] = performance.now() - began; };
          await timed('filter', () => { select.value = 'Primary'; select.dispatchEvent(new Event('input', {bubbles: true})); });
          await timed('sort', () => document.querySelector('[data-sort=ask]').click());
          await timed('page', () => document.querySelector('[data-step=next]').click());
          return out;
        }"""
    )
    assert max(took.values()) < 500, took  # 15 ms each on the machine it was written on
    assert page.locator("#table tbody tr").count() == 50


@pytest.mark.parametrize("name", ["index.html", "summary.html"])
def test_no_sideways_scrolling_on_a_phone_or_at_200_per_cent(browser, pack, name):
    for width, scale in ((390, 3), (640, 2), (320, 2)):
        context = browser.new_context(viewport={"width": width, "height": 800}, device_scale_factor=scale)
        page = ready(context.new_page(), pack, name)
        if name == "index.html":
            unfold(page)
        assert sideways(page) == 0, width
        context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_school_page_of_each_kind_fits_a_phone_and_has_no_fault(browser, pack, inputs, kind):
    urn = inputs.schools.loc[inputs.schools["status"] == kind, "urn"].iloc[0]
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = ready(context.new_page(), pack, f"schools/{urn}.html")
    assert sideways(page) == 0
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(AXE_RUN) == []
    context.close()


@pytest.mark.parametrize("name", ["index.html", "summary.html"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_fault(browser, pack, name, width):
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = ready(context.new_page(), pack, name)
    if name == "index.html":
        unfold(page)
        page.fill("#f-near", "900010")
        page.wait_for_timeout(300)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert page.evaluate(AXE_RUN) == []
    context.close()


def printed(page, to: Path) -> pikepdf.Pdf:
    page.pdf(path=to, prefer_css_page_size=True)
    return pikepdf.open(to)


def test_the_summary_prints_on_one_page(page, pack, tmp_path):
    ready(page, pack, "summary.html")
    assert len(printed(page, tmp_path / "summary.pdf").pages) == 1


def test_printing_the_schools_prints_all_that_are_chosen_and_nothing_else(page, pack, tmp_path):
    ready(page, pack)
    page.select_option("#f-phase", "Primary")
    chosen = int(count(page).split()[0])
    page.evaluate("window.print = () => { window.dispatchEvent(new Event('beforeprint')); }")
    page.click("#print")
    page.emulate_media(media="print")
    assert chosen > 50 and page.locator("#table tbody tr").count() == chosen
    assert page.is_visible("#chosen") and page.is_visible(".marking >> nth=0")
    assert (
        not page.is_visible("#filters")
        and not page.is_visible("#quality")
        and not page.is_visible("#h-areas")
    )
    assert len(printed(page, tmp_path / "table.pdf").pages) <= 3
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator("#table tbody tr").count() == 50 and page.is_visible("#filters")


OVERLAPS = """() => {
  const found = [];
  document.querySelectorAll('svg').forEach(chart => {
    const boxes = Array.from(chart.querySelectorAll('text')).map(t => [t.textContent, t.getBoundingClientRect()]);
    boxes.forEach(([a, x], i) => boxes.slice(0, i).forEach(([b, y]) => {
      const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left), tall = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
      if (wide > 2 && tall > 0.45 * Math.min(x.height, y.height)) { found.push(a + ' over ' + b); }
    }));
  });
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) { found.push('the page is ' + wide + ' px too wide'); }
  return found;
}"""


@pytest.fixture(scope="module")
def sheet(browser, pack):
    """A page on which many school pages are drawn one after another."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    opened = context.new_page()
    opened.goto((pack / "schools" / f"{extreme_schools.URN}.html").as_uri())
    yield opened
    context.close()


def every_example(test):
    for case in extreme_schools.EXAMPLES:
        test = example(case=case)(test)
    return test


@every_example
@settings(max_examples=200)
@given(case=extreme_schools.CASES)
def test_nothing_overlaps_on_the_pages_of_extreme_schools(inputs, sheet, case):
    found = extreme_schools.with_school(inputs, case)
    html = school.render(school.school_facts(found, extreme_schools.URN))
    body = html[html.index("<main") : html.index("</main>") + len("</main>")]
    for width in (390, 1280):
        sheet.set_viewport_size({"width": width, "height": 800})
        sheet.evaluate("html => { document.querySelector('main').outerHTML = html; }", body)
        assert sheet.evaluate(OVERLAPS) == [], width


def test_the_page_works_in_firefox(inputs, pack, tmp_path):
    program = os.environ.get("ABIE_FIREFOX") or next(
        (p for name in ("firefox-esr", "firefox") if (p := shutil.which(name))), None
    )
    if not program:
        pytest.skip(
            "no Firefox is here: install it (Debian: apt-get install firefox-esr) or name one in ABIE_FIREFOX"
        )
    (tmp_path / "profile").mkdir()
    with Firefox(program, tmp_path / "profile") as fox:
        fox.open((pack / "index.html").as_uri())
        deadline = time.monotonic() + 20
        while fox.evaluate("document.getElementById('filters').hidden") and time.monotonic() < deadline:
            time.sleep(0.1)
        fox.evaluate("document.getElementById('f-text').focus()")
        fox.press(*"kiln")
        time.sleep(0.6)
        assert fox.evaluate("document.getElementById('count').textContent").startswith(
            f"{kilns(inputs)} schools of 120"
        )
        fox.click("[data-sort=ask]")
        assert (
            fox.evaluate("document.querySelector('th[data-key=ask]').getAttribute('aria-sort')")
            == "ascending"
        )
        shown = fox.evaluate(
            "Array.from(document.querySelectorAll('#table tbody tr')).map(r => "
            "r.cells[document.querySelector('th[data-key=ask]').cellIndex].textContent)"
        )
        assert figures(shown) == sorted(figures(shown))
        fox.evaluate(f"(() => {{ {AXE.read_text(encoding='utf-8')} }})()")
        assert fox.evaluate(AXE_RUN) == []
        for name in ("index.html", "summary.html", f"schools/{extreme_schools.URN}.html"):
            fox.open((pack / name).as_uri(), 390, 800)
            assert (
                fox.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                == 0
            ), name
        assert fox.errors == []
