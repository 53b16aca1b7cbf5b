"""Have a Piper network speak a phrase the same each time, on every machine: its noise is a table, not drawn.

What callers hear, and what tests of it hear, is then no matter of luck: of some phrases one sample in three is unclear.
Used by piper_parts.
"""

import numpy as np
from onnx import helper, numpy_helper

SEED = 3  # of 0 to 7 the one with which whisper tiny read 31 phrases of agents best: 24 words wrong, 24 to 36 in all
COLUMNS = 2048  # of the table, then it begins again: 24 s of frames
CHANNELS = {"/dp/RandomNormalLike": 2, "/RandomNormalLike": 192}  # how long phonemes last; how they sound


def with_steady_noise(model):
    """Replace every RandomNormalLike of (1, channels, n) in the graph; ValueError names one that is not known."""
    nodes = []
    for node in model.graph.node:
        nodes += _table(model.graph, node) if node.op_type == "RandomNormalLike" else [node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _table(graph, node):
    """Return the nodes that read as many columns of the table as the replaced one would have drawn."""
    if node.name not in CHANNELS:
        raise ValueError(f"a Piper voice draws noise in {node.name}, which is not known")
    table = np.random.default_rng(SEED).standard_normal((1, CHANNELS[node.name], COLUMNS)).astype(np.float32)
    name = f"{node.name}/steady"
    constants = {"table": table, "last": [2], "zero": 0, "one": 1, "columns": COLUMNS, "scalar": []}
    for each, value in constants.items():
        array = value if each == "table" else np.array(value, dtype=np.int64)
        graph.initializer.append(numpy_helper.from_array(array, f"{name}/{each}"))
    steps = (
        ("Shape", [node.input[0]], "shape"),
        ("Gather", [f"{name}/shape", f"{name}/last"], "length"),
        ("Reshape", [f"{name}/length", f"{name}/scalar"], "count"),
        ("Range", [f"{name}/zero", f"{name}/count", f"{name}/one"], "range"),
        ("Mod", [f"{name}/range", f"{name}/columns"], "column"),
    )
    made = [helper.make_node(kind, inputs, [f"{name}/{out}"], name=f"{name}/{out}") for kind, inputs, out in steps]
    read = helper.make_node(
        "Gather", [f"{name}/table", f"{name}/column"], [node.output[0]], name=f"{name}/read", axis=2
    )
    return [*made, read]
