"""The operator's process: options, leadership, watches of the hub, health, workers."""
