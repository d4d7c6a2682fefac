"""What Triton's own client over gRPC makes of a server, case by case: one line of JSON, each case "ok" or what went wrong."""

import asyncio
import json
import queue
import sys
import threading
import traceback

import grpc as grpc_core
import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

url = sys.argv[1]
client = grpc.InferenceServerClient(url)
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
            assert error.status() == f"StatusCode.{status}", f"{error.status()}: {error.message()}"
            for word in words:
                assert word in error.message(), error.message()
            assert "    at " not in error.message(), error.message()
            assert "/secret" not in error.message(), error.message()
            return True

    return Refusal()


def input_of(array, name="x", datatype=None):
    given = grpc.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    given.set_data_from_numpy(array)
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


@case
def every_datatype_raw():
    for datatype, rows in values.items():
        array = np.array(rows, dtype=triton_to_np_dtype(datatype))
        result = client.infer(f"echo-{datatype}", [input_of(array)])
        answer = result.as_numpy("y")
        assert result.get_output("y").datatype == datatype, datatype
        assert answer.dtype == array.dtype and np.array_equal(answer, array), f"{datatype}: {answer!r}"


fields = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
channel = grpc_core.insecure_channel(url)
stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)


def typed_request(datatype, rows):
    request = service_pb2.ModelInferRequest(model_name=f"echo-{datatype}", id="typed")
    tensor = request.inputs.add(name="x", datatype=datatype, shape=[len(rows), len(rows[0])])
    getattr(tensor.contents, fields[datatype]).extend([each for row in rows for each in row])
    return request


@case
def every_datatype_typed():
    for datatype, rows in {**values, "BYTES": [["grüß".encode(), b""], [b"a\nb", b"z"]]}.items():
        if datatype == "FP16":
            continue
        response = stub.ModelInfer(typed_request(datatype, rows))
        contents = list(getattr(response.outputs[0].contents, fields[datatype]))
        given = [each for row in rows for each in row]
        if datatype == "FP32":
            given = [float(np.float32(each)) for each in given]
        assert contents == given, f"{datatype}: {contents}"
        assert response.id == "typed" and len(response.raw_output_contents) == 0, datatype
        assert list(response.outputs[0].shape) == [len(rows), len(rows[0])], datatype
    wish = typed_request("FP32", [[1, 2, 3]])
    wish.parameters["binary_data_output"].bool_param = True
    raw = stub.ModelInfer(wish)
    assert np.array_equal(np.frombuffer(raw.raw_output_contents[0], dtype=np.float32), [1, 2, 3])


@case
def strings():
    array = np.array([["", "grüß"], ["日本", "a\nb"]], dtype=np.object_)
    answer = client.infer("echo-BYTES", [input_of(array)]).as_numpy("y")
    assert [each.decode() for each in answer.reshape(-1)] == list(array.reshape(-1)), answer


@case
def bits_of_nan_survive():
    bits = np.array([[0x7FC00001, 0xFF800001, 0x80000000]], dtype=np.uint32)
    answer = client.infer("echo-FP32", [input_of(bits.view(np.float32))]).as_numpy("y")
    assert np.array_equal(answer.view(np.uint32), bits), answer.view(np.uint32)


@case
def health():
    assert client.is_server_live() is True
    assert client.is_server_ready() is True
    assert client.is_model_ready("digits") is True
    version = client.get_model_metadata("digits").versions[0]
    assert client.is_model_ready("digits", version) is True
    assert client.is_model_ready("digits", "999") is False
    assert client.is_model_ready("nobody") is False


@case
def metadata():
    server = client.get_server_metadata(as_json=True)
    assert server["name"] == "fairlead" and server["version"], server
    for extension in ("binary_tensor_data", "model_repository", "model_configuration", "statistics", "classification"):
        assert extension in server["extensions"], server
    model = client.get_model_metadata("digits", as_json=True)
    assert model["name"] == "digits" and len(model["versions"]) == 1, model
    assert model["inputs"] == [{"name": "pixels", "datatype": "FP32", "shape": ["-1", "64"]}], model
    assert {each["name"]: each["datatype"] for each in model["outputs"]} == {"label": "INT64", "probabilities": "FP32"}
    assert client.get_model_metadata("digits", model["versions"][0], as_json=True) == model
    with refusal("NOT_FOUND", "999"):
        client.get_model_metadata("digits", "999")


