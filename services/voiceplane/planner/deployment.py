"""The planner as a Ray Serve application behind its gRPC proxy. The only place that knows ray."""

import asyncio
import logging
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import ray
from grpc_health.v1 import health_pb2
from opentelemetry.trace import SpanKind
from ray import serve
from ray.serve.config import gRPCOptions
from ray.serve.grpc_util import RayServegRPCContext

from voiceplane.contract.agent import VoiceAgentSpec
from voiceplane.contract.load import load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import planner_pb2
from voiceplane.runtime import logs, telemetry

APPLICATION = "planner"
OBJECT_STORE_BYTES = 80 * 1024 * 1024  # nothing large passes through it
SERVICERS = [
    "voiceplane.rpc.v1.planner_pb2_grpc.add_PlannerServicer_to_server",
    "grpc_health.v1.health_pb2_grpc.add_HealthServicer_to_server",
]


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """How the planner runs: the agents as YAML texts, so that a replica on any node has them."""

    agents: tuple[str, ...]
    host: str = "127.0.0.1"
    grpc_port: int = 9000
    http_port: int = 8090
    replicas: int = 1
    cpus: int = 2
    otlp_endpoint: str | None = None


@serve.deployment(ray_actor_options={"num_cpus": 0.1}, max_ongoing_requests=32, health_check_period_s=2)
class PlannerReplica:
    """One replica: every agent's planner, ready. Holds nothing between requests."""

    def __init__(self, agents: tuple[str, ...], otlp_endpoint: str | None) -> None:
        """Load the model and embed every agent's examples."""
        logs.configure("planner")
        telemetry.configure("planner", otlp_endpoint=otlp_endpoint, instance=f"planner-{os.getpid()}")
        embedder = Embedder()
        self._planners: dict[tuple[str, str], tuple[FlowPlanner, VoiceAgentSpec]] = {}
        for text in agents:
            bundle = load_bundle(text)
            metadata, spec = bundle.agent.metadata, bundle.agent.spec
            planner = FlowPlanner(spec, Understanding(spec, embedder))
            self._planners[f"{metadata.namespace}/{metadata.name}", bundle.revision] = (planner, spec)

    async def Check(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        """Answer grpc.health.v1: a replica that answers is one that serves."""
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    async def Reply(
        self, request: planner_pb2.ReplyRequest, grpc_context: RayServegRPCContext
    ) -> AsyncIterator[planner_pb2.ReplyEvent]:
        """Stream one reply."""
        known = self._planners.get((request.agent, request.revision))
        if known is None:
            grpc_context.set_code(grpc.StatusCode.FAILED_PRECONDITION)
            grpc_context.set_details(f"no agent {request.agent} of revision {request.revision} is loaded here")
            raise LookupError("unknown revision")
        planner, _ = known
        try:
            asked = convert.request_from_wire(request)
        except ValueError as error:
            grpc_context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            grpc_context.set_details(str(error))
            raise
        context = telemetry.extract(grpc_context.invocation_metadata() or ())
        tracer = telemetry.tracer("voiceplane.planner")
        with tracer.start_as_current_span("planner.reply", context=context, kind=SpanKind.SERVER) as span:
            span.set_attribute("voice.turn.index", request.turn_index)
            events = await asyncio.to_thread(lambda: list(planner.reply(asked)))
            span.set_attribute("voice.intent", getattr(events[-1], "intent", ""))
        for event in events:
            yield convert.event_to_wire(event)


def start(settings: PlannerSettings) -> None:
    """Start Ray on this machine and the application on it; returns when it serves."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Ray's socket paths must stay short: a folder directly below the system's temporary one.
    ray.init(
        address="local",
        num_cpus=settings.cpus,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.WARNING,
        _temp_dir=tempfile.mkdtemp(prefix="vp-ray-"),
        _node_ip_address="127.0.0.1",
    )
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": settings.host, "port": settings.http_port},
        grpc_options=gRPCOptions(port=settings.grpc_port, grpc_servicer_functions=SERVICERS),
    )
    application = PlannerReplica.options(  # type: ignore[attr-defined]
        num_replicas=settings.replicas
    ).bind(settings.agents, settings.otlp_endpoint)
    serve.run(application, name=APPLICATION, route_prefix="/planner")


def stop() -> None:
    """Stop the application and Ray with all of its processes."""
    serve.shutdown()  # type: ignore[no-untyped-call]
    ray.shutdown()
