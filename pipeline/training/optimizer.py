"""The optimizer, and the schedule of its learning rate."""

from pipeline.base.backend import keras
from pipeline.training.params import FitParams


def make_optimizer(params: FitParams, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer of a training of `steps` batches.

    SGD has Nesterov momentum. AdamW (Loshchilov & Hutter, "Decoupled Weight Decay Regularization",
    2019) leaves biases and what batch normalisation scales and shifts by undecayed.
    """
    rate = make_schedule(params, steps)
    if params.optimizer == "adam":
        return keras.optimizers.Adam(rate)
    if params.optimizer == "adamw":
        adamw = keras.optimizers.AdamW(rate, weight_decay=params.weight_decay)
        adamw.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        return adamw
    return keras.optimizers.SGD(rate, momentum=params.momentum, nesterov=params.momentum > 0)


def make_schedule(
    params: FitParams, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule | float:
    """Learning rate of each step.

    Returns
    -------
    float or schedule
        ``inverse_time``: learning_rate / (1 + decay * step), the classical decay.
        ``cosine``: linearly from 0 to learning_rate over the first `warmup` of the steps, then
        along half a cosine to 0 (Loshchilov & Hutter, "SGDR", 2017, without restarts; with
        the warm-up it is the course of Smith's "1cycle", 2018, with the momentum kept).
    """
    if params.schedule == "cosine":
        rising = min(round(params.warmup * steps), steps - 1)
        if not rising:
            return keras.optimizers.schedules.CosineDecay(params.learning_rate, steps)
        return keras.optimizers.schedules.CosineDecay(
            0.0, steps - rising, warmup_target=params.learning_rate, warmup_steps=rising
        )
    if not params.decay:
        return params.learning_rate
    return keras.optimizers.schedules.InverseTimeDecay(params.learning_rate, 1, params.decay)
