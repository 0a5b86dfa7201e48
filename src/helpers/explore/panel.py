"""The panel of the notebook `explore`: sliders for the parameters, and what they move, in words and tables.
All sums are done in `explore`.
"""

from __future__ import annotations

import time
from html import escape

import ipywidgets as w
import numpy as np

from helpers.base import text as words
from helpers.base.params import ENGLAND, REGIONS
from helpers.base.show import table
from helpers.explore import what_if
from helpers.model.features import in_words

SLIDERS = {
    "slope": ("Slope", 0.0, 1.0, 0.05),
    "cap_pp": ("Cap (points)", 0.1, 3.0, 0.1),
    "floor_pp": ("Floor (points)", 0.0, 1.0, 0.05),
    "national_path_pp": ("National path (points)", 0.0, 1.2, 0.01),
    "region_penalty": ("Region penalty", 0.0, 5.0, 0.1),
}
NAMES = {
    "return_to_normal_pp": "Return to normal",
    "national_part_pp": "National part",
    "context_part_pp": "Context part",
    "limits_part_pp": "Limits",
    "ask_pp": "Improvement asked",
}
FIFTHS = {
    "start": "Fifth of schools by last year’s absence (1 lowest)",
    "fsm": "Fifth of schools by free school meals (1 lowest)",
}
WIDE = w.Layout(width="30rem")
STYLE = {"description_width": "11rem"}


