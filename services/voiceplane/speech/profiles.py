"""Speech profiles: which models, by digest, serve an agent. Read by speech.server, the cache and voiceplane doctor."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from voiceplane.runtime.models import Model, ModelUnavailableError, catalogue

DEFAULT = "cpu-small"
MANIFEST = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True, slots=True)
class Profile:
    """The models of one profile."""

    name: str
    about: str
    asr: Model
    turn: Model
    vad: Model
    voices: tuple[tuple[str, Model], ...]
    asr_second: Model | None = None  # hears once more what asr leaves in doubt

    def models(self) -> tuple[Model, ...]:
        """Return every model of the profile once."""
        second = (self.asr_second,) if self.asr_second is not None else ()
        return (self.asr, self.turn, self.vad, *(model for _, model in self.voices), *second)

    def voice(self, name: str) -> Model:
        """Return a voice; ModelUnavailableError names those there are."""
        voices = dict(self.voices)
        if name not in voices:
            raise ModelUnavailableError(f"profile {self.name} has no voice {name!r}; it has {', '.join(voices)}")
        return voices[name]

    @property
    def digests(self) -> dict[str, dict[str, str]]:
        """Return what Triton's models say of themselves when they serve this profile: name and digest."""
        second = self.asr_second
        return {
            "asr": {self.asr.name: self.asr.digest},
            "turn": {self.turn.name: self.turn.digest},
            "tts": {voice: model.digest for voice, model in self.voices},
            **({"asr_second": {second.name: second.digest}} if second is not None else {}),
        }

    def wanted(self, voice: str) -> dict[str, dict[str, str]]:
        """Return which of those an agent with this voice needs."""
        return {**self.digests, "tts": {voice: self.voice(voice).digest}}


def profile_names() -> tuple[str, ...]:
    """Return the profiles there are."""
    return tuple(sorted(tomllib.loads(MANIFEST.read_text())))


def models_of(profiles: tuple[str, ...]) -> tuple[Model, ...]:
    """Return every model that agents on these profiles need, also those that are not speech; ModelUnavailableError."""
    known, of_any = catalogue(), {model.name for name in profile_names() for model in load_profile(name).models()}
    mine = {model.name for name in profiles for model in load_profile(name).models()}
    return tuple(model for name, model in known.items() if name in mine or name not in of_any)


def load_profile(name: str) -> Profile:
    """Read a profile and check that its digests are the catalogue's; ModelUnavailableError otherwise."""
    profiles = tomllib.loads(MANIFEST.read_text())
    if name not in profiles:
        raise ModelUnavailableError(f"no speech profile is named {name!r}; there are {', '.join(sorted(profiles))}")
    entry = profiles[name]
    voices = tuple((voice, _pinned(pin)) for voice, pin in entry["voices"].items())
    second = _pinned(entry["asr_second"]) if "asr_second" in entry else None
    return Profile(
        name, entry["about"], _pinned(entry["asr"]), _pinned(entry["turn"]), _pinned(entry["vad"]), voices, second
    )


def _pinned(pin: str) -> Model:
    name, _, digest = pin.partition("@")
    model = catalogue().get(name)
    if model is None or model.digest != digest:
        found = "not in the catalogue" if model is None else f"{model.digest} in the catalogue"
        raise ModelUnavailableError(f"the profile wants {name} with digest {digest}, but it is {found}")
    return model
