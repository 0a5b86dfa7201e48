"""Claims about the order of work: what a person opens comes first, and a failure stops what stands on it
alone.
"""

from __future__ import annotations

from helpers.run.graph import Outcome, Task, plan, urgency, work
from helpers.run.notebooks import steps
from helpers.run.pipeline import _Here

TWO = ["England", "London"]


def ran(graph, fail=()):
    """Names of the tasks in the order in which they were done, and the outcomes."""
    outcomes = list(
        work(graph, lambda t: Outcome(t, error=OSError("full") if t in fail else None), _Here(), 1)
    )
    return [outcome.task for outcome in outcomes], outcomes


def test_every_task_comes_after_those_that_it_needs():
    graph = plan(TWO, list(steps()))
    order, _ = ran(graph)
    assert set(order) == set(graph)
    assert all(order.index(before) < order.index(task) for task in graph for before in graph[task])


def test_the_first_report_comes_before_back_tests_and_before_other_regions():
    order, _ = ran(plan(TWO, list(steps())))
    first = order.index(Task("England", "05_report"))
    for later in (Task("", "evaluation"), Task("", "learning"), Task("London", "05_report")):
        assert first < order.index(later), later


def test_up_to_the_report_no_back_test_is_made():
    graph = plan(["London"], ["05_report"])
    assert {task.name for task in graph if task.region} == {name for name in steps() if name <= "05_report"}
    assert not {Task("", name) for name in ("evaluation", "learning", "siting", "monitor")} & set(graph)


def test_one_region_that_fails_does_not_stop_the_other():
    order, outcomes = ran(plan(TWO, list(steps())), fail={Task("London", "03_peers")})
    assert Task("London", "04_expectations") not in order and Task("England", "09_test_and_learn") in order
    assert [outcome.task for outcome in outcomes if outcome.error] == [Task("London", "03_peers")]


def test_a_stage_that_fails_stops_every_notebook_that_reads_it_and_no_other():
    order, _ = ran(plan(TWO, list(steps())), fail={Task("", "evaluation")})
    assert Task("", "learning") not in order and Task("London", "08_evaluate") not in order
    assert Task("London", "07_monitor") in order


def test_no_more_than_so_many_are_handed_out_at_once():
    running, most = set(), []

    class Slow(_Here):
        def submit(self, fn, /, *args, **kwargs):
            most.append(len(running))
            return super().submit(fn, *args, **kwargs)

    list(work(plan(TWO, ["02_model"]), lambda t: Outcome(t), Slow(), 2, running.add))
    assert most[0] == 1


def test_an_error_that_the_executor_raises_is_an_outcome():
    def broken(task):
        raise OSError("a worker was lost")

    outcomes = list(work(plan(["London"], ["01_ingest"]), broken, _Here(), 1))
    assert len(outcomes) == 1 and "lost" in str(outcomes[0].error)


def test_urgency_gives_every_task_a_place():
    graph = plan(TWO, list(steps()))
    assert set(urgency(graph)) == set(graph)
