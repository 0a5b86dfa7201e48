"""The school report as PDF: the facts of the page in HTML, laid out on two sheets of A4 by typst, exported as
PDF/UA-1 (tagged).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from html import unescape
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pikepdf
import typst

from helpers.base import text
from helpers.base.store import atomic_file, file_hash, text_hash
from helpers.report import school
from helpers.report.inputs import PackInputs
from helpers.report.pages import ASSETS, HERE

TEMPLATE = HERE / "templates" / "school.typ"
FONTS = HERE / "fonts"
SIZES = (10.5, 10.0)  # points; the largest with which a report keeps to its sheets. A try costs 40 ms
LARGE = (16.0,)  # for readers who need large print, on as many sheets as it takes
SHEETS = 2
STANDARD = "ua-1"
CHARTS = ("pictures",)  # the others say what a table beside them says

# What the shipped font can show. Anything else is shown as its nearest letter, or as an asterisk: PDF/UA
# refuses a character without a shape.
_LETTERS = ((0x20, 0x7E), (0xA0, 0x17F), (0x1FA, 0x1FD), (0x218, 0x21B), (0x1E80, 0x1E85), (0x1EF2, 0x1EF3))
_SIGNS = "–—‘’‚“”„†‡•…‰‹›€™−≈≤≥ŵŷŴŶ"
_NO_LETTER = "*"

_local = threading.local()


@dataclass(frozen=True)
class PdfReport:
    """How many PDFs a pack has, how many of them were set now, and seconds."""

    pdfs: int
    made: int
    seconds: float


def compile_pdf(facts: dict, marking: str = text.MARKING, large: bool = False) -> bytes:
    """One school's report (`school_facts`) as PDF bytes: PDF/UA-1, tagged, language en-GB, title set, the
    same bytes for the same facts.

    Text is set as large as two sheets allow, never below 10 points: what is longer takes a third sheet.
    `large`: in 16 points, on as many sheets as that takes.
    Raises `typst.TypstError` when the compiler refuses the page.
    """
    return _set(paper_facts(facts, marking), LARGE if large else SIZES)


def _set(told: dict, sizes: tuple[float, ...]) -> bytes:
    for size in sizes:
        made = _compiler().compile(
            format="pdf",
            sys_inputs={"facts": json.dumps({**told, "size": size}, ensure_ascii=False)},
            pdf_standards=[STANDARD],  # type: ignore[list-item]
            timestamp=0,
        )
        with pikepdf.open(BytesIO(made)) as pdf:
            if len(pdf.pages) <= SHEETS or size == sizes[-1]:
                packed = (
                    BytesIO()
                )  # half the size: the compiler leaves the many small objects of the tags as they are
                pdf.save(packed, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
                return packed.getvalue()
    raise AssertionError("the last size is always taken")


def paper_facts(facts: dict, marking: str = text.MARKING) -> dict:
    """The facts as the template takes them: charts with their alternative text, no links and no pack, only
    characters that the font has.

    The same for a school whichever pack it is made for, so that a report is set once for England and its
    region.
    """
    told = {name: value for name, value in facts.items() if name not in ("marks", "region")}
    if told["pictures"]:
        told["pictures"] = {"chart": told["pictures"]["paper"], "key": told["pictures"]["key"]}
    for name in ("parts", "history"):
        if told[name]:
            told[name] = {part: value for part, value in told[name].items() if part != "chart"}
    for name in CHARTS:
        if told[name]:
            told[name] = {**told[name], "chart": _chart(told[name]["chart"])}
    if told["peers"]:
        told["peers"] = {
            **told["peers"],
            **{
                part: [
                    {k: v for k, v in row.items() if k not in ("link", "register")}
                    for row in told["peers"][part]
                ]
                for part in ("rows", "suggested")
            },
        }
    told |= {
        "title": f"{facts['name']}: attendance report {facts['next_year']}",
        "description": f"Report on URN {facts['urn']}. {marking}",
        "marking": marking,
        "formula": text.FORMULA,
        "invented": text.INVENTED,
    }
    return _shown(told)


def _key(told: dict) -> str:
    """What a PDF depends on: its facts and marking, the template, the font and the compiler. 16 hexadecimal
    digits.
    """
    return text_hash(told, _look())[:16]


def write_pdfs(
    inputs: PackInputs,
    pack: Path,
    store: Path,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
    large: bool = False,
) -> PdfReport:
    """Write `schools/<urn>.pdf` beside every page of a finished pack; with `large`, `schools/<urn>-large.pdf`.

    Each PDF is kept in `store` under its school and a hash of all that it depends on, and linked into the
    pack: what is there is not set again, for this pack, the next one or another region's, and a killed run
    goes on where it stopped. PDFs of these schools that no longer hold are removed from the store. `progress`
    is called with (done, in all) from this thread. Raises whatever a page raises, after naming the school.
    """
    began = time.perf_counter()
    store, ending, sizes = (store / "large", "-large", LARGE) if large else (store, "", SIZES)
    store.mkdir(parents=True, exist_ok=True)
    urns = list(inputs.school)
    there = {path.name for path in store.glob("*.pdf")}
    keep, made = set(), 0

    def one(urn: int) -> tuple[str, bool]:
        try:
            told = paper_facts(school.school_facts(inputs, urn))
            name = f"{urn}-{_key(told)}.pdf"
            if name not in there:
                with atomic_file(store / name) as temporary:
                    temporary.write_bytes(_set(told, sizes))
            _link(store / name, pack / "schools" / f"{urn}{ending}.pdf")
        except Exception as error:
            error.add_note(f"while writing the PDF of school {urn}")
            raise
        return name, name not in there

    _ready(inputs)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            for done, (name, new) in enumerate(pool.map(one, urns), start=1):
                keep.add(name)
                made += new
                if progress and (done % 20 == 0 or done == len(urns)):
                    progress(done, len(urns))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    ours = {str(urn) for urn in urns}
    for name in there - keep:
        if name.partition("-")[0] in ours:
            (store / name).unlink(missing_ok=True)
    return PdfReport(len(urns), made, time.perf_counter() - began)


def _ready(inputs: PackInputs) -> None:
    """Build the look-ups before threads ask for them all at once."""
    school.school_facts(inputs, next(iter(inputs.school)))


def _link(kept: Path, to: Path) -> None:
    """Put a kept PDF into a pack without a second copy of its bytes, or with one where the file system knows
    no links.
    """
    with atomic_file(to) as temporary:
        temporary.unlink()
        try:
            os.link(kept, temporary)
        except OSError:
            shutil.copyfile(kept, temporary)


@cache
def _look() -> str:
    style = [
        file_hash(path)
        for path in (TEMPLATE, ASSETS / "pack.css", Path(__file__), *sorted(FONTS.glob("*.otf")))
    ]
    return text_hash(style, version("typst"))


def _compiler() -> typst.Compiler:
    """A compiler for this thread. It is given the path, since a compiler made from bytes fails on its second
    document.
    """
    if not hasattr(_local, "compiler"):
        _local.compiler = typst.Compiler(
            str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=[str(FONTS)], ignore_system_fonts=True
        )
    return _local.compiler


def _chart(svg: str) -> dict:
    """A chart of the page with its look inside it, and its title and description as alternative text."""
    title, told = (
        unescape(re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", svg, re.DOTALL)[1]) for tag in ("title", "desc")
    )
    start = svg.index(">") + 1
    return {"svg": f"{svg[:start]}<style>{_chart_style()}</style>{svg[start:]}", "alt": f"{title}. {told}"}


@cache
def _chart_style() -> str:
    """The chart rules of pack.css with its colours put in: an image in a PDF sees no style sheet."""
    css = (ASSETS / "pack.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z]+):\s*([^;]+);", css))
    rules = re.findall(r"^\.chart ([^{]+)\{([^}]+)\}", css, re.MULTILINE)
    style = "".join(f"{name.strip()}{{{body.strip()}}}" for name, body in rules)
    style = re.sub(r"var\(--([a-z]+)\)", lambda found: colours[found[1]], style).replace(
        "inherit", "Source Sans Pro"
    )
    return "text{font-size:13px}" + style


@cache
def _known_letters() -> frozenset[str]:
    return frozenset(
        [chr(code) for first, last in _LETTERS for code in range(first, last + 1)] + list(_SIGNS)
    )


def _shown(value):
    """The same value with every text in characters that the font has."""
    if isinstance(value, str):
        return value if _known_letters().issuperset(value) else "".join(_letter(sign) for sign in value)
    if isinstance(value, dict):
        return {name: _shown(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(part) for part in value]
    return value


@cache
def _letter(sign: str) -> str:
    if sign in _known_letters():
        return sign
    plain = "".join(part for part in unicodedata.normalize("NFKD", sign) if part in _known_letters())
    return plain or (" " if sign.isspace() else "" if unicodedata.combining(sign) else _NO_LETTER)
