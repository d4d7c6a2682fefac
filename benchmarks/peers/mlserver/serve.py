"""Writes MLServer's settings into the present folder and becomes its command."""

import json
import os
import sys

settings = {
    "host": "127.0.0.1",
    "http_port": int(os.environ["BENCH_PORT"]),
    "grpc_port": int(os.environ["BENCH_SPARE_PORT"]),
    "metrics_endpoint": None,
    "parallel_workers": int(os.environ["BENCH_WORKERS"]),
    "debug": False,
    "logging_settings": None,
}
batch = int(os.environ["BENCH_BATCH"])
model = {
    "name": "mlp",
    "implementation": "model.Model",
    "max_batch_size": batch,
    "max_batch_time": float(os.environ["BENCH_WAIT_MS"]) / 1000 if batch > 0 else 0,
}
with open("settings.json", "w") as file:
    json.dump(settings, file)
with open("model-settings.json", "w") as file:
    json.dump(model, file)
with open("model.py", "w") as file, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "model.py")) as source:
    file.write(source.read())
mlserver = os.path.join(os.path.dirname(sys.executable), "mlserver")
os.execv(mlserver, [mlserver, "start", "."])
