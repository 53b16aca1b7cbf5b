"""What was heard against what was to be heard: the true status, and words by which an agent did not understand."""

import pytest

from voiceplane.cli.likeness import begins, says


@pytest.mark.parametrize(
    ("heard", "truth", "verdict"),
    [
        ("Parcel 456721 is out for delivery, and should arrive today.", "out for delivery", True),
        ("Parcel 456721 is Out for Delivery.", "out-for-delivery", True),
        ("Your parcel was delivered.", "out for delivery", False),
        ("It is out. For a delivery call us.", "out for delivery", False),
        ("It is undelivered.", "delivered", False),
        ("", "delivered", False),
        ("anything", "", False),
    ],
)
def test_the_words_of_the_truth_must_be_heard_in_order(heard: str, truth: str, verdict: bool) -> None:
    assert says(heard, truth) is verdict


@pytest.mark.parametrize(
    ("heard", "verdict"),
    [
        ("Sorry, I did not understand that. Could you say it another way?", True),
        ("Sorry I didn't understand that, could you say it another way?", True),
        ("Sorry, I cannot look that up right now.", False),
        ("What is the six digit parcel number?", False),
        ("", False),
    ],
)
def test_an_agent_that_did_not_understand_is_known_by_its_first_words(heard: str, verdict: bool) -> None:
    assert begins(heard, "Sorry, I did not understand that. Could you say it another way?") is verdict
    assert not begins(heard, "")
