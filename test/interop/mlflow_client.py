"""What MLflow's own Python client reads of a run and a model, or writes, as one line of JSON."""

import hashlib
import json
import os
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

url, command = sys.argv[1:3]
mlflow.set_tracking_uri(url)
client = MlflowClient(url)


def read(run_id, model, alias):
    run = client.get_run(run_id)
    return {
        "status": run.info.status,
        "params": run.data.params,
        "tags": {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
        # repr keeps NaN and every digit
        "history": {
            key: [[repr(m.value), m.timestamp, m.step] for m in client.get_metric_history(run_id, key)]
            for key in run.data.metrics
        },
        "datasets": [
            [d.dataset.name, d.dataset.digest, {t.key: t.value for t in d.tags}] for d in run.inputs.dataset_inputs
        ],
        "artifact": open(client.download_artifacts(run_id, "model/weights.bin"), "rb").read().hex(),
        "version": client.get_model_version_by_alias(model, alias).version,
        "source": client.get_model_version_by_alias(model, alias).source,
    }


def write(experiment):
    experiment_id = client.create_experiment(experiment)
    run = client.create_run(experiment_id, start_time=1700000000000, run_name="from-python")
    metrics = [Metric("loss", value, 1700000000000 + step, step) for step, value in enumerate([0.5, float("nan"), 1e-300])]
    client.log_batch(run.info.run_id, metrics, [Param("lr", "0.1")], [RunTag("who", "python")])
    client.log_text(run.info.run_id, "hello from python", "notes/a b.txt")
    client.set_terminated(run.info.run_id, "FAILED", 1700000009000)
    return {"run": run.info.run_id, "experiment": experiment_id}


def files_of(path):
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names] or [path]


def read_tracked(experiment, model, alias):
    """A run with its parts and its version, found by what people know of them."""
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    runs = client.search_runs([experiment_id], order_by=["attributes.start_time ASC"])
    run, *children = runs
    version = client.get_model_version_by_alias(model, alias)
    model_files = files_of(mlflow.artifacts.download_artifacts(f"models:/{model}@{alias}"))
    run_id = run.info.run_id
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "params": run.data.params,
        "tags": run.data.tags,
        "children": [
            {"name": child.info.run_name, "status": child.info.status}
            for child in children
            if child.data.tags.get("mlflow.parentRunId") == run_id
        ],
        "history": {
            key: [[repr(m.value), m.timestamp, m.step] for m in client.get_metric_history(run_id, key)]
            for key in run.data.metrics
        },
        "datasets": [
            [d.dataset.name, {t.key: t.value for t in d.tags}.get("mlflow.data.context")]
            for d in run.inputs.dataset_inputs
        ],
        "artifact": open(client.download_artifacts(run_id, "model/weights.bin"), "rb").read().hex(),
        "long": os.path.getsize(client.download_artifacts(run_id, "params/long.txt")),
        "model": {
            "version": version.version,
            "description": version.description,
            "stage": version.tags.get("stage"),
            "aliases": list(version.aliases),
            "bytes": hashlib.sha256(open(model_files[0], "rb").read()).hexdigest(),
        },
    }


def write_tracked(experiment):
    experiment_id = client.create_experiment(experiment)
    parent = client.create_run(experiment_id, start_time=1699999999000, run_name="parent")
    run = client.create_run(
        experiment_id,
        start_time=1700000000000,
        run_name="from-python",
        tags={"mlflow.parentRunId": parent.info.run_id},
    )
    run_id = run.info.run_id
    start = 1700000000000
    metrics = [Metric("loss", value, start + step, step) for step, value in enumerate([0.5, float("nan"), 1e-300])]
    metrics += [Metric("bound", value, start + step, step) for step, value in enumerate([float("inf"), float("-inf")])]
    client.log_batch(run_id, metrics, [Param("lr", "0.1"), Param("net", "cnn")], [RunTag("who", "python")])
    dataset = Dataset("digits", "abc123", "local", "digits.csv")
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    client.log_text(run_id, "hello from python", "notes/a b.txt")
    client.set_terminated(run_id, "FAILED", 1700000009000)
    client.set_terminated(parent.info.run_id, "FINISHED", 1700000009000)
    version = None
    if experiment == "from python":
        client.create_registered_model("digits of python")
        client.log_text(parent.info.run_id, "the bytes of a model", "model/model.onnx")
        source = f"{client.get_run(parent.info.run_id).info.artifact_uri}/model"
        version = client.create_model_version("digits of python", source, parent.info.run_id).version
        client.set_registered_model_alias("digits of python", "champion", version)
    return {"run": run_id, "parent": parent.info.run_id, "version": version}


def move_alias(model, alias, version):
    client.set_registered_model_alias(model, alias, version)
    return {}


commands = {
    "read": read,
    "write": write,
    "read-tracked": read_tracked,
    "write-tracked": write_tracked,
    "tags": lambda run_id: client.get_run(run_id).data.tags,
    "status": lambda run_id: {"status": client.get_run(run_id).info.status},
    "move-alias": move_alias,
    "alias": lambda model, alias: {"version": client.get_model_version_by_alias(model, alias).version},
}
print(json.dumps(commands[command](*sys.argv[3:])))
