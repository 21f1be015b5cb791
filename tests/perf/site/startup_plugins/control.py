from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tabgenbench_plugins.generators.shuffled import Shuffled


class TimedControl(Shuffled):
    name = "timed-control"

    def fit(self, *arguments: Any) -> None:
        Path(os.environ["STARTUP_CONTROL"]).write_text(str(time.time()))
        super().fit(*arguments)
