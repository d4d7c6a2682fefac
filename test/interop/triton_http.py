"""What Triton's own client over HTTP makes of a server, case by case: one line of JSON, each case "ok" or what went wrong."""

import asyncio
import json
import sys
import traceback

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

url = sys.argv[1]
client = http.InferenceServerClient(url, concurrency=8)
cases = {}


def case(function):
    try:
        function()
        cases[function.__name__] = "ok"
    except Exception:
        cases[function.__name__] = traceback.format_exc()[-2000:]
    return function


def refusal(status, *words):
    """Expects that the body of the `with` is refused, with that status and words."""

    class Refusal:
        def __enter__(self):
            return self

        def __exit__(self, kind, error, trace):
            assert kind is not None and issubclass(kind, InferenceServerException), f"not refused but {error!r}"
            assert error.status() == str(status), f"{error.status()}: {error.message()}"
            for word in words:
                assert word in error.message(), error.message()
            assert "    at " not in error.message(), error.message()
            return True

    return Refusal()


def input_of(array, binary=True, name="x", datatype=None):
    given = http.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array, binary_data=binary)
    return given


values = {
    "BOOL": [[True, False, True], [False, False, True]],
    "UINT8": [[0, 1, 255], [2, 3, 4]],
    "UINT16": [[0, 1, 65535], [2, 3, 4]],
    "UINT32": [[0, 1, 2**32 - 1], [2, 3, 4]],
    "UINT64": [[0, 2**53 + 1, 2**64 - 1], [2, 3, 4]],
    "INT8": [[-128, 127, 0], [1, 2, 3]],
    "INT16": [[-32768, 32767, 0], [1, 2, 3]],
    "INT32": [[-(2**31), 2**31 - 1, 0], [1, 2, 3]],
    "INT64": [[-(2**63), 2**63 - 1, 2**53 + 1], [1, 2, 3]],
    "FP16": [[0.5, -65504.0, 6.1e-5], [1, 2, 3]],
    "FP32": [[0.1, -3.4e38, 1.4e-45], [1, 2, 3]],
    "FP64": [[0.1, 1.7976931348623157e308, 5e-324], [1, 2, 3]],
}


def check_echo(datatype, array, binary_in, binary_out):
    outputs = None if binary_out is None else [http.InferRequestedOutput("y", binary_data=binary_out)]
    result = client.infer(f"echo-{datatype}", [input_of(array, binary_in)], outputs=outputs)
    answer = result.as_numpy("y")
    where = f"{datatype} in {binary_in} out {binary_out}: {answer!r}"
    assert result.get_output("y")["datatype"] == datatype, where
    assert answer.shape == array.shape, where
    if array.dtype == np.object_:
        flat = [each if isinstance(each, bytes) else each.encode() for each in answer.reshape(-1)]
        assert flat == list(array.reshape(-1)), where
    else:
        assert answer.dtype == array.dtype, where
        assert np.array_equal(answer, array), where


@case
def every_datatype_as_bytes_and_as_json():
    for datatype, rows in values.items():
        array = np.array(rows, dtype=triton_to_np_dtype(datatype))
        for binary_in in (True, False):
            for binary_out in (True, False, None):
                check_echo(datatype, array, binary_in, binary_out)


@case
def strings_as_bytes_and_as_json():
    array = np.array([["", "grüß"], ["日本", "a\nb"]], dtype=np.object_)
    array = np.vectorize(lambda text: text.encode(), otypes=[np.object_])(array)
    for binary_in in (True, False):
        for binary_out in (True, False, None):
            check_echo("BYTES", array, binary_in, binary_out)


@case
def bits_of_nan_survive_as_bytes():
    bits = np.array([[0x7FC00001, 0xFF800001, 0x80000000]], dtype=np.uint32)
    answer = client.infer("echo-FP32", [input_of(bits.view(np.float32))]).as_numpy("y")
    assert np.array_equal(answer.view(np.uint32), bits), answer.view(np.uint32)


@case
def not_finite_numbers_as_json():
    array = np.array([[np.nan, np.inf, -np.inf]], dtype=np.float32)
    outputs = [http.InferRequestedOutput("y", binary_data=False)]
    answer = client.infer("echo-FP32", [input_of(array, False)], outputs=outputs).as_numpy("y")
    assert np.array_equal(answer, array, equal_nan=True), answer


@case
def no_rows():
    array = np.zeros((0, 3), dtype=np.float32)
    with refusal(400, "x"):
        client.infer("echo-FP32", [input_of(array)])


