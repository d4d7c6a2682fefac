"""What MLflow's own Python client reads of the runs of an experiment, or logs for an import, as one line of JSON."""

import hashlib
import json
import os
import sys
import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.data.meta_dataset import MetaDataset
from mlflow.data.http_dataset_source import HTTPDatasetSource
from mlflow.entities import Metric, Param, RunTag, ViewType

url, command = sys.argv[1:3]
mlflow.set_tracking_uri(url)
client = MlflowClient(url)


def files(run_id, path=None):
    for entry in client.list_artifacts(run_id, path):
        if entry.is_dir:
            yield from files(run_id, entry.path)
        else:
            yield entry.path


def digest_of(run_id, path):
    with open(client.download_artifacts(run_id, path), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_run(run):
    return {
        "id": run.data.tags["fairlead.run_id"],
        "name": run.info.run_name,
        "status": run.info.status,
        "deleted": run.info.lifecycle_stage == "deleted",
        "parent": run.data.tags.get("mlflow.parentRunId"),
        "mlflowId": run.info.run_id,
        "started": run.info.start_time,
        "ended": run.info.end_time,
        "params": run.data.params,
        "tags": {key: value for key, value in run.data.tags.items() if not key.startswith(("mlflow.", "fairlead."))},
        # repr keeps NaN and every digit
        "metrics": {
            key: sorted([m.step, m.timestamp, repr(m.value)] for m in client.get_metric_history(run.info.run_id, key))
            for key in run.data.metrics
        },
        "artifacts": {path: digest_of(run.info.run_id, path) for path in files(run.info.run_id)},
        "datasets": sorted(entry.dataset.name for entry in run.inputs.dataset_inputs),
    }


def read(experiment):
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id], run_view_type=ViewType.ALL, max_results=1000)
    return [read_run(client.get_run(run.info.run_id)) for run in runs]


def write(experiment):
    experiment_id = client.create_experiment(experiment)
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_param("lr", 0.1)
        mlflow.set_tag("who", "python")
        source = HTTPDatasetSource("https://example.com/digits.csv")
        mlflow.log_input(MetaDataset(source, name="digits", digest="abc123"), context="training")
        mlflow.log_text("hello from python", "notes/a b.txt")
        with mlflow.start_run(run_name="child", nested=True) as child:
            values = [float("nan") if step % 7 == 3 else step / 3 for step in range(2500)]
            for at in range(0, 2500, 1000):
                points = [Metric("loss/train", values[i], 1700000000000 + i, i) for i in range(at, min(at + 1000, 2500))]
                client.log_batch(child.info.run_id, points)
            client.log_batch(child.info.run_id, [Metric("once", 1.5, 1700000000000, 0)], [Param("p", "x" * 6000)], [RunTag("t", "ü 語")])
        with mlflow.start_run(run_name="failed", nested=True) as failed:
            pass
        client.set_terminated(failed.info.run_id, "FAILED", 1700000009000)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "digits.onnx")
        with open(path, "wb") as file:
            file.write(bytes(range(256)) * 40)
        client.log_artifact(parent.info.run_id, path, "model")
    model = f"{experiment}-model"
    client.create_registered_model(model)
    for folder in ["model", "notes", "nothing"]:
        client.create_model_version(model, f"{parent.info.artifact_uri}/{folder}", parent.info.run_id, tags={"from": folder})
    client.set_registered_model_alias(model, "champion", "1")
    client.set_registered_model_alias(model, "broken", "3")
    return {"parent": parent.info.run_id, "child": child.info.run_id, "failed": failed.info.run_id, "experiment": experiment_id, "model": model}


def log_more(run_id):
    client.log_batch(run_id, [Metric("once", 2.5, 1700000000001, 1)], [], [RunTag("later", "yes")])
    return {}


print(json.dumps({"read": read, "write": write, "log_more": log_more}[command](*sys.argv[3:])))
