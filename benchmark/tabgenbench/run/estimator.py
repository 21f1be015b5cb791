"""Estimates of the time and disk space of trainings (cells) from earlier trainings of the same generators.

The generator, its options (except ``epochs``) and the kind of device of an earlier training must be equal to those of
the new training. Earlier trainings with the same table, epochs and number of threads are preferred. If there are none,
the estimate uses the earlier trainings whose fit is of the most similar size (the first product below). The time of a
metric is estimated from trainings of any generator.

Each time or size is divided by a product for the earlier training, and multiplied by this product for the new training:

- time of fit: training rows x epochs x (features + 256), where 256 stands for inner layers of a network; without an
  option ``epochs``: training rows x features;
- times of sampling and metrics, size of the synthetic tables: test rows x features x number of synthetic tables;
- size of the saved model: features + 256.

Other times (imports, reading, writing) are not changed. An estimate is the median over the earlier trainings, with the
smallest and the largest value as its range.
"""

from __future__ import annotations

import json
import math
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import chain, zip_longest
from statistics import fmean, median

from tabgenbench.interfaces.generator import Progress
from tabgenbench.records import CellIdentity
from tabgenbench.run.plan import Cell
from tabgenbench.store.earlier import EarlierCell, find_identities, read_earlier
from tabgenbench.store.store import Store

__all__ = ["CellEstimate", "Estimator", "Need", "find_earlier"]

EPOCHS = "epochs"  # the option by which generators name the length of their training
INNER = 256  # features that cost as much as the inner layers of a network
PER_TABLE, PER_GENERATOR = 3, 20  # earlier cells that are read
PER_METRIC = 50
TIMED_SECONDS = 2.0  # minimum time between the two reports that time an epoch
LONG_SECONDS = 60.0  # after this time, one report is enough, because imports no longer matter
Group = tuple[str, str]  # name of a generator, and its options without the epochs


@dataclass(frozen=True)
class Need:
    """The pending work on one training: whether the generator must be trained, and the metrics to compute."""

    fit: bool
    metrics: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class CellEstimate:
    """Estimated time and disk space of one training (cell) and its scoring.

    Attributes:
        seconds: estimated seconds, or None without an earlier training of the generator.
        low: seconds according to the fastest earlier training.
        high: seconds according to the slowest earlier training.
        bytes: size of the stored files. Without an earlier training, only the size of the synthetic tables is known.
        earlier: keys of the earlier trainings that the estimate uses.
        is_scaled: whether the earlier trainings used another table or another number of epochs.
        is_timed: whether the estimate uses the first epochs of a running training.
        unknown: metrics of unknown time, which the estimate leaves out.
    """

    seconds: float | None
    low: float = 0.0
    high: float = 0.0
    bytes: float = 0.0
    earlier: tuple[str, ...] = ()
    is_scaled: bool = False
    is_timed: bool = False
    unknown: tuple[str, ...] = ()


