"""Registries that are file names: each file of a package is the entry of its name."""

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

NO_ENTRIES = ("params",)  # besides sub-packages such as shared/


@cache
def names_in(package: str) -> tuple[str, ...]:
    """Sorted names of the entries of a package such as "pipeline.features"."""
    folder = Path(str(import_module(package).__file__)).parent
    found = pkgutil.iter_modules([str(folder)])
    return tuple(
        sorted(each.name for each in found if not each.ispkg and each.name not in NO_ENTRIES)
    )


def entry_of(package: str, name: str) -> ModuleType:
    """Import the entry `name`, one of `names_in(package)`."""
    return import_module(f"{package}.{name}")


def class_in(module: ModuleType, base: type) -> type:
    """The one class derived from `base` that `module` itself defines.

    Raises
    ------
    TypeError
        There is none, or more than one.
    """
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(
            f"{module.__file__} should define one class that derives from {base.__name__}, "
            f"not {len(found)}"
        )
    return found[0]
