"""What MLflow's own Python client sees of registered models, or does to them, as one line of JSON."""

import json
import os
import sys
import tempfile

import mlflow
from mlflow import MlflowClient

url, command, name = sys.argv[1:4]
mlflow.set_tracking_uri(url)
client = MlflowClient(url)


def see(alias):
    folder = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}@{alias}")
    files = {
        os.path.relpath(os.path.join(base, file), folder): open(os.path.join(base, file), "rb").read().decode()
        for base, _, found in os.walk(folder)
        for file in found
    }
    model = client.get_registered_model(name)
    return {
        "models": [found.name for found in client.search_registered_models()],
        "aliases": model.aliases,
        "versions": {
            found.version: [found.description, found.tags, found.run_id]
            for found in client.search_model_versions(f"name = '{name}'")
        },
        "files": files,
    }


def move(alias, version):
    client.set_registered_model_alias(name, alias, version)
    return {}


def delete(version):
    client.delete_model_version(name, version)
    return {}


def register(alias, *pairs):
    """Registers a folder of files, given as pairs of path and content."""
    run = client.create_run(client.create_experiment(f"{name}-by-python")).info
    with tempfile.TemporaryDirectory() as folder:
        for path, content in zip(pairs[::2], pairs[1::2]):
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w") as file:
                file.write(content)
        client.log_artifacts(run.run_id, folder, "model")
    try:
        client.create_registered_model(name)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(name, f"{run.artifact_uri}/model", run.run_id, description="by Python").version
    client.set_registered_model_alias(name, alias, version)
    return {"version": version, "run": run.run_id}


print(json.dumps(globals()[command](*sys.argv[4:])))
