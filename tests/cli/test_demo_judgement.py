"""The demo passes only when the true status was heard."""

import pytest

from voiceplane.cli.demo import says


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
