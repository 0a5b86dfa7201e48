"""01 · Can these figures be trusted? Official files read, joined into one register, and checked against what was published."""

from __future__ import annotations

from pathlib import Path

from helpers.base.params import Parameters
from helpers.base.stages import Results, Stage

STAGE = Stage("ingest", "helpers.ingest.stage:read", parameters=("release",))


def load(run: Parameters) -> Results:
    """The stage's results: register, earlier, panel, area_rates, boundaries, linked, hubs, attendance, later_census,
    files, quality, inputs. Raises `DataRefused` with every reason when the files must not be used.
    """
    return STAGE.load(run)


def quality(run: Parameters):
    """What the gate found, for the run's region: comparisons with published rates, suppressed figures, flags."""
    from helpers.ingest.quality.gate import Quality

    return Quality.from_json(load(run).quality).slice(run.region)


def read(folder: Path):
    """Every file of a folder that is recognised, as tidy frames (`Readings`), with what each was taken for."""
    from helpers.ingest.readers import read_folder

    return read_folder(folder)


def check(folder: Path, release: str, console) -> bool:
    """Recognise, validate and reconcile a folder without a run. Returns whether it may be used."""
    from helpers.ingest.check import check_folder

    return check_folder(folder, release, console)
