"""Recognize speech with whisper on ctranslate2. Plain module: Triton's asr model and tests import it.

The encoder sees only the audio and 2 s of silence instead of 30 s: a third of the time, the same words. Less padding
makes the decoder loop ("yes yes yes"), in a few of a hundred utterances also 2 s; others end too early ("365" from six
spoken digits), which their likelihood shows. Both are asked again with more padding, and with timestamps, which make it
loop less but cost tokens. Words that are left out at the end show by the voice behind the last one (left_out.py): with
still more padding, and otherwise as before, most of them are heard. A digit that stands for far more voice than one
has shows that hints led astray: it is decoded once more without them.

A request that nobody waits for any more stops between two stages: encoder, decoder, alignment, and the same again.
Inside a stage nothing stops it: ctranslate2's Whisper has no callback. A decode in chunks would not help: it reads what
it has so far one token at a time (only special tokens of a prompt are read at once), so its last chunk takes as long
as the whole.
"""

import json
import os
import re
import zlib
from functools import partial

import ctranslate2
import numpy as np
import tokenizers
from left_out import has_swallowed, is_left_out, left_out_s
from logmel import HOP, SAMPLE_RATE, log_mel
from repeats import loop, most_tokens, spoken_words, without_loop
from wishes import LISTENERS, WISHES, is_doubtful, wish

PAD_S = 2.0
MORE_PAD_S = 3.5  # for a text that repeats itself: what was really said twice is heard twice again
LONG_PAD_S = 6.0  # for words that were left out at the end
MAX_S = 28.0
SECONDS_PER_POSITION = 0.02  # one encoder position
NO_SPEECH = 0.6  # openai/whisper's thresholds
MIN_LOGPROB = -1.0
SURE_LOGPROB = -0.5  # of words in what sounds like no speech, where the first decode heard none: hold music is "you"
MAX_COMPRESSION = 2.4
SHORT_S = 1.5  # with the 0.3 s before it: a longer sound is no single word
_NOISE = re.compile(r"[\[(][^\])]*[\])]|♪+")  # "[BLANK_AUDIO]", "(upbeat music)"


def _always(_index):
    return True


