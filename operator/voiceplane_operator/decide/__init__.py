"""Pure decisions: facts in, a choice or a plan out. No clock, no API server."""
