"""The same estimators through skl2onnx: the independent graph that verify.py and bench.py compare ours with."""

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from data import PIXELS
from graph import OPSET


def convert(estimator):
    """Returns a ModelProto whose input `pixels` expects rows already divided by 16."""
    return to_onnx(
        estimator,
        initial_types=[("pixels", FloatTensorType([None, PIXELS]))],
        options={id(estimator): {"zipmap": False, "output_class_labels": False}},
        target_opset=OPSET,
    )
