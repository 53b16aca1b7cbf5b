"""TLS between clusters, both sides proved: from a folder as Kubernetes mounts a Secret of type kubernetes.io/tls.

tls.crt and tls.key are the own proof, ca.crt the authority that the far side's has to be of. The files are read again
when they change, so a renewed certificate needs no restart. Used by way and records; tls_problem says what is wrong.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc

from voiceplane.runtime import grpc_server

AUTHORITY, CHAIN, KEY = "ca.crt", "tls.crt", "tls.key"
REGION = "voiceplane:region:"  # a URI in the subjectAltName of a region's certificate, before the region's name
NAMELESS = f"its subjectAltName needs one URI:{REGION}NAME"
_NAME = re.compile(rf"{REGION}([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?)")
Channel = Callable[[], Coroutine[None, None, grpc.aio.Channel]]


class TlsFilesError(Exception):
    """The folder does not hold a key with its certificate and an authority; never says what is in the files."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What one side shows, and whom it believes."""

    authority: bytes
    chain: bytes
    key: bytes


def read(folder: Path) -> TlsFiles:
    """Read the folder and see that its files belong together; TlsFilesError."""
    place = folder / "..data"  # Kubernetes puts new files there all at once
    place = place.resolve() if place.exists() else folder
    try:
        files = TlsFiles(*((place / name).read_bytes() for name in (AUTHORITY, CHAIN, KEY)))
    except OSError as error:
        missing = f"{folder} has no {Path(str(error.filename)).name}"
        raise TlsFilesError(f"{missing}: its Secret needs {CHAIN}, {KEY} and {AUTHORITY}") from error
    context(place, ssl.PROTOCOL_TLS_CLIENT)
    return files


def context(folder: Path, protocol: "ssl._SSLMethod") -> ssl.SSLContext:
    """Return a context that shows the folder's certificate and asks the far side for one; TlsFilesError."""
    made = ssl.SSLContext(protocol)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_REQUIRED
    try:
        # An empty password: a key that has one is refused, and nobody is asked for it on a terminal.
        made.load_cert_chain(folder / CHAIN, folder / KEY, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsFilesError(f"{CHAIN} is no certificate in PEM, or {KEY} is not its key without a password") from error
    try:
        made.load_verify_locations(folder / AUTHORITY)
    except (ssl.SSLError, OSError) as error:
        raise TlsFilesError(f"{AUTHORITY} is no certificate in PEM") from error
    return made


def server_credentials(folder: Path) -> grpc.ServerCredentials:
    """Return credentials that let in only who proves to be of the authority; TlsFilesError when they cannot begin.

    The files are looked at before each handshake. While they do not belong together, the former ones go on.
    """
    used = read(folder)

    def changed() -> "grpc.ServerCertificateConfiguration | None":
        nonlocal used
        with contextlib.suppress(TlsFilesError):
            found = read(folder)
            if found != used:
                used = found
                return _configuration(used)
        return None

    first = _configuration(used)
    # None means no change, which the stubs do not know.
    return grpc.dynamic_ssl_server_credentials(first, changed, require_client_authentication=True)  # type: ignore[arg-type]


def _configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(files.key, files.chain)], root_certificates=files.authority)


def region_of(auth_context: Mapping[str, Iterable[bytes]]) -> str | None:
    """Return the one region that a proved peer is, None when its certificate names none or several."""
    return named(uri.decode(errors="replace") for uri in auth_context.get("peer_uri") or ())


def named(uris: Iterable[str]) -> str | None:
    """Return the one region that is among the URIs of a certificate."""
    found = {match[1] for match in map(_NAME.fullmatch, uris) if match}
    return found.pop() if len(found) == 1 else None


@contextlib.asynccontextmanager
async def channels(target: str, folder: Path | None) -> AsyncIterator[Channel]:
    """Give a channel when asked: in plain text without a folder, else proved by what the folder holds at the time.

    A channel keeps the certificate that it began with, so a changed folder means another channel. TlsFilesError when
    there is none that could be used: never plain text instead.
    """
    if folder is None:
        async with grpc_server.channel(target) as plain:

            async def the_one() -> grpc.aio.Channel:
                return plain

            yield the_one
            return
    used: TlsFiles | None = None
    opened: grpc.aio.Channel | None = None

    async def newest() -> grpc.aio.Channel:
        nonlocal used, opened
        try:
            found = await asyncio.to_thread(read, folder)
        except TlsFilesError:
            if opened is None:
                raise
            return opened
        if opened is None or found != used:
            former, used = opened, found
            opened = grpc_server.proved_channel(target, _credentials(found))
            if former is not None:
                await former.close()
        return opened

    try:
        yield newest
    finally:
        if opened is not None:
            await opened.close()


def _credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(files.authority, files.key, files.chain)
