"""What KServe's own Python client makes of a server over REST and gRPC, case by case: one line of JSON."""

import asyncio
import importlib.util
import json
import sys
import traceback
import types

import numpy as np

# The package's own __init__ imports every server that comes with it; the client needs none of them.
package = types.ModuleType("kserve")
package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
sys.modules["kserve"] = package

from kserve.inference_client import InferenceGRPCClient, InferenceRESTClient, RESTConfig  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest  # noqa: E402

rest_url, grpc_url = sys.argv[1:]
cases = {}
pixels = (np.arange(3 * 64, dtype=np.float32).reshape(3, 64) * 7) % 17


def case(function):
    async def act():
        rest = InferenceRESTClient(RESTConfig(protocol="v2", retries=1))
        rpc = InferenceGRPCClient(grpc_url)
        try:
            await function(rest, rpc)
        finally:
            await rest.close()
            await rpc.close()

    try:
        asyncio.run(act())
        cases[function.__name__] = "ok"
    except Exception:
        cases[function.__name__] = traceback.format_exc()[-2000:]
    return function


def request_of(array, binary, model="digits", name="pixels", datatype="FP32"):
    given = InferInput(name=name, shape=list(array.shape), datatype=datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(model_name=model, infer_inputs=[given], request_id="k-1")


async def ask(rest, rpc, request):
    """The same request by both ways."""
    by_rest = await rest.infer(rest_url, request, model_name=request.model_name)
    by_grpc = await rpc.infer(request)
    return by_rest, by_grpc


@case
async def health(rest, rpc):
    assert await rest.is_server_ready(rest_url) and await rest.is_server_live(rest_url)
    assert await rest.is_model_ready(rest_url, "digits")
    assert await rpc.is_server_ready() and await rpc.is_server_live() and await rpc.is_model_ready("digits")
    assert not await rpc.is_model_ready("nobody")


@case
async def a_real_model(rest, rpc):
    for binary in (True, False):
        for response in await ask(rest, rpc, request_of(pixels, binary)):
            found = {each.name: each.as_numpy() for each in response.outputs}
            assert response.model_name == "digits" and response.id == "k-1", response
            assert found["probabilities"].shape == (3, 10), found
            assert np.array_equal(found["probabilities"].argmax(axis=1), found["label"]), found


@case
async def both_ways_agree(rest, rpc):
    answers = [
        {each.name: each.as_numpy() for each in response.outputs}["probabilities"]
        for binary in (True, False)
        for response in await ask(rest, rpc, request_of(pixels, binary))
    ]
    assert all(np.array_equal(each, answers[0]) for each in answers)


@case
async def strings(rest, rpc):
    array = np.array([["", "grüß"], ["日本", "z"]], dtype=np.object_)
    for binary in (True, False):
        response = await rpc.infer(request_of(array, binary, "echo", "x", "BYTES"))
        found = [each.decode() if isinstance(each, bytes) else each for each in response.outputs[0].as_numpy().reshape(-1)]
        assert found == list(array.reshape(-1)), found


@case
async def refusals(rest, rpc):
    async def refused(awaitable, *words):
        try:
            await awaitable
        except Exception as error:
            for word in words:
                assert word in str(error), error
            assert "    at " not in str(error), error
            return
        raise AssertionError("not refused")

    await refused(rpc.infer(request_of(pixels, True, "nobody")), "NOT_FOUND", "nobody")
    await refused(rest.infer(rest_url, request_of(pixels, True, "nobody"), model_name="nobody"), "404")
    await refused(rpc.infer(request_of(pixels[:, :3], True)), "INVALID_ARGUMENT", "pixels")
    await refused(rest.infer(rest_url, request_of(pixels[:, :3], True), model_name="digits"), "400")


print(json.dumps(cases))
