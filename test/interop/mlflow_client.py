"""What MLflow's own Python client reads of a run and a model, or writes, as one line of JSON."""

import json
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

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


print(json.dumps({"read": read, "write": write}[command](*sys.argv[3:])))