@case
def config():
    found = client.get_model_config("digits").config
    assert found.name == "digits" and found.max_batch_size > 0, found
    assert found.input[0].data_type == 11 and list(found.input[0].dims) == [64], found
    assert [each.name for each in found.output] == ["label", "probabilities"], found
    assert found.HasField("dynamic_batching") and found.version_policy.latest.num_versions == 1, found
    assert client.get_model_config("echo-BYTES", as_json=True)["config"]["input"][0]["data_type"] == "TYPE_STRING"


pixels = (np.arange(3 * 64, dtype=np.float32).reshape(3, 64) * 7) % 17


@case
def a_real_model():
    whole = client.infer("digits", [input_of(pixels, "pixels")])
    assert whole.as_numpy("label").shape == (3,), whole.get_response()
    assert whole.as_numpy("probabilities").shape == (3, 10)
    assert np.array_equal(whole.as_numpy("probabilities").argmax(axis=1), whole.as_numpy("label"))
    for row in range(3):
        alone = client.infer("digits", [input_of(pixels[row : row + 1], "pixels")])
        assert np.array_equal(alone.as_numpy("probabilities")[0], whole.as_numpy("probabilities")[row])
    digest = whole.get_response().parameters["digest"].string_param
    assert len(digest) == 64, digest


@case
def a_large_message():
    array = np.arange(3_000_000, dtype=np.float32).reshape(1000, 3000)
    answer = client.infer("wide", [input_of(array)]).as_numpy("y")
    assert np.array_equal(answer, array)


@case
def requested_outputs():
    outputs = [grpc.InferRequestedOutput("probabilities"), grpc.InferRequestedOutput("label")]
    result = client.infer("digits", [input_of(pixels, "pixels")], outputs=outputs, request_id="r-1")
    response = result.get_response()
    assert [each.name for each in response.outputs] == ["probabilities", "label"], response
    assert response.id == "r-1" and response.model_name == "digits", response
    only = client.infer("digits", [input_of(pixels, "pixels")], outputs=[grpc.InferRequestedOutput("label")])
    assert only.as_numpy("probabilities") is None and only.as_numpy("label").dtype == np.int64


@case
def classes():
    whole = client.infer("digits", [input_of(pixels, "pixels")]).as_numpy("probabilities")
    outputs = [grpc.InferRequestedOutput("probabilities", class_count=3)]
    found = client.infer("digits", [input_of(pixels, "pixels")], outputs=outputs).as_numpy("probabilities")
    assert found.shape == (3, 3), found
    for row in range(3):
        for place, text in enumerate(found[row]):
            value, index = text.decode().split(":")
            assert np.float32(value) == whole[row][int(index)], (text, whole[row])
            assert np.sort(whole[row])[-1 - place] == np.float32(value), (place, text, whole[row])


@case
def asynchronous():
    done = queue.Queue()
    for row in range(24):
        client.async_infer(
            "digits", [input_of(pixels[:1] + row, "pixels")], lambda result, error, row=row: done.put((row, result, error))
        )
    for _ in range(24):
        row, result, error = done.get(timeout=60)
        assert error is None, error
        alone = client.infer("digits", [input_of(pixels[:1] + row, "pixels")]).as_numpy("label")
        assert np.array_equal(result.as_numpy("label"), alone), row


@case
def cancelled():
    array = np.array([[1, 2, 3]], dtype=np.float32)
    done = queue.Queue()
    call = client.async_infer("slow", [input_of(array)], lambda result, error: done.put(error))
    call.cancel()
    error = done.get(timeout=60)
    assert error is not None and "CANCELLED" in str(error.status()), error


