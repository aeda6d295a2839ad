"""What the bot says about names of name systems. Pure, like chat.py."""

from __future__ import annotations

from bot.kinds import Kind, Sentence
from bot.texts.chat import shown
from bot.texts.times import date_and_time
from shared.contacts import Contact
from shared.errors import NameHeld
from shared.names import NamedNode
from shared.names.kept import KeptName
from shared.names.trace import Trace
from shared.sentences import joined


def looking_up(name: str) -> Sentence:
    """While a server is asked."""
    return Sentence(Kind.NAME_LOOKING_UP, f"Looking up {shown(name, 80)} …")


def given_up(name: str) -> Sentence:
    """After /hangup."""
    return Sentence(Kind.NAME_STOPPED, f"Stopped looking up {shown(name, 80)}.")


def found(answer: NamedNode) -> Sentence:
    """Where a name leads, before it is called; warnings come first."""
    node = f"node {answer.node.short}…"
    sentences = []
    if answer.from_memory:
        since = (
            "the node of your contact" if answer.source == "contacts" else f"what {answer.source} said {_on(answer.at)}"
        )
        sentences.append(f"{answer.why} I use {node}, {since}.")
    elif answer.refused is not None:
        sentences.append(f"{answer.name} still leads to node {answer.refused.short}…, which you refused. I use {node}.")
    else:
        sentences.append(f"{answer.name} is {node}, says {answer.source}.")
        if answer.silent:
            sentences.append(f"Only {answer.server} says so: {' and '.join(answer.silent)} didn't answer.")
    if answer.new_card:
        sentences.append(_another_card(answer))
    if answer.looks_like:
        sentences.append(f"Look closely: this isn't {answer.looks_like}, which you know.")
    return Sentence(Kind.NAME_FOUND, " ".join(sentences))


def changed(error: NameHeld) -> Sentence:
    """A name that has changed, in the chat."""
    return Sentence(error.kind, f"{error.sentence}\n{decide(error)}")


def decide(error: NameHeld) -> str:
    """What the owner can do about it, in the chat."""
    choice = f"Then: /name follow {error.name} uses the new one, /name keep {error.name} keeps the old one."
    return joined(error.hint, choice)


def decide_on_the_command_line(error: NameHeld) -> str:
    """The same, where commands are typed."""
    choice = f"Then: copybara resolve --follow {error.name} uses the new one, --keep keeps the old one."
    return joined(error.hint, choice)


def followed(name: KeptName, contact: Contact | None) -> Sentence:
    """After the owner went with a change."""
    text = f"{name.answer.name} is now node {name.answer.node}, with the contact card in its records."
    if not name.answer.card:
        text = f"{name.answer.name} is now node {name.answer.node}."
    if contact is not None:
        text += f" {contact.name} has that node now, and their calls will ring and files wait for you."
        text += " You haven't talked to it yet: compare the four words."
    return Sentence(Kind.NAME_FOLLOWED, text, f"/call {name.answer.name} calls it.")


def stays(name: KeptName) -> Sentence:
    """After the owner refused a change."""
    return Sentence(
        Kind.NAME_KEPT,
        f"{name.answer.name} is still node {name.answer.node}.",
        f"/call {name.answer.name} calls it.",
    )


def details(answer: NamedNode, now: int) -> Sentence:
    """All that is known of where a name leads, as lines."""
    lines = [f"{answer.name}", f"node     {answer.node}", f"from     {_source(answer, now)}"]
    if answer.from_memory:
        lines.append(f"kept     {answer.why}")
    if answer.silent:
        lines.append(f"silent   {', '.join(answer.silent)}: nobody confirmed what {answer.server} says")
    if answer.record:
        lines.append(f"record   {answer.record}" + (", and a contact card" if answer.card else ""))
    if answer.owner:
        lines.append(f"owner    {answer.owner}")
    if answer.account and answer.account != answer.owner:
        lines.append(f"account  {answer.account}")
    if answer.refused is not None:
        lines.append(f"refused  {answer.refused}, where it points now")
    if answer.new_card:
        lines.append(f"new card {_another_card(answer)}")
    if answer.looks_like:
        lines.append(f"careful  it isn't {answer.looks_like}, which you know")
    return Sentence(Kind.NAME_DETAILS, "\n".join(lines))


def resolved(answer: NamedNode, now: int) -> str:
    """What `copybara resolve` prints: the node alone on its line, for scripts."""
    name, node, *rest = details(answer, now).text.splitlines()
    del name, node
    return "".join(f"{line}\n" for line in (str(answer.node), *rest))


def records(values: dict[str, str], name: str, *, loopback: bool) -> str:
    """What to write under one's own name, each value alone on a line so that it can be copied whole."""
    lines = [f"Write this under {name or 'your name'} (with which tools: copybara manual names):"]
    for record, value in values.items():
        lines += ["", f"{record}", value]
    if loopback:
        lines += ["", "This node is on the loopback overlay, so no one on another machine can call it."]
    return "\n".join(lines) + "\n"


def steps(trace: Trace) -> str:
    """Every step with its time."""
    return "".join(
        f"{step.milliseconds:7.1f} ms  {step.what}{f': {step.outcome}' if step.outcome else ''}\n"
        for step in trace.steps
    )


def _another_card(answer: NamedNode) -> str:
    return (
        f"Its records have another contact card now, which isn't used. Ask its owner: /name follow {answer.name} "
        f"uses the new one, /name keep {answer.name} keeps what is known."
    )


def _source(answer: NamedNode, now: int) -> str:
    if answer.source == "contacts":
        return "contacts"
    return f"{answer.source}, {answer.server or 'an unnamed server'}, {_age(max(0, now - answer.at))}"


def _age(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now" if seconds < 5 else f"{seconds} seconds ago"


def _on(moment: int) -> str:
    return f"on {date_and_time(moment)}"
