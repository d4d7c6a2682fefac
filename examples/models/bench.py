"""Rows a second of each model in bare onnxruntime on one thread, at batch 1 and 64, beside the converter's graph of the same weights.

`python bench.py`: every graph takes its turn in each of 7 rounds after a warm-up; the median round is printed.
"""

import json
import statistics
import time

import numpy as np

from converter import convert
from data import HERE, TEST_CSV, TRAIN_CSV, read_csv
from measure import open_session
from recipes import scaled
from train import MANIFEST, train

ROUNDS = 7
ROUND_SECONDS = 0.4
BATCHES = (1, 64)


def rows_per_second(session, batch):
    """Calls `session.run` for one round and returns the rows that went through in a second."""
    names = [output.name for output in session.get_outputs()]
    feed = {"pixels": batch}
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < ROUND_SECONDS:
        session.run(names, feed)
        calls += 1
    return calls * len(batch) / elapsed


def main():
    pixels, _ = read_csv(TEST_CSV)
    train_set = read_csv(TRAIN_CSV)
    contenders = {}
    for record in json.loads(MANIFEST.read_text())["models"]:
        contenders[record["file"]] = open_session((HERE / record["file"]).read_bytes()), pixels.astype(np.float32)
        converted = convert(train(record["version"], *train_set)).SerializeToString()
        contenders[f"{record['file']} by skl2onnx"] = open_session(converted), scaled(pixels).astype(np.float32)
    rates = {(name, size): [] for name in contenders for size in BATCHES}
    for _ in range(ROUNDS + 1):
        for (name, size), measured in rates.items():
            session, rows = contenders[name]
            measured.append(rows_per_second(session, rows[:size]))
    print(f"{'graph':30}" + "".join(f"{f'batch {size}, rows/s':>20}" for size in BATCHES) + f"{'ratio':>8}")
    for name in contenders:
        medians = [statistics.median(rates[name, size][1:]) for size in BATCHES]
        print(f"{name:30}" + "".join(f"{median:>20,.0f}" for median in medians) + f"{medians[1] / medians[0]:>8.1f}")


if __name__ == "__main__":
    main()
