"""What an agent's author wishes: parsed, with its policy, its credential; and the last wish that could run.

Read by reconcile. InvalidObjectError says what keeps a wish from running.
"""

import json
from dataclasses import dataclass

from pydantic import ValidationError

from voiceplane.contract.agent import Placement, Rollout
from voiceplane.contract.base import FROM_YAML
from voiceplane_operator import errors, names
from voiceplane_operator.decide import status
from voiceplane_operator.hub.shared import Hub
from voiceplane_operator.hub.store import Stored
from voiceplane_operator.manifests.credential import KEY
from voiceplane_operator.manifests.target import Revision
from voiceplane_operator.reconcile import bundles, converge
from voiceplane_operator.reconcile.bundles import Wish


@dataclass(frozen=True, slots=True)
class Wishes:
    """Wishes of one hub's agents."""

    hub: Hub

    def parse(self, stored: Stored) -> Wish:
        """Return the newest wish, parsed once for each generation of agent and policy."""
        policy_name = bundles.policy_name(stored.raw())
        full_name = names.full_name(stored.namespace, policy_name)
        policy = self.hub.store.get("VoicePolicy", full_name) if policy_name else None
        if policy_name and (policy is None or policy.deleted_at):
            raise errors.InvalidObjectError(
                f"spec.policyRef: no VoicePolicy {policy_name} in namespace {stored.namespace}:"
                " create it there, or correct the name",
                reason=status.POLICY_MISSING,
            )
        of_policy = (policy.uid, str(policy.generation)) if policy else ("", "0")
        key = (stored.uid, str(stored.generation), *of_policy)
        known: Wish | None = self.hub.recall(key)
        if known is not None:
            return known
        agent = bundles.parse_agent(stored.raw())
        parsed = bundles.parse_policy(policy.raw()) if policy is not None else None
        wish: Wish = self.hub.remember(key, Wish(agent, bundles.revision(agent, parsed)))
        return wish

    async def credential(self, stored: Stored, revision: Revision) -> str:
        """Read the Secret that the agent names, from its own namespace only.

        Read at each pass, and each minute: a rotated one reaches the planners, which read their file anew, in two.
        """
        if not revision.credential:
            return ""
        where = f"spec.planner.model.credentialRef: Secret {stored.namespace}/{revision.credential}"
        try:
            secret = await self.hub.cluster.get("Secret", revision.credential, stored.namespace)
        except errors.NotThereError as error:
            raise errors.InvalidObjectError(f"{where} does not exist", reason="CredentialNotFound") from error
        except errors.AccessDeniedError as error:
            told = f"{where} may not be read: set credentials.enabled in chart voiceplane"
            raise errors.InvalidObjectError(told, reason="CredentialDenied") from error
        value = (secret.get("data") or {}).get(KEY)
        if not value:
            raise errors.InvalidObjectError(f"{where} has no key {KEY}", reason="CredentialNotFound")
        return str(value)

    async def last_good(self, stored: Stored, texts: converge.Texts) -> Wish | None:
        """Return the revision of the status as a region holds it, placed as the object says now; None without one."""
        name, prefix = str(stored.status.get("revision") or ""), names.prefix(stored.full_name)
        if not name:
            return None
        try:
            placement = Placement.model_validate(stored.raw()["spec"].get("placement") or {}, context=FROM_YAML)
        except ValidationError:
            return None
        for region in self.hub.fleet.regions.values():
            if region.cluster is None or region.watch is None or prefix not in region.watch.views:
                continue
            try:
                found = await texts.read(region, prefix, (name,))
            except errors.ClusterError:
                continue
            if found:
                document = json.loads(found[0].text.partition("\n---\n")[0])
                agent = bundles.parse_agent(document)
                spec = agent.spec.model_copy(update={"placement": placement, "rollout": Rollout()})
                return Wish(agent.model_copy(update={"spec": spec}), found[0])
        return None
