"""The model of the dataset ``simulated-clinic`` and of the control ``truth``: stays of patients in a clinic.

The ward is the condition: general (45 % of the rows), surgical (30 %), cardiac (20 %) or intensive (5 %). Four numbers
in braces are the values for the four wards, in this order. Below, a = age - 55, b = bmi - 27, every e is an independent
standard normal number, s(x) = 1 / (1 + exp(-x)), and [.] is 1 where the statement is true, else 0. Given the ward:

    age           rint(min(max({52, 47, 66, 63} + 15 e, 18), 95))
    sex           male with probability {0.49, 0.47, 0.62, 0.58}, else female
    bmi           27 exp(0.16 e + 0.002 a)
    diabetic      True with probability s(-2.2 + 0.03 a + 0.13 b)
    smoker        never, former or current, with the logits 0, -0.9 + 0.02 a + 0.4 [male], -1.1 - 0.02 a + 0.3 [male]
    blood group   O+ 37 %, A+ 34 %, B+ 9 %, O- 7 %, A- 6 %, AB+ 4 %, B- 2 %, AB- 1 %
    systolic      rint(126 + 0.45 a + 0.7 b + 6 [diabetic] + {0, 0, 9, -14} + 13 e)
    cholesterol   200 + 0.6 a - 0.018 a^2 + 8 [female] + 32 e
    lactate       exp(0.1 + {0, 0.05, 0.05, 0.8} - 0.008 (systolic - 126) + 0.3 e)
    visits        Poisson with mean exp(-0.2 + 0.015 a + 0.6 [diabetic])
    admitted      day d of 2022 and 2023, with a probability proportional to 1 + 0.4 cos(2 pi d / 365)
    discharged    admitted + stay, where stay = 1 + Poisson with mean exp({1, 1.3, 1.4, 2} + 0.012 a + 0.3 [diabetic])
    outcome       home, transferred or died, with the logits 0, -2.6 + 0.03 a + 0.06 stay,
                  -4.6 + 0.05 a + 1.1 log(lactate)
    follow up     discharged + 14 + 7 Poisson(1.5) days
    cost          exp(7.2 + {0, 0.5, 0.3, 1} + 0.55 log(stay) + 0.2 [diabetic] + 0.25 e)

Four columns have gaps. The probability of a gap depends only on columns without gaps (missing at random):

    cholesterol   s(-1.6 - 0.04 a + 1.5 [surgical])
    lactate       s(0.8 - 3.5 [intensive] + 0.03 (systolic - 126))
    smoker        s(-3 + 0.035 a + 1.5 [intensive])
    follow up     1 if the patient died, else s(-1.8 - 0.02 a + 1.2 [transferred])

Lactate is high and rarely missing in the intensive ward, so the mean of the lactate values that are not missing exceeds
the mean of all lactate values. The seed determines the rows; the parameters are constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import DateFeature, Gap

__all__ = ["CATEGORIES", "DATES", "FEATURES", "GAPS", "SHARES", "WARDS", "WHOLE_NUMBERS", "Patients", "draw_patients"]

WARDS = ("general", "surgical", "cardiac", "intensive")
SHARES = (0.45, 0.30, 0.20, 0.05)
FEATURES = ("age", "bmi", "systolic", "cholesterol", "lactate", "visits", "admitted", "discharged", "follow up", "cost")
DAYS = ("admitted", "discharged", "follow up")
WHOLE_NUMBERS = ("age", "systolic", "visits", *DAYS)
DATES = tuple(DateFeature(column=day, unit="day", origin="2022-01-01T00:00:00", format="%Y-%m-%d") for day in DAYS)
CATEGORIES = {
    "sex": ("female", "male"),
    "diabetic": ("False", "True"),
    "smoker": ("never", "former", "current"),
    "blood group": ("O+", "A+", "B+", "O-", "A-", "AB+", "B-", "AB-"),
    "outcome": ("home", "transferred", "died"),
}
BLOOD_GROUPS = (0.37, 0.34, 0.09, 0.07, 0.06, 0.04, 0.02, 0.01)
MISSING = "missing"
GAPS = (
    Gap(column="cholesterol", shown_by="cholesterol is missing", value="yes"),
    Gap(column="lactate", shown_by="lactate is missing", value="yes"),
    Gap(column="follow up", shown_by="follow up is missing", value="yes"),
    Gap(column="smoker", shown_by="smoker", value=MISSING),
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Patients:
    """Rows of the simulated table, before the values that `missing` marks are removed.

    Attributes:
        values: the features, shape (n_rows, n_features), with finite values even where `missing` is true.
        categories: the categorical features, including the columns that mark missing numbers, one row per patient.
        missing: mask of the values to remove, shape (n_rows, n_features).
    """

    values: Floats
    categories: pd.DataFrame
    missing: NDArray[np.bool_]

    def with_rows(self, rows: NDArray[np.bool_], others: Patients) -> Patients:
        """Return a copy in which the patients that the mask ``rows`` selects are replaced by ``others``, in order."""
        values, categories, missing = self.values.copy(), self.categories.copy(), self.missing.copy()
        values[rows], missing[rows] = others.values, others.missing
        categories.loc[rows] = others.categories.to_numpy()
        return Patients(values, categories, missing)


def draw_patients(ward: Ints, rng: np.random.Generator) -> Patients:
    """Draw one patient for each element of ``ward``; the elements are indices into `WARDS`."""
    numbers, codes = _draw_person(ward, rng)
    numbers |= _draw_stay(ward, numbers, codes, rng)
    stay = numbers["discharged"] - numbers["admitted"]
    a, log_lactate = numbers["age"] - 55, np.log(numbers["lactate"])
    codes["outcome"] = _choose([0 * a, -2.6 + 0.03 * a + 0.06 * stay, -4.6 + 0.05 * a + 1.1 * log_lactate], rng)
    is_gap = _draw_gaps(ward, numbers, codes, rng)
    labels = {name: np.array(CATEGORIES[name], dtype=object)[codes[name]] for name in CATEGORIES}
    missing = np.zeros((len(ward), len(FEATURES)), dtype=bool)
    for gap in GAPS:
        if gap.column == gap.shown_by:
            labels[gap.column] = np.where(is_gap[gap.column], gap.value, labels[gap.column]).astype(object)
        else:
            labels[gap.shown_by] = np.where(is_gap[gap.column], gap.value, "no").astype(object)
            missing[:, FEATURES.index(gap.column)] = is_gap[gap.column]
    return Patients(np.column_stack([numbers[name] for name in FEATURES]), pd.DataFrame(labels), missing)


def _draw_person(ward: Ints, rng: np.random.Generator) -> tuple[dict[str, Floats], dict[str, Ints]]:
    n = len(ward)
    age = np.rint(np.clip(_by_ward(ward, 52, 47, 66, 63) + 15 * rng.standard_normal(n), 18, 95))
    a = age - 55
    male = rng.random(n) < _by_ward(ward, 0.49, 0.47, 0.62, 0.58)
    bmi = 27 * np.exp(0.16 * rng.standard_normal(n) + 0.002 * a)
    diabetic = rng.random(n) < _sigmoid(-2.2 + 0.03 * a + 0.13 * (bmi - 27))
    mean = 126 + 0.45 * a + 0.7 * (bmi - 27) + 6 * diabetic + _by_ward(ward, 0, 0, 9, -14)
    systolic = np.rint(mean + 13 * rng.standard_normal(n))
    numbers = {
        "age": age,
        "bmi": bmi,
        "systolic": systolic,
        "cholesterol": 200 + 0.6 * a - 0.018 * a**2 + 8 * ~male + 32 * rng.standard_normal(n),
        "lactate": np.exp(
            0.1 + _by_ward(ward, 0, 0.05, 0.05, 0.8) - 0.008 * (systolic - 126) + 0.3 * rng.standard_normal(n)
        ),
        "visits": rng.poisson(np.exp(-0.2 + 0.015 * a + 0.6 * diabetic)).astype(np.float64),
    }
    codes = {
        "sex": male.astype(np.int64),
        "diabetic": diabetic.astype(np.int64),
        "smoker": _choose([0 * a, -0.9 + 0.02 * a + 0.4 * male, -1.1 - 0.02 * a + 0.3 * male], rng),
        "blood group": rng.choice(len(BLOOD_GROUPS), n, p=BLOOD_GROUPS),
    }
    return numbers, codes


def _draw_stay(
    ward: Ints, numbers: dict[str, Floats], codes: dict[str, Ints], rng: np.random.Generator
) -> dict[str, Floats]:
    n, a, diabetic = len(ward), numbers["age"] - 55, codes["diabetic"]
    season = 1 + 0.4 * np.cos(2 * np.pi * np.arange(730) / 365)
    admitted = rng.choice(len(season), n, p=season / season.sum()).astype(np.float64)
    stay = 1 + rng.poisson(np.exp(_by_ward(ward, 1, 1.3, 1.4, 2) + 0.012 * a + 0.3 * diabetic))
    level = 7.2 + _by_ward(ward, 0, 0.5, 0.3, 1) + 0.55 * np.log(stay) + 0.2 * diabetic
    return {
        "admitted": admitted,
        "discharged": admitted + stay,
        "follow up": admitted + stay + 14 + 7 * rng.poisson(1.5, n),
        "cost": np.exp(level + 0.25 * rng.standard_normal(n)),
    }


def _draw_gaps(
    ward: Ints, numbers: dict[str, Floats], codes: dict[str, Ints], rng: np.random.Generator
) -> dict[str, NDArray[np.bool_]]:
    a, pressure = numbers["age"] - 55, numbers["systolic"] - 126
    intensive, surgical = ward == WARDS.index("intensive"), ward == WARDS.index("surgical")
    outcome = codes["outcome"]
    transferred, died = (outcome == CATEGORIES["outcome"].index(name) for name in ("transferred", "died"))
    probability = {
        "cholesterol": _sigmoid(-1.6 - 0.04 * a + 1.5 * surgical),
        "lactate": _sigmoid(0.8 - 3.5 * intensive + 0.03 * pressure),
        "smoker": _sigmoid(-3 + 0.035 * a + 1.5 * intensive),
        "follow up": np.where(died, 1.0, _sigmoid(-1.8 - 0.02 * a + 1.2 * transferred)),
    }
    return {name: rng.random(len(ward)) < p for name, p in probability.items()}


def _by_ward(ward: Ints, *values: float) -> Floats:
    return np.array(values, dtype=np.float64)[ward]


def _sigmoid(x: Floats) -> Floats:
    probability: Floats = 1 / (1 + np.exp(-x))
    return probability


def _choose(logits: list[Floats], rng: np.random.Generator) -> Ints:
    """Draw one category per row: the category with the largest sum of logit and Gumbel noise."""
    noisy = np.column_stack(logits)
    best: Ints = np.argmax(noisy + rng.gumbel(size=noisy.shape), axis=1)
    return best
