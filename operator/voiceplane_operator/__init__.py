"""The operator: VoiceAgents in, per-region manifests out. Reads the contract, never the services.

From the outside in: `process` runs it, `reconcile` makes a pass over one object, `hub` is what passes share, `regions`
are the clusters, `decide` and `manifests` are pure, `api` is one API server. `definitions` are the kinds, `commands`
render without a cluster. Each imports only what stands behind it here (import-linter).
"""
