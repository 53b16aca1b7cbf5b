import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceplane.media.codecs import CODECS, decoder, encoder, frame_encoder
from voiceplane.media.plc import Concealer
from voiceplane.media.resample import Downsampler, Upsampler, downsample, upsample


def tone(rate: int, hertz: float, samples: int) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)).astype("<i2")


def snr_db(reference: np.ndarray, heard: np.ndarray) -> float:
    """Compare at the best delay and gain within 6 ms."""
    best = -99.0
    for delay in range(100):
        part = heard[delay : delay + len(reference) - 100].astype(float)
        wanted = reference[: len(part)].astype(float)
        gain = (part @ wanted) / (wanted @ wanted)
        best = max(best, 10 * np.log10(((gain * wanted).var() + 1e-9) / ((part - gain * wanted).var() + 1e-9)))
    return best


@pytest.mark.parametrize(("name", "hertz", "least_db"), [("PCMU", 1013, 33), ("PCMA", 1013, 33)])
def test_telephone_codecs_keep_a_tone(name: str, hertz: float, least_db: float) -> None:
    sound = tone(8000, hertz, 8000)
    encode, decode = encoder(CODECS[name]), decoder(CODECS[name])
    heard = b"".join(decode(encode(sound[i : i + 160].tobytes())) for i in range(0, 8000, 160))
    assert snr_db(sound, np.frombuffer(heard, "<i2")) > least_db


@pytest.mark.parametrize(("hertz", "least_db"), [(1000, 25), (5500, 15)])
def test_g722_keeps_a_tone_above_the_telephone_band(hertz: float, least_db: float) -> None:
    sound = tone(16_000, hertz, 16_000)
    encode, decode = frame_encoder(CODECS["G722"]), decoder(CODECS["G722"])
    heard = np.frombuffer(b"".join(decode(encode(sound[i : i + 320].tobytes())) for i in range(0, 16_000, 320)), "<i2")
    spectrum = np.abs(np.fft.rfft(heard[2000:10_000] * np.hanning(8000))) ** 2
    peak = int(spectrum.argmax())
    assert abs(peak * 2 - hertz) <= 2
    rest = spectrum.sum() - spectrum[peak - 3 : peak + 4].sum()
    assert 10 * np.log10(spectrum[peak - 3 : peak + 4].sum() / rest) > least_db


@pytest.mark.parametrize("name", ["PCMU", "PCMA"])
def test_the_pacers_encoder_is_the_codecs_for_every_sample(name: str) -> None:
    every = np.arange(-32768, 32768).astype("<i2").tobytes()
    assert frame_encoder(CODECS[name])(every) == encoder(CODECS[name])(every)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=20))
def test_cutting_the_stream_anywhere_changes_no_sample(cuts: list[int]) -> None:
    sound = np.random.default_rng(2).integers(-9000, 9000, sum(cuts)).astype("<i2")
    for kind in (Upsampler, Downsampler):
        whole, parts, at, out = kind(), kind(), 0, b""
        for cut in cuts:
            out += parts.push(sound[at : at + cut].tobytes())
            at += cut
        assert (
            np.abs(
                np.frombuffer(out, "<i2").astype(int) - np.frombuffer(whole.push(sound.tobytes()), "<i2").astype(int)
            ).max(initial=0)
            <= 1
        )


@pytest.mark.parametrize("hertz", [300, 1000, 3000])
def test_a_tone_survives_the_way_up_and_down(hertz: float) -> None:
    sound, up, down = tone(8000, hertz, 8000), Upsampler(), Downsampler()
    wide = [up.push(sound[i : i + 160].tobytes()) for i in range(0, 8000, 160)]
    back = np.frombuffer(b"".join(down.push(part) for part in wide), "<i2")
    assert snr_db(sound[400:7000], back[400:]) > 45
    assert snr_db(sound[400:7000], np.frombuffer(downsample(upsample(sound.tobytes())), "<i2")[400:]) > 45


@pytest.mark.parametrize("hertz", [5000, 6000, 7500])
def test_what_the_telephone_cannot_carry_is_not_folded_into_its_band(hertz: float) -> None:
    narrow = np.frombuffer(Downsampler().push(tone(16_000, hertz, 16_000).tobytes()), "<i2")
    assert np.abs(narrow[100:].astype(int)).max() < 8000 / 10 ** (50 / 20)


def test_no_image_of_the_voice_appears_above_the_telephone_band() -> None:
    wide = np.frombuffer(Upsampler().push(tone(8000, 3000, 16_000).tobytes()), "<i2")[1000:17_000]
    spectrum = np.abs(np.fft.rfft(wide * np.hanning(len(wide))))
    assert 20 * np.log10(spectrum[4500:].max() / spectrum.max()) < -50


def voiced(samples: int) -> np.ndarray:
    """Give a harmonic sound of 120 Hz, as a vowel is."""
    times = np.arange(samples) / 8000
    parts = [4000 / k * np.sin(2 * np.pi * 120 * k * times) for k in range(1, 8)]
    return np.asarray(np.sum(parts, axis=0), dtype="<i2")


@given(st.integers(0, 66), st.integers(1, 3))
def test_a_gap_in_a_vowel_is_filled_with_the_vowel_and_has_no_click(offset: int, packets: int) -> None:
    sound, concealer = voiced(3200)[offset:], Concealer(8000)
    for i in range(0, 800, 160):
        concealer.heard(sound[i : i + 160].tobytes())
    made = b"".join(concealer.conceal(160) for _ in range(packets))
    at = 800 + 160 * packets
    after = concealer.heard(sound[at : at + 160].tobytes())
    out = np.frombuffer(sound[640:800].tobytes() + made + after, "<i2").astype(int)
    steepest = np.abs(np.diff(sound.astype(int))).max()
    assert np.abs(np.diff(out)).max() < 1.5 * steepest
    first = np.frombuffer(made, "<i2")[:80].astype(float)
    assert np.corrcoef(first, sound[800:880])[0, 1] > 0.95
    assert not np.frombuffer(concealer.conceal(160) + concealer.conceal(800), "<i2")[500:].any()


def test_concealing_before_any_sound_is_silence() -> None:
    assert not any(Concealer(16_000).conceal(320))
