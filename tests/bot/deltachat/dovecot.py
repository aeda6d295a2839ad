"""Dovecot's configuration for the tests, for its version: 2.3 (Debian 12) or 2.4 (Debian 13).

Nearly every name differs between the two, and neither reads the other's (doc.dovecot.org, Upgrading Dovecot CE from 2.3
to 2.4).
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"\s*(\d{1,4})\.(\d{1,4})\.", re.ASCII)

_OLD, _NEW = (2, 3), (2, 4)


@dataclass(frozen=True, slots=True)
class Places:
    """Its folders, users and port."""

    folder: Path
    run: Path
    user: str
    group: str
    port: int
    "The IMAP port on 127.0.0.1."


_FIRST = {
    _OLD: "",
    # This must be the first setting, and both are required.
    _NEW: "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n",
}

_BOTH = """\
base_dir = {run}
state_dir = {run}
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mailbox_idle_check_interval = 1 secs
namespace inbox {{
  inbox = yes
  mailbox DeltaChat {{
    auto = create
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""

_DIFFERENT = {
    _OLD: """\
disable_plaintext_auth = no
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u allow_all_users=yes
}}
service imap-login {{
  chroot =
  process_min_avail = 1
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""",
    _NEW: """\
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
passdb static {{
  fields {{
    nopassword = yes
  }}
}}
userdb static {{
  userdb_static_allow_all_users = yes
  fields {{
    uid = {user}
    gid = {group}
    home = {folder}/home/%{{user}}
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""",
}


def configuration(version: tuple[int, int], places: Places) -> str:
    """The configuration for that version. Versions after 2.4 count as 2.4, and those before as 2.3."""
    kind = _NEW if version >= _NEW else _OLD
    return (_FIRST[kind] + _BOTH + _DIFFERENT[kind]).format(
        run=places.run, folder=places.folder, user=places.user, group=places.group, port=places.port
    )


def parsed_version(said: str) -> tuple[int, int]:
    """The version in the output of `dovecot --version`, such as `2.3.19.1 (9b53102964)`."""
    found = _VERSION.match(said)
    assert found is not None, said
    return int(found[1]), int(found[2])


def installed_version(dovecot: str) -> tuple[int, int]:
    """The version of that program."""
    return parsed_version(subprocess.run([dovecot, "--version"], check=True, capture_output=True, text=True).stdout)
