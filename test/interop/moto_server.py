"""Serves moto's S3 on a free port of the loopback, and says which."""

import io
import logging
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)

moto = DomainDispatcherApplication(create_backend_app)
one_at_a_time = threading.Lock()


def app(environ, start_response):
    """Takes bodies as they come, side by side. moto itself closes one object's file under the feet of who writes it too."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(int(length)))
    with one_at_a_time:
        return list(moto(environ, start_response))


server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.port, flush=True)
sys.stdout.close()
server.serve_forever()
