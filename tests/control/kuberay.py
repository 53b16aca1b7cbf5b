"""KubeRay as the operator meets it: its definition, and what it reports of a planner that runs."""

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: rayservices.ray.io}
spec:
  group: ray.io
  scope: Namespaced
  names: {kind: RayService, plural: rayservices, singular: rayservice, listKind: RayServiceList}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
RUNNING = {
    "observedGeneration": 1000,
    "conditions": [{"type": "Ready", "status": "True"}],
    "activeServiceStatus": {"applicationStatuses": {"planner": {"status": "RUNNING"}}},
}
