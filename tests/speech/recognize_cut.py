"""Run by the interpreter of Triton's environment: recognize a recording whose first decode loses words.

Arguments: the folder of the modules, the folder of the model, a WAV file of a sentence and one of a number. Prints what
became of them as JSON.
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
HINTS = "It is nine two."


def read(path: str) -> "np.ndarray[Any, np.dtype[np.int16]]":
    with wave.open(path) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        places = np.arange(0, len(samples), file.getframerate() / 16_000)
        return np.interp(places, np.arange(len(samples)), samples).astype(np.int16)


def cut(answer: Answer, words: int) -> Answer:
    kept = answer["words"][:words]
    return answer | {"words": kept, "text": " ".join(word[0] for word in kept)}


def swallow(answer: Answer) -> Answer:
    """Let the last word stand for the whole sound."""
    last = [answer["words"][-1][0], answer["words"][0][1], *answer["words"][-1][2:]]
    return answer | {"words": [last], "text": last[0]}


def main() -> None:
    hearing = recognizer.Recognizer(sys.argv[2])
    audio, number = read(sys.argv[3]), read(sys.argv[4])
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
        (answer,) = hearing.recognize([audio], [""], set(partials))
        return {"text": answer and answer["text"], "decodes": list(decodes)}

    def hinted(hints: str, change: Callable[[Answer], Answer | None], *partials: int) -> Answer:
        """Let the first decode swallow all but its last word, and the next be changed."""
        asked: list[str] = []

        def decode(audios: Any, hints: Any, pad_s: float, wanted: Any, **options: Any) -> Any:
            asked.extend(hints)
            (answer,), again = whole(audios, hints, pad_s, wanted, **options)
            return [swallow(answer) if len(asked) == 1 else change(answer)], again

        hearing._recognize = decode
        (answer,) = hearing.recognize([number], [hints], set(partials))
        return {"text": answer and answer["text"], "hints": asked}

    cases = {
        "whole": recognize(99, dict),
        "cut": recognize(2, dict),
        "partial": recognize(2, dict, 0),
        "no better": recognize(2, lambda answer: cut(answer, 1)),
        "nothing": recognize(2, lambda answer: cut(answer, 0)),
        "no speech": recognize(2, lambda answer: answer | {"no_speech": 0.7}),
        "left": recognize(2, lambda answer: None),
        "swallowed": hinted(HINTS, dict),
        "swallowed without hints": hinted("", dict),
        "swallowed by a partial": hinted(HINTS, dict, 0),
        "swallowed again": hinted(HINTS, swallow),
        "swallowed and left": hinted(HINTS, lambda answer: None),
    }
    print(json.dumps(cases))  # noqa: T201


if __name__ == "__main__":
    main()
