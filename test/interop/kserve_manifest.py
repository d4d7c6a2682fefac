"""What the classes of KServe's own SDK, and of Kubernetes' client, do not know of an InferenceService: one line of JSON."""

import importlib
import importlib.util
import json
import re
import sys
import types

import yaml
from kubernetes import client

# The package's own __init__ imports every server that comes with it; its classes need none of them.
package = types.ModuleType("kserve")
package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
sys.modules["kserve"] = package
models = types.ModuleType("kserve.models")
models.__path__ = [f"{package.__path__[0]}/models"]
sys.modules["kserve.models"] = models

PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}


def class_of(name):
    """A class by its name in the SDK: one of KServe's, or of Kubernetes'."""
    if hasattr(client, name):
        return getattr(client, name)
    # K8sIoApiCoreV1Container is how newer SDKs write V1Container.
    short = re.sub(r"^K8sIo(Api|Apimachinery)\w*?(V\d\w*)$", r"\2", name)
    if hasattr(client, short):
        return getattr(client, short)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return getattr(importlib.import_module(f"kserve.models.{words}"), name)


def faults_of(value, kind, path):
    if kind.lower().startswith("list["):
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [fault for index, each in enumerate(value) for fault in faults_of(each, kind[5:-1], f"{path}.{index}")]
    if kind.lower().startswith("dict"):
        if not isinstance(value, dict):
            return [f"{path}: no object"]
        # "dict(str, str)", or as newer generators write it, "Dict[str, str]".
        inner = kind[5:-1].split(", ", 1)[1]
        return [fault for key, each in value.items() for fault in faults_of(each, inner, f"{path}.{key}")]
    if kind in PLAIN:
        wrong = not isinstance(value, PLAIN[kind]) or (kind == "int" and isinstance(value, bool))
        return [f"{path}: no {kind}"] if wrong else []
    if kind.endswith("Quantity") or kind in ("IntOrString", "object"):
        return [] if isinstance(value, (str, int)) else [f"{path}: no quantity"]
    found = class_of(kind)
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    types_by_key = {found.attribute_map[name]: each for name, each in found.openapi_types.items()}
    faults = []
    for key, each in value.items():
        if key in types_by_key:
            faults += faults_of(each, types_by_key[key], f"{path}.{key}")
        else:
            faults.append(f"{path}.{key}: unknown to {kind}")
    return faults


print(json.dumps([faults_of(each, "V1beta1InferenceService", "") for each in yaml.safe_load_all(sys.stdin)]))
