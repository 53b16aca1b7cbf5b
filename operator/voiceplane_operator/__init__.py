"""The operator: VoiceAgents in, per-region manifests out. Reads the contract, never the services."""
