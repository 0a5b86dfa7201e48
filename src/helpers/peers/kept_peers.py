"""Peers of an earlier run kept: the same schools, with today's distance, where both are still compared and of
the same kind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def keep(
    found: pd.DataFrame,
    frozen: pd.DataFrame,
    allowed: np.ndarray,
    values: pd.DataFrame,
    region: pd.Series,
    k: int,
    region_penalty: float,
) -> pd.DataFrame:
    """The pairs of `found` (urn, peer_urn, rank, distance) with those of `frozen` in front: its peers (`rank`
    up to k) become the peers, the nearest fill the places left, its named near-equals stand behind.

    `allowed`: which rows of `frozen` may still be compared. `values`: coordinates by urn; `region` name by
    urn. Distances are today's.
    """
    kept = frozen[allowed & (frozen["rank"].le(k) | frozen["named"])]
    apart = (values.loc[kept["urn"]].to_numpy() - values.loc[kept["peer_urn"]].to_numpy()) ** 2
    abroad = region.reindex(kept["urn"]).to_numpy() != region.reindex(kept["peer_urn"]).to_numpy()
    distance = np.sqrt(np.round(apart.sum(axis=1) + abroad * region_penalty**2, 10))
    kept = kept[["urn", "peer_urn"]].assign(distance=distance, old=kept["rank"].le(k))
    new = found.merge(kept[["urn", "peer_urn", "old"]], on=["urn", "peer_urn"], how="left", validate="1:1")
    both = pd.concat(
        [kept, new.loc[new["old"].isna(), ["urn", "peer_urn", "distance"]].assign(old=False)],
        ignore_index=True,
    )
    both = both.sort_values(["urn", "old", "distance", "peer_urn"], ascending=[True, False, True, True])
    both = both.assign(peer=both.groupby("urn").cumcount() < k)
    both = both.sort_values(
        ["urn", "peer", "distance", "peer_urn"], ascending=[True, False, True, True], ignore_index=True
    )
    return both.assign(rank=both.groupby("urn").cumcount() + 1)[["urn", "peer_urn", "rank", "distance"]]