@case
def health():
    assert client.is_server_live() is True
    assert client.is_server_ready() is True
    assert client.is_model_ready("digits") is True
    version = client.get_model_metadata("digits")["versions"][0]
    assert client.is_model_ready("digits", version) is True
    assert client.is_model_ready("digits", "999") is False
    assert client.is_model_ready("nobody") is False


@case
def metadata():
    server = client.get_server_metadata()
    assert server["name"] == "fairlead" and server["version"], server
    for extension in ("binary_tensor_data", "model_repository", "model_configuration", "statistics", "classification"):
        assert extension in server["extensions"], server
    model = client.get_model_metadata("digits")
    assert model["name"] == "digits" and len(model["versions"]) == 1, model
    assert model["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": [-1, 64]}], model
    assert {each["name"]: each["datatype"] for each in model["outputs"]} == {"label": "INT64", "probabilities": "FP32"}
    assert client.get_model_metadata("digits", model["versions"][0]) == model
    with refusal(404, "999"):
        client.get_model_metadata("digits", "999")


@case
def config():
    found = client.get_model_config("digits")
    assert found["name"] == "digits" and found["max_batch_size"] > 0, found
    assert found["input"][0]["data_type"] == "TYPE_FP32" and found["input"][0]["dims"] == [64], found
    assert [each["name"] for each in found["output"]] == ["label", "probabilities"], found
    assert client.get_model_config("echo-BYTES")["input"][0]["data_type"] == "TYPE_STRING"


pixels = (np.arange(3 * 64, dtype=np.float32).reshape(3, 64) * 7) % 17


@case
def a_real_model():
    whole = client.infer("digits", [input_of(pixels, name="pixels")])
    assert whole.as_numpy("label").shape == (3,), whole.get_response()
    assert whole.as_numpy("probabilities").shape == (3, 10)
    assert np.array_equal(whole.as_numpy("probabilities").argmax(axis=1), whole.as_numpy("label"))
    for row in range(3):
        alone = client.infer("digits", [input_of(pixels[row : row + 1], name="pixels")])
        assert np.array_equal(alone.as_numpy("probabilities")[0], whole.as_numpy("probabilities")[row])


@case
def requested_outputs():
    outputs = [http.InferRequestedOutput("probabilities", binary_data=False), http.InferRequestedOutput("label")]
    result = client.infer("digits", [input_of(pixels, name="pixels")], outputs=outputs, request_id="r-1")
    response = result.get_response()
    assert [each["name"] for each in response["outputs"]] == ["probabilities", "label"], response
    assert response["id"] == "r-1" and response["model_name"] == "digits", response
    assert "data" in result.get_output("probabilities") and "data" not in result.get_output("label")
    only = client.infer("digits", [input_of(pixels, name="pixels")], outputs=[http.InferRequestedOutput("label")])
    assert only.as_numpy("probabilities") is None and only.as_numpy("label").dtype == np.int64


@case
def classes():
    whole = client.infer("digits", [input_of(pixels, name="pixels")]).as_numpy("probabilities")
    for binary in (True, False):
        outputs = [http.InferRequestedOutput("probabilities", binary_data=binary, class_count=3)]
        found = client.infer("digits", [input_of(pixels, name="pixels")], outputs=outputs).as_numpy("probabilities")
        assert found.shape == (3, 3), found
        for row in range(3):
            for place, text in enumerate(found[row]):
                value, index = (text.decode() if isinstance(text, bytes) else text).split(":")
                assert np.float32(value) == whole[row][int(index)], (text, whole[row])
                assert np.sort(whole[row])[-1 - place] == np.float32(value), (place, text, whole[row])


@case
def asynchronous():
    requests = [client.async_infer("digits", [input_of(pixels[:1] + row, name="pixels")]) for row in range(24)]
    labels = [request.get_result().as_numpy("label") for request in requests]
    for row, label in enumerate(labels):
        alone = client.infer("digits", [input_of(pixels[:1] + row, name="pixels")]).as_numpy("label")
        assert np.array_equal(label, alone), row


@case
def asyncio_client():
    async def ask():
        async with http_aio.InferenceServerClient(url) as aio:
            assert await aio.is_server_ready()
            results = await asyncio.gather(
                *[aio.infer("digits", [input_of(pixels, name="pixels")]) for _ in range(8)]
            )
            return [result.as_numpy("label") for result in results]

    labels = asyncio.run(ask())
    assert all(np.array_equal(label, labels[0]) for label in labels), labels


