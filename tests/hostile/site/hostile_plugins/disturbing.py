"""Change the state of the whole process."""

from __future__ import annotations

import os
import random
import signal
import sys
import warnings

import numpy as np
import pandas as pd

from hostile_plugins.resample import Resample
from tabgenbench import FitContext, SampleContext, Table


class Disturbs(Resample):
    name = "disturbs"

    def __init__(self, config: object = None) -> None:
        super().__init__()
        disturb()

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        super().fit(train, validation, context)
        disturb()

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        disturb()
        table = super().sample(conditions.copy(), context)
        conditions.iloc[:, :] = conditions.iloc[0, 0]
        return table


def disturb() -> None:
    """Change the working folder, the random state, the module path, the environment and settings of libraries."""
    import torch

    os.chdir("/")
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    torch.set_num_threads(7)
    torch.set_default_dtype(torch.float64)
    torch.set_flush_denormal(False)
    np.seterr(all="ignore")
    pd.set_option("display.precision", 2)
    sys.path.insert(0, "/nonexistent")
    sys.path[1:] = reversed(sys.path[1:])
    os.environ.update(TMPDIR="/nonexistent", OMP_NUM_THREADS="7", TABGENBENCH_DATA="/nonexistent", HOME="/nonexistent")
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
