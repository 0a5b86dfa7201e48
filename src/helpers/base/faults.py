"""Faults: what is wrong, where, and what to do about it. Shared by readers, the gate and the runner."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with the data.

    `severity` is "hard" (the run stops) or "flag" (a person should look). `row` is the 1-based line of the
    file where it is known.
    """

    severity: str
    code: str
    message: str
    file: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""
    what_to_do: str = ""

    def __post_init__(self):
        if self.severity not in ("hard", "flag"):
            raise ValueError(f"severity is 'hard' or 'flag', not {self.severity!r}")

    def as_dict(self) -> dict:
        return asdict(self)

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                self.file,
                f"row {self.row}" if self.row is not None else "",
                f"column {self.column}" if self.column else "",
                f"value {self.value!r}" if self.value else "",
            )
            if part
        )
        text = f"[{self.severity}] {self.code}: {self.message}"
        if place:
            text += f" ({place})"
        if self.what_to_do:
            text += f" {self.what_to_do}"
        return text


class DataRefused(Exception):
    """A file or a table that must not be used. Carries the faults."""

    def __init__(self, faults: list[Fault] | Fault):
        self.faults = [faults] if isinstance(faults, Fault) else list(faults)
        super().__init__("\n".join(str(f) for f in self.faults))


class NotFound(Exception):
    """What a person asked for by name or number is not there; the message says so, and what there is."""
