"""voiceplane: voice agents for contact centers. The folders stand in the order of a call's flow: see docs/flow.md."""

__version__ = "0.1.0"
