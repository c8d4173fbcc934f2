"""Types of fields that several sections of params.yaml have."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

# For the dataclass of every section: no unknown key, no text for a number, no infinity.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _whole(value: Any) -> Any:
    if isinstance(value, bool | float):  # Literal takes true and 1.0 for 1
        raise ValueError("should be a whole number")
    return value


WHOLE = BeforeValidator(_whole)

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
