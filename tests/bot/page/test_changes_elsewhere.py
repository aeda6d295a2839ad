"""What other devices have changed in the contacts stays at home until somebody there has seen it."""

from __future__ import annotations

from bot.page.changes_elsewhere import KEPT, ChangesElsewhere


def test_a_change_that_comes_while_others_are_being_read_is_not_seen_with_them() -> None:
    changes = ChangesElsewhere()
    changes.add("On phone: bob is now called anne.")
    changes.add("On phone: bob is now called anne.")
    read = changes.shown
    changes.add("On phone: bob's node id is now 77777777….")
    changes.seen(read)
    assert changes.shown == ["On phone: bob's node id is now 77777777…."]
    changes.seen(["something else"])
    assert changes.shown
    changes.seen(None)
    assert changes.shown == []


def test_many_changes_hide_none_that_was_made_first_and_are_counted() -> None:
    changes = ChangesElsewhere()
    changes.add("On phone: bob's node id is now 77777777….")
    for number in range(KEPT + 1):
        changes.add(f"On phone: bob is now called anne{number}.")
    first, *others, last = changes.shown
    assert first == "On phone: bob's node id is now 77777777…."
    assert len(others) == KEPT - 1
    assert last == "… and 2 more changes: look through your contacts."
    read = changes.shown
    changes.add("On phone: one more.")
    changes.seen(read)
    assert changes.shown == ["… and 3 more changes: look through your contacts."]
    changes.seen(changes.shown)
    assert changes.shown == []
