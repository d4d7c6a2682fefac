"""The model behind LitServe, with its batching, on the body of the Open Inference Protocol."""

import os

import litserve
import numpy
import onnxruntime


class Mlp(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)

    def decode_request(self, request):
        return numpy.asarray(request["inputs"][0]["data"], dtype=numpy.float32)

    def batch(self, inputs):
        return numpy.stack(inputs)

    def predict(self, x):
        return self.session.run(None, {"x": x})[0]

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        tensor = {"name": "y", "shape": [1, len(output)], "datatype": "FP32", "data": output.tolist()}
        return {"model_name": "mlp", "outputs": [tensor]}


if __name__ == "__main__":
    api = Mlp(
        max_batch_size=int(os.environ["BENCH_BATCH"]),
        batch_timeout=float(os.environ["BENCH_WAIT_MS"]) / 1000,
        api_path="/v2/models/mlp/infer",
    )
    server = litserve.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
        timeout=60,
        fast_queue=os.environ["BENCH_FAST_QUEUE"] == "1",
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        num_api_servers=int(os.environ["BENCH_API_SERVERS"]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
