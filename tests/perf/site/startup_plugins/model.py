from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tabgenbench_plugins.generators.cvae import CVAE


class TimedCvae(CVAE):
    name = "timed-cvae"

    def fit(self, *arguments: Any) -> None:
        Path(os.environ["STARTUP_CVAE"]).write_text(str(time.time()))
        super().fit(*arguments)
