"""How long a command that trains several times will take, by what its first training took."""

import os
from collections.abc import Sequence

import numpy as np

from pipeline.base.parallel import workers
from pipeline.base.terminal import about
from pipeline.training.record import Record


def outlook(records: Sequence[Record], folds: int) -> str:
    """Say about how long `folds` folds will train, if each takes as long as those of `records`.

    Those may come from the cache: their records say what they took when they were trained.
    """
    seconds = folds * float(np.mean([record.seconds for record in records]))
    if os.environ.get("PIPELINE_SCHEDULER"):
        return f"{about(seconds)} of training on one core"
    count = min(workers(), folds)
    return f"{about(seconds / count)} of training, {count} at a time"
