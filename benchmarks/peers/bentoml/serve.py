"""Becomes BentoML's command."""

import os
import sys

bentoml = os.path.join(os.path.dirname(sys.executable), "bentoml")
folder = os.path.dirname(os.path.abspath(__file__))
port = os.environ["BENCH_PORT"]
os.execv(bentoml, [bentoml, "serve", "service:Mlp", "--working-dir", folder, "--host", "127.0.0.1", "--port", port])
