"""What a PDF says, read back in pure Python through pikepdf: the text of its pages, its tags and their
alternative texts.
"""

from __future__ import annotations

import re
from collections import Counter
from io import BytesIO

import pikepdf

WIDEST_SIGN = 6.5  # points, of the letters in charts


class ReadPdf:
    """A PDF as a test asks of it: `pages` (text of each page, header and footer included), `tags` (counts),
    `alts` (of figures), `root`, `xmp`.
    """

    def __init__(self, data: bytes):
        self.pdf = pikepdf.open(BytesIO(data))
        self.pages = [_text(page.obj) for page in self.pdf.pages]
        self.tags: Counter[str] = Counter()
        self.alts: list[str] = []
        self.headings: list[int] = []
        self._walk(self.pdf.Root.StructTreeRoot.K)

    @property
    def text(self) -> str:
        return "\n".join(self.pages)

    def _walk(self, node) -> None:
        if isinstance(node, pikepdf.Array):
            for child in node:
                self._walk(child)
        elif isinstance(node, pikepdf.Dictionary):
            if "/S" in node:
                name = str(node.S)[1:]
                self.tags[name] += 1
                if name == "Figure":
                    self.alts.append(str(node.get("/Alt", "")))
                if re.fullmatch(r"H\d", name):
                    self.headings.append(int(name[1]))
            if "/K" in node:
                self._walk(node.K)


def _text(holder: pikepdf.Object) -> str:
    """Text of a page or of a picture in it: a line per piece of text that is set."""
    resources = holder.get("/Resources", pikepdf.Dictionary())
    fonts = {name: _letters(font) for name, font in resources.get("/Font", {}).items()}
    lines, font, at, last = [], {}, (0.0, 0.0), None
    for operands, operator in pikepdf.parse_content_stream(holder):
        name = str(operator)
        if name == "Tf":
            font = fonts[str(operands[0])]
        elif name == "cm":
            at = (float(operands[4]), float(operands[5]))
        elif name == "Tj":
            piece = _decoded(operands[0], font)
            # Charts are set sign by sign: a sign close to the right of the one before belongs to the same
            # word or label.
            if len(piece) == 1 and last and at[1] == last[1] and 0 < at[0] - last[0] < WIDEST_SIGN:
                lines[-1] += piece
            else:
                lines.append(piece)
            last = at if len(piece) == 1 else None
        elif name == "TJ":
            lines.append(
                "".join(_decoded(part, font) for part in operands[0] if isinstance(part, pikepdf.String))
            )
            last = None
    return "\n".join(lines)


def _decoded(string: pikepdf.String, font: dict[int, str]) -> str:
    raw = bytes(string)
    return "".join(font[int.from_bytes(raw[i : i + 2], "big")] for i in range(0, len(raw), 2))


def _letters(font: pikepdf.Object) -> dict[int, str]:
    """Glyph number -> text, from the font's ToUnicode table."""
    table = font.ToUnicode.read_bytes().decode("latin-1")
    found: dict[int, str] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for code, text in re.findall(r"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>", block):
            found[int(code, 16)] = bytes.fromhex(text).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for first, last, text in re.findall(r"<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>\s*<([0-9a-fA-F]+)>", block):
            start = int.from_bytes(bytes.fromhex(text), "big")
            for code in range(int(first, 16), int(last, 16) + 1):
                found[code] = chr(start + code - int(first, 16))
    return found