class Estimator:
    """Estimates the time and disk space of trainings (cells) from earlier trainings.

    Args:
        earlier: earlier trainings. Trainings on another kind of device are ignored.
        device: kind of device of new trainings, ``cpu`` or ``cuda``.
        threads: number of threads of new trainings.
        model_bytes: largest size in bytes of a model that is kept. None keeps all.
    """

    def __init__(
        self,
        earlier: Iterable[EarlierCell] = (),
        *,
        device: str = "cpu",
        threads: int = 1,
        model_bytes: int | None = None,
    ) -> None:
        self.device, self.threads, self.model_bytes = device, threads, model_bytes
        self._by_group: dict[Group, list[EarlierCell]] = defaultdict(list)
        self._by_metric: dict[str, list[EarlierCell]] = defaultdict(list)
        self._metric_seconds: dict[tuple[str, str, int, int], float | None] = {}
        self._estimates: dict[tuple[object, ...], CellEstimate] = {}
        self._first: dict[str, tuple[float, int]] = {}
        self._timing = threading.Lock()  # cells report in their own threads
        for one in earlier:
            self.add(one)

    def add(self, one: EarlierCell) -> None:
        """Add an earlier training.

        If it is finished, the measurements of running trainings with the same generator and the same options, except
        ``epochs``, are removed.
        """
        if one.device != self.device:
            return
        group = group_of(one.identity)
        kept = [other for other in self._by_group[group] if one.is_timed or not other.is_timed]
        self._by_group[group] = [*kept, one][-PER_GENERATOR:]
        for label in one.metrics:
            self._by_metric[label].append(one)
            del self._by_metric[label][:-PER_METRIC]
        self._metric_seconds, self._estimates = {}, {}  # other threads may be using the old ones

    def knows(self, cell: Cell) -> bool:
        """Return whether a training of the cell's generator with equal options, except ``epochs``, has been added."""
        return bool(self._by_group.get(group_of(cell.identity)))

    def cell(self, cell: Cell, need: Need) -> CellEstimate:
        """Return the estimate of a training and its scoring."""
        new, known = cell.identity, self._estimates
        size = (new.dataset_fingerprint, new.n_train, new.n_test, new.n_features, new.draws)
        alike = (new.generator, new.label, *size, need.fit, *need.metrics)
        if alike not in known:
            known[alike] = self._estimate(cell, need)
        return known[alike]

    def _estimate(self, cell: Cell, need: Need) -> CellEstimate:
        new, group = cell.identity, self._by_group.get(group_of(cell.identity), [])
        metrics = {label: self._metric(label, new) for label in need.metrics}
        unknown = tuple(label for label, seconds in metrics.items() if seconds is None)
        scoring = sum(seconds or 0.0 for seconds in metrics.values()) + (_mean(one.score_rest for one in group))
        if not need.fit:
            keys = tuple(one.key for one in group)
            return CellEstimate(seconds=scoring, low=scoring, high=scoring, earlier=keys, unknown=unknown)
        if not group:
            return CellEstimate(seconds=None, bytes=4.0 * _values(new), unknown=unknown)
        nearest = self._nearest(new)
        times = [
            one.fit * _work(new) / _work(one.identity) + one.sample * _values(new) / _values(one.identity)
            for one in nearest
        ]
        rest = scoring + _mean(one.train_rest for one in group)
        return CellEstimate(
            seconds=median(times) + rest,
            low=min(times) + rest,
            high=max(times) + rest,
            bytes=median(self._bytes(one, new) for one in nearest),
            earlier=tuple(one.key for one in nearest),
            is_scaled=_place(nearest[0].identity) != _place(new),
            is_timed=nearest[0].is_timed,
            unknown=unknown,
        )

    def watch(self, cell: Cell, progress: Progress, seconds: float) -> bool:
        """Measure the time per epoch of a running training, and return whether this call completes a measurement.

        A training is measured only if `knows` is false. A measurement needs two progress reports of different epochs
        that are at least `TIMED_SECONDS` apart, or one report after `LONG_SECONDS`.

        Args:
            cell: the running training.
            progress: latest progress report of the training.
            seconds: seconds since the start of the training.
        """
        if self.knows(cell) or progress.epoch < 1:
            return False
        with self._timing:
            return not self.knows(cell) and self._time(cell, progress, seconds)

    def _time(self, cell: Cell, progress: Progress, seconds: float) -> bool:
        since, done = (
            (0.0, 0) if seconds >= LONG_SECONDS else self._first.setdefault(cell.key, (seconds, progress.epoch))
        )
        if seconds - since < TIMED_SECONDS or progress.epoch <= done:
            return False
        epoch = (seconds - since) / (progress.epoch - done)
        timed = EarlierCell(
            key=cell.key,
            identity=cell.identity,
            device=self.device,
            threads=self.threads,
            fit=epoch * progress.of,
            table_bytes=4 * _values(cell.identity),
            is_timed=True,
        )
        self.add(timed)
        return True

    def _nearest(self, new: CellIdentity) -> list[EarlierCell]:
        def distance(one: EarlierCell) -> tuple[bool, bool, float]:
            is_other = _place(one.identity) != _place(new)
            return is_other, one.threads != self.threads, abs(math.log(_work(one.identity) / _work(new)))

        ranked = sorted(self._by_group[group_of(new)], key=distance)
        first = ranked[0]
        return [one for one in ranked if (_place(one.identity), one.threads) == (_place(first.identity), first.threads)]

    def _metric(self, label: str, new: CellIdentity) -> float | None:
        size = (label, new.dataset_fingerprint, new.n_test, new.draws)
        if size in (known := self._metric_seconds):
            return known[size]
        known[size] = found = self._metric_of(label, new)
        return found

    def _metric_of(self, label: str, new: CellIdentity) -> float | None:
        found = self._by_metric.get(label, [])
        same = [one for one in found if one.identity.dataset_fingerprint == new.dataset_fingerprint]
        if not same and found:
            near = min(found, key=lambda one: abs(math.log(_values(one.identity) / _values(new))))
            table = near.identity.dataset_fingerprint
            same = [one for one in found if one.identity.dataset_fingerprint == table]
        times = [one.metrics[label] * _values(new) / _values(one.identity) for one in same]
        return median(times) if times else None

    def _bytes(self, one: EarlierCell, new: CellIdentity) -> float:
        old = one.identity
        model = one.model_bytes * (new.n_features + INNER) / (old.n_features + INNER)
        if self.model_bytes is not None:
            model = min(model, self.model_bytes)
        return one.table_bytes * _values(new) / _values(old) + model + one.record_bytes


