"""What the pages in docs/ say about the code is true."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

from bot.messengers.telegram.conversations import Way
from bot.messengers.telegram.switches import ways
from tests.syntax import parsed
from tests.test_wording import explanations_of

TESTS = Path(__file__).parent
PAGES = TESTS.parent / "docs"
CONTRIBUTING = TESTS.parent / "CONTRIBUTING.md"

NAMED_TEST = re.compile(r"(?:`|\btests/)((?:[a-z_]+/)+test_[a-z_]+\.py)::(\w+)")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def text_of(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub makes for a page's headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [CONTRIBUTING, *sorted(PAGES.glob("*.md"))], ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    missing = [
        f"{file}::{test}"
        for file, test in NAMED_TEST.findall(page.read_text())
        if not (TESTS / file).exists()
        or not re.search(rf"^ *(?:async )?def {test}\(", (TESTS / file).read_text(), flags=re.MULTILINE)
    ]
    assert missing == []


def test_the_threat_model_names_tests() -> None:
    page = (PAGES / "threat-model.md").read_text()
    assert len(NAMED_TEST.findall(page)) == page.count("::test_") > 80


def test_the_promises_that_hold_with_a_device_are_those_that_are_made_word_for_word() -> None:
    page = " ".join((PAGES / "threat-model.md").read_text().split())
    made, kept = page.partition("## What is promised ")[2], page.partition("holds word for word: ")[2]
    made, kept = made.partition(" ## ")[0].replace("**", ""), kept.partition("What changes:")[0]
    rows = re.findall(r"\| \*\*(.+?)\*\*[^|]*\|", kept)
    assert len(rows) == len(re.findall(r"(?:^| )\d\. ", made))
    for words in (*rows, *re.findall(r'"([^"]+)"', kept)):
        assert words in made


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(text_of(page)):
        if "://" in target:
            continue
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors_of(file)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    assert broken == []


def defined(files: list[Path]) -> set[str]:
    """Every class, function, constant, and `Class.method` of those files."""
    names: set[str] = set()
    for file in files:
        for node in parsed(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                names |= {node.name} | {
                    f"{node.name}.{each.name}"
                    for each in node.body
                    if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
                }
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names |= {node.name, f"{file.stem}.{node.name}"}
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_every_name_in_the_architecture_exists() -> None:
    root = TESTS.parent
    page = (PAGES / "architecture.md").read_text()
    paths = set(re.findall(r"`((?:bot|peer|shared|tests)/[\w./-]*)`", page))
    assert len(paths) > 50
    assert [path for path in sorted(paths) if not (root / path).exists()] == []
    known = defined([file for room in ("bot", "peer", "shared") for file in (root / room).rglob("*.py")])
    flow = re.findall(r"^ +(?:in|\d+)  ([\w.]+)(?: |$)", page, flags=re.MULTILINE)
    text = re.findall(r"`([A-Z]\w+(?:\.\w+)?)`", page)
    inline = re.findall(r"\b((?:[A-Z][a-z]+){2,}(?:\.\w+)?|(?:policy|attempts)\.(?!py)\w+)\b", page)
    assert len(flow) > 60
    not_ours = {"TaskGroup", "GitHub"}
    assert sorted({*flow, *text, *inline} - known - not_ours) == []


def test_telegrams_page_has_a_row_and_a_section_for_each_way() -> None:
    page = (PAGES / "telegram.md").read_text()
    rows = re.findall(r"^\| \[([^]]+)\]\(#(\d)-", page, flags=re.MULTILINE)
    assert [name for name, _ in rows] == [way.name for way in ways({})]
    assert len(rows) == len(Way)
    sections = re.findall(r"^### (\d)\. ", page, flags=re.MULTILINE)
    assert [number for _, number in rows] == sections


def test_the_entry_of_a_messenger_is_the_one_in_the_registry() -> None:
    page = (PAGES / "adding-a-messenger.md").read_text()
    registry = (ROOT / "bot/messengers/registry.py").read_text()
    (sample,) = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    there = {ast.unparse(node) for node in ast.walk(parsed(registry)) if isinstance(node, ast.FunctionDef | ast.Call)}
    assert [ast.unparse(node) for node in parsed(sample).body if ast.unparse(node) not in there] == []


FILE = re.compile(r"(?<![\w.*<~/-])((?:\.\./)*(?:[\w-]+/)*[\w-]+\.(?:py|js|css|html|md|service|socket))(?![\w(])")
"The name of a file in a text."

NOT_OURS = {"nftables.service"}
"Files of other programs."

ROOT = TESTS.parent
ROOMS = [ROOT / room for room in ("bot", "peer", "shared", "benchmarks", "packages")]


@functools.cache
def files() -> frozenset[str]:
    """The paths of all files that a text may name, from the root of the repository."""
    found = [file for folder in (*ROOMS, PAGES, ROOT / "config", TESTS) for file in folder.rglob("*.*")]
    return frozenset(str(file.relative_to(ROOT)) for file in (*found, *ROOT.glob("*")))


def missing_files(texts: list[tuple[int, str]], folder: Path, *, anywhere: bool = False) -> list[str]:
    """The names in texts that belong to no file.

    A bare name is a file in `folder` or below it, or with `anywhere` a file in any folder. A path begins in `folder` or
    in a folder above it; the pages name tests from `tests/` on.
    """
    missing = []
    above = [ROOT, TESTS, folder, *(each for each in folder.parents if ROOT in each.parents)]
    for line, text in texts:
        for name in set(FILE.findall(text)) - NOT_OURS:
            if "/" in name:
                there = any(str((each / name).resolve()).removeprefix(f"{ROOT}/") in files() for each in above)
            else:
                start = "" if anywhere else f"{folder.relative_to(ROOT)}/"
                there = any(file.startswith(start) and f"/{file}".endswith(f"/{name}") for file in files())
            if not there:
                missing.append(f"{line}: {name}")
    return missing


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_file_that_a_docstring_or_a_comment_names_exists(room: Path) -> None:
    missing = {
        str(path.relative_to(ROOT)): found
        for path in sorted(room.rglob("*.py"))
        if (found := missing_files(explanations_of(path), path.parent))
    }
    missing |= {
        str(path.relative_to(ROOT)): found
        for path in sorted(room.rglob("*.js"))
        if (found := missing_files(comments_of(path), path.parent))
    }
    assert missing == {}


def comments_of(script: Path) -> list[tuple[int, str]]:
    """The comments of a script with their lines."""
    lines = enumerate(script.read_text(encoding="utf-8").splitlines(), 1)
    return [(number, line.partition("//")[2]) for number, line in lines if "//" in line]


@pytest.mark.parametrize(
    "page", sorted([*PAGES.glob("*.md"), *ROOT.glob("*.md"), ROOT / "pyproject.toml"]), ids=lambda page: page.name
)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    lines = list(enumerate(text_of(page).splitlines(), 1))
    assert missing_files(lines, page.parent, anywhere=True) == []


@pytest.mark.parametrize("text", ["see gone.py", "(gone.py)", "`peer/gone.py`", "../gone.md"])
def test_a_name_without_a_file_is_found(text: str) -> None:
    assert missing_files([(1, text)], PAGES)


def words_of(text: str) -> list[str]:
    """The words of a text without anything between them."""
    return re.findall(r"[\w'/]+", text)


@functools.cache
def said() -> str:
    """All texts that the program can show, as words, from its code and the page's. Placeholders cut them."""
    texts = [
        node.value
        for room in ("bot", "peer", "shared")
        for file in (ROOT / room).rglob("*.py")
        for node in ast.walk(parsed(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    texts += [file.read_text() for kind in ("js", "html") for file in (ROOT / "peer/handset/static").glob(f"*.{kind}")]
    return "\n".join(f" {' '.join(words_of(text))} " for text in texts)


def unsaid(quoted: str) -> list[str]:
    """The parts of a quoted sentence that the program never shows. A sentence may consist of several texts."""
    missing = []
    for part in re.split(r"…|\d+", quoted):
        words = words_of(part)
        while len(words) > 1:
            known = next((n for n in range(len(words), 1, -1) if f" {' '.join(words[:n])} " in said()), 0)
            if not known:
                missing.append(" ".join(words))
                break
            words = words[known:]
    return missing


SAID_BY_THE_PROGRAM = {"it says", "message", "the terminal or the bot says", "what you see"}
"Headings of tables that explain sentences of the program."

UNQUOTED = {"overlays.md", "matrix.md"}
"Pages whose table contains sentences without quotation marks, and nothing else."


def explained(page: Path) -> list[str]:
    """The sentences in the first column of such tables."""
    sentences, inside = [], False
    for line in page.read_text().splitlines():
        first = line.split(" | ")[0].strip("| ")
        inside = line.startswith("|") and (inside or first in SAID_BY_THE_PROGRAM)
        if inside and first not in SAID_BY_THE_PROGRAM and not first.startswith("---"):
            quoted = ["".join(each) for each in re.findall(r'`([^`]+)`|"([^"]+)"', first)]
            sentences += [first] if page.name in UNQUOTED else [each for each in quoted if " " in each]
    return sentences


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_the_sentences_that_a_page_explains_are_said(page: Path) -> None:
    assert {sentence: unsaid(sentence) for sentence in explained(page) if unsaid(sentence)} == {}


def test_some_pages_explain_sentences() -> None:
    counts = {page.name: len(explained(page)) for page in PAGES.glob("*.md")}
    assert counts["troubleshooting.md"] > 70
    assert all(counts[name] > 3 for name in ("names.md", "overlays.md", "matrix.md", "telegram.md"))


def test_a_sentence_that_is_never_said_is_noticed() -> None:
    assert unsaid("I can't store anything") == ["store anything"]
    assert unsaid("I can't save anything: …") == []


@pytest.mark.parametrize("room", ["bot", "peer", "shared"])
def test_a_folder_names_each_folder_in_it(room: str) -> None:
    unnamed = [
        str(inner.parent.relative_to(ROOT))
        for file in sorted((ROOT / room).rglob("__init__.py"))
        for inner in sorted(file.parent.glob("*/__init__.py"))
        if not re.search(rf"\b{inner.parent.name}\b(?!\.py)", ast.get_docstring(parsed(file.read_text())) or "")
    ]
    assert unnamed == []


@pytest.mark.parametrize("room", ["bot", "peer", "shared"])
def test_a_folder_says_what_is_in_it_where_to_start_and_what_it_may_import(room: str) -> None:
    silent = []
    for file in sorted((ROOT / room).rglob("__init__.py")):
        said_of_it = ast.get_docstring(parsed(file.read_text())) or ""
        lines = said_of_it.count("\n") + 1
        start = re.search(r"\b[Ss]tart (?:here|at|with)|read it first", said_of_it)
        if not (start and "import" in said_of_it.lower() and 3 <= lines <= 8):
            silent.append(str(file.relative_to(ROOT)))
    assert silent == []
