"""`python -m voiceplane.speech`: install and serve the speech models. The server process is Triton itself."""

import argparse
import sys

from voiceplane.runtime.models import ModelUnavailableError, fetch
from voiceplane.speech import environment
from voiceplane.speech.profiles import load_profile
from voiceplane.speech.server import ServerSettings, become_server


def main() -> int:
    """Run a subcommand; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m voiceplane.speech", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="fetch Triton and the models of a profile; quick when they are there")
    serve = commands.add_parser("serve", help="serve a profile's models until SIGTERM")
    for command in (install, serve):
        command.add_argument("--profile", default="cpu-small")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--grpc-port", type=int, default=8001)
    serve.add_argument("--http-port", type=int, default=8000)
    serve.add_argument("--metrics-port", type=int, default=8002)
    serve.add_argument("--traces-url", default="", help="OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces")
    serve.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    try:
        profile = load_profile(arguments.profile)
        if arguments.command == "install":
            fetch(iter(profile.models()), lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
            environment.install(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
            return 0
        become_server(
            profile,
            ServerSettings(
                host=arguments.host,
                grpc_port=arguments.grpc_port,
                http_port=arguments.http_port,
                metrics_port=arguments.metrics_port,
                traces_url=arguments.traces_url,
                threads=arguments.threads,
            ),
        )
    except ModelUnavailableError as error:
        print(f"voiceplane speech: {error}", file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
