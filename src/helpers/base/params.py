"""What to run: one typed, closed set of parameters. The YAML schema, the notebooks' parameter cells and the
command line come from it.
"""

from __future__ import annotations

import difflib
import json
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from helpers.base.paths import PARAMS, RECORDS, SAMPLE, SAMPLE_RECORDS, resolve

Region = Literal[
    "England",
    "North East",
    "North West",
    "Yorkshire and The Humber",
    "East Midlands",
    "West Midlands",
    "East of England",
    "London",
    "South East",
    "South West",
]
ENGLAND = "England"
REGIONS: tuple[str, ...] = tuple(r for r in get_args(Region) if r != ENGLAND)
FOLDERS = ("data", "out", "records")  # where things lie; what lies there decides a result, the place does not


class BadParameters(ValueError):
    """Parameters that cannot be used; the message says which, why and what was probably meant."""


class Parameters(BaseModel):
    """Everything that decides a run. Units stand in the names: `_pp` is percentage points of absence."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    region: Region = Field("North East", description="England, or one of its nine regions")
    release: str = Field("2022-23", description="academic year of the newest full data")
    data: str = Field(
        "data/sample", description="folder of official files; the default is the invented sample"
    )
    out: str = Field("outputs", description="folder for results")
    records: str = Field(
        "",
        description="folder of what people recorded; empty: data/records, for the sample data/sample-records",
    )
    seed: int = Field(2025, ge=0, description="seed of every random choice")
    national_path_pp: float = Field(
        0.31, ge=0, le=2, description="improvement England needs this year, roll-weighted mean of all asks"
    )
    slope: float = Field(
        0.2,
        ge=0,
        le=1,
        description="share of the gap to the best quartile of similar schools asked in one year",
    )
    floor_pp: float = Field(0.1, ge=0, le=1, description="least improvement on the baseline that is asked")
    cap_pp: float = Field(0.8, gt=0, le=3, description="most improvement on the baseline that is asked")
    min_ask_pp: float = Field(0.1, ge=0, le=1, description="least improvement on last year that is asked")
    max_ask_pp: float = Field(1.2, gt=0, le=5, description="most improvement on last year that is asked")
    rounding_pp: float = Field(
        0.1,
        gt=0,
        le=1,
        description="step to which the minimum attendance shown is rounded, in the school's favour",
    )
    peers_k: int = Field(20, ge=5, le=50, description="similar schools per school")
    region_penalty: float = Field(
        0.2, ge=0, le=10, description="distance added to a school in another region"
    )
    named_max: int = Field(4, ge=0, le=10, description="most schools named as doing better")
    named_cap: int = Field(30, ge=1, le=1000, description="most reports in which one school may be named")
    peers_from: str = Field(
        "",
        description="release folder of an earlier run whose peers are kept where they still exist; empty: found anew",
    )
    primary_lambda: float = Field(
        0.8, gt=0, le=1, description="weight of a primary's own figure against its context: an assumption"
    )

    @field_validator("release")
    @classmethod
    def _release_is_an_academic_year(cls, value: str) -> str:
        match = re.fullmatch(r"(\d{4})-(\d{2})", value)
        if not match or (int(match[1]) + 1) % 100 != int(match[2]):
            raise ValueError("write the academic year like 2022-23")
        return value

    @model_validator(mode="after")
    def _limits_in_order(self) -> Parameters:
        if self.floor_pp > self.cap_pp:
            raise ValueError(f"floor_pp {self.floor_pp} is above cap_pp {self.cap_pp}")
        if self.min_ask_pp > self.max_ask_pp:
            raise ValueError(f"min_ask_pp {self.min_ask_pp} is above max_ask_pp {self.max_ask_pp}")
        if not self.min_ask_pp <= self.national_path_pp <= self.max_ask_pp:
            raise ValueError(
                "national_path_pp must lie between min_ask_pp and max_ask_pp: no set of asks within them could average to it"
            )
        return self

    @property
    def slug(self) -> str:
        """The region as a folder name."""
        return slug(self.region)

    @property
    def data_folder(self) -> Path:
        return resolve(self.data)

    @property
    def records_folder(self) -> Path:
        """Where agreed ambitions, challenges, decisions, recorded shocks and schools' own weeks of this
        release lie. It need not exist.
        """
        return (
            resolve(self.records)
            if self.records
            else (SAMPLE_RECORDS if self.is_sample else RECORDS) / self.release
        )

    @property
    def release_folder(self) -> Path:
        return resolve(self.out) / self.release

    @property
    def region_folder(self) -> Path:
        return self.release_folder / self.slug

    @property
    def national_folder(self) -> Path:
        return self.release_folder / "national"

    @property
    def frozen_peers(self) -> Path | None:
        """The peers of the earlier run that are to be kept, if any."""
        return resolve(self.peers_from) / "national" / "peers" / "peers.parquet" if self.peers_from else None

    @property
    def is_sample(self) -> bool:
        return self.data_folder == SAMPLE.resolve()


def slug(region: str) -> str:
    """Region name to folder name: `Yorkshire and The Humber` -> `yorkshire-and-the-humber`."""
    return re.sub(r"[^a-z0-9]+", "-", region.lower()).strip("-")


def region_from(text: str) -> str:
    """The region meant by a name or slug in any case; `BadParameters` with a suggestion when none is."""
    for name in get_args(Region):
        if text.strip().lower() in (name.lower(), slug(name)):
            return name
    close = difflib.get_close_matches(text.title(), get_args(Region), n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise BadParameters(f"region: there is no region {text!r}.{hint} Regions: {', '.join(get_args(Region))}.")


def make(**values) -> Parameters:
    """Parameters from plain values. Raises `BadParameters` naming each bad one, with a suggestion for a
    misspelt name.
    """
    try:
        return Parameters(**values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"]) or "parameters"
            if problem["type"] == "extra_forbidden":
                close = difflib.get_close_matches(name, Parameters.model_fields, n=1)
                lines.append(
                    f"{name}: there is no such parameter." + (f" Did you mean {close[0]!r}?" if close else "")
                )
            else:
                lines.append(f"{name}: {problem['msg']} (given: {problem['input']!r})")
        raise BadParameters("\n".join(lines)) from None


def load(path: str | Path, **overrides) -> Parameters:
    """Parameters from a YAML file, with overrides."""
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        known = ", ".join(sorted(p.name for p in PARAMS.glob("*.yml")))
        raise BadParameters(f"{path}: there is no such parameter file. In params/: {known}") from None
    except yaml.YAMLError as error:
        raise BadParameters(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise BadParameters(f"{path}: expected lines like `region: London`")
    try:
        return make(**{**values, **overrides})
    except BadParameters as error:
        raise BadParameters(f"{path}:\n{error}") from None


def from_notebook(namespace: dict) -> Parameters:
    """Parameters of a notebook: its `parameters` cell, as papermill or a person changed it. Takes the known
    names from `globals()`.
    """
    return make(**{name: namespace[name] for name in Parameters.model_fields if name in namespace})


def parameters_cell(names: Iterable[str] | None = None) -> str:
    """Source of a notebook's `parameters` cell: the named parameters, or all, with defaults and meaning. What is too
    long for a line has its meaning above it.
    """
    lines = []
    for name in names or Parameters.model_fields:
        field = Parameters.model_fields[name]
        kind = {int: "int", float: "float", bool: "bool"}.get(field.annotation, "str")
        line = f"{name}: {kind} = {field.default!r}".replace("'", '"')
        about = f"# {field.description}"
        short = f"{line}  {about}"
        lines += [short] if len(short) <= 110 else [*textwrap.wrap(about, 110, subsequent_indent="# "), line]
    return "\n".join(lines)


def schema() -> str:
    """The JSON schema of a parameter file, as text."""
    return json.dumps(Parameters.model_json_schema(), indent=2) + "\n"


def write_params(folder: Path = PARAMS) -> list[Path]:
    """Write `schema.json` and one parameter file per region; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "schema.json"]
    written[0].write_text(schema(), encoding="utf-8")
    for region in get_args(Region):
        path = folder / f"{slug(region)}.yml"
        path.write_text(
            f"# yaml-language-server: $schema=schema.json\nregion: {region}\nrelease: 2022-23\ndata: data/sample\n",
            encoding="utf-8",
        )
        written.append(path)
    return written


if __name__ == "__main__":
    for written_path in write_params():
        print(written_path.name)
