"""When a worker of a plain Ray stays with its head, and when it leaves it."""

from voiceplane.planner.heads import addresses, replaced


def test_a_worker_stays_while_its_head_is_ready_or_none_is_and_leaves_when_only_another_is() -> None:
    mine = "10.0.0.1"
    assert not replaced(mine, frozenset({mine}))
    assert not replaced(mine, frozenset({mine, "10.0.0.2"})), "two heads during a rollout"
    assert not replaced(mine, frozenset()), "it may only be starting again"
    assert replaced(mine, frozenset({"10.0.0.2"}))


def test_a_name_that_leads_nowhere_has_no_addresses() -> None:
    assert addresses("no-such-name.invalid") == frozenset()
    assert addresses("127.0.0.1") == {"127.0.0.1"}
