"""Everything that the writers need, drawn once from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .absence import Sessions, make_absence
from .country import Country, make_country
from .history import add_history
from .intake import draw_latents, earlier_pupils, pupils, year_groups
from .moments import Moments
from .names import Names
from .register import make_register


@dataclass(frozen=True)
class World:
    """The invented country: its schools (one row per institution), their pupils then and now, and their
    absence by year.
    """

    seed: int
    moments: Moments
    country: Country
    register: pd.DataFrame
    links: pd.DataFrame
    groups: np.ndarray
    now: pd.DataFrame
    earlier: pd.DataFrame
    sessions: dict[int, Sessions]

    def rng(self, part: int) -> np.random.Generator:
        """A generator of its own for each writer, so that a change in one leaves the other files alone."""
        return np.random.default_rng([self.seed, part])


def make_world(seed: int) -> World:
    """Draw the country. Each stage has its own stream of random numbers, so that stages can change
    independently.
    """
    streams = [np.random.default_rng([seed, 100 + k]) for k in range(8)]
    moments = Moments()
    country = make_country(streams[0])
    names = Names(streams[1])
    register = make_register(streams[2], country, names)
    register, links = add_history(streams[3], country, names, register)
    latents = draw_latents(streams[4], moments, register)
    groups = year_groups(streams[5], register, latents)
    now = pupils(streams[6], moments, register, latents, groups)
    earlier = earlier_pupils(streams[7], moments, register, latents, now)
    sessions = make_absence(np.random.default_rng([seed, 200]), moments, register, latents, now, earlier)
    return World(seed, moments, country, register, links, groups, now, earlier, sessions)
