"""Every command in README and docs is run: here with a running program, or by a test that is named here."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import people
from tests.test_commands_in_docs import PAGES, ROOT, typed

INLINE = re.compile(r"`copybara ([a-z-][^`\n]*)`")

CARD = "copybara:FQEgE1o7G-zVr3OBCPJffLkvCqx01yvKy8hr04pRRbJG9nsCIFXm---tIQS_yHiF69Qrlu6_PVQR-Rpq7rLSJh1nfMBPaxblxQ"

NODE = "mc5221af8k6zrx5q850bhqjjx2n1jx9nn2jy1vv62n7gkvhcdat0"

SERVICE = "service/test_service.py::test_install_writes_valid_units_for_that_home_and_remove_takes_them_away"

BACKUP = "test_backup.py::test_a_restored_home_and_its_contact_find_back_to_one_link_by_comparing_words"

DESKTOP = "desktop/test_install.py::test_a_click_on_a_link_opens_the_page_with_it"

RECORDING = (
    "test_recording.py::test_a_recording_plays_after_a_kill_and_the_next_one_is_announced_again_until_it_is_refused"
)
PHONE = "test_phone.py::test_the_command_line_adds_lists_and_removes_devices"

ELSEWHERE = {
    "bugreport": "test_bugreport.py::test_nothing_is_written_without_a_yes_nor_over_another_file",
    "bugreport --log FILE": "test_bugreport.py::test_a_report_tells_a_maintainer_what_they_need",
    "backup copybara.backup": BACKUP,
    "restore": BACKUP,
    "restore copybara.backup": BACKUP,
    "demo --handset": "../browser/test_one_browser.py::test_the_echo_brings_the_own_tone_and_picture_back",
    "start": "test_start.py::test_start_opens_the_page_by_an_address_that_works_once_and_holds_no_key",
    "run": "test_start.py::test_run_needs_neither_a_messenger_nor_a_console_as_long_as_there_is_a_page",
    "run --overlay NAME": "test_start.py::test_run_needs_neither_a_messenger_nor_a_console_as_long_as_there_is_a_page",
    "run --console": "test_start.py::test_the_first_call_in_a_console_without_a_page_says_where_to_talk",
    "run --console --json": "test_calls.py::test_two_strangers_meet_and_then_need_one_link_only",
    "contacts tell NAME": "test_moved.py::test_a_notice_can_be_written_and_accepted_at_the_command_line",
    "run --new-node": "test_known_node.py::test_a_node_that_changed_is_refused_until_the_owner_says_so",
    "resolve": "test_names.py::test_a_name_is_resolved_on_the_command_line",
    "resolve NAME": "test_names.py::test_a_name_is_resolved_on_the_command_line",
    "resolve --follow": "test_names.py::test_a_name_is_resolved_on_the_command_line",
    "resolve --follow NAME": "test_names.py::test_a_name_is_resolved_on_the_command_line",
    "resolve --check": "test_names.py::test_a_name_is_read_a_second_time_by_an_independent_client",
    "resolve NAME --check": "test_names.py::test_a_name_is_read_a_second_time_by_an_independent_client",
    "desktop install": DESKTOP,
    "desktop remove": DESKTOP,
    "start -- LINK": "desktop/test_install.py::test_a_click_starts_the_program_if_it_doesnt_run",
    "setup": "setup/test_setup.py::test_twice_is_as_good_as_once",
    "setup NAME": "setup/test_setup.py::test_every_part_can_be_asked_for_by_name",
    "setup overlay": "setup/test_install_yggdrasil.py::test_from_an_installed_package_to_a_node_with_a_peer",
    "invite --peer": "setup/test_install_yggdrasil.py::test_from_an_installed_package_to_a_node_with_a_peer",
    "setup overlay --peers tls://HOST:PORT?key=KEY": (
        "setup/test_install_yggdrasil.py::test_from_an_installed_package_to_a_node_with_a_peer"
    ),
    "setup overlay --yes --peers tls://HOST:PORT?key=KEY": (
        "setup/test_install_yggdrasil.py::test_from_an_installed_package_to_a_node_with_a_peer"
    ),
    "setup telegram": "setup/test_setup_telegram.py::test_a_token_is_tried_kept_and_all_ways_are_opened",
    "setup deltachat": "deltachat/test_setup.py::test_an_invite_makes_an_account_and_doing_it_twice_changes_nothing",
    "setup matrix": "matrix/people.py::",
    "uninstall": "test_uninstall.py::test_keys_are_overwritten_before_they_are_removed",
    "setup sound": "setup/test_setup_sound.py::test_what_is_said_comes_back_from_the_speaker",
    "devices add NAME [ADDRESS]": PHONE,
    "devices add NAME": PHONE,
    "devices add phone": PHONE,
    "devices add phone 200:1234::1": PHONE,
    "send FILE": "test_files.py::test_files_are_sent_answered_and_listed_in_the_console_and_at_the_command_line",
    "devices add phone lan": PHONE,
    "record": RECORDING,
    "record refuse": RECORDING,
    "devices cancel": PHONE,
    "devices confirm CODE": PHONE,
    "devices remove NAME": PHONE,
    "service install": SERVICE,
    "service status": SERVICE,
    "service remove": SERVICE,
}
"Commands that end only with Ctrl-C, change the system, or ask another machine, with the tests that run them."


def documented() -> set[str]:
    """All command lines in blocks and sentences, without `copybara` and quotation marks."""
    lines = [line for page in PAGES for line in (*typed(page), *INLINE.findall(page.read_text()))]
    return {" ".join(shlex.split(line)) for line in lines}


def test_what_is_run_by_another_test_is_documented_and_that_test_is_there() -> None:
    for command, place in ELSEWHERE.items():
        file, _, name = place.partition("::")
        text = (ROOT / "tests" / "bot" / file).read_text()
        assert f"def {name}(" in text if name else command.split()[-1] in text, (command, place)
    assert set(ELSEWHERE) <= documented()


async def test_every_other_documented_command_does_what_it_says_in_a_running_program(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("nothing\n")
    async with people(tmp_path, "anna") as (anna,):
        await anna.asked(f"/contact add anna {NODE}", kind=Kind.CONTACT_SAVED)
        values = {"NAME": "anna", "FILE": str(log), "LINK": CARD, "card.png": str(tmp_path / "card.png")}
        ran = 0
        for command in sorted(documented() - set(ELSEWHERE)):
            words = [values.get(word, word) for word in command.split()]
            code, out, err = await anna.cli(*words)
            assert code == 0, (command, out, err)
            assert "Traceback" not in out + err, command
            ran += 1
        assert ran >= 8
