"""`voiceplane call`: the test phone as a user's tool."""

import argparse
import asyncio
import json
import os
import re
import sys
import wave
from dataclasses import asdict
from pathlib import Path
from typing import Any

from voiceplane.cli import arguments
from voiceplane.cli.conversation import CallResult, Line, Script, hold
from voiceplane.cli.state import read_endpoints, stack_folder
from voiceplane.cli.voices import FliteVoice, VoiceUnavailableError, choose_voice, open_speech, transcribe
from voiceplane.contract.audio import Pcm
from voiceplane.runtime import shutdown
from voiceplane.speech.errors import SpeechError
from voiceplane.testing.phone import CallNotAnswered, CallRefused, PhoneSettings, SignalingError, TransferPolicy
from voiceplane.testing.phone.audio import read_wav
from voiceplane.testing.phone.rtp import MAX_DIGITS

_HEADER = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")
_KEYS = re.compile(r"[0-9*#A-D]+")
OK, FAILED, USAGE, NOT_ANSWERED, NO_AUDIO, ENDED_EARLY, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
EPILOG = """examples:
  voiceplane call sip:agent@127.0.0.1:5060 --say "Where is my parcel?" --say "four five six seven two one"
  voiceplane call sip:agent@127.0.0.1:5060 --play question.wav --dtmf "456721#" --record call.wav
  voiceplane call --say "Hi" --transcript          calls the stack that `voiceplane dev` runs on this machine

Lines are said in the order given. Each waits until the agent has spoken and then been silent for 0.7 s.
--record writes a stereo WAV: left the caller, right the agent, on one timeline. The waits are measured on that sound.

exit status:
  0  the script was said to its end, or the agent transferred the call or said goodbye
  1  the signaling broke, or no voice is at hand    2  wrong use
  3  not reached, not answered or refused (the SIP status is printed)
  4  answered, but the agent was not heard          5  the call ended before the script did
  130  stopped by Ctrl-C or SIGTERM: an answered call is hung up, its recording kept
"""


class _Append(argparse.Action):
    """Keep --say, --play and --dtmf in one list, in the order given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Append a line."""
        line = {"say": Line(say=values), "play": Line(play=values), "dtmf": Line(keys=values)}[self.dest]
        namespace.lines = [*(getattr(namespace, "lines", None) or []), line]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "call",
        help="place a call to an agent and talk to it",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", nargs="?", help="sip:name@host:port; by default the stack of this machine")
    parser.add_argument(
        "--say", action=_Append, type=arguments.words, metavar="WORDS", help="speak these words (repeatable)"
    )
    parser.add_argument(
        "--play", action=_Append, type=_sound, metavar="FILE", help="play a 16-bit WAV file (repeatable)"
    )
    parser.add_argument("--dtmf", action=_Append, type=_keys, metavar="KEYS", help="press 0-9 * # A-D (repeatable)")
    parser.add_argument(
        "--record", type=arguments.new_file, metavar="FILE", help="write both directions to a stereo WAV file"
    )
    parser.add_argument("--transcript", action="store_true", help="recognize what the agent said and print it")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--codec", default="PCMU,PCMA,G722", help="codecs to offer, best first (default %(default)s)")
    parser.add_argument("--transport", choices=("udp", "tcp"), default="udp", help="SIP transport (default udp)")
    parser.add_argument(
        "--timeout", type=arguments.seconds, default=30.0, metavar="SECONDS", help="longest wait for an answer"
    )
    parser.add_argument(
        "--patience", type=arguments.seconds, default=20.0, metavar="SECONDS", help="longest wait for the agent"
    )
    parser.add_argument(
        "--speech", type=arguments.address, metavar="HOST:PORT", help="Triton for --say and --transcript"
    )
    parser.add_argument("--voice", help="voice of the caller: flite's or Triton's (default: flite's rms)")
    parser.add_argument(
        "--header",
        action="append",
        type=_header,
        dest="headers",
        metavar="'NAME: VALUE'",
        help="another header of the INVITE, such as a trunk's P-Asserted-Identity (repeatable)",
    )
    parser.add_argument("--stay", action="store_true", help="do not hang up after a transfer (RFC 3515)")
    parser.set_defaults(run=run)


def _keys(text: str) -> str:
    """Take the keys of a telephone (RFC 4733)."""
    if not (_KEYS.fullmatch(text.upper()) and len(text) <= MAX_DIGITS):
        raise argparse.ArgumentTypeError(f"{text!r}: write at most {MAX_DIGITS} keys of 0-9 * # A-D, such as 456721#")
    return text.upper()


def _header(text: str) -> tuple[str, str]:
    """Take a SIP header that stays one line."""
    name, _, value = text.partition(":")
    if not (_HEADER.fullmatch(name) and value.strip() and value.isprintable()):
        raise argparse.ArgumentTypeError(f"{text!r}: write it as NAME: VALUE, such as 'Privacy: id'")
    return name, value.strip()


