"""Say whether a region has the Secret by which it proves itself to records in another cluster. Read by others."""

from voiceplane_operator import errors
from voiceplane_operator.decide import status
from voiceplane_operator.decide.status import Judged
from voiceplane_operator.regions.fleet import Contact, Region

SECRET = "RecordsSecretPresent"
KEYS = ("tls.crt", "tls.key", "ca.crt")


async def secret(region: Region) -> list[Judged]:
    """Look for it; no condition where none is needed. What is in it is of no interest here but its keys' names."""
    proof = region.spec.records_tls
    if proof is None:
        return []
    if region.contact is not Contact.UP or region.cluster is None:
        return [Judged(SECRET, status.UNKNOWN, region.reason, "nothing is known of it without contact")]
    place = f"Secret {region.spec.namespace}/{proof.secret_name}"
    waiting = "Calls are answered, and their records wait in the pods: make it as docs/remote-region.md says"
    try:
        found = await region.client.get("Secret", proof.secret_name, region.spec.namespace)
    except errors.NotThereError:
        return [Judged(SECRET, status.FALSE, "RecordsSecretMissing", f"{place} does not exist. {waiting}")]
    except errors.AccessDeniedError as error:
        told = f"{error}. Install chart voiceplane-region there with records.secretName {proof.secret_name}"
        return [Judged(SECRET, status.UNKNOWN, "AccessDenied", told)]
    except errors.ClusterError as error:
        return [Judged(SECRET, status.UNKNOWN, "TriedAgain", str(error))]
    lacking = [key for key in KEYS if not (found.get("data") or {}).get(key)]
    if lacking:
        told = f"{place} has no {', '.join(lacking)}. {waiting}"
        return [Judged(SECRET, status.FALSE, "RecordsSecretIncomplete", told)]
    return [Judged(SECRET, status.TRUE, "Present", f"{place} has a key, its certificate and an authority")]
