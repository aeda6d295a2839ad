"""`copybara resolve NAME`: name to node id, and where the answer came from."""

from __future__ import annotations

import asyncio
import json
import sys

from bot.texts import shown
from peer.home import Home
from shared.errors import NameNotFound
from shared.names import Answer, Resolver
from shared.names.book import ContactBook
from shared.names.chain import ResolverChain
from shared.store import Store


def resolver(store: Store) -> Resolver:
    """Whoever is asked for names, in this order."""
    return ResolverChain([ContactBook(store)])


def resolve(home: Home, name: str, *, as_json: bool) -> int:
    """Print what the name stands for. Raises NameNotFound."""
    home.prepare()
    with Store(home.database) as store:
        answer: Answer | None = asyncio.run(resolver(store).resolve(name))
    if answer is None:
        raise NameNotFound(f"Nobody is known as {shown(name, 60)}.")
    if as_json:
        value = {
            "name": answer.name,
            "node": str(answer.node),
            "source": answer.source,
            "at": answer.at,
            "from_memory": answer.from_memory,
        }
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{answer.node}\nfrom {answer.source}\n")
    return 0
