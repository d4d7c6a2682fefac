"""Asks a server as clients of TensorFlow Serving do, by Python's own json and urllib, and prints what they understood."""

import base64
import json
import math
import sys
import urllib.error
import urllib.request

base = sys.argv[1] + "/v1/models/"


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def kind(value):
    if isinstance(value, list):
        return [kind(each) for each in value]
    if isinstance(value, dict):
        return {name: kind(each) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "float " + str(value)
    return f"{type(value).__name__} {value}"


status = ask("double")[1]["model_version_status"][0]
signature = ask("double/metadata")[1]["metadata"]["signature_def"]["signature_def"]["serving_default"]
special = [[math.nan, math.inf], [-math.inf, -0.0], [16777220.0, 0.1]]
report = {
    "state": status["state"],
    "ok": status["status"]["error_code"],
    "inputs": {name: [info["dtype"]] + [int(axis["size"]) for axis in info["tensor_shape"]["dim"]]
               for name, info in signature["inputs"].items()},
    "rows": kind(ask("double:predict", {"instances": [[1, 2.5]]})[1]),
    "columns": kind(ask("double/versions/1:predict", {"inputs": {"x": special}})[1]),
    "label": ask("double/labels/stable:predict", {"instances": [[1, 2]]})[0],
    "long": kind(ask("long:predict", {"instances": [2**53 + 1, -(2**63), 2**63 - 1]})[1]),
    "bytes": kind(ask("text:predict", {"instances": [{"b64": base64.b64encode("föö".encode()).decode()}, "bar"]})[1]),
    "regress": kind(ask("regress:regress", {"examples": [{"age": 3}, {"age": 4.5}]})[1]),
    "wrong": [ask("double:predict", {"instances": [[1]]})[0], ask("none:predict", {"instances": [[1]]})[0]],
    "error": sorted(ask("double:predict", {"instances": [[1, 2], [3]]})[1])[:2],
}
print(json.dumps(report))
