"""All files of the sample in the folder layout of the real open data."""

from __future__ import annotations

from pathlib import Path

from . import attendance, performance_tables, places, rates
from .census_detail import census_detail
from .world import World


def write_all(world: World, folder: Path) -> list[Path]:
    """Write every file under `folder` and return their paths."""
    return [
        *performance_tables.absence_tables(world, folder),
        *performance_tables.census_tables(world, folder),
        *performance_tables.ees_files(world, folder),
        census_detail(world, folder),
        places.points(world, folder),
        places.links(world, folder),
        *places.attributes(world, folder),
        places.deprivation(world, folder),
        places.boundaries(world, folder),
        places.hubs(world, folder),
        rates.area_rates(world, folder),
        attendance.snapshots(world, folder),
        attendance.autumn_weeks(world, folder),
    ]