@case
def packed_bodies():
    plain = client.infer("digits", [input_of(pixels, name="pixels")]).as_numpy("probabilities")
    for algorithm in ("gzip", "deflate"):
        for binary in (True, False):
            result = client.infer(
                "digits",
                [input_of(pixels, binary, name="pixels")],
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
            assert np.array_equal(result.as_numpy("probabilities"), plain), algorithm


@case
def parameters():
    array = np.array([[1, 2, 3]], dtype=np.float32)
    for priority in (0, 1, 2, 3):
        client.infer("echo-FP32", [input_of(array)], priority=priority, timeout=10_000_000)
    client.infer("echo-FP32", [input_of(array)], parameters={"of_my_own": "any", "number": 7})
    with refusal(504, "time"):
        client.infer("slow", [input_of(array)], timeout=20_000)


@case
def statistics():
    def of(name, version=""):
        return client.get_inference_statistics(name, version)["model_stats"]

    before = of("echo-INT8")[0]
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.int8)
    for _ in range(5):
        client.infer("echo-INT8", [input_of(array)])
    with refusal(400):
        client.infer("echo-INT8", [input_of(array.astype(np.int16))])
    after = of("echo-INT8")[0]
    assert after["inference_count"] - before["inference_count"] == 10, after
    assert after["execution_count"] - before["execution_count"] == 5, after
    stats = after["inference_stats"]
    assert stats["success"]["count"] - before["inference_stats"]["success"]["count"] == 5, stats
    assert stats["fail"]["count"] - before["inference_stats"]["fail"]["count"] == 1, stats
    for part in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_hit"):
        assert set(stats[part]) == {"count", "ns"}, stats
    assert stats["success"]["ns"] > 0 and after["last_inference"] > 1.6e12, after
    assert [each["batch_size"] for each in after["batch_stats"]] == [2], after
    assert of("echo-INT8", after["version"]) == [after]
    assert {"digits", "echo-INT8"} <= {each["name"] for each in of("")}
    with refusal(404, "nobody"):
        of("nobody")


@case
def repository():
    def states():
        return {each["name"]: each["state"] for each in client.get_model_repository_index()}

    array = np.array([[1, 2]], dtype=np.float32)
    assert states()["spare"] == "UNAVAILABLE" and states()["digits"] == "READY", states()
    with refusal(404, "spare"):
        client.infer("spare", [input_of(array)])
    client.load_model("spare")
    assert client.is_model_ready("spare") and states()["spare"] == "READY"
    assert client.infer("spare", [input_of(array)]).get_response()["model_version"] == "1"
    client.load_model("spare")
    assert client.infer("spare", [input_of(array)]).get_response()["model_version"] == "2"
    client.unload_model("spare")
    assert not client.is_model_ready("spare") and states()["spare"] == "UNAVAILABLE"
    client.unload_model("spare", unload_dependents=True)
    with refusal(404, "nobody"):
        client.load_model("nobody")
    with refusal(404):
        client.load_model("../../etc/passwd")
    with refusal(500, "could not be loaded"):
        client.load_model("broken")
    with refusal(400, "config"):
        client.load_model("spare", config="{}")
    with refusal(409, "digits"):
        client.unload_model("digits")
    assert states()["spare"] == "UNAVAILABLE"


@case
def refusals():
    array = np.array([[1, 2, 3]], dtype=np.float32)
    with refusal(404, "nobody"):
        client.infer("nobody", [input_of(array)])
    with refusal(404, "999"):
        client.infer("echo-FP32", [input_of(array)], model_version="999")
    with refusal(400, "x"):
        client.infer("echo-FP32", [input_of(array, name="wrong")])
    with refusal(400, "FP32"):
        client.infer("echo-FP32", [input_of(array.astype(np.float64))])
    with refusal(400):
        client.infer("echo-FP32", [input_of(np.zeros((1, 4), dtype=np.float32))])
    with refusal(400):
        client.infer("echo-FP32", [input_of(array)], outputs=[http.InferRequestedOutput("z")])
    with refusal(400):
        client.infer("echo-FP32", [input_of(array), input_of(array)])
    with refusal(413):
        client.infer("echo-FP32", [input_of(np.zeros((1_000_000, 3), dtype=np.float32))])
    with refusal(500):
        client.infer("failing", [input_of(array)])
    with refusal(404):
        client.get_trace_settings()
    assert client.is_server_ready()


client.close()
print(json.dumps(cases))
