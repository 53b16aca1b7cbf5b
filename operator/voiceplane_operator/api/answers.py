"""Name what API servers, and what stands in their place, answer: each failure by errors.py. Read by cluster."""

import contextlib
import json
import ssl
from typing import Any

import aiohttp
import orjson

from voiceplane_operator import errors

Object = dict[str, Any]
WHOSE_CERTIFICATE = "the server's certificate is not of the authority or name in the kubeconfig or ClusterProfile"
WHOSE_CREDENTIALS = "the credentials have ended, were revoked or are another cluster's"
MOST_PATIENCE_S = 60.0  # whatever Retry-After says: an hour's wait is no answer of an API server


def told(response: aiohttp.ClientResponse, raw: bytes, path: str) -> bytes:
    """Return what a success says; ClusterError for all else."""
    if response.status >= 300:
        raise failure(response.status, raw, path, response.headers)
    return raw


def parsed(path: str, raw: bytes) -> Object:
    """Read an API server's object."""
    with named(path):
        answer = orjson.loads(raw)
        if not isinstance(answer, dict):
            raise ValueError("no object")
    return answer


async def first(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Read so much of an answer and no more."""
    read = bytearray()
    async for part in response.content.iter_any():
        read += part
        if len(read) > most:
            raise ValueError("too long")
    return bytes(read)


@contextlib.contextmanager
def named(path: str) -> Any:
    """Give what the network does a name that tells the path without its query."""
    where = path.partition("?")[0]
    try:
        yield
    except TimeoutError as error:
        raise errors.ClusterAwayError(f"{where}: no answer in time") from error
    except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
        raise errors.CertificateRefusedError(f"{where}: {WHOSE_CERTIFICATE}: {error}") from error
    except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
        raise errors.ClusterAwayError(f"{where}: {type(error).__name__}: {error}") from error
    except ValueError as error:  # a body that is not JSON: a proxy's, not an API server's
        raise errors.ClusterAwayError(f"{where}: an answer that is not an API server's") from error


def failure(status: int, raw: bytes, path: str, headers: Any) -> errors.ClusterError:
    """Return the error that a status means."""
    try:
        said = json.loads(raw).get("message", "")
    except (ValueError, AttributeError):
        said = raw[:200].decode(errors="replace")
    told = f"{path.partition('?')[0]}: {status}: {str(said)[:1000]}"
    if status == 429:
        after = str(headers.get("Retry-After", "1"))
        return errors.BusyError(told, after_s=min(float(after), MOST_PATIENCE_S) if after.isdecimal() else 1.0)
    named: dict[int, type[errors.ClusterError]] = {
        401: errors.CredentialsRefusedError,
        403: errors.AccessDeniedError,
        404: errors.NotThereError,
        409: errors.ConflictError,
        410: errors.GoneError,
    }
    if status == 401:
        told = f"{told}: {WHOSE_CREDENTIALS}"
    if status in named:
        return named[status](told)
    return errors.ClusterAwayError(told) if status >= 500 else errors.RejectedError(told)
