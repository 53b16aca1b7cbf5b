"""Redaction of tool arguments: what the policy does not name is not shown."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voiceplane.contract.policy import Redaction
from voiceplane.policy.redact import redact


def test_only_named_arguments_are_shown() -> None:
    shown = redact({"day": "2026-11-30", "parcel_number": "452219"}, Redaction(show_arguments=("day",)))

    assert shown == {"day": "2026-11-30", "parcel_number": "[6 characters]"}


@given(
    st.dictionaries(
        st.sampled_from(["day", "name", "number"]),
        st.text("bdfghijklmnopquvwxyz", min_size=3) | st.integers(10_000),
    ),
    st.sets(st.sampled_from(["day", "name", "number"])),
)
def test_a_hidden_value_is_nowhere_in_the_result(arguments: dict[str, Any], named: set[str]) -> None:
    shown = redact(arguments, Redaction(show_arguments=tuple(named)))

    assert set(shown) == set(arguments)
    for name, value in arguments.items():
        if name in named:
            assert shown[name] == str(value)
        else:
            assert shown[name] == f"[{len(str(value))} characters]"
