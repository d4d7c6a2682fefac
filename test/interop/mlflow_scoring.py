"""MLflow's own scoring: its server around a model that doubles, or what its clients make of a server, case by case."""

import io
import json
import socket
import sys
import traceback

import numpy as np
import pandas as pd


def serve(folder):
    """Serves a model by MLflow's own application, and prints the port."""
    import os

    import mlflow.pyfunc
    import uvicorn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec

    class Double(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            values = model_input["x"] if isinstance(model_input, dict) else model_input
            return np.asarray(values, dtype=np.float32) * np.float32(2)

    tensor = TensorSpec(np.dtype("float32"), (-1, 2))
    path = os.path.join(folder, "model")
    signature = ModelSignature(inputs=Schema([tensor]), outputs=Schema([tensor]))
    mlflow.pyfunc.save_model(path, python_model=Double(), signature=signature, pip_requirements=[])
    os.environ["__pyfunc_model_path__"] = path
    from mlflow.pyfunc.scoring_server import init

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(init(mlflow.pyfunc.load_model(path)), log_level="warning"))
    server.run(sockets=[listening])


cases = {}


def case(function):
    try:
        function()
        cases[function.__name__] = "ok"
    except Exception:
        cases[function.__name__] = traceback.format_exc()[-2000:]
    return function


def ask(url):
    import requests
    from mlflow.deployments import PredictionsResponse, get_deploy_client
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, port = url.removeprefix("http://").split(":")
    client = ScoringServerClient(host, int(port))
    rows = np.array([[1, 2], [3.5, -4]], dtype=np.float32)

    @case
    def becomes_ready():
        client.wait_server_ready(timeout=30)
        client.ping()
        assert client.get_version()

    @case
    def array():
        answer = client.invoke(rows).get_predictions("ndarray", dtype=np.float32)
        np.testing.assert_array_equal(answer, rows * 2)

    @case
    def data_frame():
        answer = client.invoke(pd.DataFrame(rows, columns=["a", "b"], index=[7, 8])).get_predictions("ndarray")
        np.testing.assert_array_equal(answer, rows * 2)

    @case
    def data_frame_of_columns_by_name():
        # By name, the columns are the inputs of a model with several.
        frame = pd.DataFrame({"scale": [1.0, 10.0], "x": [[1.0, 2.0], [3.0, 4.0]]})
        body = json.dumps({"dataframe_split": frame.to_dict(orient="split")})
        answer = requests.post(f"{url}/endpoints/tabular/invocations", data=body, headers={"Content-Type": "application/json"})
        got = PredictionsResponse.from_json(answer.text).get_predictions("dataframe")
        pd.testing.assert_frame_equal(got, pd.DataFrame({"total": [3.0, 70.0], "label": ["yes", "yes"]}))

    @case
    def missing_values():
        frame = pd.DataFrame({"a": [1.0, None], "b": [2.0, 3.0]})
        got = client.invoke(frame).get_predictions("ndarray", dtype=np.float64)
        np.testing.assert_array_equal(got, frame.to_numpy() * 2)

    @case
    def whole_floats_stay_floats():
        got = client.invoke(np.ones((1, 2), dtype=np.float32)).get_predictions("ndarray")
        assert got.dtype == np.float64, got.dtype

    @case
    def csv():
        text = pd.DataFrame(rows, columns=["a", "b"]).to_csv(index=False)
        answer = requests.post(f"{url}/invocations", data=text, headers={"Content-Type": "text/csv"})
        np.testing.assert_array_equal(answer.json()["predictions"], rows * 2)

    @case
    def records():
        body = json.dumps({"dataframe_records": pd.DataFrame(rows, columns=["a", "b"]).to_dict(orient="records")})
        answer = requests.post(f"{url}/invocations", data=body, headers={"Content-Type": "application/json"})
        np.testing.assert_array_equal(answer.json()["predictions"], rows * 2)

    @case
    def params():
        got = client_of_tabular({"inputs": {"x": rows.tolist()}, "params": {"scale": 2.0}})
        assert [each["total"] for each in got["predictions"]] == [6.0, -1.0], got

    @case
    def deployment_client():
        got = get_deploy_client(url).predict(endpoint="mock", inputs={"inputs": rows.tolist()})
        np.testing.assert_array_equal(got["predictions"], rows * 2)

    @case
    def refusals_are_told():
        try:
            client.invoke(np.zeros((1, 3), dtype=np.float32))
            raise AssertionError("not refused")
        except Exception as error:
            assert "error code 400" in str(error) and "[batch, 2]" in str(error), error

    @case
    def array_of_numpy_at_sagemakers_path():
        body = io.BytesIO()
        np.save(body, rows.astype(np.float64))
        headers = {"Content-Type": "application/x-npy", "Accept": "application/x-npy"}
        answer = requests.post(f"{sagemaker}/invocations", data=body.getvalue(), headers=headers)
        got = np.load(io.BytesIO(answer.content))
        assert got.dtype == np.float32, got.dtype
        np.testing.assert_array_equal(got, rows * 2)

    @case
    def fortran_order_is_refused():
        body = io.BytesIO()
        np.save(body, np.asfortranarray(rows))
        answer = requests.post(f"{sagemaker}/invocations", data=body.getvalue(), headers={"Content-Type": "application/x-npy"})
        assert answer.status_code == 400 and "fortran_order" in answer.text, answer.text

    print(json.dumps(cases))


def client_of_tabular(inputs):
    from mlflow.deployments import get_deploy_client

    return get_deploy_client(sys.argv[2]).predict(endpoint="tabular", inputs=inputs)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    sagemaker = sys.argv[3]
    ask(sys.argv[2])