class Panel:
    """The panel of one world. `box` is what the notebook shows; `now` is the answer on show; the widgets are
    open to tests and to code.
    """

    def __init__(self, world: what_if.World, region: str = ENGLAND, urn: int | None = None):
        self.world, self.before = world, what_if.what_if(world)
        self.now, self.seconds, self.quiet = self.before, 0.0, False
        self.region = w.Dropdown(
            options=[ENGLAND, *REGIONS], value=region, description="Region", style=STYLE, layout=WIDE
        )
        self.school = w.Combobox(
            description="School (name, URN)", placeholder="type a part of the name", style=STYLE, layout=WIDE
        )
        self.sliders = {
            name: w.FloatSlider(
                getattr(world.run, name),
                min=low,
                max=high,
                step=step,
                description=text,
                style=STYLE,
                layout=WIDE,
                readout_format=".2f",
                continuous_update=False,
            )
            for name, (text, low, high, step) in SLIDERS.items()
        }
        self.sliders["peers_k"] = w.IntSlider(
            world.run.peers_k,
            min=5,
            max=what_if.MOST_PEERS,
            description="Similar schools",
            style=STYLE,
            layout=WIDE,
            continuous_update=False,
        )
        self.reset = w.Button(description="As in the run", layout=w.Layout(width="12rem"))
        self.same_region, self.better = (
            w.Checkbox(False, description=text, indent=False)
            for text in ("Same region only", "Only those that do better")
        )
        self.most_km = w.BoundedFloatText(
            0, min=0, max=1000, step=5, description="Within km (0: any)", style=STYLE
        )
        self.urban_rural = w.Dropdown(options=[("All", "")], description="Urban or rural", style=STYLE)
        self.peer = w.Dropdown(
            options=[("Choose a similar school", 0)], description="Why similar?", style=STYLE, layout=WIDE
        )
        self.message, self.summary, self.fairness, self.one, self.peers, self.why = (
            w.HTML() for _ in range(6)
        )
        self.box = self._lay_out()
        self._offer_schools()
        self._connect()
        if urn:
            self.school.value = next(
                (name for name in self.school.options if name.endswith(f"({urn})")), str(urn)
            )
        self.ask()

    def _lay_out(self) -> w.VBox:
        """Controls, what moves everywhere, one school, its peers."""
        filters = w.VBox([w.HBox([self.same_region, self.better]), w.HBox([self.most_km, self.urban_rural])])
        return w.VBox(
            [
                self.region,
                *self.sliders.values(),
                self.reset,
                self.message,
                self.summary,
                self.fairness,
                w.HTML("<h3>One school</h3>"),
                self.school,
                self.one,
                filters,
                self.peers,
                self.peer,
                self.why,
            ]
        )

    def _connect(self) -> None:
        """What happens when a person moves something."""
        for slider in self.sliders.values():
            slider.observe(lambda _: self.ask(), "value")
        self.region.observe(lambda _: self._elsewhere(), "value")
        self.school.observe(lambda _: self.show_school(), "value")
        for control in (self.same_region, self.better, self.most_km, self.urban_rural):
            control.observe(lambda _: self.show_peers(), "value")
        self.peer.observe(lambda _: self.show_why(), "value")
        self.reset.on_click(lambda _: self.back())

    def _not_one(self) -> str:
        """What to do where the words typed name no school, or several."""
        count = len(self.matches())
        if not self.school.value:
            return ""
        if count > 1:
            return f"<p>{words.number(count)} schools have this in their name. Choose one from the list.</p>"
        return "<p>No school with a minimum has this name or number in this region.</p>"

    def _elsewhere(self) -> None:
        """Another region: its schools on offer, and everything on show again."""
        self._offer_schools()
        self.show()

    def _offer_schools(self) -> None:
        """The region's schools with a minimum as options."""
        rows = what_if.in_region(
            what_if.named(self.world, self.before.expectations[["urn"]]), self.region.value
        ).sort_values("school_name")
        self.school.options = [f"{r.school_name}, {r.la_name} ({r.urn})" for r in rows.itertuples()]

    @property
    def urn(self) -> int | None:
        """The school on show: from `Name, LA (URN)`, a URN alone, or words that only one school's name has;
        None when it has no minimum.
        """
        found = self.matches()
        told = found[0] if len(found) == 1 else self.school.value
        digits = told.rstrip(") ").rsplit("(", 1)[-1].strip()
        urn = int(digits) if digits.isdigit() else None
        return urn if urn in set(self.before.expectations["urn"].tolist()) else None

    def matches(self) -> list[str]:
        """The options that hold every word typed, in any order."""
        wanted = self.school.value.casefold().split()
        return [name for name in self.school.options if all(word in name.casefold() for word in wanted)]

    def changes(self) -> dict:
        """The parameters that differ from the run's."""
        moved = {name: slider.value for name, slider in self.sliders.items()}
        return {
            name: value
            for name, value in moved.items()
            if not np.isclose(value, getattr(self.world.run, name))
        }

    def back(self) -> None:
        """All sliders as in the run, with one answer at the end."""
        self.quiet = True
        for name, slider in self.sliders.items():
            slider.value = getattr(self.world.run, name)
        self.quiet = False
        self.ask()

    def ask(self) -> None:
        """Compute the answer; a combination that cannot be is told in words and leaves the last answer on
        show.
        """
        if self.quiet:
            return
        began = time.perf_counter()
        try:
            self.now = what_if.what_if(self.world, **self.changes())
        except ValueError as error:  # bad parameters and an unreachable path
            reason = str(error).partition(" (given:")[0].removeprefix("parameters: Value error, ")
            self.message.value = (
                f"<p role='alert'><strong>This cannot be: {escape(reason)}. The figures "
                "below are the last that could.</strong></p>"
            )
            return
        self.message.value = ""
        self.show()
        self.seconds = time.perf_counter() - began

    def show(self) -> None:
        """Everything from the answer on show."""
        place = self.region.value
        short = what_if.in_short(self.world, self.before, self.now, place)
        moved = ", ".join(
            f"{name} {value:g} (run: {getattr(self.world.run, name):g})"
            for name, value in self.changes().items()
        )
        self.summary.value = (
            f"<p><strong>{escape(moved) or 'Nothing moved: this is the run'}</strong>. {place}: "
            f"{words.number(short['moved'])} of "
            f"{words.number(short['schools'])} schools are asked for at least 0.05 points more or less; "
            "the largest move is "
            f"{words.signed(short['largest_move_pp'])}. Mean ask over pupils "
            f"{short['mean_ask_before_pp']:.2f} before, "
            f"{short['mean_ask_now_pp']:.2f} now. Mean chance with no real change "
            f"{short['mean_chance_before']:.2f} before, "
            f"{short['mean_chance_now']:.2f} now. {words.pct(100 * short['new_peers_share'], 0)} of all "
            "pairs of similar schools are new.</p>"
        )
        self.fairness.value = "".join(
            table(
                what_if.fairness(self.world, self.before, self.now, by, place),
                text,
                headings=HEADINGS,
                rows=10,
            ).html()
            for by, text in FIFTHS.items()
        )
        self.show_school()

    def show_school(self) -> None:
        """How the chosen school's ask is made, before and now, and its similar schools."""
        urn = self.urn
        if urn is None:
            self.one.value = self._not_one()
            self.peers.value = self.why.value = ""
            return
        rows = what_if.parts(self.before, self.now, urn)
        sides = [answer.expectations.set_index("urn").loc[urn] for answer in (self.before, self.now)]
        told = [
            (
                f"{words.pct(side['minimum_attendance_shown_pct'])}, "
                f"{words.chance(side['chance_unaided'])} by "
                "luck"
            )
            for side in sides
        ]
        made = table(
            rows.assign(part=rows["part"].map(NAMES)), "How the ask is made, points", headings=HEADINGS
        ).html()
        self.one.value = (
            f"<p>Minimum attendance before: {told[0]}. Now: <strong>{told[1]}</strong>.</p>{made}"
        )
        self.found = what_if.peers_of(self.world, self.now, urn)
        levels = sorted(self.found["urban_rural"].dropna().unique())
        self.urban_rural.options = [("All", ""), *((level, level) for level in levels)]
        self.peer.options = [
            ("Choose a similar school", 0),
            *((f"{r.rank}. {r.school_name}", r.peer_urn) for r in self.found.itertuples()),
        ]
        self.show_peers()

    def show_peers(self) -> None:
        """The similar schools that pass the filters."""
        if self.urn is None:
            return
        some = what_if.choose(
            self.found,
            self.same_region.value,
            self.better.value,
            self.most_km.value or None,
            self.urban_rural.value,
        )
        caption = f"{len(some)} of {len(self.found)} similar schools"
        if some.empty:
            self.peers.value = f"<p>{caption}: none passes these filters.</p>"
            return
        columns = [
            "rank",
            "school_name",
            "la_name",
            "km",
            "distance",
            "roll",
            "fsm_pct",
            "attendance_pct",
            "expected_pct",
            "better",
        ]
        digits = {
            "km": 1,
            "roll": 0,
            "fsm_pct": 1,
            "attendance_pct": 1,
            "expected_pct": 1,
        }
        self.peers.value = table(some[columns], caption, "peers", HEADINGS, digits, what_if.MOST_PEERS).html()

    def show_why(self) -> None:
        """Feature by feature, why the chosen pair is close."""
        if not self.peer.value or self.urn is None:
            self.why.value = ""
            return
        rows = what_if.why(self.world, self.urn, int(self.peer.value))
        caption = (
            "What sets the two schools apart, the largest difference first (share of the squared distance)"
        )
        rows["feature"] = rows["feature"].map(in_words)
        self.why.value = table(rows, caption, headings=HEADINGS, rows=len(rows)).html()


HEADINGS = {
    "ask_before_pp": "Mean ask before (points)",
    "ask_now_pp": "Mean ask now (points)",
    "chance_before": "Mean chance before",
    "chance_now": "Mean chance now",
    "before_pp": "Before",
    "now_pp": "Now",
    "moved_pp": "Moved",
    "attendance_pct": "Attendance last year (%)",
    "expected_pct": "Expected next year (%)",
    "better": "Better by more than noise",
    "feature": "Feature",
    "ours": "This school",
    "theirs": "The other school",
    "share_of_distance": "Share of distance",
    "part": "Part",
    "schools": "Schools",
    "fifth": "Fifth",
}


def panel(world: what_if.World, region: str = ENGLAND, urn: int | None = None) -> Panel:
    """The panel of a world, opened at a region and a school."""
    return Panel(world, region, urn)
