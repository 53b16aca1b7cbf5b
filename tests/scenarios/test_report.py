"""The report: a picture that shows what happened, and files that machines and people can read."""

import xml.etree.ElementTree as xml
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.scenarios.test_judge import CALL, OVER, scenario

from voiceplane.contract.agent import Objectives
from voiceplane.testing.phone.recording import Recording, new_recording
from voiceplane.testing.scenarios import report
from voiceplane.testing.scenarios.evidence import Evidence, HeardWord
from voiceplane.testing.scenarios.judge import judge, waits
from voiceplane.testing.scenarios.model import Scenario
from voiceplane.testing.scenarios.picture import LEFT, PX_S, draw
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
    picture = draw(one.scenario, CALL, tracks, rate=RATE, waits=one.waits)
    shown = texts(picture)
    assert {"caller", "agent", "hi", "400 ms", "parcel-status: ok, 12 ms"} <= set(shown)
    assert any("out for delivery" in text for text in shown)
    assert len([path for path in xml.fromstring(picture).iter(f"{SVG}path") if path.get("opacity")]) == 2


def test_a_picture_marks_where_the_caller_spoke_over_the_agent() -> None:
    stopped = replace(OVER, agent=(replace(CALL.agent[0], start_ms=2000, end_ms=4260),))
    assert "silent after 260 ms" in texts(draw(scenario(), stopped, None, rate=RATE, waits=()))
    through = replace(OVER, agent=(replace(CALL.agent[0], start_ms=2000, end_ms=8000),))
    assert "goes on" in texts(draw(scenario(), through, None, rate=RATE, waits=()))


def test_a_call_in_which_nothing_was_done_or_recognized_has_its_picture(tmp_path: Path) -> None:
    silent = replace(CALL, steps=(), words=(), trouble=("waited 20 s for the agent to speak",))
    report.write((result(scenario(), silent),), "silent", tmp_path)
    assert "caller" in texts((tmp_path / "01.svg").read_text())


def test_what_callers_and_servers_say_cannot_break_the_report(tmp_path: Path) -> None:
    hostile = "<script>alert('&\"')</script>\x00\x0b\ud800"
    evidence = replace(CALL, words=(HeardWord(hostile, 5500, 6000),), trouble=(hostile,))
    call = Scenario.model_validate({"name": hostile[:-3], "steps": [{"say": hostile[:-3]}]})
    report.write((result(call, evidence),), "t<i>tle", tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "t&lt;i&gt;tle" in page
    assert xml.parse(tmp_path / "junit.xml").find(".//failure") is not None
    xml.fromstring((tmp_path / "01.svg").read_text())


def test_junit_has_one_failure_for_a_call_with_all_that_was_not_met(tmp_path: Path) -> None:
    good, bad = scenario(tools="parcel-status"), scenario(heard=["delivered", "northwind"], within_ms=100)
    report.write((result(good, CALL), result(bad, CALL)), "scenarios.yaml", tmp_path)
    suite = xml.parse(tmp_path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    cases = suite.findall("testcase")
    assert [len(case.findall("failure")) for case in cases] == [0, 1]  # more are not shown by every CI system
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.get("message") == "call: “delivered” is heard: no (and 1 more)"
    assert (failure.text or "").splitlines() == [
        "call: expected that “delivered” is heard; heard: northwind parcels how can I help "
        "parcel 456721 is out for delivery",
        "step 1 at 5.0 s: expected that the agent answers within 100 ms; 400 ms after the caller's last sound",
        "recording: 02.wav beside the report, left the caller, right the agent",
    ]
    assert (tmp_path / "02.wav").stat().st_size > 100_000
    assert "1 of 2 passed" in (tmp_path / "report.html").read_text()


def test_junit_has_nothing_that_jenkins_schema_does_not_have(tmp_path: Path) -> None:
    calls = (result(scenario(), replace(CALL, call_id="4f2a")), result(scenario(heard="delivered"), CALL))
    report.write(calls, "scenarios.yaml", tmp_path)
    legal = {  # junit-10.xsd of Jenkins' xUnit plugin: what each element may hold and must have, of what we write
        "testsuites": ({"testsuite"}, {"tests", "failures", "errors", "time"}),
        "testsuite": ({"testcase"}, {"name", "tests", "failures", "errors", "time"}),
        "testcase": ({"failure", "system-out"}, {"name", "classname", "time"}),
        "failure": (set(), {"message", "type"}),
        "system-out": (set(), set()),
    }
    for element in xml.parse(tmp_path / "junit.xml").iter():
        inside, attributes = legal[element.tag]
        assert {child.tag for child in element} <= inside and set(element.attrib) == attributes
    out = xml.parse(tmp_path / "junit.xml").findtext(".//system-out")
    assert (out or "").startswith("median wait 400 ms\ncall 4f2a\nthe caller heard: northwind parcels how can I help")


def test_a_picture_shows_by_number_where_an_expectation_failed_and_the_report_plays_it(tmp_path: Path) -> None:
    step = {"expect": {"heard": "on Friday", "absent": "out for delivery"}}
    bad = result(scenario(step, outcome="transferred"), CALL)
    report.write((bad,), "scenarios.yaml", tmp_path)
    marks = [g for g in xml.parse(tmp_path / "01.svg").iter(f"{SVG}g") if g.find(f"{SVG}title") is not None]
    told = {g.findtext(f"{SVG}text"): (g.findtext(f"{SVG}title") or "", g.find(f"{SVG}line")) for g in marks}
    assert set(told) == {"✗ 1", "✗ 2"}  # the outcome has no moment
    assert told["✗ 1"][0].startswith("1: step 1 at 5.0 s: expected that “on Friday” is heard; heard: parcel 456721")
    assert told["✗ 2"][0].startswith("2: step 1 at 6.3 s: expected that “out for delivery” is not heard")
    lines = [float(line.get("x1", "")) for _, line in told.values() if line is not None]
    assert sorted(lines) == pytest.approx([LEFT + at_s * PX_S for at_s in (5.0, 6.3)])
    page = (tmp_path / "report.html").read_text()
    assert '<a href="01.wav#t=4.0">5.0 s</a>' in page and '<a href="01.wav#t=5.3">6.3 s</a>' in page
    assert "✗ 3</td>" in page


def test_calls_that_pass_have_no_mark_of_a_failure() -> None:
    assert "✗" not in draw(scenario(), CALL, None, rate=RATE, waits=(), failed=())


def test_the_waits_of_all_calls_stand_beside_the_agents_objectives() -> None:
    one = result(scenario(), CALL)
    results = (one, replace(one, waits=tuple(replace(wait, latency_ms=900.0) for wait in one.waits)))
    told = report.waits_told(results, Objectives.model_validate({"turnP50": "250ms", "turnP95": "1s"}))
    assert told == "2 waits: median 650 ms (objective 250 ms), p95 900 ms (objective 1000 ms)"
    assert report.waits_told(results, None) == "2 waits: median 650 ms, p95 900 ms"
    assert report.waits_told(results[:1], None) == "1 wait: median 400 ms, p95 400 ms"
    assert report.waits_told((), None) == ""
