"""`voiceplane images`: every image and model by digest that an agent needs, for a region without a route out."""

import argparse
import sys
from pathlib import Path

import yaml

from voiceplane.cli.validate import read_bundle
from voiceplane.contract.base import FROM_YAML
from voiceplane.contract.load import InvalidAgentError
from voiceplane.contract.region import Images, VoiceRegion
from voiceplane.runtime.models import Model, ModelUnavailableError, catalogue
from voiceplane.speech.profiles import load_profile

EMBEDDINGS = "minilm-l6-v2"  # of the flow planner


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser("images", help="list the images and models to mirror for a region without a route out")
    parser.add_argument("agent", help="a file with one VoiceAgent and its VoicePolicies; - for standard input")
    parser.add_argument("--region", type=Path, default=None, help="a file with one VoiceRegion, for its own images")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for each thing to mirror: what it is, its name, and its digest or source."""
    try:
        bundle = read_bundle(options.agent)
        images = _images(options.region)
        profile = load_profile(bundle.agent.spec.voice.profile)
    except OSError as error:
        print(f"cannot read {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except (InvalidAgentError, ModelUnavailableError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for part, image in sorted(images.model_dump().items()):
        print(f"image {part:<10} {image}")
    models: list[Model] = [*profile.models(), catalogue()[EMBEDDINGS]]
    for model in models:
        print(f"model {model.name:<24} sha256:{model.digest}  {model.wheel} ({model.licence})")
    return 0


def _images(region: Path | None) -> Images:
    if region is None:
        return Images()
    for document in yaml.safe_load_all(region.read_text()):
        if isinstance(document, dict) and document.get("kind") == "VoiceRegion":
            return VoiceRegion.model_validate(document, context=FROM_YAML).spec.images
    raise ValueError(f"{region}: no VoiceRegion in it")