def _sound(text: str) -> Path:
    """Take a WAV file that can be played."""
    path = Path(text)
    try:
        read_wav(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(arguments.unreadable(path, error, "name a 16-bit WAV file")) from error
    except (wave.Error, EOFError) as error:
        raise argparse.ArgumentTypeError(f"{path} is no WAV file: save it as 16-bit PCM") from error
    except ValueError as error:  # another sample width; the message says what to do
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def run(options: argparse.Namespace) -> int:
    """Place the call; print as it goes."""
    endpoints = read_endpoints(stack_folder())
    target = options.target or (endpoints.sip if endpoints else None)
    if target is None:
        print(arguments.no_stack("its address, such as sip:agent@127.0.0.1:5060"), file=sys.stderr)
        return USAGE
    speech = options.speech or (endpoints.speech if endpoints else None)
    try:
        settings = PhoneSettings(
            codecs=tuple(options.codec.upper().split(",")),
            transport=options.transport,
            ring_timeout_s=options.timeout,
            transfers=TransferPolicy(hang_up=not options.stay),
            headers=tuple(options.headers or ()),
        )
        script = Script(target, tuple(getattr(options, "lines", None) or ()), settings, options.patience)
        status = asyncio.run(shutdown.unless_stopped(_call(script, options, speech)))
        return _fail(options, "stopped", INTERRUPTED) if status is None else status
    except CallRefused as error:
        return _fail(options, str(error), NOT_ANSWERED, sip_status=error.status)
    except CallNotAnswered as error:
        unreached = f": nothing came from {target}; voiceplane dev prints the address of the agent that it runs"
        return _fail(options, f"{error}{'' if error.rang else unreached}", NOT_ANSWERED)
    except OSError as error:
        if error.filename is not None:  # the recording's: its disk is full
            return _fail(options, f"cannot write {error.filename}: {error.strerror}", FAILED)
        return _fail(options, f"cannot reach {target}: {_why(error)}", NOT_ANSWERED)
    except ValueError as error:
        return _fail(options, str(error), USAGE)
    except (SignalingError, VoiceUnavailableError) as error:
        return _fail(options, str(error), FAILED)


def _why(error: OSError) -> str:
    """Say what the network said; asyncio's own words hold an address, a resolver's error number is negative."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return (error.strerror or "nothing answered in time").lower()


async def _call(script: Script, options: argparse.Namespace, endpoint: str | None) -> int:
    async with open_speech(endpoint) as speech:
        speaks = options.voice is not None or any(line.say is not None for line in script.lines)
        voice = await choose_voice(speech, options.voice) if speaks else FliteVoice()
        if options.transcript and speech is None:
            raise VoiceUnavailableError(f"--transcript needs speech models: {_no_models(endpoint)}")
        quiet = options.json
        transcript: list[dict[str, str]] = []

        async def heard(who: str, what: str | Pcm) -> str:
            if isinstance(what, Pcm):
                words = f"({what.duration_ms / 1000:.1f} s of speech)"
                if options.transcript and speech is not None:
                    try:
                        words = await transcribe(speech, what)
                    except SpeechError as error:
                        words = f"(not recognized: {error})"
                what = words
            transcript.append({"who": who, "words": what})
            if not quiet:
                print(f"{who:>7}  {what}", flush=True)
            return what

        if not quiet:
            print(f"calling {script.target}{f' with the voice {voice.about}' if speaks else ''}", flush=True)
        result = await hold(script, voice, heard, record=options.record)
    status = outcome(result)
    if options.json:
        print(json.dumps(as_json(result, transcript, status), indent=2))
        return status
    for line in report(result):
        print(line)
    print(
        f"recorded to {options.record}" if options.record else "not recorded: --record FILE.wav keeps both directions"
    )
    return status


def _no_models(endpoint: str | None) -> str:
    if endpoint is None:
        return "start a stack by voiceplane dev agent.yaml, or name another's Triton by --speech"
    return f"they are not ready at {endpoint}; voiceplane doctor --speech {endpoint} says why"


def outcome(result: CallResult) -> int:
    """Turn what came of a call into the exit status."""
    if result.first_audio_ms is None:
        return NO_AUDIO
    if result.finished_script or result.refer_to is not None:
        return OK
    return ENDED_EARLY


def report(result: CallResult) -> list[str]:
    """Sum a call up for people."""
    lines = [f"call {result.call_id}"]
    if result.refer_to:
        lines.append(f"transferred to {result.refer_to}")
    lines += timing_lines(result)
    lines += [f"fault: {fault}" for fault in result.faults]
    if result.lost:
        lines.append(f"{result.lost} RTP packets of the agent were lost")
    return lines


def timing_lines(result: CallResult) -> list[str]:
    """Write the waits of a call."""
    lines = [f"answered after {result.answered_after_ms or 0:.0f} ms"]
    if result.first_audio_ms is not None:
        lines.append(f"agent's first sound {result.first_audio_ms:.0f} ms after the answer")
    for number, turn in enumerate(result.turns, 1):
        at = turn.caller_end_ms / 1000
        lines.append(f"turn {number}: {turn.latency_ms:5.0f} ms from the caller's last sound (at {at:.2f} s)")
    return lines


def as_json(result: CallResult, transcript: list[dict[str, str]], status: int) -> dict[str, Any]:
    """Write a call as one JSON object; audio is left out."""
    return {
        "status": status,
        "call_id": result.call_id,
        "answered_after_ms": result.answered_after_ms,
        "first_audio_ms": result.first_audio_ms,
        "turns": [asdict(turn) | {"latency_ms": turn.latency_ms} for turn in result.turns],
        "transcript": transcript,
        "refer_to": result.refer_to,
        "ended_by": result.ended_by,
        "finished_script": result.finished_script,
        "faults": list(result.faults),
        "lost": result.lost,
        "seconds": result.seconds,
    }


def _fail(options: argparse.Namespace, message: str, status: int, *, sip_status: int | None = None) -> int:
    if options.json:
        print(json.dumps({"status": status, "error": message, "sip_status": sip_status}))
    else:
        print(message, file=sys.stderr)
    return status
