"""The planner as a Ray Serve application behind its gRPC proxy. The only place that knows ray."""

import datetime
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

import grpc
import ray
from grpc_health.v1 import health_pb2
from opentelemetry.trace import Span, SpanKind
from ray import serve
from ray.serve.config import gRPCOptions
from ray.serve.grpc_util import RayServegRPCContext
from ray.serve.schema import LoggingConfig
from ray.util.metrics import Counter

from voiceplane.contract.dialogue import Done, ReplyEvent, ReplyRequest
from voiceplane.contract.load import load_bundle
from voiceplane.planner.embed import Embedder
from voiceplane.planner.flow import FlowPlanner
from voiceplane.planner.intents import Understanding
from voiceplane.planner.model import ModelBrain
from voiceplane.planner.ports import Planner
from voiceplane.planner.spans import Spent
from voiceplane.rpc import convert
from voiceplane.rpc.v1 import planner_pb2
from voiceplane.runtime import logs, telemetry

APPLICATION = "planner"
OBJECT_STORE_BYTES = 80 * 1024 * 1024  # nothing large passes through it
ONGOING_REQUESTS = 32  # of one replica: a second of work; more wait in the proxy
QUEUED_REQUESTS = 256  # in the proxy; beyond, RESOURCE_EXHAUSTED is a better answer than a late one
DRAIN_S = 5.0  # what a replica that is told to stop may take to finish its replies
SERVICERS = [
    "voiceplane.rpc.v1.planner_pb2_grpc.add_PlannerServicer_to_server",
    "grpc_health.v1.health_pb2_grpc.add_HealthServicer_to_server",
]
QUIET = LoggingConfig(log_level="WARNING", enable_access_log=False)


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """How the planner runs: the agents as YAML texts, so that a replica on any node has them."""

    agents: tuple[str, ...]
    host: str = "127.0.0.1"
    grpc_port: int = 9000
    http_port: int = 8090
    metrics_port: int = 0  # of Ray's own Prometheus endpoint; 0 for one that Ray chooses
    replicas: int = 1
    cpus: int = 2
    otlp_endpoint: str | None = None


@serve.deployment(
    ray_actor_options={"num_cpus": 0.1},
    max_ongoing_requests=ONGOING_REQUESTS,
    max_queued_requests=QUEUED_REQUESTS,
    health_check_period_s=2,
    health_check_timeout_s=5,
    graceful_shutdown_timeout_s=DRAIN_S,
    graceful_shutdown_wait_loop_s=0.2,  # how often it looks for unfinished replies; Ray's 2 s are waited in full
)
class PlannerReplica:
    """One replica: every agent's planner, ready. Holds nothing between requests."""

    def __init__(self, agents: tuple[str, ...], otlp_endpoint: str | None) -> None:
        """Load the model and embed every agent's examples."""
        logs.configure("planner")
        telemetry.configure("planner", otlp_endpoint=otlp_endpoint, instance=f"planner-{os.getpid()}")
        embedder = Embedder()
        tokens = Counter("voiceplane_model_tokens", "What language models were given and made", tag_keys=("kind",))
        self._planners: dict[tuple[str, str], Planner] = {}
        for text in agents:
            bundle = load_bundle(text)
            spec = bundle.agent.spec
            flow = FlowPlanner(spec, Understanding(spec, embedder))
            model = spec.planner.model
            planner = flow if model is None else ModelBrain(spec, model, flow, _counting(tokens))
            self._planners[bundle.agent_name, bundle.revision] = planner

    async def Check(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        """Answer grpc.health.v1: a replica that answers is one that serves."""
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)

    async def Reply(
        self, request: planner_pb2.ReplyRequest, grpc_context: RayServegRPCContext
    ) -> AsyncIterator[planner_pb2.ReplyEvent]:
        """Stream one reply. A client that goes away cancels this, and with it a model's generation."""
        planner = self._planners.get((request.agent, request.revision))
        if planner is None:
            grpc_context.set_code(grpc.StatusCode.FAILED_PRECONDITION)
            grpc_context.set_details(f"no agent {request.agent} of revision {request.revision} is loaded here")
            raise LookupError("unknown revision")
        try:
            asked = convert.request_from_wire(request)
            datetime.date.fromisoformat(asked.today)
        except ValueError as error:
            grpc_context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            grpc_context.set_details(str(error))
            raise
        with _span(asked, grpc_context) as span:
            events: list[ReplyEvent] = []
            async with aclosing(planner.stream(asked, span)) as reply:
                async for event in reply:
                    events.append(event)
                    if isinstance(event, Done):
                        _describe(span, events)
                    yield convert.event_to_wire(event)


def _counting(tokens: Counter) -> Spent:
    def spent(kind: str, number: int) -> None:
        if number > 0:
            tokens.inc(number, {"kind": kind})

    return spent


@contextmanager
def _span(asked: ReplyRequest, grpc_context: RayServegRPCContext) -> Iterator[Span]:
    context = telemetry.extract(grpc_context.invocation_metadata() or ())
    tracer = telemetry.tracer("voiceplane.planner")
    facts: dict[str, str | int] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "voiceplane",
        "gen_ai.agent.name": asked.agent,
        "gen_ai.agent.version": asked.revision,
        "gen_ai.conversation.id": asked.call_id,
        "voice.turn.index": asked.turn_index,
        "voice.planner.input": type(asked.input).__name__,
    }
    span = tracer.start_span("planner.reply", context=context, kind=SpanKind.SERVER, attributes=facts)
    try:  # not the current span: an async generator may be closed from another context
        yield span
    finally:
        span.end()


def _describe(span: Span, events: list[ReplyEvent]) -> None:
    """Say what was decided; never what was said."""
    done = events[-1]
    assert isinstance(done, Done)
    span.set_attribute("voice.intent", done.intent)
    span.set_attribute("voice.intent.score", done.confidence)
    span.set_attribute("voice.unsure", done.state.unsure)
    span.set_attribute("voice.planner.events", [type(event).__name__ for event in events])


class LocalRay:
    """Ray on this machine with the application on it."""

    def __init__(self, settings: PlannerSettings) -> None:
        """Prepare; nothing runs yet."""
        self._settings = settings
        # The path of a socket may have no more than 107 bytes (unix(7)), and Ray appends about 65.
        short = len(tempfile.gettempdir()) <= 26
        self._folder = tempfile.mkdtemp(prefix="vp-ray-", dir=None if short else "/tmp")

    def start(self) -> None:
        """Start Ray and the application; returns when every replica serves."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the replicas inherit it: they share the cores by turns
        settings = self._settings
        ray.init(
            address="local",
            num_cpus=settings.cpus,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            _metrics_export_port=settings.metrics_port or None,
            _temp_dir=self._folder,
            _node_ip_address="127.0.0.1",
        )
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": settings.host, "port": settings.http_port},
            grpc_options=gRPCOptions(port=settings.grpc_port, grpc_servicer_functions=SERVICERS),
            logging_config=QUIET,
        )
        application = PlannerReplica.options(  # type: ignore[attr-defined]
            num_replicas=settings.replicas
        ).bind(settings.agents, settings.otlp_endpoint)
        serve.run(application, name=APPLICATION, route_prefix="/planner", logging_config=QUIET)

    def stop(self) -> None:
        """Stop the application, then Ray with all of its processes and files."""
        try:
            if ray.is_initialized():
                serve.shutdown()  # type: ignore[no-untyped-call]
        finally:
            ray.shutdown()
            shutil.rmtree(self._folder, ignore_errors=True)
