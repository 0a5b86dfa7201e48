"""Which school came before which: predecessors through the published links, and the pairs that must never be
peers of each other.

The register of schools gives a new URN to a school that becomes an academy, merges or splits. The links file
says so twice: a `Predecessor` row on the newer school and a `Successor` row on the older one. Either may be
missing, so both are read as the same edge.

Left out of predecessors, with the reason:
* `Sixth Form Centre ...`: schools that share a sixth form; nobody replaces anybody.
* `Result of Amalgamation`, `Merged - ...`, `Expansion`, `Closure`, `Other`: these do not say which school
  came first. They still count as relatives (`linked`).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

SAME, MERGED, SPLIT = "same_school", "merged", "split"
_SHARED_SIXTH_FORM = "sixth form"


def direct_links(links: pd.DataFrame) -> pd.DataFrame:
    """One row per older -> newer pair, from both directions of the links file.

    In: frame `links` (urn, link_urn, link_type, link_date). Out: urn (newer), predecessor_urn, link_date
    (latest known, NaT if none), says_split, says_merged (what the link types claim). Links of a school to
    itself are dropped.
    """
    kind = links["link_type"].str.strip().str.lower()
    forward = links[kind.str.startswith("successor")].rename(
        columns={"urn": "predecessor_urn", "link_urn": "urn"}
    )
    backward = links[kind.str.startswith("predecessor")].rename(columns={"link_urn": "predecessor_urn"})
    both = pd.concat([forward, backward], ignore_index=True)
    both = both[both["urn"] != both["predecessor_urn"]]
    words = both["link_type"].str.lower()
    if both.empty:
        return both[["urn", "predecessor_urn", "link_date"]].assign(says_split=False, says_merged=False)
    both = both.assign(
        says_split=words.str.contains("split"), says_merged=words.str.contains("merged|amalgam")
    )
    edges = both.groupby(["urn", "predecessor_urn"], as_index=False, sort=True).agg(
        link_date=("link_date", "max"), says_split=("says_split", "any"), says_merged=("says_merged", "any")
    )
    return edges.astype({"urn": "int64", "predecessor_urn": "int64"})


def neighbours(links: pd.DataFrame) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Direct predecessors and direct successors by URN, shortcuts removed. In: frame `links`."""
    older, newer = defaultdict(list), defaultdict(list)
    edges = _without_shortcuts(direct_links(links))
    for urn, before in zip(edges["urn"], edges["predecessor_urn"], strict=True):
        older[urn].append(before)
        newer[before].append(urn)
    return dict(older), dict(newer)


def nearest(urn: int, step: dict[int, list[int]], there: set[int]) -> list[int]:
    """The first schools of `there` on every path away from `urn` along `step` (predecessors or successors),
    without `urn` itself.

    The walk stops at a school that is there: who came before it is its own history. A cycle in the file is
    walked once.
    """
    seen, queue, found = {urn}, list(step.get(urn, ())), []
    while queue:
        here = queue.pop(0)
        if here in seen:
            continue
        seen.add(here)
        if here in there:
            found.append(here)
        else:
            queue.extend(step.get(here, ()))
    return found


def _without_shortcuts(edges: pd.DataFrame) -> pd.DataFrame:
    """Drop A -> C where A -> B -> C is there too: some schools list their grandparents, which would look like
    a merger.
    """
    older = defaultdict(set)
    newer = defaultdict(set)
    for urn, before in zip(edges["urn"], edges["predecessor_urn"], strict=True):
        older[urn].add(before)
        newer[before].add(urn)
    keep = [
        not any(
            before in older.get(between, ()) and urn not in older.get(between, ())
            for between in older[urn] & newer[before]
        )
        for urn, before in zip(edges["urn"], edges["predecessor_urn"], strict=True)
    ]
    return edges[np.array(keep, dtype=bool)]


def predecessors(links: pd.DataFrame) -> pd.DataFrame:
    """Every predecessor of every school, direct and through chains A -> B -> C.

    In: frame `links`. Out: one row per urn x predecessor_urn, with `kind`: `same_school` (one to one all the
    way, such as a school that became an academy), `merged` (somewhere on the way several schools became one),
    `split` (somewhere on the way one school became several; wins over merged, because a share cannot be
    traced), and `link_date` (when the predecessor itself was replaced; NaT where no link says). Two schools
    that call each other predecessor come out as a pair both ways.
    """
    edges = _without_shortcuts(direct_links(links))
    if edges.empty:
        return edges[["urn", "predecessor_urn", "link_date"]].assign(kind=pd.Series(dtype="str"))[
            ["urn", "predecessor_urn", "kind", "link_date"]
        ]
    n_older = edges.groupby("urn")["predecessor_urn"].transform("size")
    n_newer = edges.groupby("predecessor_urn")["urn"].transform("size")
    rank = np.select([(n_newer > 1) | edges["says_split"], (n_older > 1) | edges["says_merged"]], [2, 1], 0)
    edge_rank = dict(
        zip(zip(edges["urn"], edges["predecessor_urn"], strict=True), rank.tolist(), strict=True)
    )
    left = edges.groupby("predecessor_urn")["link_date"].max()
    older: dict[int, list[int]] = defaultdict(list)
    for urn, before in edge_rank:
        older[urn].append(before)

    rows = []
    for start in list(older):
        worst = {start: 0}
        queue = [start]
        while queue:
            here = queue.pop(0)
            for before in older.get(here, ()):
                if before in worst:
                    continue
                worst[before] = max(worst[here], edge_rank[(here, before)])
                queue.append(before)
        rows += [(start, before, k) for before, k in worst.items() if before != start]
    out = pd.DataFrame(rows, columns=["urn", "predecessor_urn", "kind"]).astype(
        {"urn": "int64", "predecessor_urn": "int64"}
    )
    out["kind"] = pd.Series(
        np.array([SAME, MERGED, SPLIT], dtype=object)[out["kind"].to_numpy(dtype=int)], dtype="str"
    )
    out["link_date"] = pd.to_datetime(out["predecessor_urn"].map(left))
    return out.sort_values(["urn", "predecessor_urn"], ignore_index=True)


def linked(links: pd.DataFrame) -> pd.DataFrame:
    """Pairs of schools that are relatives: everything joined by any link but a shared sixth form, followed
    through chains.

    In: frame `links`. Out: urn, related_urn, both directions, never a school with itself. Used so that no
    school is a peer of its own predecessor, successor or other half. Shared sixth forms are left out because
    one centre would join schools that are otherwise strangers.
    """
    rows = links[
        ~links["link_type"].str.lower().str.contains(_SHARED_SIXTH_FORM) & (links["urn"] != links["link_urn"])
    ]
    if rows.empty:
        return pd.DataFrame({"urn": pd.Series(dtype="int64"), "related_urn": pd.Series(dtype="int64")})
    urns, index = np.unique(
        np.concatenate([rows["urn"].to_numpy(), rows["link_urn"].to_numpy()]), return_inverse=True
    )
    n = len(rows)
    graph = coo_matrix((np.ones(n), (index[:n], index[n:])), shape=(len(urns), len(urns)))
    family = pd.DataFrame(
        {"urn": urns.astype("int64"), "family": connected_components(graph, directed=False)[1]}
    )
    pairs = family.merge(family.rename(columns={"urn": "related_urn"}), on="family", validate="many_to_many")
    pairs = pairs[pairs["urn"] != pairs["related_urn"]]
    return pairs[["urn", "related_urn"]].sort_values(["urn", "related_urn"], ignore_index=True)
