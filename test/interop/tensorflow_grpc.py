"""What TensorFlow's own gRPC stubs make of a server, case by case: one line of JSON, each case "ok" or what went wrong.

The stubs of tensorflow-serving-api need those of TensorFlow, of which a package of their own has all but one file of an enumeration that is
never looked at: that one is declared here.
"""

import json
import sys
import traceback
import types

import grpc
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool


def declare_error_codes():
    codes = descriptor_pb2.FileDescriptorProto(name="xla/tsl/protobuf/error_codes.proto", package="tensorflow.error", syntax="proto3")
    code = codes.enum_type.add(name="Code")
    for number, name in enumerate(["OK", "CANCELLED", "UNKNOWN"]):
        code.value.add(name=name, number=number)
    code.value.add(name="UNAVAILABLE", number=14)
    public = descriptor_pb2.FileDescriptorProto(
        name="tensorflow/core/protobuf/error_codes.proto",
        package="tensorflow.error.dummy",
        syntax="proto3",
        dependency=[codes.name],
        public_dependency=[0],
    )
    for file in (codes, public):
        descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    import tensorflow.core.protobuf as package

    module = types.ModuleType("tensorflow.core.protobuf.error_codes_pb2")
    module.xla_dot_tsl_dot_protobuf_dot_error__codes__pb2 = types.ModuleType("xla.tsl.protobuf.error_codes_pb2")
    sys.modules[module.__name__] = module
    package.error_codes_pb2 = module


declare_error_codes()

