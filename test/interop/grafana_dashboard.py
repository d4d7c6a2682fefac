"""What Grafana's own Foundation SDK does not know of dashboards, or types otherwise: a list of faults for each, as one line of JSON."""

import enum
import json
import sys
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()


def lost(given, kept, path):
    """What of the given JSON is not there any more when the SDK has read and written it."""
    if isinstance(given, dict):
        if not isinstance(kept, dict):
            return [f"{path}: lost"]
        faults = []
        for key, value in given.items():
            faults += lost(value, kept[key], f"{path}.{key}") if key in kept else [f"{path}.{key}: unknown"]
        return faults
    if isinstance(given, list):
        if not isinstance(kept, list) or len(given) != len(kept):
            return [f"{path}: lost"]
        return [fault for index, pair in enumerate(zip(given, kept)) for fault in lost(*pair, f"{path}.{index}")]
    return [] if given == kept else [f"{path}: {given!r} became {kept!r}"]


def untyped(value, hint, path):
    """What is not of the type that the SDK declares; its reader checks no types."""
    origin = typing.get_origin(hint)
    inner = typing.get_args(hint)
    if hint is typing.Any or hint is object or isinstance(hint, typing.TypeVar):
        return []
    if origin in (typing.Union, types.UnionType):
        tries = [untyped(value, each, path) for each in inner]
        return min(tries, key=len)
    if origin is typing.Literal:
        return [] if value in inner else [f"{path}: {value!r} is none of {inner!r}"]
    if hint is None or hint is type(None):
        return [] if value is None else [f"{path}: not None"]
    if origin in (list, typing.List):
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [fault for index, each in enumerate(value) for fault in untyped(each, inner[0], f"{path}.{index}")]
    if origin in (dict, typing.Dict):
        if not isinstance(value, dict):
            return [f"{path}: no object"]
        return [fault for key, each in value.items() for fault in untyped(each, inner[1], f"{path}.{key}")]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        known = [each.value for each in hint]
        plain = value.value if isinstance(value, enum.Enum) else value
        return [] if plain in known else [f"{path}: {plain!r} is none of {known!r}"]
    if hint is float:
        return [] if isinstance(value, (int, float)) and not isinstance(value, bool) else [f"{path}: no number"]
    if hint is int:
        return [] if isinstance(value, int) and not isinstance(value, bool) else [f"{path}: no integer"]
    if hint in (str, bool):
        return [] if isinstance(value, hint) else [f"{path}: no {hint.__name__}"]
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # Some the reader leaves as they are.
        value = hint.from_json(value)
    return fields(value, path) if hasattr(value, "to_json") else [f"{path}: {type(value).__name__}, no {hint}"]


def fields(thing, path):
    """The same of all fields of an object of the SDK."""
    faults = []
    for name, hint in typing.get_type_hints(type(thing)).items():
        value = getattr(thing, name, None)
        # What an interface stands for, such as the query of a panel or its options, says its type itself.
        if hasattr(value, "to_json"):
            faults += fields(value, f"{path}.{name}")
        elif isinstance(value, list) and any(hasattr(each, "to_json") for each in value):
            for index, each in enumerate(value):
                faults += fields(each, f"{path}.{name}.{index}") if hasattr(each, "to_json") else []
        elif value is not None:
            faults += untyped(value, hint, f"{path}.{name}")
    return faults


def faults_of(given):
    read = Dashboard.from_json(given)
    kept = json.loads(json.dumps(read, cls=JSONEncoder))
    return lost(given, kept, "") + fields(read, "")


print(json.dumps([faults_of(each) for each in json.load(sys.stdin)]))
