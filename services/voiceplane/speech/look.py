"""Ask one Triton what it serves, why not, and which models by digest. Used by speech.client."""

import asyncio
import json
from typing import Any

import grpc
from tritonclient.utils import InferenceServerException

from voiceplane.speech.health import MODELS, OPTIONAL, ModelState, ServerState, Wanted, compared, shortened

LOOK_S = 2.0  # a server that is busy with a model's start may take a second to say so


async def look_at(client: Any, endpoint: str, wanted: Wanted) -> ServerState:
    """Return the state of a server; a model that is not the `wanted` one is not ready."""
    try:
        async with asyncio.timeout(LOOK_S):
            index = await client.get_model_repository_index(client_timeout=LOOK_S)
            states = [
                ModelState(
                    model.name,
                    model.state == "READY",
                    shortened(model.reason or model.state.lower()),
                    await _digests(client, model.name) if _is_told(model) else (),
                )
                for model in index.models
            ]
    except (InferenceServerException, grpc.aio.AioRpcError, TimeoutError):
        return ServerState(endpoint, "does not answer: it is down or starting")
    return ServerState(endpoint, "", tuple(compared(state, wanted.get(state.name, {})) for state in states))


def _is_told(model: Any) -> bool:
    return bool(model.state == "READY" and model.name in (*MODELS, *OPTIONAL))


async def _digests(client: Any, model: str) -> tuple[tuple[str, str], ...]:
    """Read the digests that speech.server wrote into the model's configuration; none where others made it."""
    answer = await client.get_model_config(model, client_timeout=LOOK_S)
    try:
        told = json.loads(answer.config.parameters["digests"].string_value or "{}")
    except ValueError:
        return ()
    return tuple((str(name), str(digest)) for name, digest in told.items()) if isinstance(told, dict) else ()