@case
def asyncio_client():
    async def ask():
        async with grpc_aio.InferenceServerClient(url) as aio:
            assert await aio.is_server_ready()
            results = await asyncio.gather(*[aio.infer("digits", [input_of(pixels, "pixels")]) for _ in range(8)])
            return [result.as_numpy("label") for result in results]

    labels = asyncio.run(ask())
    assert all(np.array_equal(label, labels[0]) for label in labels), labels


@case
def stream():
    answers = queue.Queue()
    with grpc.InferenceServerClient(url) as streaming:
        streaming.start_stream(lambda result, error: answers.put((result, error)))
        for number in range(200):
            array = np.full((1, 3), number, dtype=np.float32)
            streaming.async_stream_infer("echo-FP32", [input_of(array)], request_id=str(number))
        streaming.async_stream_infer("echo-FP32", [input_of(np.zeros((1, 4), dtype=np.float32))], request_id="bad")
        streaming.async_stream_infer("digits", [input_of(pixels, "pixels")], request_id="last")
        for number in range(200):
            result, error = answers.get(timeout=60)
            assert error is None, error
            assert result.get_response().id == str(number), result.get_response().id
            assert np.array_equal(result.as_numpy("y"), np.full((1, 3), number)), number
        result, error = answers.get(timeout=60)
        assert result is None and "x" in error.message(), error
        result, error = answers.get(timeout=60)
        assert error is None and result.get_response().id == "last", error
        assert result.get_response().parameters["triton_final_response"].bool_param is True
        streaming.stop_stream()


@case
def packed_messages():
    plain = client.infer("digits", [input_of(pixels, "pixels")]).as_numpy("probabilities")
    for algorithm in ("gzip", "deflate"):
        result = client.infer("digits", [input_of(pixels, "pixels")], compression_algorithm=algorithm)
        assert np.array_equal(result.as_numpy("probabilities"), plain), algorithm


@case
def parameters():
    array = np.array([[1, 2, 3]], dtype=np.float32)
    for priority in (0, 1, 2, 3):
        client.infer("echo-FP32", [input_of(array)], priority=priority, timeout=10_000_000)
    client.infer("echo-FP32", [input_of(array)], parameters={"of_my_own": "any", "number": 7, "yes": True})
    with refusal("DEADLINE_EXCEEDED", "time"):
        client.infer("slow", [input_of(array)], timeout=20_000)
    with refusal("DEADLINE_EXCEEDED"):
        client.infer("slow", [input_of(array)], client_timeout=0.2)


@case
def statistics():
    def of(name, version=""):
        return client.get_inference_statistics(name, version).model_stats

    before = of("echo-INT8")[0]
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.int8)
    for _ in range(5):
        client.infer("echo-INT8", [input_of(array)])
    with refusal("INVALID_ARGUMENT"):
        client.infer("echo-INT8", [input_of(array.astype(np.int16))])
    after = of("echo-INT8")[0]
    assert after.inference_count - before.inference_count == 10, after
    assert after.execution_count - before.execution_count == 5, after
    assert after.inference_stats.success.count - before.inference_stats.success.count == 5, after
    assert after.inference_stats.fail.count - before.inference_stats.fail.count == 1, after
    assert after.inference_stats.success.ns > 0 and after.last_inference > 1.6e12, after
    assert 2 in [each.batch_size for each in after.batch_stats], after
    assert list(of("echo-INT8", after.version)) == [after]
    assert {"digits", "echo-INT8"} <= {each.name for each in of("")}
    with refusal("NOT_FOUND", "nobody"):
        of("nobody")


