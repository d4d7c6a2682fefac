"""Reads a folder of event files by TensorBoard's own reader, and prints what it finds as JSON.

The argument is what `tensorboard --logdir` gets. Of every run each scalar comes as [step, wall time, value as text], and
each tensor that is shown as a scalar likewise; text, because JSON has no NaN.
"""

import json
import sys

from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.util import tensor_util

multiplexer = EventMultiplexer(size_guidance={"scalars": 0, "tensors": 0})
multiplexer.AddRunsFromDirectory(sys.argv[1])
multiplexer.Reload()

found = {}
for run in multiplexer.Runs():
    accumulator = multiplexer.GetAccumulator(run)
    tags = accumulator.Tags()
    found[run] = {
        "scalars": {
            tag: [[event.step, event.wall_time, repr(event.value)] for event in accumulator.Scalars(tag)]
            for tag in tags["scalars"]
        },
        "tensors": {
            tag: [
                [event.step, event.wall_time, repr(tensor_util.make_ndarray(event.tensor_proto).item())]
                for event in accumulator.Tensors(tag)
            ]
            for tag in tags["tensors"]
        },
        "plugin": sorted(accumulator.PluginTagToContent("scalars")) if tags["tensors"] else [],
    }
json.dump(found, sys.stdout)
