"""What Triton's model files share: finding the environment, reading tensors, answering with times."""

import json
import time

import numpy as np


def parameter(args, key):
    """Read a parameter of config.pbtxt."""
    return json.loads(args["model_config"])["parameters"][key]["string_value"]


def text_of(tensor):
    """Read a string tensor of one element; empty when it is absent."""
    if tensor is None:
        return ""
    value = tensor.as_numpy().reshape(-1)
    return value[0].decode() if len(value) else ""


def flag_of(request, name):
    """Read a parameter of the request that is true or absent."""
    return bool(json.loads(request.parameters() or "{}").get(name))


def strings(value):
    """Make a string tensor of one element."""
    return np.array([[value.encode()]], dtype=object)


def times(started_ns):
    """Return when the model's own work began and ended, Unix ns: queue time is what lies before."""
    return np.array([[started_ns, time.time_ns()]], dtype=np.int64)
