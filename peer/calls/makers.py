"""Makes the parts of a switchboard that carry calls and let them in, each from the parts that it needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self

from peer.calls.budget import Budget
from peer.calls.call_log import CallLog
from peer.calls.call_policy import CallPolicy
from peer.calls.call_socket import CallSockets
from peer.calls.endpoint_choice import EndpointChoice
from peer.calls.incoming import IncomingCalls
from peer.calls.line_extensions import LineExtensions
from peer.calls.line_keeping import LineKeeping
from peer.calls.lines import LineStarter
from peer.calls.link_writer import LinkWriter
from peer.calls.news import CallListeners
from peer.calls.posting import Posting
from peer.calls.runner import LineRunner
from peer.calls.sessions import LineSessions
from peer.calls.silenced import SilencedStrangers
from peer.calls.standing import LineStanding
from peer.calls.surroundings import Surroundings


@dataclass(frozen=True, slots=True, eq=False)
class CommonParts:
    """What several of the other parts use."""

    listeners: CallListeners
    standing: LineStanding
    keeping: LineKeeping
    choice: EndpointChoice
    writer: LinkWriter
    silenced: SilencedStrangers

    @classmethod
    def of(cls, around: Surroundings, listeners: CallListeners) -> Self:
        """Make them. `listeners` hear what happens to calls."""
        standing = LineStanding(around.lines, around.store)
        return cls(
            listeners,
            standing,
            LineKeeping(around.lines, around.writes, listeners, around.clock),
            EndpointChoice(around.store, standing, around.endpoints),
            LinkWriter(around.own, around.writes, listeners, around.clock),
            SilencedStrangers(around.clock),
        )


def make_call_log(around: Surroundings, common: CommonParts, tasks: asyncio.TaskGroup) -> CallLog:
    """Make what writes the ends of calls down. `tasks` owns what waits for that."""
    return CallLog(around.writes, common.listeners, tasks, around.clock)


def make_runner(
    around: Surroundings, common: CommonParts, posting: Posting, log: CallLog, tasks: asyncio.TaskGroup
) -> LineRunner:
    """Make what carries calls. `tasks` owns the tasks of lines and sessions."""
    return LineRunner(
        around.own,
        lines=around.lines,
        standing=common.standing,
        sessions=_sessions(around, common, posting, tasks),
        keeping=common.keeping,
        writer=common.writer,
        posting=posting,
        log=log,
        answering=around.answering,
        at_once=around.settings.at_once,
        listeners=common.listeners,
        tasks=tasks,
        clock=around.clock,
    )


def _sessions(around: Surroundings, common: CommonParts, posting: Posting, tasks: asyncio.TaskGroup) -> LineSessions:
    return LineSessions(
        lines=around.lines,
        standing=common.standing,
        writer=common.writer,
        posting=posting,
        sockets=CallSockets(around.overlay, around.watch.until_up, around.open_socket),
        watch=around.watch,
        store=around.store,
        keeping=common.keeping,
        choice=common.choice,
        endpoints=around.endpoints,
        listeners=common.listeners,
        tasks=tasks,
        extensions=LineExtensions(
            around.store,
            common.standing,
            common.keeping,
            common.listeners,
            shelf=around.shelf,
            recordings=around.recordings,
        ),
    )


def make_incoming(around: Surroundings, common: CommonParts, starter: LineStarter) -> IncomingCalls:
    """Make what calls are let in with. `starter` starts them."""
    policy = CallPolicy(
        lines=around.lines,
        choice=common.choice,
        settings=around.settings,
        answering=around.answering,
        silenced=common.silenced,
        call_waiting=around.call_waiting,
        clock=around.clock,
    )
    budget = Budget(around.lines, around.clock)
    return IncomingCalls(
        around.lines, starter, common.standing, around.writes, policy, budget, around.settings, around.clock
    )
