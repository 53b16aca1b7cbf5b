"""The operator's process: `python -m voiceplane_operator run`, and `crds`, which writes the definitions."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

import kopf

from voiceplane_operator import errors, logs
from voiceplane_operator.api.cluster import Cluster
from voiceplane_operator.definitions import crds, schema
from voiceplane_operator.hub.queue import KeyedQueue
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Store
from voiceplane_operator.process import handlers, health, settings
from voiceplane_operator.process.lease import Leader
from voiceplane_operator.process.operate import Operation
from voiceplane_operator.process.settings import Settings
from voiceplane_operator.regions import sources
from voiceplane_operator.regions.credentials import Access, hub_cluster
from voiceplane_operator.regions.fleet import Fleet

log = logging.getLogger(__name__)
KOPF_S = 0.1  # kopf takes the signals right after it has told that it began, or right before
GC_THRESHOLDS = (20_000, 20, 20)  # views of thousands of agents have no cycles: look for those seldom


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m voiceplane_operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    settings.add_arguments(commands.add_parser("run", help="run until SIGTERM"))
    write = commands.add_parser("crds", help="write the custom resource definitions")
    write.add_argument("--out", type=Path, default=None, help="folder, one file for each kind; default: print")
    return parser


async def _run(chosen: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    _end_by_signals(stop)
    async with contextlib.AsyncExitStack() as stack:
        cluster = await hub_cluster(chosen.kubeconfig)
        stack.push_async_callback(cluster.close)
        access = Access(cluster, chosen.namespace, chosen.kubeconfig, chosen.providers)
        queue = KeyedQueue(loop.time)
        fleet = Fleet(
            access.open,
            chosen.hub,
            lambda owner: operation.observed(owner),
            lambda name: operation.contact_changed(name),
        )
        stack.push_async_callback(fleet.close)
        operation = Operation(Hub(chosen.hub, cluster, Store(), fleet, queue), chosen)
        port = await stack.enter_async_context(
            health.serving(
                chosen.host,
                chosen.metrics_port,
                progress=operation.progress,
                lacks=lambda: "ending" if stop.is_set() else operation.hub.schema_problem,
                refresh=operation.refresh_metrics,
            )
        )
        sys.stdout.write(f"ready metrics={port}\n")
        sys.stdout.flush()
        comparing = asyncio.create_task(operation.watch_schema(), name="schema")
        stack.callback(comparing.cancel)
        leader = Leader(cluster, chosen.namespace, chosen.lease_name, chosen.identity)
        if chosen.lease:
            if not await _until(stop, leader.acquire()):
                return
            stack.push_async_callback(leader.release)
        health.LEADING.set(1)
        await _lead(stop, operation, leader if chosen.lease else None, comparing)


def _end_by_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _take_signals_back(begun: asyncio.Event, stop: asyncio.Event) -> None:
    """Take the signals back from kopf, which would wait 5 s for our tasks and then cancel them behind our back."""
    await begun.wait()
    await asyncio.sleep(KOPF_S)
    _end_by_signals(stop)
    await stop.wait()


async def _until(stop: asyncio.Event, waited: Coroutine[None, None, None]) -> bool:
    """Wait for something or for the end; say whether it was something."""
    work, end = asyncio.create_task(waited), asyncio.create_task(stop.wait())
    await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if not work.done():
        work.cancel()
        return False
    work.result()
    return True


async def _lead(
    stop: asyncio.Event, operation: Operation, leader: Leader | None, comparing: asyncio.Task[None]
) -> None:
    """Work until the end, or until the lease is lost, which ends the process: two must never write."""
    chosen, hub = operation.settings, operation.hub
    if chosen.kubeconfig:
        os.environ["KUBECONFIG"] = chosen.kubeconfig  # for kopf's own login
    begun = asyncio.Event()
    watching = asyncio.create_task(_watch(operation, begun), name="watch shell")
    tasks = {
        asyncio.create_task(stop.wait(), name="stop"),
        asyncio.create_task(_take_signals_back(begun, stop), name="end"),
        watching,
        comparing,
        asyncio.create_task(operation.run(), name="operation"),
        asyncio.create_task(sources.follow(hub.cluster, chosen.namespace, hub.fleet), name="credentials"),
    }
    if leader is not None:
        tasks.add(asyncio.create_task(leader.keep(), name="lease"))
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.wait(pending, timeout=5.0)
    for task in done:
        task.result()
    if not stop.is_set() and watching not in done:  # kopf has the signals while it begins, and ends by them
        raise errors.OperatorError("a part of the operator ended by itself")


async def _watch(operation: Operation, begun: asyncio.Event) -> None:
    cluster = operation.hub.cluster
    operation.definitions = await schema.served(cluster)
    try:
        await kopf.operator(
            registry=handlers.registry(operation.tell),
            settings=handlers.settings(silence_s=operation.settings.watch_silence_s),
            clusterwide=True,
            standalone=True,
            ready_flag=begun,
        )
    except Exception as error:  # kopf's own: it gives a watch up that is answered 404, or by an error in its stream
        with contextlib.suppress(errors.ClusterError):
            told = schema.changed(operation.definitions, (await schema.look(cluster)).uids)
            if told:
                raise errors.DefinitionsChangedError(told) from error
        raise errors.OperatorError(f"a watch of the hub ended: {error}") from error


def _write_definitions(folder: Path | None) -> None:
    for kind in crds.KINDS:
        if folder is None:
            sys.stdout.write("---\n" + crds.as_yaml(kind))
        else:
            (folder / f"{kind.plural}.yaml").write_text(crds.as_yaml(kind))


def main(argv: list[str] | None = None) -> int:
    """Run a subcommand; the exit status is 1 when it could not go on."""
    options = _parser().parse_args(argv)
    if options.command == "crds":
        _write_definitions(options.out)
        return 0
    chosen = settings.read(options)
    logs.configure(chosen.log_level)
    Cluster.silence_s = chosen.watch_silence_s
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        asyncio.run(_run(chosen))
    except (errors.OperatorError, OSError, ValueError) as error:
        sys.stderr.write(f"the operator ends: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
