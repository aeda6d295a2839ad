"""Make a virtual environment that was built in one place fit for another: `python tidy.py TREE /usr/lib/NAME 3.11`.

Scripts get the interpreter's final path, pyvenv.cfg loses the old one, and what only building or debugging needs goes.
"""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path

KEPT_COMMANDS = ("copybara", "deltachat-rpc-server", "python", "python3")

NEEDLESS = (
    "**/__pycache__",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.pyx",
    "**/*.c",
    "**/*.h",
    "**/direct_url.json",
    "**/RECORD",
    ".gitignore",
)
"""What no running program reads; the last is venv's, since Python 3.13. Without RECORD pip doesn't believe that it
could uninstall what the package owns."""


def tidy(tree: Path, place: str, python: str) -> None:
    """`place` is where the environment will be, `python` the version of Debian's interpreter that runs it."""
    environment = tree / place.lstrip("/")
    for pattern in NEEDLESS:
        for path in list(environment.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    commands = environment / "bin"
    for command in list(commands.iterdir()):
        if command.name not in (*KEPT_COMMANDS, f"python{python}"):
            command.unlink()
    for command in commands.iterdir():
        if not command.is_symlink() and command.read_bytes().startswith(b"#!"):
            _, _, rest = command.read_text().partition("\n")
            # -P and -s: nothing from the folder one is in, nor from the user's own packages.
            command.write_text(f"#!{place}/bin/python -sP\n{rest}")
    for module in (environment / "lib").rglob("*.py"):
        _without_interpreter(module)
    for link in ("python", "python3", f"python{python}"):
        (commands / link).unlink(missing_ok=True)
        (commands / link).symlink_to(f"../../../bin/python{python}")
    (environment / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\n"
        f"version = {python}\nexecutable = /usr/bin/python{python}\n"
    )
    share = environment / "share"
    kept = share / "doc" / "copybara-relay"  # what `copybara manual` shows
    for path in (environment / "include", environment / "lib64", *share.glob("*"), *share.glob("doc/*")):
        if path not in (kept, kept.parent):
            path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path, ignore_errors=True)
    for path in environment.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.parent == commands
            path.chmod(stat.S_IMODE(0o755 if runs else 0o644))


def _without_interpreter(module: Path) -> None:
    """A module that is only imported needs no first line that names an interpreter."""
    code = module.read_bytes()
    if code.startswith(b"#!"):
        module.write_bytes(code.partition(b"\n")[2])


if __name__ == "__main__":
    tidy(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
