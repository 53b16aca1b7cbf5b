"""What a container is given: environment variables and volumes, from ConfigMaps, Secrets, the pod itself and tokens."""

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.api import Api, ApiError, Object
from tests.cluster.container import Bind

REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
TOKEN_S = 3600
CAPACITY = {"cpu": "32", "memory": "68719476736", "ephemeral-storage": "107374182400"}


class InputMissingError(Exception):
    """A ConfigMap, Secret or key that the pod names is not there: the kubelet's CreateContainerConfigError."""


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is known of a pod on its node."""

    pod: Object
    address: str
    node: str
    node_address: str

    @property
    def namespace(self) -> str:
        """Return the pod's namespace."""
        return str(self.pod["metadata"]["namespace"])

    def field(self, path: str) -> str:
        """Resolve a fieldRef."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        known = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": self.node,
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.hostIP": self.node_address,
            "status.hostIPs": self.node_address,
            "status.podIP": self.address,
            "status.podIPs": self.address,
        }
        if path in known:
            return str(known[path])
        found = re.fullmatch(r"metadata\.(labels|annotations)(?:\['([^']+)'\])?", path)
        if found is None:
            raise InputMissingError(f"the test node knows no field {path}")
        values = metadata.get(found[1]) or {}
        if found[2]:
            return str(values.get(found[2], ""))
        return "\n".join(f'{key}="{value}"' for key, value in sorted(values.items()))


async def read(api: Api, facts: PodFacts, kind: str, name: str) -> dict[str, bytes] | None:
    """Read the entries of a ConfigMap or Secret; None when there is none of that name."""
    try:
        found = await api.get(f"/api/v1/namespaces/{facts.namespace}/{kind}/{name}")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    if kind == "secrets":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    entries = {key: str(value).encode() for key, value in (found.get("data") or {}).items()}
    return entries | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


async def _entries(api: Api, facts: PodFacts, kind: str, source: Mapping[str, Any]) -> dict[str, bytes]:
    name = source.get("secretName") or source["name"]
    found = await read(api, facts, kind, name)
    if found is None:
        if source.get("optional"):
            return {}
        raise InputMissingError(f'{kind[:-1]} "{name}" not found')
    return found


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace $(NAME) by known variables; $$ is a dollar, an unknown name stays."""
    return REFERENCE.sub(lambda m: "$" if m[0] == "$$" else environment.get(m[1], m[0]), text)


async def environment(api: Api, facts: PodFacts, container: Object, base: Mapping[str, str]) -> dict[str, str]:
    """Build a container's environment in the kubelet's order: image, envFrom, env."""
    result = {**base, "HOSTNAME": facts.pod["metadata"]["name"]}
    for each in container.get("envFrom") or []:
        kind, source = ("secrets", each["secretRef"]) if "secretRef" in each else ("configmaps", each["configMapRef"])
        entries = await _entries(api, facts, kind, source)
        result |= {each.get("prefix", "") + key: value.decode() for key, value in entries.items()}
    for each in container.get("env") or []:
        if "valueFrom" not in each:
            result[each["name"]] = expand(str(each.get("value", "")), result)
            continue
        value = await _value(api, facts, container, each["valueFrom"])
        if value is not None:
            result[each["name"]] = value
    return result