def find_earlier(store: Store, new: Iterable[CellIdentity], *, without: Collection[str] = ()) -> list[EarlierCell]:
    """Return the finished trainings (cells) most similar to new ones, at most `PER_GENERATOR` per generator.

    Args:
        store: the store with finished trainings.
        new: the new trainings.
        without: keys of trainings to exclude.
    """
    wanted: dict[Group, dict[tuple[str, int], CellIdentity]] = defaultdict(dict)
    for one in new:
        wanted[group_of(one)].setdefault(_place(one), one)
    there: dict[Group, list[tuple[str, CellIdentity]]] = defaultdict(list)
    for key, identity in find_identities(store, {name for name, _ in wanted}):
        group = group_of(identity)
        if group in wanted and key not in without:
            there[group].append((key, identity))
    keys = [_most_alike(candidates, list(wanted[group].values())) for group, candidates in there.items()]
    return list(read_earlier(store, chain.from_iterable(keys)))


def _most_alike(candidates: Sequence[tuple[str, CellIdentity]], wanted: Sequence[CellIdentity]) -> list[str]:
    def best(new: CellIdentity) -> list[str]:
        def distance(one: tuple[str, CellIdentity]) -> tuple[bool, float]:
            return _place(one[1]) != _place(new), abs(math.log(_work(one[1]) / _work(new)))

        return [key for key, _ in nsmallest(PER_TABLE, candidates, key=distance)]

    ranks = zip_longest(*map(best, wanted[:PER_GENERATOR]))
    return [key for key in dict.fromkeys(key for rank in ranks for key in rank) if key is not None][:PER_GENERATOR]


def group_of(identity: CellIdentity) -> Group:
    """Return the generator and its options except ``epochs``; earlier trainings with other values are not used."""
    options: Mapping[str, object] = {name: value for name, value in identity.config.items() if name != EPOCHS}
    return identity.generator, json.dumps(options, sort_keys=True)


def _place(identity: CellIdentity) -> tuple[str, int]:
    return identity.dataset_fingerprint, _epochs(identity) or 0


def _epochs(identity: CellIdentity) -> int | None:
    epochs = identity.config.get(EPOCHS)
    return epochs if isinstance(epochs, int) and epochs > 0 else None


def _work(identity: CellIdentity) -> int:
    epochs = _epochs(identity)
    if epochs is None:
        return max(1, identity.n_train * identity.n_features)
    return max(1, identity.n_train * epochs * (identity.n_features + INNER))


def _values(identity: CellIdentity) -> int:
    return max(1, identity.n_test * identity.n_features * identity.draws)


def _mean(seconds: Iterable[float]) -> float:
    """Return the mean, but at least 0, because differences of rounded times can be negative."""
    found = list(seconds)
    return max(0.0, fmean(found)) if found else 0.0
