"""Logs points with MLflow's client to its default store, SQLite, by batches of 1000; prints points a second as JSON.

usage: log_points.py FOLDER POINTS
"""

import json
import os
import sys
import time

folder, points = sys.argv[1], int(sys.argv[2])
os.chdir(folder)

import mlflow  # noqa: E402  (its default store lies in the folder that it is started in)
from mlflow.entities import Metric  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

BATCH = 1000
client = MlflowClient()
experiment = client.create_experiment("bench")
run_id = client.create_run(experiment).info.run_id


def batch(first):
    now = int(time.time() * 1000)
    return [Metric("loss", 1.0 / (first + i + 1), now, first + i) for i in range(BATCH)]


client.log_batch(run_id, metrics=batch(0))  # opens the database and prepares the statements
started = time.perf_counter()
for first in range(BATCH, BATCH + points, BATCH):
    client.log_batch(run_id, metrics=batch(first))
seconds = time.perf_counter() - started
client.set_terminated(run_id)
print(
    json.dumps(
        {
            "version": mlflow.__version__,
            "store": mlflow.get_tracking_uri(),
            "pointsPerSecond": points / seconds,
            "kept": client.get_run(run_id).data.metrics["loss"] == 1.0 / (BATCH + points),
        }
    )
)
