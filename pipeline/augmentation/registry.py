"""Kinds of augmentation by name: the file `kinds/<name>.py` defines the kind <name>."""

from functools import cache

from pipeline.augmentation.base import Augmentation
from pipeline.base.registry import class_in, entry_of, names_in

PACKAGE = "pipeline.augmentation.kinds"


@cache
def augmentations() -> dict[str, type[Augmentation]]:
    """Every kind of augmentation by name, sorted."""
    return {name: class_in(entry_of(PACKAGE, name), Augmentation) for name in names_in(PACKAGE)}
