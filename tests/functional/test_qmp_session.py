# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The rules of a QMP session."""

import json
import socket

import pytest

from colotest.qmp import QmpClient, QmpConnection, QmpError
from colotest.waiting import wait_for


@pytest.fixture
def vm(make_vm):
    return make_vm(["-S", "-machine", "none"], start=False).start(connect=False)


@pytest.fixture
def session(vm):
    connection = QmpConnection(vm.qmp_path, alive=vm.is_alive)
    yield connection
    connection.close()


def ask(session, **request):
    session.send(request)
    return session.receive()


def error_of(answer):
    return answer["error"]["class"], answer["error"]["desc"]


@pytest.fixture
def negotiated(session):
    assert ask(session, execute="qmp_capabilities") == {"return": {}}
    return session


def test_greeting(session):
    greeting = session.greeting["QMP"]
    assert greeting["version"]["qemu"] == {"major": 7, "minor": 2, "micro": 0}
    assert isinstance(greeting["version"]["package"], str)
    assert greeting["capabilities"] == ["oob"]


def test_answers_end_with_crlf(vm):
    with socket.socket(socket.AF_UNIX) as client:
        wait_for("the QMP socket", lambda: client.connect_ex(vm.qmp_path) == 0, 20)
        client.settimeout(20)
        data = b""
        while not data.endswith(b"\n"):
            data += client.recv(4096)
    assert data.endswith(b"}\r\n")


def test_nothing_but_negotiation_before_negotiation(session):
    kind, text = error_of(ask(session, execute="query-status", id=1))
    assert kind == "CommandNotFound" and "qmp_capabilities" in text
    assert ask(session, execute="qmp_capabilities", id=2) == {"return": {}, "id": 2}


def test_negotiation_only_once(negotiated):
    assert error_of(ask(negotiated, execute="qmp_capabilities"))[0] == "CommandNotFound"


def test_unknown_capability(session):
    answer = ask(session, execute="qmp_capabilities", arguments={"enable": ["bogus"]})
    assert "bogus" in error_of(answer)[1]


@pytest.mark.parametrize("request_id", [7, "text", {"a": [1, 2]}, None, True])
def test_id_is_echoed(negotiated, request_id):
    assert ask(negotiated, execute="query-status", id=request_id)["id"] == request_id
    answer = ask(negotiated, execute="bogus", id=request_id)
    assert answer["id"] == request_id and error_of(answer)[0] == "CommandNotFound"


def test_unknown_command(negotiated):
    assert error_of(ask(negotiated, execute="bogus")) == \
        ("CommandNotFound", "The command bogus has not been found")


def test_arguments_are_checked(negotiated):
    for arguments, name in (({}, "uri"), ({"uri": 5}, "uri"),
                            ({"uri": "tcp:x:1", "bogus": 1}, "bogus")):
        kind, text = error_of(ask(negotiated, execute="migrate", arguments=arguments))
        assert kind == "GenericError" and name in text


def test_request_is_checked(negotiated):
    for request, name in ((["execute"], "object"), ({"arguments": {}}, "execute"),
                          ({"execute": 5}, "execute"), ({"execute": "stop", "bogus": 1}, "bogus"),
                          ({"execute": "stop", "arguments": 5}, "arguments")):
        negotiated.send(request)
        kind, text = error_of(negotiated.receive())
        assert kind == "GenericError" and name in text, text


@pytest.mark.parametrize("data", [b"{'execute'", b"}\n", b"{]}\n", b'{"a": bogus}\n', b"\xff\xfe\n",
                                  b'{"execute": "query-status",}\n'])
def test_malformed_json_is_answered_and_the_session_goes_on(negotiated, data):
    negotiated.send_bytes(data + b"\xff\n")
    kind, text = error_of(negotiated.receive())
    assert kind == "GenericError" and "JSON" in text
    negotiated.send({"execute": "query-status", "id": "after"})
    answer = negotiated.receive()
    while answer.get("id") != "after":
        assert "error" in answer
        answer = negotiated.receive()
    assert "return" in answer


def test_request_in_pieces_and_two_at_once(negotiated):
    text = json.dumps({"execute": "query-status", "id": "pieces"}).encode()
    for index in range(len(text)):
        negotiated.send_bytes(text[index:index + 1])
    assert negotiated.receive()["id"] == "pieces"
    negotiated.send_bytes(text + text)
    assert [negotiated.receive()["id"] for _ in range(2)] == ["pieces"] * 2


def test_nesting_and_size_are_limited(vm, negotiated):
    negotiated.send_bytes(b"[" * 100000 + b"\n")
    assert error_of(negotiated.receive())[0] == "GenericError"
    assert vm.is_alive()


def test_endless_string_does_not_grow_the_process(vm, negotiated):
    before = vm.memory_kib()["Rss"]
    try:
        negotiated.send_bytes(b'{"execute": "')
        for _ in range(80):
            negotiated.send_bytes(b"x" * (1 << 20))
    except ConnectionError:
        pass
    assert vm.is_alive()
    assert vm.memory_kib()["Rss"] - before < 100 * 1024


def test_client_that_does_not_read(vm, negotiated):
    """The server stops reading from it; its memory stays bounded, others are served."""
    before = vm.memory_kib()["Rss"]
    negotiated._socket.settimeout(1)
    request = json.dumps({"execute": "query-qmp-schema"}).encode() * 20
    try:
        for _ in range(60):
            negotiated._socket.sendall(request)
    except (socket.timeout, ConnectionError):
        pass
    assert vm.memory_kib()["Rss"] - before < 100 * 1024


def test_next_client_negotiates_anew(vm, negotiated):
    negotiated.close()
    client = QmpClient(vm.qmp_path)
    assert client.command("query-status")["status"] == "prelaunch"
    client.close()


def test_disconnect_amid_a_request(vm, negotiated):
    negotiated.send_bytes(b'{"execute": "query-st')
    negotiated.close()
    client = QmpClient(vm.qmp_path)
    assert client.command("query-status")["running"] is False
    client.close()


def test_oob(vm, session):
    ask(session, execute="qmp_capabilities", arguments={"enable": ["oob"]})
    session.send({"exec-oob": "query-status", "id": 3})
    kind, text = error_of(session.receive())
    assert "oob" in text.lower() or "OOB" in text


def test_events_and_their_time(vm):
    client = QmpClient(vm.qmp_path)
    client.command("cont")
    event = client.wait_event("RESUME")
    assert set(event) == {"event", "timestamp"}
    assert event["timestamp"]["seconds"] > 1.6e9
    assert 0 <= event["timestamp"]["microseconds"] < 1000000
    client.close()


def test_introspection(vm):
    client = QmpClient(vm.qmp_path)
    commands = {item["name"] for item in client.command("query-commands")}
    schema = client.command("query-qmp-schema")
    assert commands == {item["name"] for item in schema if item["meta-type"] == "command"}
    assert {"migrate", "x-colo-lost-heartbeat", "query-colo-status",
            "human-monitor-command"} <= commands
    for item in schema:
        if item["meta-type"] == "command":
            types = {entry["name"] for entry in schema}
            assert item["arg-type"] in types and item["ret-type"] in types
    client.close()


def test_hmp_through_qmp(vm):
    client = QmpClient(vm.qmp_path)
    assert "paused" in client.hmp("info status") or "prelaunch" in client.hmp("info status")
    assert "unknown command" in client.hmp("bogus")
    assert "migrate" in client.hmp("help")
    with pytest.raises(QmpError):
        client.command("human-monitor-command")
    client.close()
