"""The national stage `peers`: similar schools, near-equal alternatives, and the schools named as doing
better.
"""

from __future__ import annotations

import pandas as pd

from helpers import ingest, model
from helpers.base.faults import DataRefused, Fault
from helpers.base.params import Parameters
from helpers.base.store import read_frame
from helpers.peers import search


def find(run: Parameters) -> dict[str, pd.DataFrame]:
    """The schools most alike in circumstances, weighted by what the model found to matter."""
    schools, fitted = ingest.load(run), model.load(run)
    found = search.find_peers(
        schools.register, fitted.baseline, fitted.weights, schools.linked, run, frozen=kept(run)
    )
    return {"peers": found.peers, "alternatives": found.alternatives, "summary": found.summary}


def kept(run: Parameters) -> pd.DataFrame | None:
    """The earlier run's peers and alternatives that are to be kept. Raises `DataRefused` where they are not
    there.
    """
    if not run.frozen_peers:
        return None
    if not run.frozen_peers.exists():
        words = f"peers_from: there are no peers in {run.peers_from}"
        todo = "Give the release folder of a finished run, such as outputs/2022-23."
        raise DataRefused(Fault("hard", "no_peers", words, what_to_do=todo))
    paths = (run.frozen_peers, run.frozen_peers.with_name("alternatives.parquet"))
    return pd.concat([read_frame(path) for path in paths if path.exists()], ignore_index=True)
