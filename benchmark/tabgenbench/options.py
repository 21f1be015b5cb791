"""Options of plugins. Their values are validated, and then cannot be changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tabgenbench.errors import ConfigError, did_you_mean

__all__ = ["Options", "make_options", "parse_plugin_string"]


class Options(BaseModel):
    """Base class of plugin options (class ``Config``). Instances are immutable, and unknown options are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


OptionsT = TypeVar("OptionsT", bound=Options)


def make_options(config: type[OptionsT], values: Mapping[str, Any], *, where: str) -> OptionsT:
    """Validate options from a suite file or the command line, and return them as an object of ``config``.

    Raises:
        ConfigError: an option is unknown or its value is invalid. The message names the option; for an unknown option,
            it suggests a similar name.
    """
    for name in values:
        if name not in config.model_fields:
            raise ConfigError(f"{where}: unknown option {name!r}{did_you_mean(name, config.model_fields)}")
    try:
        return config.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = ".".join(str(part) for part in first["loc"]) or "options"
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{where}: option {option!r}: got {first['input']!r}: {message}") from None


def parse_plugin_string(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name:key=value,key=value`` into the name and its options.

    A value is parsed as JSON if possible (``3``, ``true``, ``[1000, 512]``, ``null``); otherwise it is a text. Commas
    inside brackets belong to the value.

    >>> parse_plugin_string("cvae:epochs=30,hidden=[64,32],weights=best")
    ('cvae', {'epochs': 30, 'hidden': [64, 32], 'weights': 'best'})
    """
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in _split_outside_brackets(rest):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{text!r}: got {part!r}, expected key=value; write NAME:key=value,key=value")
        options[key.strip()] = _json_or_text(value.strip())
    return name.strip(), options


def _split_outside_brackets(text: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part for part in [*parts, current] if part.strip()]


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        if value.startswith("[") and value.endswith("]"):  # [a,b] without quotes, as typed in a shell
            return [_json_or_text(item.strip()) for item in _split_outside_brackets(value[1:-1])]
        return value
