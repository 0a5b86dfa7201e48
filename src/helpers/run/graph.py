"""The order of work: national stages and regional notebooks as one graph, fed to an executor as they become ready.

The graph is the standard library's `graphlib`; the executor is any of `concurrent.futures`: local processes, or a Dask
cluster's (`distributed.Client.get_executor`). What a person opens first is done first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter

from helpers.run.notebooks import needed, steps


@dataclass(frozen=True)
class Task:
    """A national stage (`region` is empty) or one notebook of a region."""

    region: str
    name: str


@dataclass(frozen=True)
class Outcome:
    """What became of a task: made now or found there, how long it took, and what went wrong, if anything."""

    task: Task
    made: bool = False
    seconds: float = 0.0
    error: Exception | None = None


def plan(regions: list[str], wanted: list[str]) -> dict[Task, set[Task]]:
    """Each task with those that must come before it: the notebooks `wanted` of every region, what they read, and the
    stages that these stand on. The notebooks of one region share its list of figures, so they follow one another.
    """
    graph: dict[Task, set[Task]] = {}
    chosen = needed(wanted)
    for name in chosen:
        for stage in steps()[name].stages:
            for link in stage.chain():
                graph[Task("", link.name)] = {Task("", below.name) for below in link.after}
    for region in regions:
        before: set[Task] = set()
        for name in chosen:
            task = Task(region, name)
            graph[task] = before | {Task("", stage.name) for stage in steps()[name].stages}
            before = {task}
    return graph


def urgency(graph: dict[Task, set[Task]]) -> dict[Task, int]:
    """How early each task is wanted, small first: a notebook by its number, a stage by the first notebook that waits
    for it.
    """
    order = list(steps())
    rank = {task: 2 * order.index(task.name) + 1 if task.region else 2 * len(order) for task in graph}
    for task in reversed(list(TopologicalSorter(graph).static_order())):
        for before in graph[task]:
            if not before.region:
                rank[before] = min(rank[before], rank[task] - (1 if task.region else 0))
    return rank


def work(
    graph: dict[Task, set[Task]],
    do: Callable[[Task], Outcome],
    executor: Executor,
    jobs: int,
    started: Callable[[Task], None] = lambda task: None,
) -> Iterator[Outcome]:
    """Do every task once those before it are done, at most `jobs` at a time; yields each outcome as it comes.

    What stands on a failed task is not begun. `do` runs in the executor and must be picklable.
    """
    rank, place = urgency(graph), {task: number for number, task in enumerate(graph)}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    ready: list[Task] = []
    lost: set[Task] = set()
    running: dict[Future, Task] = {}
    while sorter.is_active():
        ready += sorter.get_ready()
        ready.sort(key=lambda task: (rank[task], place[task]))
        for task in [task for task in ready if graph[task] & lost]:
            ready.remove(task)
            lost.add(task)
            sorter.done(task)
        while ready and len(running) < jobs:
            task = ready.pop(0)
            started(task)
            running[executor.submit(do, task)] = task
        for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
            task = running.pop(future)
            error = future.exception()
            outcome = Outcome(task, error=error) if error else future.result()
            if outcome.error:
                lost.add(task)
            yield outcome
            sorter.done(task)
