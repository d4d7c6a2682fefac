"""How each version learns, and the cross-validation on the training rows that chose v2's shape."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier

from data import MAX_PIXEL, with_shifts

SEED = 7
FOLDS = 5

V1_PARAMS = {"estimator": "LogisticRegression", "trainRows": 120, "C": 1.0, "maxIterations": 2000}
V2_PARAMS = {
    "estimator": "MLPClassifier",
    "hidden": [128],
    "alpha": 0.001,
    "learningRate": 0.001,
    "batchRows": 64,
    "epochs": 60,
    "shiftedCopies": True,
    "seed": SEED,
}

# What v2 was chosen from: hidden layers, L2 penalty, and whether images moved by one pixel join the training.
CANDIDATES = [
    {**V2_PARAMS, "hidden": hidden, "alpha": alpha, "shiftedCopies": shifted, "epochs": 60 if shifted else 150}
    for shifted in (False, True)
    for hidden in ([64], [128], [256], [128, 64])
    for alpha in (0.001, 0.1)
]


def scaled(pixels):
    """What the estimators learn on: 0..16 becomes 0..1. In the ONNX graphs the same division is part of the first weights."""
    return np.asarray(pixels, dtype=np.float64) / MAX_PIXEL


def train_v1(pixels, labels):
    """A first model on the first rows that were labelled: logistic regression on 120 of them."""
    rows = V1_PARAMS["trainRows"]
    estimator = LogisticRegression(C=V1_PARAMS["C"], max_iter=V1_PARAMS["maxIterations"])
    return estimator.fit(scaled(pixels[:rows]), labels[:rows])


def validate_v1(pixels, labels):
    """The accuracy of v1 on the training rows that it did not see."""
    rows = V1_PARAMS["trainRows"]
    return train_v1(pixels, labels).score(scaled(pixels[rows:]), labels[rows:])


def train_v2(pixels, labels, params=V2_PARAMS):
    """A perceptron on all training rows and, where `shiftedCopies`, on their copies moved by one pixel."""
    if params["shiftedCopies"]:
        pixels, labels = with_shifts(pixels, labels)
    estimator = MLPClassifier(
        tuple(params["hidden"]),
        alpha=params["alpha"],
        learning_rate_init=params["learningRate"],
        batch_size=params["batchRows"],
        max_iter=params["epochs"],
        # The number of epochs is part of the recipe: never stop early on a plateau of the loss.
        n_iter_no_change=params["epochs"],
        tol=0.0,
        random_state=params["seed"],
    )
    with warnings.catch_warnings():
        # scikit-learn warns whenever a run ends by its number of epochs, which is what this recipe asks for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(scaled(pixels), labels)


def validate_v2(pixels, labels, params=V2_PARAMS):
    """Returns (mean, standard deviation) of the accuracy over 5 stratified folds; a fold's shifted copies never leave it."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    scores = [
        train_v2(pixels[fit], labels[fit], params).score(scaled(pixels[held]), labels[held])
        for fit, held in folds.split(pixels, labels)
    ]
    return float(np.mean(scores)), float(np.std(scores))


def compare_candidates(pixels, labels):
    """Prints one line for each candidate, as it is measured."""
    for params in CANDIDATES:
        mean, deviation = validate_v2(pixels, labels, params)
        shape = "x".join(str(width) for width in params["hidden"])
        copies = "with shifted copies" if params["shiftedCopies"] else "as they are"
        print(f"hidden {shape:7} alpha {params['alpha']:<6} rows {copies:20} accuracy {mean:.4f} ± {deviation:.4f}", flush=True)