class Recognizer:
    """One loaded model."""

    def __init__(self, path, threads=1):
        """Load the ctranslate2 folder at `path` in int8."""
        self._model = ctranslate2.models.Whisper(path, device="cpu", compute_type="int8", intra_threads=threads)
        self._tokenizer = tokenizers.Tokenizer.from_file(os.path.join(path, "tokenizer.json"))
        token = self._tokenizer.token_to_id
        # A model of many languages is told which, and that no translation is wanted; one of English only knows neither.
        told = [token("<|en|>"), token("<|transcribe|>")] if self._model.is_multilingual else []
        self._start = [token("<|startoftranscript|>"), *told]
        self._previous = token("<|startofprev|>")
        self._plain = token("<|notimestamps|>")
        self._end = token("<|endoftext|>")
        self._wishes = [self._first(each.text) for each in WISHES]
        self._listeners = list(dict.fromkeys(map(self._first, LISTENERS)))

    def recognize(self, audios, hints, partials=(), wanted=_always):
        """Recognize several int16 arrays at once; return for each a dict of text, words and probabilities.

        The indexes in `partials` are asked once only: the next partial comes soon. `wanted` is asked between two stages
        of the work whether somebody still waits for an index; who is left gets None, and no further stage.
        """
        answers, again = self._recognize(audios, hints, PAD_S, wanted)
        for index, answer in enumerate(answers):
            if answer is None:
                continue
            unlikely = answer["logprob"] < MIN_LOGPROB and answer["text"] and index not in partials
            unheard = hints[index] and not answer["text"] and index not in partials
            if index in again:
                (answers[index],), _ = self._again(audios[index], partial(wanted, index))
            elif unlikely or unheard:
                # Measured on 120 dictated numbers: 99 right without, 105 with; the hints are what misled some.
                (other,), looped = self._again(audios[index], partial(wanted, index))
                likelier = (
                    other and other["logprob"] > answer["logprob"] and len(other["words"]) >= len(answer["words"])
                )
                if unlikely and other and not other["text"]:
                    likelier = other["no_speech"] > NO_SPEECH  # hints make words of a hiss and of music
                elif unheard and other:
                    likelier = other["no_speech"] <= NO_SPEECH or other["logprob"] >= SURE_LOGPROB
                if other is None or (not looped and likelier):  # a shorter text is likelier by its length
                    answers[index] = other
        for index, answer in enumerate(answers):
            if answer is not None and index not in partials and is_left_out(_kept(audios[index]), answer["words"]):
                answers[index] = self._to_the_end(audios[index], hints[index], answer, partial(wanted, index))
        for index, answer in enumerate(answers):
            hinted = answer is not None and index not in partials and hints[index]
            if hinted and has_swallowed(_kept(audios[index]), answer["words"]):
                answers[index] = self._without_hints(audios[index], answer, partial(wanted, index))
        for index, answer in enumerate(answers):
            short = len(audios[index]) <= SHORT_S * SAMPLE_RATE and index not in partials
            measured = short and not self._model.is_multilingual  # how a hum reads is known for tiny.en only
            if measured and answer is not None and is_doubtful(answer) and wanted(index):
                answer["wish"] = self._wish(audios[index])
        return answers

    def _to_the_end(self, audio, hint, answer, wanted):
        """Return the words with more padding if they leave out half as much, else the answer; None for who left."""
        (other,), _ = self._recognize([audio], [hint], LONG_PAD_S, lambda _: wanted())
        if other is None:
            return None
        heard = other["words"] and other["no_speech"] <= NO_SPEECH
        still, was = (left_out_s(_kept(audio), each["words"]) for each in (other, answer))
        return other if heard and still <= was / 2 else answer

    def _without_hints(self, audio, answer, wanted):
        """Return the words without hints if none of them stands for as much, else the answer; None for who left."""
        (other,), looped = self._recognize([audio], [""], PAD_S, lambda _: wanted())
        if looped:
            (other,), looped = self._again(audio, wanted)
        if other is None:
            return None
        heard = other["words"] and not looped and other["no_speech"] <= NO_SPEECH
        return other if heard and not has_swallowed(_kept(audio), other["words"]) else answer

    def _wish(self, audio):
        """Return what a short sound is that may be a word of one who wants the floor, or ""."""
        prompt = self._prompt("")
        steps = self._model.generate(
            self._encode([audio], PAD_S), [prompt], max_length=2 * len(prompt), beam_size=1, return_logits_vocab=True
        )[0].logits
        first = np.array(steps[0], dtype=np.float64).reshape(-1)
        return wish(first[self._wishes], first[self._listeners])

    def _first(self, text):
        return self._tokenizer.encode(" " + text, add_special_tokens=False).ids[0]

    def _again(self, audio, wanted):
        return self._recognize([audio], [""], MORE_PAD_S, lambda _: wanted(), timestamps=True)

    def _recognize(self, audios, hints, pad_s, wanted, *, timestamps=False):
        """Return the answers, None for who was left, and which of them repeat themselves."""
        answers, again = [None] * len(audios), []
        rows = [index for index in range(len(audios)) if wanted(index)]
        if rows:
            encoded = self._encode([audios[index] for index in rows], pad_s)
            rows, encoded = _still(rows, encoded, wanted)
        if not rows:
            return answers, again
        prompts = [self._prompt(hints[index])[: -1 if timestamps else None] for index in rows]
        voiced = [_voiced_s(audios[index]) for index in rows]
        results = self._generate(encoded, prompts, most_tokens(max(voiced)))
        alone = [encoded] if len(rows) == 1 else _rows(encoded)
        for index, row, result, voiced_s in zip(rows, alone, results, voiced, strict=True):
            if not wanted(index):
                continue
            tokens = [token for token in result.sequences_ids[0] if token < self._end]
            words, ends = self._split(tokens)
            if loop(words) is not None:
                again.append(index)
            kept = without_loop(words, voiced_s)
            answers[index] = self._answer(row, tokens[: ends[kept - 1] if kept else 0], result, len(audios[index]))
        return answers, again

    def _encode(self, audios, pad_s):
        features = [self._features(audio, pad_s) for audio in audios]
        frames = max(feature.shape[1] for feature in features)
        batch = np.stack([np.pad(f, ((0, 0), (0, frames - f.shape[1])), constant_values=f.min()) for f in features])
        return self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(batch)))

    def _features(self, audio, pad_s):
        kept = _kept(audio)
        samples = (kept + _HISS[: len(kept)]) / np.float32(32768.0)
        padded = np.concatenate([samples, np.zeros(int(pad_s * SAMPLE_RATE), np.float32)])
        surplus = len(padded) % (2 * HOP)  # the encoder halves the frames
        return log_mel(padded[: len(padded) - surplus])

    def _prompt(self, hint):
        if not hint:
            return [*self._start, self._plain]
        words = self._tokenizer.encode(" " + hint, add_special_tokens=False).ids[-100:]
        return [self._previous, *words, *self._start, self._plain]

    def _generate(self, encoded, prompts, most):
        if len({len(prompt) for prompt in prompts}) == 1:
            # ctranslate2 decodes half of max_length at most, whatever the prompt leaves of it.
            longest = max(len(prompts[0]) + most, 2 * most)
            return self._model.generate(encoded, prompts, max_length=longest, **_DECODING)
        raise ValueError("prompts of one batch must have one length")

    def _answer(self, encoded, tokens, result, samples):
        text = self._tokenizer.decode(tokens).strip()
        logprob = result.scores[0]
        answer = {"no_speech": float(result.no_speech_prob), "logprob": float(logprob), "text": "", "words": []}
        if not tokens or _NOISE.sub("", text).strip(" .") == "" or self._is_hallucinated(text, answer):
            return answer
        positions = max(1, int(samples / SAMPLE_RATE / SECONDS_PER_POSITION))
        aligned = self._model.align(encoded, self._start, [tokens], [positions * 2], median_filter_width=7)[0]
        words = self._words(tokens, aligned)
        words = words[: spoken_words(words, samples * 1000 / SAMPLE_RATE)]
        answer["text"], answer["words"] = _NOISE.sub("", " ".join(word[0] for word in words)).strip(), words
        return answer

    def _split(self, tokens):
        """Return the words, and for each the index one past its last token."""
        pieces = [self._tokenizer.decode([token]) for token in tokens]
        firsts = [i for i, piece in enumerate(pieces) if i == 0 or piece.startswith(" ")]
        ends = [*firsts[1:], len(tokens)]
        return ["".join(pieces[first:end]) for first, end in zip(firsts, ends[: len(firsts)], strict=True)], ends

    def _is_hallucinated(self, text, answer):
        if answer["no_speech"] > NO_SPEECH and answer["logprob"] < MIN_LOGPROB:
            return True
        raw = text.encode()
        return len(raw) > 40 and len(raw) / len(zlib.compress(raw)) > MAX_COMPRESSION

    def _words(self, tokens, aligned):
        starts = {}
        for token_index, position in aligned.alignments:
            starts.setdefault(token_index, position * SECONDS_PER_POSITION)
        pieces = [self._tokenizer.decode([token]) for token in tokens]
        words = []
        for index, piece in enumerate(pieces):
            at = starts.get(index, words[-1][2] if words else 0.0)
            end = starts.get(index + 1, at)
            probability = aligned.text_token_probs[index] if index < len(aligned.text_token_probs) else 0.0
            if piece.startswith(" ") or not words:
                words.append([piece.strip(), at, end, [probability]])
            else:
                words[-1][0] += piece
                words[-1][2] = end
                words[-1][3].append(probability)
        return [[w, round(s * 1000), round(e * 1000), round(float(np.mean(p)), 3)] for w, s, e, p in words if w]


