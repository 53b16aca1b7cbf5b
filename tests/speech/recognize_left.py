"""Run by the interpreter of Triton's environment: recognize recordings for callers who leave on the way.

Arguments: the folder of the modules, the folder of the model, WAV files. Prints what became of them as JSON.
"""

import json
import sys
import wave
from typing import Any

import numpy as np

sys.path.insert(0, sys.argv[1])
import recognizer  # type: ignore[import-not-found]  # untyped, and only in Triton's environment


class Counted:
    """The model, with the order in which its stages began and how many rows each had."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.stages: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def encode(self, features: Any) -> Any:
        self.stages.append(f"encode {features.shape[0]}")
        return self.model.encode(features)

    def generate(self, encoded: Any, prompts: Any, **options: Any) -> Any:
        self.stages.append(f"generate {len(prompts)}")
        return self.model.generate(encoded, prompts, **options)

    def align(self, *given: Any, **options: Any) -> Any:
        self.stages.append("align 1")
        return self.model.align(*given, **options)


def samples(path: str) -> Any:
    with wave.open(path) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def main() -> None:
    hearing = recognizer.Recognizer(sys.argv[2])
    hearing._model = counted = Counted(hearing._model)  # the stages are the model's
    audios = [samples(path) for path in sys.argv[3:]]

    def recognize(left_at: dict[int, int]) -> dict[str, Any]:
        """Let the caller of an index be gone when it is asked about for the given time, from 0."""
        asked = [0] * len(audios)
        counted.stages = []

        def wanted(index: int) -> bool:
            asked[index] += 1
            return asked[index] <= left_at.get(index, 1000)

        answers = hearing.recognize(audios, [""] * len(audios), wanted=wanted)
        return {"texts": [answer and answer["text"] for answer in answers], "stages": counted.stages}

    cases: dict[str, dict[int, int]] = {"all stay": {}}
    for time in range(3):
        cases[f"one leaves at {time}"] = {len(audios) - 1: time}
        cases[f"all leave at {time}"] = dict.fromkeys(range(len(audios)), time)
    print(json.dumps({name: recognize(left) for name, left in cases.items()}))  # noqa: T201


if __name__ == "__main__":
    main()
