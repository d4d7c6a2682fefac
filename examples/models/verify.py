"""Trains both models again and holds the committed files against the result: `python verify.py` exits 1 where they differ.

Weights may differ in their last bits between processors, so what must agree is the data to the byte, the committed models'
figures to the digit, and the accuracy of the models trained again within one row in a hundred.
"""

import json
import sys

import numpy as np
import onnx

from cards import GOLDEN_TOLERANCE, card_text
from converter import convert
from data import CLASSES, HERE, PIXELS, TEST_CSV, TRAIN_CSV, read_csv, split
from graph import IR_VERSION, OPSET
from measure import evaluate, open_session, predict, sha256
from recipes import scaled
from train import MANIFEST, VERSIONS, to_onnx, train

ACCURACY_TOLERANCE = 0.01
MAX_BYTES = 2_000_000

failures = []


def check(name, passed, found=""):
    print(f"{'ok  ' if passed else 'FAIL'} {name}{f': {found}' if found != '' else ''}", flush=True)
    if not passed:
        failures.append(name)


def check_data(manifest):
    for part, path, rows in zip(("train", "test"), (TRAIN_CSV, TEST_CSV), split()):
        pixels, labels = read_csv(path)
        check(f"{path.name} is the split made again", np.array_equal(np.column_stack([pixels, labels]), rows), f"{len(rows)} rows")
        check(f"{path.name} has its recorded digest", sha256(path.read_bytes()) == manifest["data"][part]["sha256"])
    train_rows, test_rows = ({tuple(row) for row in np.column_stack(read_csv(path))} for path in (TRAIN_CSV, TEST_CSV))
    check("no image is in both files", not train_rows & test_rows)


def check_interface(record, content):
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    tensors = [
        (value.name, value.type.tensor_type.elem_type, [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim])
        for value in [*model.graph.input, *model.graph.output]
    ]
    expected = [
        ("pixels", onnx.TensorProto.FLOAT, ["batch", PIXELS]),
        ("label", onnx.TensorProto.INT64, ["batch"]),
        ("probabilities", onnx.TensorProto.FLOAT, ["batch", CLASSES]),
    ]
    check("  names, dtypes and shapes", tensors == expected)
    versions = model.ir_version, [(opset.domain, opset.version) for opset in model.opset_import]
    check("  ONNX versions", versions == (IR_VERSION, [("", OPSET)]), versions)
    check("  operators", ", ".join(node.op_type for node in model.graph.node) == record["operators"], record["operators"])
    check("  size and digest", len(content) == record["bytes"] < MAX_BYTES and sha256(content) == record["sha256"], f"{len(content)} bytes")


def check_golden(record, session):
    golden = json.loads((HERE / f"digits-v{record['version']}.golden.json").read_text())
    [case] = golden["cases"]
    tensor = {name: np.array(value["data"]).reshape(value["shape"]) for name, value in {**case["inputs"], **case["outputs"]}.items()}
    label, probabilities = predict(session, tensor["pixels"])
    difference = np.abs(probabilities - tensor["probabilities"]).max()
    check("  golden rows", np.array_equal(label, tensor["label"]) and difference <= GOLDEN_TOLERANCE, f"off by {difference:.1e}")
    check("  golden rows name this file", golden["sha256"] == record["sha256"])


def check_batches(session, pixels):
    """A row's answer must not depend on its neighbours beyond the order of a float32 sum."""
    label, probabilities = predict(session, pixels)
    alone = [predict(session, row[None]) for row in pixels]
    difference = np.abs(probabilities - np.concatenate([one[1] for one in alone])).max()
    same = np.array_equal(label, np.concatenate([one[0] for one in alone]))
    check("  rows alone and in a batch", same and difference <= GOLDEN_TOLERANCE, f"off by {difference:.1e}")


def check_retrained(record, content, train_set, test_pixels, test_labels):
    estimator = train(record["version"], *train_set)
    again = to_onnx(record["version"], estimator, record["metrics"]).SerializeToString(deterministic=True)
    session = open_session(again)
    accuracy = evaluate(session, test_pixels, test_labels)["accuracy"]
    close = abs(accuracy - record["metrics"]["accuracy"]) <= ACCURACY_TOLERANCE
    check("  trained again", close, f"accuracy {accuracy}, file {'identical' if again == content else 'differs in its last bits'}")

    exact = estimator.predict_proba(scaled(test_pixels))
    difference = np.abs(predict(session, test_pixels)[1] - exact).max()
    check("  graph against scikit-learn in float64", difference <= GOLDEN_TOLERANCE, f"off by {difference:.1e}")
    converted = open_session(convert(estimator).SerializeToString())
    label, probabilities = converted.run(None, {"pixels": scaled(test_pixels).astype(np.float32)})
    ours = predict(session, test_pixels)
    difference = np.abs(ours[1] - probabilities).max()
    check("  graph against skl2onnx's", np.array_equal(ours[0], label) and difference <= GOLDEN_TOLERANCE, f"off by {difference:.1e}")


def main():
    manifest = json.loads(MANIFEST.read_text())
    check_data(manifest)
    test_pixels, test_labels = read_csv(TEST_CSV)
    check("versions in digits.json", tuple(record["version"] for record in manifest["models"]) == VERSIONS)
    for record in manifest["models"]:
        print(record["file"])
        content = (HERE / record["file"]).read_bytes()
        session = open_session(content)
        check_interface(record, content)
        metrics = evaluate(session, test_pixels, test_labels)
        check("  recorded figures", metrics == record["metrics"], metrics)
        card = (HERE / f"digits-v{record['version']}.md").read_text(encoding="utf-8")
        check("  card states them", card == card_text(record))
        check_golden(record, session)
        check_batches(session, test_pixels)
        check_retrained(record, content, read_csv(TRAIN_CSV), test_pixels, test_labels)
    print(f"{len(failures)} failed" if failures else "all agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
