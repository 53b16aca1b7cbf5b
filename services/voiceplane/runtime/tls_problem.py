"""Say in plain words why a proved connection fails: gRPC only tells that there is none. Asked by doctor and by way."""

import asyncio
import contextlib
import ssl
from pathlib import Path

from voiceplane.runtime import tls
from voiceplane.runtime.tls import TlsFilesError

LOOK_S = 3.0
# OpenSSL's X509_V_ERR_*: what they mean to whoever has to act.
_TOO_EARLY, _EXPIRED, _UNKNOWN, _OTHER_NAME = (9,), (10,), (2, 18, 19, 20, 21), (62, 64)


async def why(target: str, folder: Path) -> str:
    """Connect once as a client with the folder's certificate; return what is wrong, empty when nothing is."""
    try:
        refused, nameless = await asyncio.to_thread(_of_our_own, folder)
        connecting = await asyncio.to_thread(tls.context, folder, ssl.PROTOCOL_TLS_CLIENT)
    except TlsFilesError as error:
        return str(error)
    connecting.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    host = host.strip("[]")
    try:
        async with asyncio.timeout(LOOK_S):
            reader, writer = await asyncio.open_connection(host, int(port), ssl=connecting)
    except ssl.SSLCertVerificationError as error:
        return _of(f"the certificate of {target}", error, host)
    except ssl.SSLError:
        return f"what answers at {target} speaks no TLS, or not with us"
    except (OSError, TimeoutError):
        return f"nothing answers at {target}"
    try:
        async with asyncio.timeout(LOOK_S):
            greeting = await reader.read(1)  # gRPC's server speaks first, once it has taken our certificate
    except (OSError, TimeoutError):
        greeting = b""
    finally:
        writer.transport.abort()
    if greeting:
        return nameless
    return refused or f"{target} does not take our certificate: it is not of the authority in its {tls.AUTHORITY}"


def _of_our_own(folder: Path) -> tuple[str, str]:
    """Say why a server that believes our authority refuses our certificate, else why it lets us write nothing.

    Both sides of a handshake, in memory.
    """
    tls.read(folder)
    client = tls.context(folder, ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    server = tls.context(folder, ssl.PROTOCOL_TLS_SERVER)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    for _ in range(10):  # a handshake takes three rounds
        try:
            for side in (ours, theirs):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
        except ssl.SSLCertVerificationError as error:
            return _of("our certificate", error, ""), ""
        except ssl.SSLError as error:
            return f"our certificate cannot be used: {error.reason}", ""
    shown = theirs.getpeercert() or {}
    uris = [str(value) for kind, value in _pairs(shown.get("subjectAltName")) if kind == "URI"]
    return "", "" if tls.named(uris) else f"our certificate names no region: {tls.NAMELESS}"


def _pairs(found: object) -> list[tuple[str, object]]:
    return [(str(one[0]), one[1]) for one in found if len(one) == 2] if isinstance(found, tuple) else []


def _of(whose: str, error: ssl.SSLCertVerificationError, host: str) -> str:
    code = error.verify_code
    if code in _EXPIRED:
        return f"{whose} has expired"
    if code in _TOO_EARLY:
        return f"{whose} is not valid yet"
    if code in _UNKNOWN:
        return f"{whose} is not of the authority in {tls.AUTHORITY}"
    if code in _OTHER_NAME:
        return f"{whose} is for another name: its subjectAltName has no {host}"
    return f"{whose} is refused: {error.verify_message}"
