"""Run by the interpreter of Triton's environment: recognize a recording whose first decode loses its end.

Arguments: the folder of the modules, the folder of the model, a WAV file. Prints what became of it as JSON.
"""

import json
import sys
import wave
from collections.abc import Callable
from typing import Any

import numpy as np

sys.path.insert(0, sys.argv[1])
import recognizer  # type: ignore[import-not-found]  # untyped, and only in Triton's environment

Answer = dict[str, Any]


def cut(answer: Answer, words: int) -> Answer:
    kept = answer["words"][:words]
    return answer | {"words": kept, "text": " ".join(word[0] for word in kept)}


def main() -> None:
    hearing = recognizer.Recognizer(sys.argv[2])
    with wave.open(sys.argv[3]) as file:
        read = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        audio = np.interp(np.arange(0, len(read), file.getframerate() / 16_000), np.arange(len(read)), read)
    whole = hearing._recognize
    decodes: list[float] = []

    def recognize(first: int, change: Callable[[Answer], Answer | None], *partials: int) -> Answer:
        """Let the first decode lose all but so many words, and the longer one be changed."""

        def decode(audios: Any, hints: Any, pad_s: float, wanted: Any, **options: Any) -> Any:
            decodes.append(pad_s)
            (answer,), again = whole(audios, hints, pad_s, wanted, **options)
            return [cut(answer, first) if pad_s == recognizer.PAD_S else change(answer)], again

        decodes.clear()
        hearing._recognize = decode
        (answer,) = hearing.recognize([audio.astype(np.int16)], [""], set(partials))
        return {"text": answer and answer["text"], "decodes": list(decodes)}

    cases = {
        "whole": recognize(99, dict),
        "cut": recognize(2, dict),
        "partial": recognize(2, dict, 0),
        "no better": recognize(2, lambda answer: cut(answer, 1)),
        "nothing": recognize(2, lambda answer: cut(answer, 0)),
        "no speech": recognize(2, lambda answer: answer | {"no_speech": 0.7}),
        "left": recognize(2, lambda answer: None),
    }
    print(json.dumps(cases))  # noqa: T201


if __name__ == "__main__":
    main()