async def _value(api: Api, facts: PodFacts, container: Object, source: Object) -> str | None:
    if "fieldRef" in source:
        return facts.field(source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return _resource(container, source["resourceFieldRef"]["resource"])
    kind = "secrets" if "secretKeyRef" in source else "configmaps"
    reference = source.get("secretKeyRef") or source["configMapKeyRef"]
    entries = await _entries(api, facts, kind, reference)
    if reference["key"] not in entries:
        if reference.get("optional"):
            return None
        raise InputMissingError(f'{kind[:-1]} "{reference["name"]}" has no key "{reference["key"]}"')
    return entries[reference["key"]].decode()


def _resource(container: Object, path: str) -> str:
    """Resolve limits.cpu and the like in whole units; without a limit it is the node's capacity."""
    which, _, name = path.partition(".")
    resources = container.get("resources") or {}
    amount = (resources.get(which) or {}).get(name) or CAPACITY.get(name, "0")
    units = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 1e3, "M": 1e6, "G": 1e9}
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(amount)).groups()  # type: ignore[union-attr]
    whole = float(number) * units.get(unit, 1)
    return str(max(1, int(-(-whole // 1))))


async def volumes(api: Api, facts: PodFacts, folder: Path) -> dict[str, Path]:
    """Materialize a pod's volumes below its folder; InputMissingError when a source is not there."""
    result = {}
    for volume in facts.pod["spec"].get("volumes") or []:
        if "hostPath" in volume:
            result[volume["name"]] = Path(volume["hostPath"]["path"])
            continue
        in_memory = (volume.get("emptyDir") or {}).get("medium") == "Memory"
        place = (memory_folder(folder) if in_memory else folder / "volumes") / volume["name"]
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o777)
        result[volume["name"]] = place
        _write(place, await _contents(api, facts, volume))
    return result


def memory_folder(folder: Path) -> Path:
    """Return where a pod's volumes in memory lie; the name tells whose they are, should nobody remove them."""
    return Path("/dev/shm") / f"vpn-{os.getpid()}-{folder.name}"


async def _contents(api: Api, facts: PodFacts, volume: Object) -> dict[str, bytes]:
    if "emptyDir" in volume:
        return {}
    if "projected" not in volume:
        return await _source(api, facts, volume)
    files: dict[str, bytes] = {}
    for source in volume["projected"]["sources"]:
        files |= await _source(api, facts, source)
    return files


async def _source(api: Api, facts: PodFacts, source: Object) -> dict[str, bytes]:
    """Return the files of one source of a volume."""
    if "serviceAccountToken" in source:
        token = source["serviceAccountToken"]
        return {token["path"]: (await _token(api, facts, token)).encode()}
    if "downwardAPI" in source:
        items = source["downwardAPI"].get("items") or []
        return {item["path"]: facts.field(item["fieldRef"]["fieldPath"]).encode() for item in items}
    for key, kind in (("configMap", "configmaps"), ("secret", "secrets")):
        if key in source:
            entries = await _entries(api, facts, kind, source[key])
            items = source[key].get("items")
            if not items:
                return entries
            try:
                return {item["path"]: entries[item["key"]] for item in items}
            except KeyError as error:
                raise InputMissingError(f"{kind[:-1]} has no key {error}") from error
    raise InputMissingError(f"the test node knows no volume of the kind {', '.join(sorted(set(source) - {'name'}))}")


async def _token(api: Api, facts: PodFacts, token: Object) -> str:
    """Ask for a token bound to the pod, as the kubelet does."""
    account = facts.pod["spec"].get("serviceAccountName", "default")
    metadata = facts.pod["metadata"]
    bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
    spec: Object = {"expirationSeconds": token.get("expirationSeconds", TOKEN_S), "boundObjectRef": bound}
    spec["audiences"] = [token["audience"]] if token.get("audience") else []
    path = f"/api/v1/namespaces/{facts.namespace}/serviceaccounts/{account}/token"
    answer = await api.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    return str(answer["status"]["token"])


def _write(place: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def binds(container: Object, sources: Mapping[str, Path], environment: Mapping[str, str]) -> tuple[Bind, ...]:
    """Return a container's mounts."""
    result = []
    for mount in container.get("volumeMounts") or []:
        source = sources[mount["name"]]
        part = mount.get("subPath") or expand(mount.get("subPathExpr", ""), environment)
        if part:
            source = source / part
            if not source.exists():
                source.mkdir(parents=True)
        result.append(Bind(source, mount["mountPath"], bool(mount.get("readOnly"))))
    return tuple(result)
