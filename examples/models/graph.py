"""ONNX graphs from learned weights: one Gemm a layer, Relu between, then Softmax and ArgMax, and nothing else.

A converter's graph of the same perceptron carries Cast, Identity, ArrayFeatureExtractor and Reshape nodes as well, and that of the
logistic regression the LinearClassifier of the ai.onnx.ml domain. What is written out here needs four operators of the default
domain; verify.py holds its outputs against the converter's, bench.py its speed.
"""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference

from data import CLASSES, MAX_PIXEL, PIXELS

OPSET = 17
IR_VERSION = 8


def layers_of(estimator):
    """Returns the estimator's layers as (weights [in, out], bias [out]) pairs, first to last."""
    if hasattr(estimator, "coefs_"):
        return list(zip(estimator.coefs_, estimator.intercepts_))
    return [(estimator.coef_.T, estimator.intercept_)]


def build(estimator, name, doc, metadata):
    """Returns a checked ModelProto: `pixels` float32 [batch, 64] to `label` int64 [batch], `probabilities` float32 [batch, 10]."""
    nodes, weights = [], []
    value = "pixels"
    layers = layers_of(estimator)
    for index, (matrix, bias) in enumerate(layers):
        last = index == len(layers) - 1
        # Pixels arrive raw, 0..16. Division by 16 is exact in binary floating point, so it costs no bit and no node.
        scaled = matrix / MAX_PIXEL if index == 0 else matrix
        layer = "logits" if last else f"hidden{index + 1}"
        weights += [
            numpy_helper.from_array(np.ascontiguousarray(scaled, dtype=np.float32), f"{layer}.weight"),
            numpy_helper.from_array(np.asarray(bias, dtype=np.float32), f"{layer}.bias"),
        ]
        nodes.append(helper.make_node("Gemm", [value, f"{layer}.weight", f"{layer}.bias"], [layer], name=layer))
        value = layer
        if not last:
            value = f"{layer}.relu"
            nodes.append(helper.make_node("Relu", [layer], [value], name=value))
    nodes.append(helper.make_node("Softmax", [value], ["probabilities"], name="probabilities", axis=1))
    nodes.append(helper.make_node("ArgMax", ["probabilities"], ["label"], name="label", axis=1, keepdims=0))

    pixels = helper.make_tensor_value_info(
        "pixels", TensorProto.FLOAT, ["batch", PIXELS], "8x8 image, row by row, raw values 0 (no ink) to 16 (all ink)"
    )
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"], "the digit, 0 to 9")
    probabilities = helper.make_tensor_value_info(
        "probabilities", TensorProto.FLOAT, ["batch", CLASSES], "the probability of each digit; a row sums to 1"
    )
    model = helper.make_model(
        helper.make_graph(nodes, name, [pixels], [label, probabilities], weights),
        producer_name="fairlead-examples",
        producer_version="1",
        domain="fairlead.examples",
        model_version=int(metadata["version"]),
        doc_string=doc,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, metadata)
    checker.check_model(model, full_check=True)
    shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    return model