@case
def repository():
    def states():
        return {each.name: each.state for each in client.get_model_repository_index().models}

    array = np.array([[1, 2]], dtype=np.float32)
    assert states()["spare"] == "UNAVAILABLE" and states()["digits"] == "READY", states()
    with refusal("NOT_FOUND", "spare"):
        client.infer("spare", [input_of(array)])
    client.load_model("spare")
    assert client.is_model_ready("spare") and states()["spare"] == "READY"
    assert client.infer("spare", [input_of(array)]).get_response().model_version == "1"
    client.load_model("spare")
    assert client.infer("spare", [input_of(array)]).get_response().model_version == "2"
    client.unload_model("spare")
    assert not client.is_model_ready("spare") and states()["spare"] == "UNAVAILABLE"
    client.unload_model("spare", unload_dependents=True)
    with refusal("NOT_FOUND", "nobody"):
        client.load_model("nobody")
    with refusal("NOT_FOUND"):
        client.load_model("../../etc/passwd")
    with refusal("FAILED_PRECONDITION", "could not be loaded"):
        client.load_model("broken")
    with refusal("INVALID_ARGUMENT", "config"):
        client.load_model("spare", config="{}")
    with refusal("FAILED_PRECONDITION", "digits"):
        client.unload_model("digits")
    assert states()["spare"] == "UNAVAILABLE"


@case
def full():
    """One runner takes two requests and no third: it is told when to try again."""
    array = np.array([[1, 2, 3]], dtype=np.float32)
    refused = []
    done = threading.Event()

    def tell(result, error):
        if error is not None and "RESOURCE_EXHAUSTED" in str(error.status()):
            refused.append(error)
            done.set()

    calls = [client.async_infer("full", [input_of(array)], tell) for _ in range(8)]
    assert done.wait(60), "nobody was refused"
    request = service_pb2.ModelInferRequest(model_name="full", raw_input_contents=[array.tobytes()])
    request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    try:
        stub.ModelInfer(request)
        raise AssertionError("not refused")
    except grpc_core.RpcError as error:
        assert error.code() == grpc_core.StatusCode.RESOURCE_EXHAUSTED, error
        trailers = dict(error.trailing_metadata())
        assert int(trailers["grpc-retry-pushback-ms"]) > 0, trailers
        assert b"google.rpc.RetryInfo" in trailers["grpc-status-details-bin"], trailers
        assert json.loads(trailers["fairlead-error-bin"])["code"] == "OVERLOADED", trailers
    for call in calls:
        call.cancel()


@case
def refusals():
    array = np.array([[1, 2, 3]], dtype=np.float32)
    with refusal("NOT_FOUND", "nobody"):
        client.infer("nobody", [input_of(array)])
    with refusal("NOT_FOUND", "999"):
        client.infer("echo-FP32", [input_of(array)], model_version="999")
    with refusal("INVALID_ARGUMENT", "x"):
        client.infer("echo-FP32", [input_of(array, "wrong")])
    with refusal("INVALID_ARGUMENT", "FP32"):
        client.infer("echo-FP32", [input_of(array.astype(np.float64))])
    with refusal("INVALID_ARGUMENT"):
        client.infer("echo-FP32", [input_of(np.zeros((1, 4), dtype=np.float32))])
    with refusal("INVALID_ARGUMENT"):
        client.infer("echo-FP32", [input_of(array)], outputs=[grpc.InferRequestedOutput("z")])
    with refusal("INVALID_ARGUMENT"):
        client.infer("echo-FP32", [input_of(array), input_of(array)])
    with refusal("RESOURCE_EXHAUSTED"):
        client.infer("echo-FP32", [input_of(np.zeros((2_000_000, 3), dtype=np.float32))])
    with refusal("INTERNAL", "failed to compute"):
        client.infer("failing", [input_of(array)])
    with refusal("UNIMPLEMENTED"):
        client.get_trace_settings()
    with refusal("UNIMPLEMENTED"):
        client.get_system_shared_memory_status()
    shared = grpc.InferInput("x", [1, 3], "FP32")
    shared.set_shared_memory("region", 12)
    with refusal("UNIMPLEMENTED", "shared memory"):
        client.infer("echo-FP32", [shared])
    assert client.is_server_ready()


client.close()
channel.close()
print(json.dumps(cases))
