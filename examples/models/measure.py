"""What a model does on rows, through onnxruntime: the figures that the cards, the manifest and verify.py agree on."""

import hashlib

import numpy as np
import onnxruntime
from sklearn.metrics import accuracy_score, f1_score, log_loss

from data import CLASSES, dimmer_and_noisier


def open_session(model_bytes):
    """A session on one CPU thread, so that a figure does not depend on how many cores there are."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])


def predict(session, pixels):
    """Returns (labels int64 [rows], probabilities float32 [rows, 10])."""
    return session.run(["label", "probabilities"], {"pixels": np.asarray(pixels, dtype=np.float32)})


def evaluate(session, pixels, labels):
    """The figures on held-out rows: as they are, and dimmer and noisier."""
    predicted, probabilities = predict(session, pixels)
    # A float32 row sums to 1 within 1e-7, which log_loss takes for an error.
    normalised = probabilities.astype(np.float64) / probabilities.astype(np.float64).sum(axis=1, keepdims=True)
    shifted, _ = predict(session, dimmer_and_noisier(pixels))
    return {
        "accuracy": rounded(accuracy_score(labels, predicted)),
        "macroF1": rounded(f1_score(labels, predicted, average="macro")),
        "logLoss": rounded(log_loss(labels, normalised, labels=range(CLASSES))),
        "shiftedAccuracy": rounded(accuracy_score(labels, shifted)),
    }


def rounded(value):
    """Four decimals: one test row of 540 is 0.0019."""
    return round(float(value), 4)


def sha256(content):
    return hashlib.sha256(content).hexdigest()