from tensorflow.core.framework import tensor_pb2, types_pb2  # noqa: E402
from tensorflow_serving.apis import (  # noqa: E402
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

channel = grpc.insecure_channel(sys.argv[1])
stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
models = model_service_pb2_grpc.ModelServiceStub(channel)
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
            assert kind is not None and issubclass(kind, grpc.RpcError), f"not refused but {error!r}"
            assert error.code().name == status, error
            for word in words:
                assert word in error.details(), error.details()
            assert "    at " not in error.details() and "/secret" not in error.details(), error.details()
            return True

    return Refusal()


# Of each dtype: TensorFlow's type, the field that holds it, numpy's type, and rows.
kinds = {
    "float32": (types_pb2.DT_FLOAT, "float_val", np.float32, [[0.5, -1.5, 3e38], [1, 2, 3]]),
    "float64": (types_pb2.DT_DOUBLE, "double_val", np.float64, [[0.1, 5e-324, -1e308], [1, 2, 3]]),
    "int8": (types_pb2.DT_INT8, "int_val", np.int8, [[-128, 127, 0], [1, 2, 3]]),
    "int16": (types_pb2.DT_INT16, "int_val", np.int16, [[-32768, 32767, 0], [1, 2, 3]]),
    "int32": (types_pb2.DT_INT32, "int_val", np.int32, [[-(2**31), 2**31 - 1, 0], [1, 2, 3]]),
    "int64": (types_pb2.DT_INT64, "int64_val", np.int64, [[-(2**63), 2**63 - 1, 2**53 + 1], [1, 2, 3]]),
    "uint8": (types_pb2.DT_UINT8, "int_val", np.uint8, [[0, 255, 1], [1, 2, 3]]),
    "uint16": (types_pb2.DT_UINT16, "int_val", np.uint16, [[0, 65535, 1], [1, 2, 3]]),
    "uint32": (types_pb2.DT_UINT32, "uint32_val", np.uint32, [[0, 2**32 - 1, 1], [1, 2, 3]]),
    "uint64": (types_pb2.DT_UINT64, "uint64_val", np.uint64, [[0, 2**64 - 1, 2**53 + 1], [1, 2, 3]]),
    "bool": (types_pb2.DT_BOOL, "bool_val", np.bool_, [[True, False, True], [False, False, True]]),
    "float16": (types_pb2.DT_HALF, "half_val", np.float16, [[0.5, -65504, 6.1e-5], [1, 2, 3]]),
}


def tensor(dtype, shape):
    made = tensor_pb2.TensorProto(dtype=dtype)
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


def request_of(model, name, value):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs[name].CopyFrom(value)
    return request


def array_of(value):
    """As tf.make_ndarray has it, of a tensor in fields."""
    _, field, kind, _ = next(each for each in kinds.values() if each[0] == value.dtype)
    shape = [axis.size for axis in value.tensor_shape.dim]
    values = getattr(value, field)
    if field == "half_val":
        return np.array(values, dtype=np.uint16).view(np.float16).reshape(shape)
    return np.array(values, dtype=kind).reshape(shape)


@case
def every_dtype_as_content_and_in_fields():
    for name, (dtype, field, kind, rows) in kinds.items():
        array = np.array(rows, dtype=kind)
        content = tensor(dtype, array.shape)
        content.tensor_content = array.tobytes()
        fields = tensor(dtype, array.shape)
        values = array.view(np.uint16) if name == "float16" else array
        getattr(fields, field).extend(values.reshape(-1).tolist())
        for given in (content, fields):
            answer = stub.Predict(request_of(f"echo-{name}", "x", given)).outputs["y"]
            assert answer.dtype == dtype and np.array_equal(array_of(answer), array), f"{name}: {answer}"


@case
def strings():
    given = tensor(types_pb2.DT_STRING, [2, 2])
    given.string_val.extend(["".encode(), "grüß".encode(), "日本".encode(), b"a\nb"])
    answer = stub.Predict(request_of("echo-string", "x", given)).outputs["y"]
    assert list(answer.string_val) == list(given.string_val), answer
    bad = tensor(types_pb2.DT_STRING, [1, 2])
    bad.string_val.extend([b"\xff\xfe", b""])
    with refusal("INVALID_ARGUMENT", "UTF-8"):
        stub.Predict(request_of("echo-string", "x", bad))


@case
def one_value_for_all():
    given = tensor(types_pb2.DT_FLOAT, [2, 3])
    given.float_val.extend([7, 8])
    answer = stub.Predict(request_of("echo-float32", "x", given)).outputs["y"]
    assert list(answer.float_val) == [7, 8, 8, 8, 8, 8], answer


pixels = (np.arange(3 * 64, dtype=np.float32).reshape(3, 64) * 7) % 17


def digits_request(rows=pixels):
    given = tensor(types_pb2.DT_FLOAT, rows.shape)
    given.tensor_content = rows.tobytes()
    return request_of("digits", "pixels", given)


@case
def a_real_model():
    request = digits_request()
    request.model_spec.signature_name = "serving_default"
    answer = stub.Predict(request)
    assert set(answer.outputs) == {"label", "probabilities"}, answer
    probabilities = array_of(answer.outputs["probabilities"])
    assert probabilities.shape == (3, 10)
    assert list(probabilities.argmax(axis=1)) == list(answer.outputs["label"].int64_val), answer
    assert answer.model_spec.name == "digits" and answer.model_spec.signature_name == "serving_default", answer
    request.output_filter.append("label")
    assert set(stub.Predict(request).outputs) == {"label"}
    request.output_filter.append("other")
    with refusal("INVALID_ARGUMENT", "label"):
        stub.Predict(request)


@case
def asynchronous():
    futures = [stub.Predict.future(digits_request(pixels[:1] + row), 30) for row in range(24)]
    for row, future in enumerate(futures):
        alone = stub.Predict(digits_request(pixels[:1] + row))
        assert future.result().outputs["label"] == alone.outputs["label"], row


@case
def versions():
    request = request_of("echo-float32", "x", tensor(types_pb2.DT_FLOAT, [1, 3]))
    request.inputs["x"].float_val.append(1)
    request.model_spec.version.value = 1
    assert stub.Predict(request).model_spec.version.value == 1
    request.model_spec.version.value = 9
    with refusal("NOT_FOUND", "9"):
        stub.Predict(request)
    request.model_spec.version_label = "stable"
    with refusal("NOT_FOUND", "stable"):
        stub.Predict(request)


@case
def metadata():
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "digits"
    with refusal("INVALID_ARGUMENT", "signature_def"):
        stub.GetModelMetadata(request)
    request.metadata_field.append("signature_def")
    answer = stub.GetModelMetadata(request)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found), answer
    signature = found.signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict", signature
    assert signature.inputs["pixels"].dtype == types_pb2.DT_FLOAT, signature
    assert [axis.size for axis in signature.inputs["pixels"].tensor_shape.dim] == [-1, 64], signature
    assert signature.outputs["label"].dtype == types_pb2.DT_INT64, signature


