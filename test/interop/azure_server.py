"""Azure ML's own inference server around a model that doubles, in the folder that it is given. Prints its port."""

import os
import sys

folder = sys.argv[1]
script = os.path.join(folder, "score.py")
models = os.path.join(folder, "models")
os.mkdir(models)
with open(script, "w") as file:
    file.write(
        "import json\n"
        "def init():\n    pass\n"
        "def run(body):\n"
        "    return [[2 * value for value in row] for row in json.loads(body)['input_data']['x']]\n"
    )
os.environ.update({"AML_APP_ROOT": folder, "AZUREML_ENTRY_SCRIPT": script, "AZUREML_MODEL_DIR": models})
sys.path.append(folder)

from azureml_inference_server_http.server.create_app import create  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

server = make_server("127.0.0.1", 0, create(), threaded=True)
# It turns what is printed into its log.
os.write(1, f"{server.server_port}\n".encode())
server.serve_forever()
