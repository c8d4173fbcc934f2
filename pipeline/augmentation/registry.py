"""Kinds of augmentation by name: every class in a file of `pipeline/augmentation/kinds/`."""

import re
from functools import cache

from pipeline.augmentation.base import Augmentation
from pipeline.base.registry import entry_of, names_in

PACKAGE = "pipeline.augmentation.kinds"


@cache
def augmentations() -> dict[str, type[Augmentation]]:
    """Every kind by its name in params.yaml, in the order in which the files define them."""
    modules = [entry_of(PACKAGE, name) for name in names_in(PACKAGE)]
    return {
        _snake_case(value.__name__): value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Augmentation)
        and value.__module__ == module.__name__
    }


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
