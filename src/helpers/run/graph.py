"""The order of work: national stages and regional notebooks as one graph, fed to an executor as they become
ready.

The graph is the standard library's `graphlib`; the executor is any of `concurrent.futures`: local processes,
or a Dask cluster's (`distributed.Client.get_executor`). What a person opens first is done first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter

from helpers.run.notebooks import needed, steps

REPORT = "05_report"  # what a person opens


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
    """Each task with those that must come before it: the notebooks `wanted` of every region, what they read,
    and the stages that these stand on. The notebooks of one region share its list of figures, so they follow
    one another.
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


def urgency(graph: dict[Task, set[Task]]) -> dict[Task, tuple[int, int, int]]:
    """How early each task is wanted, small first. The first region's report comes before all, with the stages
    that it stands on; then the other national stages, which are long and which every region waits for; then
    the reports of the other regions, and what comes after a report.
    """
    order, regions = list(steps()), list(dict.fromkeys(task.region for task in graph if task.region))
    report = order.index(REPORT)
    rank = {
        task: (max(0, order.index(task.name) - report), regions.index(task.region), order.index(task.name))
        for task in graph
        if task.region
    }
    first = (0, 0, report)
    early = {task for task, at in rank.items() if at <= first}
    for task in reversed(list(TopologicalSorter(graph).static_order())):
        early |= graph[task] if task in early else set()
    for number, task in enumerate(task for task in graph if not task.region):
        rank[task] = (-1, 0, number) if task in early else (0, 0, report + 1 + number)
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
