"""Pages in plain English: no phrase that readers stumbled over, and sentences that a twelve-year-old can read."""

from __future__ import annotations

import re

import pytest

from helpers.report import pages, region, region_summary, school
from helpers.report.inputs import PackInputs
from tests.support.page import Page
from tests.support.region import inputs_of

BANNED = (
    r"net of",
    r"within the noise",
    r"more than noise",
    r"usual yearly errors?",
    r"with no real change anywhere",
    r"would meet it by luck",
    r"nobody (is|has|was)",
    r"in (its|your) shoes",
    r"hold in their hands",
    r"never routed",
    r"stands? beside",
    r"\brungs?\b",
    r"(in|of|to|for) (North|South) (East|West)\b",
    r"a person should look at",
)
GRADE = 8.0


@pytest.fixture(scope="module")
def inputs(fitted, tmp_path_factory) -> PackInputs:
    return inputs_of(fitted, tmp_path_factory.mktemp("words"))


def prose(html: str) -> list[str]:
    """The paragraphs and list items of a page, without its tables, charts and names of files."""
    html = re.sub(r"<(table|svg|select|nav|header|footer|script|form)\b.*?</\1>", " ", html, flags=re.DOTALL)
    parts = re.findall(r"<(?:p|li|dd)\b[^>]*>(.*?)</(?:p|li|dd)>", html, flags=re.DOTALL)
    return [re.sub(r"\s+", " ", " ".join(Page(f"<p>{part}</p>").text)).strip() for part in parts]


def syllables(word: str) -> int:
    word = re.sub(r"e$", "", word.lower())
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def grade(texts: list[str]) -> float:
    """Flesch-Kincaid grade: 0.39 words a sentence + 11.8 syllables a word - 15.59. Figures are left out."""
    sentences = [s for text in texts for s in re.split(r"(?<=[.!?])\s", text) if len(s.split()) > 2]
    words = [word for s in sentences for word in re.findall(r"[A-Za-z’']+", s)]
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


def rendered(inputs: PackInputs) -> dict[str, str]:
    frame = region.school_frame(inputs)
    found = {
        f"school {urn}": school.render(school.school_facts(inputs, urn))
        for urn in (900001, 900005, 900010, 900012, 900055)
    }
    return found | {"summary": region_summary.render(inputs, frame), "method": region.method(inputs)}


def test_no_template_uses_a_phrase_that_readers_stumbled_over():
    for path in sorted((pages.HERE / "templates").glob("*.html")):
        text = re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
        for phrase in BANNED:
            found = re.search(phrase, text, re.IGNORECASE)
            assert not found, (path.name, text[max(0, found.start() - 40) : found.end() + 20])


def test_no_page_uses_one_either_and_each_reads_at_grade_eight_or_below(inputs):
    for name, html in rendered(inputs).items():
        told = prose(html)
        for phrase in BANNED:
            hits = [text for text in told if re.search(phrase, text, re.IGNORECASE)]
            assert not hits, (name, phrase, hits[0])
        assert grade(told) <= GRADE, (name, grade(told))


def test_a_mannered_sentence_is_noticed():
    words = "Circumstances notwithstanding, institutional attendance expectations necessitate extraordinary perseverance."
    assert grade([words]) > GRADE and re.search(BANNED[0], "Net of that it was met", re.IGNORECASE)
