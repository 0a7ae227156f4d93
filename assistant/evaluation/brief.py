"""Values that may be written briefly in a file: as their first field alone."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from eligen.tools.layout import Value


class Brief(Value):
    """A value that, where a file has no mapping for it, is what stands there as its first field."""

    model_config = ConfigDict(serialize_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _from_first_field(cls, value: Any) -> Any:
        return value if isinstance(value, dict | cls) else {next(iter(cls.model_fields)): value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return a schema that takes the first field's values beside the mapping."""
        schema = handler(core)
        whole = handler.resolve_ref_schema(schema)
        mapping = dict(whole)
        first = {key: value for key, value in next(iter(mapping["properties"].values())).items() if key != "title"}
        whole.clear()
        whole["anyOf"] = [first, mapping]
        return schema
