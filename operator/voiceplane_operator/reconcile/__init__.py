"""Passes over agents, regions, policies and trunks: read, decide, carry out, judge."""
