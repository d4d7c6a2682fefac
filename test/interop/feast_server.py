"""Feast's own feature server with a few drivers, on a free port, which is its first line: python feast_server.py FOLDER"""

import socket
import sys
from datetime import datetime, timedelta, timezone

import pandas as pd
import uvicorn
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, RepoConfig, ValueType
from feast.feature_server import get_app
from feast.types import Array, Float32, Int64, String

folder = sys.argv[1]
online = {"type": "sqlite", "path": f"{folder}/online.db"}
store = FeatureStore(
    config=RepoConfig(
        project="interop",
        provider="local",
        registry=f"{folder}/registry.db",
        online_store=online,
        entity_key_serialization_version=3,
    )
)
driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
batch = FileSource(path=f"{folder}/none.parquet", timestamp_field="event_timestamp")
view = FeatureView(
    name="stats",
    entities=[driver],
    ttl=timedelta(days=1),
    schema=[
        Field(name="rate", dtype=Float32),
        Field(name="trips", dtype=Int64),
        Field(name="city", dtype=String),
        Field(name="recent", dtype=Array(Float32)),
    ],
    source=PushSource(name="push", batch_source=batch),
    online=True,
)
store.apply([driver, view, FeatureService(name="service", features=[view])])
now = datetime.now(timezone.utc)
rows = [
    {"driver_id": 1001, "rate": 0.5, "trips": 7, "city": "Bern", "recent": [1.0, 2.0], "event_timestamp": now - timedelta(minutes=5)},
    {"driver_id": 1002, "rate": 0.25, "trips": 8, "city": None, "recent": [3.0, 4.0], "event_timestamp": now - timedelta(minutes=5)},
]
store.write_to_online_store("stats", pd.DataFrame(rows))

listening = socket.socket()
listening.bind(("127.0.0.1", 0))
# Who connects before the application is up waits in its line.
listening.listen()
print(listening.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(get_app(store), log_level="warning")).run(sockets=[listening])
