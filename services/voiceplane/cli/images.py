"""`voiceplane images`: every image and model by digest that an agent needs, for a region without a route out."""

import argparse
import sys
from pathlib import Path

from voiceplane.cli.validate import read_bundle
from voiceplane.contract.load import InvalidAgentError, load_region
from voiceplane.contract.region import Images, VoiceRegion
from voiceplane.runtime.models import Model, ModelUnavailableError, catalogue
from voiceplane.speech.profiles import load_profile

EMBEDDINGS = "minilm-l6-v2"  # of the flow planner
# What the charts run beside an agent's own pods; tests/charts holds them against the charts' values.
BESIDE = {
    "operator": "ghcr.io/voiceplane/operator:0.1.0",
    "records": "ghcr.io/voiceplane/records:0.1.0",
    "collector": "otel/opentelemetry-collector-contrib:0.159.0",
}
EPILOG = """examples:
  voiceplane images agent.yaml
  voiceplane images agent.yaml --region region.yaml     with the region's own images

exit status: 0 listed, 1 mistakes in a file, 2 a file cannot be read
"""
KUBERAY = "quay.io/kuberay/operator:v1.6.1"
_KEDA = {"keda": "keda", "keda-metrics": "keda-metrics-apiserver", "keda-webhooks": "keda-admission-webhooks"}
KEDA = {part: f"ghcr.io/kedacore/{name}:2.21.0" for part, name in _KEDA.items()}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "images",
        help="list the images and models to mirror for a region without a route out",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("agent", help="a file with one VoiceAgent and its VoicePolicies; - for standard input")
    parser.add_argument("--region", type=Path, default=None, help="a file with one VoiceRegion, for its own images")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for each thing to mirror: what it is, its name, and its digest or source."""
    try:
        bundle = read_bundle(options.agent)
        images = _images(_region(options.region))
        profile = load_profile(bundle.agent.spec.voice.profile)
    except OSError as error:
        print(f"cannot read {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except InvalidAgentError as error:
        for mistake in error.mistakes:
            print(mistake.at(options.agent), file=sys.stderr)
        return 1
    except (ModelUnavailableError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for part, image in sorted(images.items()):
        print(f"image {part:<13} {image}")
    models: list[Model] = [*profile.models(), catalogue()[EMBEDDINGS]]
    for model in models:
        print(f"model {model.name:<24} sha256:{model.digest}  {model.wheel} ({model.licence})")
    tags = sorted(part for part, image in images.items() if "@sha256:" not in image)
    if tags:
        told = (
            f"named by a tag, which may move: {', '.join(tags)}. Name digests in VoiceRegion.spec.images and the charts"
        )
        print(told, file=sys.stderr)
    return 0


def _images(region: VoiceRegion | None) -> dict[str, str]:
    spec = region.spec if region is not None else None
    own = spec.images if spec is not None else Images()
    kuberay = {"kuberay": KUBERAY} if spec is None or spec.planner.engine == "kuberay" else {}
    scaled = spec is not None and spec.autoscaling.enabled and spec.autoscaling.engine == "keda"
    return {**own.model_dump(), **BESIDE, **kuberay, **(KEDA if scaled else {})}


def _region(path: Path | None) -> VoiceRegion | None:
    if path is None:
        return None
    try:
        return load_region(path.read_text())
    except InvalidAgentError as error:
        raise ValueError("\n".join(mistake.at(path) for mistake in error.mistakes)) from error