# In digital silence the decoder loops, in a line's own hiss it does not: 5 steps of 16 bit, always the same.
_HISS = np.random.default_rng(0).normal(0.0, 5.0, int(MAX_S * SAMPLE_RATE)).astype(np.float32)
_DECODING = {
    "beam_size": 1,
    "return_scores": True,
    "return_no_speech_prob": True,
    "suppress_blank": True,
    "repetition_penalty": 1.1,
}


def _kept(audio):
    """Return the newest of a sound, as long as one recognition may be; the times of its words count from there."""
    return audio[-int(MAX_S * SAMPLE_RATE) :]


def _voiced_s(audio):
    """Return the seconds that are within 35 dB of the loudest 20 ms."""
    frames = audio[: len(audio) // 320 * 320].reshape(-1, 320).astype(np.float32)
    power = np.mean(frames**2, axis=1)
    return float(np.count_nonzero(power > max(100.0, power.max(initial=0.0) * 10**-3.5)) * 0.02)


def _still(rows, encoded, wanted):
    """Return the rows that are still wanted, and their part of the encoding."""
    kept = [at for at, index in enumerate(rows) if wanted(index)]
    if 0 < len(kept) < len(rows):
        encoded = ctranslate2.StorageView.from_array(np.ascontiguousarray(np.array(encoded)[kept]))
    return [rows[at] for at in kept], encoded


def _rows(encoded):
    """Cut a batch's encoding into encodings of one."""
    whole = np.array(encoded)
    return [ctranslate2.StorageView.from_array(np.ascontiguousarray(row[None])) for row in whole]


def to_json(answer):
    """Serialize an answer for a string tensor."""
    return json.dumps(answer, ensure_ascii=False)
