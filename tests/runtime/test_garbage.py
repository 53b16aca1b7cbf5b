"""What start-up made is not looked at again."""

import gc

from voiceplane.runtime import garbage


def test_what_was_there_before_is_left_out_of_full_passes() -> None:
    before = len(gc.get_objects())
    try:
        garbage.keep()
        assert gc.get_freeze_count() > before / 2
        assert len(gc.get_objects()) < before / 2
    finally:
        gc.unfreeze()
