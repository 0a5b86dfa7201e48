"""Invented names: places, saints, schools and trusts that are nobody's. Built from syllables that no English
place uses together.
"""

from __future__ import annotations

import numpy as np

HEADS = (
    "Aeld",
    "Brannoc",
    "Corvel",
    "Dreth",
    "Elvern",
    "Fenloc",
    "Gorrel",
    "Hathrim",
    "Ilvas",
    "Jorvan",
    "Kelthor",
    "Lorrim",
    "Morvad",
    "Nethis",
    "Ormesk",
    "Pendrax",
    "Quillan",
    "Rosmer",
    "Sarnoc",
    "Tavrel",
    "Ulverd",
    "Vorst",
    "Wexmar",
    "Yarrod",
    "Zellan",
    "Thyrse",
)
TAILS = (
    "mere",
    "wold",
    "stoke",
    "holt",
    "combe",
    "gate",
    "haven",
    "marsh",
    "dun",
    "fell",
    "reach",
    "garth",
    "quay",
    "shaw",
)
FEATURES = (
    "Lantern",
    "Saltpan",
    "Ferry",
    "Rookery",
    "Beacon",
    "Tidemill",
    "Orchard",
    "Cobbler",
    "Larkspur",
    "Ropewalk",
    "Kiln",
    "Heron",
)
SAINTS = (
    "St Ostryn",
    "St Weldra",
    "St Ibrel",
    "St Orrisk",
    "St Quenna",
    "St Thyrsa",
    "St Vellan",
    "St Ydric",
)
TRUST_WORDS = (
    "Tideway",
    "Lanternfield",
    "Nine Shires",
    "Causeway",
    "Saltmarsh",
    "Greywether",
    "Northlight",
    "Oakmast",
    "Windrose",
    "Fathom",
)
TRUST_KINDS = ("LEARNING TRUST", "ACADEMIES TRUST", "MULTI-ACADEMY TRUST", "EDUCATION PARTNERSHIP")
KIND_WORDS = {
    "primary": (
        "Primary School",
        "Community Primary School",
        "Primary Academy",
        "Primary School and Nursery",
    ),
    "infant": ("Infant School", "Infant and Nursery School"),
    "junior": ("Junior School", "Junior Academy"),
    "first": ("First School",),
    "middle_primary": ("Middle School",),
    "secondary": ("School", "Academy", "High School", "Community College"),
    "selective": ("Grammar School", "Grammar School for Girls", "Grammar School for Boys"),
    "middle": ("Middle School",),
    "upper": ("Upper School",),
    "all_through": ("All-through School", "All-through Academy"),
    "technical": ("University Technical College", "Studio School"),
    "sixteen_plus": ("Sixth Form College",),
    "special": ("Special School", "Park School", "Hill Academy"),
    "ap": ("Pupil Referral Unit", "Alternative Provision Academy"),
    "nursery": ("Nursery School",),
    "independent": ("Preparatory School", "College", "Independent School"),
}


class Names:
    """Hands out names, never the same twice within an authority and kind of school."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.places = [h + t for h in HEADS for t in TAILS]
        order = rng.permutation(len(self.places))
        self.places = [self.places[i] for i in order]
        self.used: set[str] = set()
        self.trusts = [f"{w.upper()} {k}" for k in TRUST_KINDS[:3] for w in TRUST_WORDS]

    def school(self, authority: int, kind: str, church: str) -> str:
        """A name for a school of `kind` in an authority; church schools carry an invented saint."""
        ten = self.places[authority * 10 : authority * 10 + 10]
        for attempt in range(200):
            place = ten[int(self.rng.integers(len(ten)))]
            words = KIND_WORDS[kind]
            word = words[int(self.rng.integers(len(words)))]
            if church and kind in ("primary", "infant", "junior", "first", "secondary"):
                short = {"Church of England": "CofE", "Roman Catholic": "Catholic"}[church]
                saint = SAINTS[int(self.rng.integers(len(SAINTS)))]
                word = word.replace("Community ", "")
                name = f"{saint}'s {short} {word}, {place}"
            else:
                feature = FEATURES[int(self.rng.integers(len(FEATURES)))] + " "
                name = f"{place} {feature if attempt or kind in ('primary', 'special') else ''}{word}"
            if name not in self.used:
                self.used.add(name)
                return name
        raise ValueError(f"no unused name left for a {kind} school in authority {authority}")


def postcode(number: int, authority: int) -> str:
    """An invented postcode: the area ZZ is not in use."""
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    return f"ZZ{authority + 1} {number // 400 % 9 + 1}{letters[number // 20 % 20]}{letters[number % 20]}"
