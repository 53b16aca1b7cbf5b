"""Sentence embeddings by all-MiniLM-L6-v2 (Apache-2.0), the BERT encoder written out in numpy: no torch in the planner.

Six layers of 12 heads over 384 values, mean pooling, unit length (the model card's recipe). A short sentence costs a
few milliseconds on one core.
"""

import io
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load
from tokenizers import Tokenizer

from voiceplane.runtime.models import model

Vector = npt.NDArray[np.float32]
LAYERS, HEADS, WIDTH = 6, 12, 384
MAX_TOKENS = 128  # the model card: longer text is cut
_EPSILON = 1e-12


class Embedder:
    """The loaded model. Thread-safe: it only reads."""

    def __init__(self, archive: Path | None = None) -> None:
        """Load from the model cache; ModelUnavailableError says how to fetch it."""
        path = archive or model("minilm-l6-v2").file("model.zip")
        with zipfile.ZipFile(path) as files:
            self._weights = _arranged(load(files.read("model.safetensors")))
            self._tokenizer = Tokenizer.from_str(io.TextIOWrapper(files.open("tokenizer.json"), "utf-8").read())
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    def embed(self, sentences: Sequence[str]) -> Vector:
        """Return one unit vector of 384 values for each sentence, shape (n, 384)."""
        return np.stack([self._embed(sentence.strip().lower()) for sentence in sentences])

    @lru_cache(maxsize=4096)  # noqa: B019  one embedder lives as long as its process; callers repeat themselves
    def _embed(self, sentence: str) -> Vector:
        tokens = self._tokenizer.encode(sentence).ids
        state = self._embeddings(tokens)
        for layer in range(LAYERS):
            state = self._layer(state, f"encoder.layer.{layer}.")
        pooled = state.mean(axis=0)
        return np.asarray(pooled / (np.linalg.norm(pooled) + _EPSILON), dtype=np.float32)

    def _embeddings(self, tokens: list[int]) -> Vector:
        weights = self._weights
        summed = (
            weights["embeddings.word_embeddings.weight"][tokens]
            + weights["embeddings.position_embeddings.weight"][: len(tokens)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        return self._normalized(summed, "embeddings.LayerNorm.")

    def _layer(self, state: Vector, at: str) -> Vector:
        together = self._linear(state, f"{at}attention.qkv.").reshape(len(state), 3, HEADS, WIDTH // HEADS)
        query, key, value = together.transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(WIDTH // HEADS))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        attention = scores / scores.sum(axis=-1, keepdims=True)
        mixed = (attention @ value).transpose(1, 0, 2).reshape(len(state), WIDTH)
        mixed = self._linear(mixed, f"{at}attention.output.dense.")
        state = self._normalized(state + mixed, f"{at}attention.output.LayerNorm.")
        wide = _gelu(self._linear(state, f"{at}intermediate.dense."))
        return self._normalized(state + self._linear(wide, f"{at}output.dense."), f"{at}output.LayerNorm.")

    def _linear(self, state: Vector, at: str) -> Vector:
        return np.asarray(state @ self._weights[f"{at}weight"] + self._weights[f"{at}bias"], dtype=np.float32)

    def _normalized(self, state: Vector, at: str) -> Vector:
        centered = state - state.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centered**2).mean(axis=-1, keepdims=True) + _EPSILON)
        scaled = centered / spread * self._weights[f"{at}weight"] + self._weights[f"{at}bias"]
        return np.asarray(scaled, dtype=np.float32)


def _arranged(weights: dict[str, Vector]) -> dict[str, Vector]:
    """Lay the matrices out as they are multiplied, query, key and value in one: a third faster on one core."""
    arranged = dict(weights)
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        for kind in ("weight", "bias"):
            parts = [arranged.pop(f"{at}attention.self.{name}.{kind}") for name in ("query", "key", "value")]
            arranged[f"{at}attention.qkv.{kind}"] = np.concatenate(parts)
        for name in ("attention.qkv", "attention.output.dense", "intermediate.dense", "output.dense"):
            arranged[f"{at}{name}.weight"] = np.ascontiguousarray(arranged[f"{at}{name}.weight"].T)
    return arranged


def _gelu(values: Vector) -> Vector:
    """BERT's exact GELU by the error function (Abramowitz and Stegun 7.1.26, error below 1.5e-7)."""
    scaled = np.abs(values) / np.float32(np.sqrt(2.0))
    t = 1.0 / (1.0 + 0.3275911 * scaled)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = np.sign(values) * (1.0 - poly * np.exp(-(scaled**2)))
    return np.asarray(0.5 * values * (1.0 + erf), dtype=np.float32)
