"""The model behind Ray Serve, with its batching, on the body of the Open Inference Protocol."""

import os
import signal

import numpy
import onnxruntime
import ray
from ray import serve

BATCH = int(os.environ["BENCH_BATCH"])
WAIT = float(os.environ["BENCH_WAIT_MS"]) / 1000


@serve.deployment(
    num_replicas=int(os.environ["BENCH_WORKERS"]),
    max_ongoing_requests=1024,
    ray_actor_options={"num_cpus": 0.1},
)
class Mlp:
    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options)

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=WAIT)
    async def infer(self, rows):
        return list(self.session.run(None, {"x": numpy.stack(rows)})[0])

    async def __call__(self, request):
        body = await request.json()
        row = await self.infer(numpy.asarray(body["inputs"][0]["data"], dtype=numpy.float32))
        tensor = {"name": "y", "shape": [1, len(row)], "datatype": "FP32", "data": row.tolist()}
        return {"model_name": "mlp", "outputs": [tensor]}


ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])}, logging_config={"enable_access_log": False})
serve.run(Mlp.bind(os.environ["BENCH_MODEL"], int(os.environ["BENCH_THREADS"])), route_prefix="/v2/models/mlp/infer")
signal.sigwait({signal.SIGTERM, signal.SIGINT})
serve.shutdown()
ray.shutdown()
