"""Finds runs by MLflow's own reading of filters.

Reads {"runs": [...], "filters": [...]} from standard input, and prints for each filter the numbers of the runs that it
finds, or what MLflow has against it.
"""

import json
import sys

from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunTag,
)
from mlflow.utils.search_utils import SearchUtils


def run_of(given):
    info = RunInfo(
        run_id=given["id"],
        experiment_id="0",
        user_id="",
        status=given["status"],
        start_time=given["start_time"],
        end_time=given["end_time"],
        lifecycle_stage="active",
        run_name=given["name"],
    )
    data = RunData(
        metrics=[Metric(key, float(value), 0, 0) for key, value in given["metrics"]],
        params=[Param(key, value) for key, value in given["params"]],
        tags=[RunTag(key, value) for key, value in given["tags"]],
    )
    inputs = [
        DatasetInput(
            Dataset(name=name, digest=digest, source_type="", source=""),
            [] if context is None else [InputTag("mlflow.data.context", context)],
        )
        for name, digest, context in given["inputs"]
    ]
    return Run(info, data, RunInputs(dataset_inputs=inputs))


def found(runs, text):
    try:
        ids = {run.info.run_id for run in SearchUtils.filter(runs, text)}
    except Exception as error:  # noqa: BLE001, whatever it says is the answer
        return str(error)
    return [index for index, run in enumerate(runs) if run.info.run_id in ids]


asked = json.load(sys.stdin)
runs = [run_of(given) for given in asked["runs"]]
json.dump([found(runs, text) for text in asked["filters"]], sys.stdout)