@case
def status():
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "echo-float32"
    answer = models.GetModelStatus(request).model_version_status
    assert [(each.version, each.state, each.status.error_message) for each in answer] == [(1, 30, "")], answer
    request.model_spec.version.value = 2
    with refusal("NOT_FOUND", "2"):
        models.GetModelStatus(request)
    unknown = get_model_status_pb2.GetModelStatusRequest()
    unknown.model_spec.name = "nobody"
    with refusal("NOT_FOUND", "nobody"):
        models.GetModelStatus(unknown)


@case
def classify():
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "scores"
    for row in range(3):
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.extend([row, 2, 3])
    answer = stub.Classify(request)
    found = [[each.score for each in row.classes] for row in answer.result.classifications]
    assert found == [[0, 2, 3], [1, 2, 3], [2, 2, 3]], answer
    assert answer.model_spec.name == "scores", answer
    shared = classification_pb2.ClassificationRequest()
    shared.model_spec.name = "scores"
    shared.input.example_list_with_context.context.features.feature["x"].float_list.value.extend([4, 5, 6])
    for _ in range(2):
        shared.input.example_list_with_context.examples.add()
    assert [[each.score for each in row.classes] for row in stub.Classify(shared).result.classifications] == [[4, 5, 6]] * 2
    request.input.example_list.examples[1].features.feature["x"].float_list.value.append(9)
    with refusal("INVALID_ARGUMENT", "x"):
        stub.Classify(request)


@case
def regress():
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = "sum"
    for row in range(3):
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.extend([row, 2, 3])
    assert [each.value for each in stub.Regress(request).result.regressions] == [5, 6, 7]


@case
def refusals():
    given = tensor(types_pb2.DT_FLOAT, [1, 3])
    given.float_val.extend([1, 2, 3])
    with refusal("NOT_FOUND", "nobody"):
        stub.Predict(request_of("nobody", "x", given))
    with refusal("INVALID_ARGUMENT", "model_spec.name"):
        stub.Predict(predict_pb2.PredictRequest())
    with refusal("INVALID_ARGUMENT", "x"):
        stub.Predict(request_of("echo-float32", "wrong", given))
    with refusal("INVALID_ARGUMENT", "dtype"):
        stub.Predict(request_of("echo-float64", "x", given))
    signature = request_of("echo-float32", "x", given)
    signature.model_spec.signature_name = "other"
    with refusal("INVALID_ARGUMENT", "signature_name"):
        stub.Predict(signature)
    given.tensor_shape.dim[1].size = 2
    with refusal("INVALID_ARGUMENT", "float_val"):
        stub.Predict(request_of("echo-float32", "x", given))
    given.tensor_shape.dim[0].size = 2**62
    with refusal("INVALID_ARGUMENT"):
        stub.Predict(request_of("echo-float32", "x", given))
    given.tensor_shape.dim[0].size = -1
    with refusal("INVALID_ARGUMENT", "tensor_shape"):
        stub.Predict(request_of("echo-float32", "x", given))
    given.tensor_shape.unknown_rank = True
    with refusal("INVALID_ARGUMENT", "unknown_rank"):
        stub.Predict(request_of("echo-float32", "x", given))
    whole = tensor(types_pb2.DT_FLOAT, [1, 3])
    whole.tensor_content = b"123"
    with refusal("INVALID_ARGUMENT", "12 bytes"):
        stub.Predict(request_of("echo-float32", "x", whole))
    whole.tensor_content = bytes(12)
    with refusal("INTERNAL", "failed to compute"):
        stub.Predict(request_of("failing", "x", whole))
    with refusal("DEADLINE_EXCEEDED"):
        stub.Predict(request_of("slow", "x", whole), timeout=0.2)
    with refusal("UNIMPLEMENTED"):
        stub.MultiInference(inference_pb2.MultiInferenceRequest())


channel.close()
print(json.dumps(cases))
