from __future__ import annotations

import itertools

import numpy as np

from tabgenbench_datasets.rnaseqdb_files import TISSUE_OF_CODE
from tabgenbench_plugins.metrics.parts.palette import COLOURS, group_looks, status_looks

RNASEQDB = tuple(dict.fromkeys(TISSUE_OF_CODE.values()))
ORIGINS = ("#7a828c", "#c2186b")  # of real and synthetic rows
# Machado et al. 2009, severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deuteranopia": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
    "tritanopia": [[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]],
}


def oklab(colour: str) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    to_lab = [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    return np.array([to_lab @ np.cbrt(to_lms @ np.clip(m @ linear, 0, 1)) for m in map(np.array, SIGHT.values())])


def test_colours_are_told_apart_with_any_colour_sight() -> None:
    places = {colour: oklab(colour) for colour in COLOURS}
    distances = [np.linalg.norm(places[a] - places[b], axis=1) for a, b in itertools.combinations(COLOURS, 2)]
    assert np.min(distances) > 0.085  # about four times the just noticeable difference


def test_each_group_has_one_look_of_its_own() -> None:
    looks = group_looks(f"tissue {i}" for i in range(64))
    assert len(set(looks.values())) == 64
    assert group_looks(["b", "a"]) == group_looks(["a", "b", "b"])
    assert len(set(group_looks(["kidney", "lung", *(f"tissue {i}" for i in range(62))]).values())) == 64


def test_a_tissue_of_rnaseqdb_looks_the_same_on_every_board() -> None:
    thirteen = group_looks(tissue for tissue in RNASEQDB if tissue not in ("esophagus_gas", "esophagus_muc"))
    fifteen = group_looks(RNASEQDB)
    assert thirteen.items() <= fifteen.items()
    assert group_looks([*RNASEQDB, "blood"]).items() >= fifteen.items()


def test_no_tissue_looks_like_a_status() -> None:
    looks = status_looks(f"{i:02}" for i in range(12))
    assert len(set(looks.values())) == 12
    assert len({look.marker for look in status_looks(["cancer", "normal"]).values()}) == 2
    states = {look.colour for look in looks.values()}
    for state, other in [*itertools.product(states, (*COLOURS, *ORIGINS)), *itertools.combinations(states, 2)]:
        distances = np.linalg.norm(oklab(state) - oklab(other), axis=1)
        assert distances[0] > 0.12, (state, other)
        assert distances.min() > 0.06, (state, other)
