"""The report: a picture that shows what happened, and files that machines and people can read."""

import xml.etree.ElementTree as xml
from dataclasses import replace
from pathlib import Path

import numpy as np
from tests.scenarios.test_judge import CALL, OVER, scenario

from voiceplane.contract.agent import Objectives
from voiceplane.testing.phone.recording import Recording, new_recording
from voiceplane.testing.scenarios import report
from voiceplane.testing.scenarios.evidence import Evidence, HeardWord
from voiceplane.testing.scenarios.judge import judge, waits
from voiceplane.testing.scenarios.model import Scenario
from voiceplane.testing.scenarios.picture import draw
from voiceplane.testing.scenarios.play import Played
from voiceplane.testing.scenarios.run import Result

RATE = 8000
SVG = "{http://www.w3.org/2000/svg}"


def recorded(evidence: Evidence) -> Recording:
    recording = new_recording(RATE, RATE)
    for spans, track in ((evidence.caller, recording.caller), (evidence.agent, recording.agent)):
        for span in spans:
            length = int((span.end_ms - span.start_ms) * RATE / 1000)
            tone = (8000 * np.sin(np.arange(length) / 5)).astype(np.int16)
            track.pieces.append((int(span.start_ms * RATE / 1000), tone))
    return recording


def result(call: Scenario, evidence: Evidence) -> Result:
    played = Played(recorded(evidence))
    return Result(call, evidence, judge(call, evidence), waits(call, evidence), played)


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in xml.fromstring(picture).iter(f"{SVG}text")]


def test_a_picture_has_both_sounds_the_words_the_wait_and_the_tool() -> None:
    one = result(scenario(), CALL)
    recording = recorded(CALL)
    tracks = (recording.caller.samples(), recording.agent.samples())
    picture = draw(one.scenario, CALL, tracks, RATE, one.waits)
    shown = texts(picture)
    assert {"caller", "agent", "hi", "400 ms", "parcel-status: ok, 12 ms"} <= set(shown)
    assert any("out for delivery" in text for text in shown)
    assert len([path for path in xml.fromstring(picture).iter(f"{SVG}path") if path.get("opacity")]) == 2


def test_a_picture_marks_where_the_caller_spoke_over_the_agent() -> None:
    stopped = replace(OVER, agent=(replace(CALL.agent[0], start_ms=2000, end_ms=4260),))
    assert "silent after 260 ms" in texts(draw(scenario(), stopped, None, RATE, ()))
    through = replace(OVER, agent=(replace(CALL.agent[0], start_ms=2000, end_ms=8000),))
    assert "goes on" in texts(draw(scenario(), through, None, RATE, ()))


def test_a_call_in_which_nothing_was_done_or_recognized_has_its_picture(tmp_path: Path) -> None:
    silent = replace(CALL, steps=(), words=(), trouble=("waited 20 s for the agent to speak",))
    report.write((result(scenario(), silent),), "silent", tmp_path)
    assert "caller" in texts((tmp_path / "01.svg").read_text())


def test_what_callers_and_servers_say_cannot_break_the_report(tmp_path: Path) -> None:
    hostile = "<script>alert('&\"')</script>\x00\x0b"
    evidence = replace(CALL, words=(HeardWord(hostile, 5500, 6000),), trouble=(hostile,))
    call = Scenario.model_validate({"name": hostile.strip("\x00\x0b"), "steps": [{"say": hostile}]})
    report.write((result(call, evidence),), "t<i>tle", tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "t&lt;i&gt;tle" in page
    assert xml.parse(tmp_path / "junit.xml").find(".//failure") is not None
    xml.fromstring((tmp_path / "01.svg").read_text())


def test_junit_has_a_failure_for_each_expectation_that_was_not_met(tmp_path: Path) -> None:
    good, bad = scenario(tools="parcel-status"), scenario(heard=["delivered", "northwind"], within_ms=100)
    report.write((result(good, CALL), result(bad, CALL)), "scenarios.yaml", tmp_path)
    suite = xml.parse(tmp_path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    cases = suite.findall("testcase")
    assert [len(case.findall("failure")) for case in cases] == [0, 2]
    failures = [failure.get("message") or "" for failure in cases[1].findall("failure")]
    assert failures == ["call: “delivered” is heard: no", "step 1: the agent answers within 100 ms: no"]
    assert (tmp_path / "02.wav").stat().st_size > 100_000
    assert "1 of 2 passed" in (tmp_path / "report.html").read_text()


def test_the_waits_of_all_calls_stand_beside_the_agents_objectives() -> None:
    one = result(scenario(), CALL)
    results = (one, replace(one, waits=tuple(replace(wait, latency_ms=900.0) for wait in one.waits)))
    told = report.waits_told(results, Objectives.model_validate({"turnP50": "250ms", "turnP95": "1s"}))
    assert told == "2 waits: median 650 ms (objective 250 ms), p95 900 ms (objective 1000 ms)"
    assert report.waits_told(results, None) == "2 waits: median 650 ms, p95 900 ms"
    assert report.waits_told((), None) == ""
