"""Short forms of request shapes: a text, or a number, in place of an object with one field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class ShortForm:
    """Marks a shape, as `Annotated[ImageShape, ShortForm(…)]`, that may come in short."""

    shape: str
    """The name of the shape in the description of the API."""
    text: str
    """The field that a text stands for."""
    means: str
    """The meaning of a text, in words."""
    whole: str | None = None
    """The field that a whole number stands for, if there is one: an id of an item."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, *_: object) -> dict[str, Any]:
        whole = {"type": "integer", "description": "id of an item"}
        text = {"type": "string", "description": self.means}
        full = {"$ref": f"#/components/schemas/{self.shape}"}
        return {"anyOf": [*([whole] if self.whole else []), text, full]}

    def read(self, value: Any) -> Any:
        """A short form as an object; other values as they are."""
        if isinstance(value, str):
            return {self.text: value}
        if self.whole and isinstance(value, int) and not isinstance(value, bool):
            return {self.whole: value}
        return value
