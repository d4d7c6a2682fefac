"""The model behind BentoML, with its adaptive batching, on the body of the Open Inference Protocol: `inputs` is what is batched."""

import os

import bentoml
import numpy
import onnxruntime


@bentoml.service(
    name="mlp",
    workers=int(os.environ["BENCH_WORKERS"]),
    traffic={"timeout": 60, "max_concurrency": 1024},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
class Mlp:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)

    @bentoml.api(
        route="/v2/models/mlp/infer",
        batchable=True,
        max_batch_size=int(os.environ["BENCH_BATCH"]),
        max_latency_ms=int(os.environ["BENCH_MOST_MS"]),
    )
    def infer(self, inputs: list[dict]) -> list[dict]:
        x = numpy.array([tensor["data"] for tensor in inputs], dtype=numpy.float32)
        y = self.session.run(None, {"x": x})[0]
        return [{"name": "y", "shape": [1, len(row)], "datatype": "FP32", "data": row.tolist()} for row in y]
