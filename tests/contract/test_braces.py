"""The pattern by which an API server judges braces, against what the services make of them."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from voiceplane.contract.agent import BRACES, placeholders


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(st.sampled_from(["{", "}", "{{", "}}", "{a}", "a", "ß", " ", "!", ":", ".", "[", "]", "-"])).map("".join)
)
@example("{{{name}}}")
@example("{größe}")
@example("{order.eta}")
@example("{a:}")
def test_what_the_services_take_is_not_refused_and_what_is_taken_can_be_read(text: str) -> None:
    try:
        names = placeholders(text)
    except ValueError:
        names = None
    taken = re.fullmatch(BRACES, text) is not None
    if names is None or "" in names:
        assert not taken
    elif all(name.isidentifier() for name in names):
        assert taken
