"""Makes the example's data and models: `python train.py` writes every generated file of this folder.

`python train.py --candidates` prints the cross-validation that v2's shape was chosen by, and writes nothing.
"""

import argparse

from threadpoolctl import threadpool_limits

import recipes
from cards import card_text, choose_golden_rows, golden_text, json_text
from data import CLASSES, HERE, SPLIT_SEED, TEST_CSV, TRAIN_CSV, read_csv, split, write_csv
from graph import build
from measure import evaluate, open_session, predict, rounded, sha256

MANIFEST = HERE / "digits.json"
VERSIONS = ("1", "2")


def train(version, pixels, labels):
    """Returns the fitted scikit-learn estimator of that version."""
    # One thread: a sum split over threads depends on how many there are.
    with threadpool_limits(1):
        return recipes.train_v1(pixels, labels) if version == "1" else recipes.train_v2(pixels, labels)


def validate(version, pixels, labels):
    """The accuracy by which a recipe is judged without the test rows."""
    with threadpool_limits(1):
        if version == "1":
            unseen = len(labels) - recipes.V1_PARAMS["trainRows"]
            return {"accuracy": rounded(recipes.validate_v1(pixels, labels)), "on": f"the {unseen} training rows it did not learn from"}
        mean, deviation = recipes.validate_v2(pixels, labels)
    return {"accuracy": rounded(mean), "deviation": rounded(deviation), "on": f"{recipes.FOLDS}-fold cross-validation on the training rows"}


def to_onnx(version, estimator, metrics=None):
    """Returns the ModelProto of a version. The weights come first: `metrics` are measured on a graph that does not state them yet."""
    metadata = {
        "name": "digits",
        "version": version,
        "labels": ",".join(str(digit) for digit in range(CLASSES)),
        "data": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0",
        "license": "MIT",
    }
    if metrics is not None:
        metadata["accuracy"] = str(metrics["accuracy"])
    kind = "logistic regression" if version == "1" else "perceptron, 128 hidden units"
    return build(estimator, f"digits_v{version}", f"Handwritten digits, 8x8 pixels of 0..16: {kind}", metadata)


def write_everything():
    train_rows, test_rows = split()
    write_csv(TRAIN_CSV, train_rows)
    write_csv(TEST_CSV, test_rows)
    train_pixels, train_labels = read_csv(TRAIN_CSV)
    test_pixels, test_labels = read_csv(TEST_CSV)

    records, sessions = [], []
    for version in VERSIONS:
        estimator = train(version, train_pixels, train_labels)
        metrics = evaluate(open_session(to_onnx(version, estimator).SerializeToString()), test_pixels, test_labels)
        model = to_onnx(version, estimator, metrics)
        content = model.SerializeToString(deterministic=True)
        record = {
            "name": "digits",
            "version": version,
            "file": f"digits-v{version}.onnx",
            "bytes": len(content),
            "sha256": sha256(content),
            "operators": ", ".join(node.op_type for node in model.graph.node),
            "params": recipes.V1_PARAMS if version == "1" else recipes.V2_PARAMS,
            "validation": validate(version, train_pixels, train_labels),
            "metrics": metrics,
        }
        if hasattr(estimator, "loss_curve_"):
            record["history"] = {"loss": [float(f"{loss:.6g}") for loss in estimator.loss_curve_]}
        (HERE / record["file"]).write_bytes(content)
        (HERE / f"digits-v{version}.md").write_text(card_text(record), encoding="utf-8")
        records.append(record)
        sessions.append(open_session(content))
        print(f"{record['file']}: {record['bytes']} bytes, {record['operators']}, {metrics}, validation {record['validation']}")

    rows = choose_golden_rows(test_labels, *(predict(session, test_pixels)[0] for session in sessions))
    for record, session in zip(records, sessions):
        path = HERE / f"digits-v{record['version']}.golden.json"
        path.write_text(golden_text(session, record, test_pixels, test_labels, rows), encoding="utf-8")
    files = {"train": (TRAIN_CSV, train_labels), "test": (TEST_CSV, test_labels)}
    data = {part: {"file": path.name, "rows": len(labels), "sha256": sha256(path.read_bytes())} for part, (path, labels) in files.items()}
    MANIFEST.write_text(json_text({"data": {**data, "splitSeed": SPLIT_SEED}, "models": records}), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", action="store_true", help="compare the candidates for v2 on the training rows, write nothing")
    if parser.parse_args().candidates:
        with threadpool_limits(1):
            recipes.compare_candidates(*read_csv(TRAIN_CSV))
    else:
        write_everything()
