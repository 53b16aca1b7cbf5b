"""Scenario tests for agent designers: YAML in, real calls, verdicts, a report with a picture of each call out.

In the order of the flow: model.py and load.py (the file), play.py (one call), evidence.py (what happened, on one
timeline), judge.py (was it right), picture.py and report.py (show it). `voiceplane test` joins them.
"""
