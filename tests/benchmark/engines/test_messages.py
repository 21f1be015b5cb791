"""The pipe between a worker and its supervisor, with valid and with invalid messages."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from tabgenbench.engines.messages import Inbox, Outbox, TornMessage
from tabgenbench.interfaces.generator import Progress


class Exits:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[object, ...]:
        return (sys.exit, ("enough",))


class Unreadable:
    """Can be pickled, but not unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (int, ("no number",))


@pytest.fixture(name="pipe")
def pipe_fixture() -> Iterator[tuple[Connection, Connection]]:
    receiver, sender = Pipe(duplex=False)
    yield receiver, sender
    receiver.close()
    sender.close()


def test_messages_arrive_whole_and_in_order(pipe: tuple[Connection, Connection]) -> None:
    receiver, sender = pipe
    inbox, outbox = Inbox(receiver), Outbox(sender.fileno())
    outbox.send("message", 1)
    outbox.send("end", {"value": [2]})
    assert inbox.read() == [("message", 1), ("end", {"value": [2]})]
    assert inbox.read() == []  # without waiting
    sender.close()
    with pytest.raises(EOFError):
        inbox.read()


def test_text_is_made_such_that_it_can_be_written(pipe: tuple[Connection, Connection]) -> None:
    receiver, sender = pipe
    odd, plain = "caf\udce9", "caf\\udce9"
    progress = Progress(epoch=1, of=2, losses={odd: 0.5})
    Outbox(sender.fileno()).send("end", {odd: [(odd, 1, None)], "progress": progress, "kept": "é"})
    found = {plain: [(plain, 1, None)], "progress": Progress(epoch=1, of=2, losses={plain: 0.5}), "kept": "é"}
    assert Inbox(receiver).read() == [("end", found)]


def test_a_message_larger_than_the_pipe_arrives_in_parts(pipe: tuple[Connection, Connection]) -> None:
    receiver, sender = pipe
    inbox, content = Inbox(receiver), bytes(3_000_000)
    thread = threading.Thread(target=Outbox(sender.fileno()).send, args=("end", content))
    thread.start()
    found: list[tuple[str, object]] = []
    while not found:
        found = inbox.read()
    thread.join()
    assert found == [("end", content)]


def test_the_beginning_of_a_message_holds_up_nobody(pipe: tuple[Connection, Connection]) -> None:
    receiver, sender = pipe
    os.write(sender.fileno(), b"\x00\x00")
    assert Inbox(receiver).read() == []


@pytest.mark.parametrize("written", [b"\xff" * 20, b"\x00" * 7 + b"\x05abcde"])
def test_what_is_no_message_is_told(pipe: tuple[Connection, Connection], written: bytes) -> None:
    receiver, sender = pipe
    os.write(sender.fileno(), written)
    with pytest.raises(TornMessage, match=r"wrote invalid data|cannot be unpickled"):
        Inbox(receiver).read()


@pytest.mark.parametrize(("content", "error"), [(Unreadable(), "ValueError"), (Exits(), "SystemExit")])
def test_an_object_that_cannot_be_read_is_told(
    pipe: tuple[Connection, Connection], content: object, error: str
) -> None:
    receiver, sender = pipe
    Outbox(sender.fileno()).send("message", content)
    with pytest.raises(TornMessage, match=error):
        Inbox(receiver).read()


def test_what_cannot_be_sent_leaves_the_pipe_as_it_was(pipe: tuple[Connection, Connection]) -> None:
    receiver, sender = pipe
    outbox = Outbox(sender.fileno())
    with pytest.raises(Exception, match="pickle"):
        outbox.send("message", lambda: None)
    outbox.send("message", "next")
    assert Inbox(receiver).read() == [("message", "next")]
