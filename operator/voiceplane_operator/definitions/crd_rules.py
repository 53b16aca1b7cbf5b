"""The CEL rules of the kinds: everything wrong that an object can tell by itself, said in words. Read by crds.

The same rules hold on a laptop (contract.load, the models' validators); here the API server refuses the object before
it is stored, whoever sends it. Costs are bounded by the lengths in the models. Braces are looked at, but not what the
names in them name: a rule that finds them in 200 intents' replies of 2,000 characters is more than 100 times over the
API server's budget (Kubernetes 1.36), and shorter agents would be the price. So it is with an example that two intents
have. `voiceplane validate` and the agent's status name them.
"""

from dataclasses import dataclass

from voiceplane.contract.agent import BRACES
from voiceplane.contract.region import IN_CLUSTER


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of x-kubernetes-validations. A message that named the culprit would cost as much again as the rule."""

    rule: str
    message: str

    def as_schema(self) -> dict[str, str]:
        """Return the rule as the API server reads it."""
        return {"rule": self.rule, "message": self.message}


def _fixed(field: str) -> Rule:
    return Rule(
        "self == oldSelf",
        f"{field} cannot change while calls may be live: remove the region, which drains it, and add it again",
    )


_TOOL_EXISTS = "!has(i.tool) || (has(self.tools) && self.tools.exists(t, t.name == i.tool))"
_AGENT = (
    Rule(
        f"self.intents.all(i, {_TOOL_EXISTS})",
        "an intent names a tool that is not in spec.tools: add the tool or correct its name",
    ),
    Rule(
        "!has(self.tools) || self.tools.all(t, self.intents.exists(i, has(i.tool) && i.tool == t.name))",
        "no intent uses one of spec.tools: no call could run it; remove it or name it in an intent",
    ),
    Rule(
        "has(self.escalation) || !self.intents.exists(i, has(i.then) && i.then == 'transfer')",
        "an intent transfers the call, so spec.escalation must name a target",
    ),
)
_IS_RANGE = (Rule("isCIDR(self)", "not a range of addresses: write it as 192.0.2.0/24 or 2001:db8::/32"),)
_BRACES = (
    Rule(
        f"self.matches(r'{BRACES}')",
        "a brace is open or closed alone, or holds no plain name: write {name}, or two braces for one",
    ),
)
_ONE_ACCESS = "[has(self.inCluster), has(self.kubeConfig), has(self.clusterProfile)].filter(x, x).size() == 1"

# On every duration; the pattern has its unit, this its bounds (contract.base).
IN_A_DAY = Rule(
    "duration(self) >= duration('1ms') && duration(self) <= duration('24h')", "a duration is from 1ms to 24h"
)

# Lists whose names must differ: the API server names the duplicate itself, at no cost of CEL, and two people who apply
# different intents do not undo each other's.
UNIQUE_BY_NAME = {"VoiceAgent": frozenset({"spec.intents", "spec.tools", "spec.intents[].slots"})}

RULES: dict[str, dict[str, tuple[Rule, ...]]] = {
    "VoiceAgent": {
        "spec": _AGENT,
        "spec.intents[].slots[]": (
            Rule(
                "self.type != 'choice' || (has(self.choices) && self.choices.size() >= 2)",
                "a slot of type choice needs at least two choices",
            ),
            Rule(
                "self.type == 'choice' || !has(self.choices) || self.choices.size() == 0", "choices go with type choice"
            ),
            Rule("self.type == 'digits' || !has(self.length)", "length goes with type digits"),
            Rule(
                "self.name != 'caller_number'",
                "caller_number is the number that a trunk vouches for, and no answer of a caller",
            ),
        ),
        "spec.intents[].reply": _BRACES,
        "spec.intents[].confirm": _BRACES,
        "spec.tools[].http.url": _BRACES,
        "spec.tools[]": (
            Rule("has(self.http) != has(self.mcp)", "a tool has exactly one backend: http or mcp"),
            Rule(
                "!has(self.speculative) || !self.speculative || (has(self.idempotent) && self.idempotent)",
                "a speculative tool must be idempotent: it may run for words that the caller takes back",
            ),
            Rule(
                "!has(self.speculative) || !self.speculative"
                " || (has(self.http) && (!has(self.http.method) || self.http.method == 'GET'))"
                " || (has(self.mcp) && has(self.mcp.readOnly) && self.mcp.readOnly)",
                "a speculative tool may only read: http with method GET, or mcp with readOnly: true",
            ),
            Rule(
                "!has(self.grants) || self.grants == 'none' || ((!has(self.speculative) || !self.speculative)"
                " && (!has(self.requires) || self.requires == 'none'"
                " || (self.requires == 'identified' && self.grants == 'verified')))",
                "a tool that grants a level requires a lower one, and is not speculative",
            ),
        ),
        "spec.objectives": (
            Rule(
                "!has(self.turnP50) || !has(self.turnP95) || duration(self.turnP50) <= duration(self.turnP95)",
                "turnP50 is above turnP95: half of the turns cannot be slower than 95 % are",
            ),
        ),
        "spec.rollout.steps": (Rule("self.isSorted()", "the shares of rollout.steps rise: 5, 25, 100"),),
        "spec.planner": (Rule("has(self.flow) != has(self.model)", "name exactly one planner: flow or model"),),
    },
    "VoiceRegion": {
        "spec": (
            Rule(_ONE_ACCESS, "name exactly one access: inCluster, kubeConfig or clusterProfile"),
            Rule(
                f"has(self.inCluster) || has(self.recordsTls) || !has(self.records)"
                f" || self.records.matches(r'{IN_CLUSTER.pattern}')",
                "records go to another cluster, so name recordsTls; in plain text only to a Service,"
                " NAME.NAMESPACE.svc:PORT",
            ),
            Rule(
                "!has(self.recordsTls) || self.?telemetry.?collector.orValue(true)"
                " || self.?telemetry.?endpoint.hasValue()",
                "only the Collector proves who it is to records: without it name telemetry.endpoint, for the spans",
            ),
        ),
        "spec.namespace": (_fixed("namespace"),),
        "spec.egress.cidrs[]": _IS_RANGE,
        "spec.network.nodes[]": _IS_RANGE,
        "spec.autoscaling": (
            Rule(
                "!(has(self.enabled) && self.enabled && self.?engine.orValue('') == 'keda') || has(self.prometheus)",
                "engine keda needs prometheus: the address that KEDA asks",
            ),
            Rule(
                "!has(self.scaleDownAfter) || (duration(self.scaleDownAfter) >= duration('2s')"
                " && duration(self.scaleDownAfter) <= duration('1h'))",
                "scaleDownAfter is from 2s to 1h",
            ),
        ),
        "spec.network.exposure": (_fixed("network.exposure"),),
        "spec.models": (
            Rule("has(self.hostPath) != has(self.claim)", "name exactly one place of the models: hostPath or claim"),
        ),
        "spec.network": (
            Rule(
                "!has(self.firstPort) || !has(self.lastPort) || self.firstPort < self.lastPort",
                "firstPort must be below lastPort",
            ),
        ),
    },
    "SIPTrunk": {
        "spec": (
            Rule(
                "!has(self.identity) || !has(self.identity.trust) || self.identity.trust == 'none'"
                " || self.sources.all(s, !s.endsWith('/0'))",
                "a trunk that is trusted names its addresses: a range of /0 is everybody's",
            ),
        ),
        "spec.sources[]": _IS_RANGE,
    },
}
