# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Clients of the guest's services, to be run as a program in the client's network namespace.

    clients.py COMMAND {"option": value, ...}

Each prints JSON objects, one a line: {"event": NAME, "time": seconds since the epoch, ...}. The
last one is "result" or "error". A client that is told to go on until it is stopped ends on SIGTERM.
"""

import hashlib
import json
import random
import select
import signal
import socket
import struct
import sys
import time

#: A client gives up after that long without an answer, in seconds.
PATIENCE = 60.0

#: asm-generic/socket.h, linux/if_ether.h
SO_TIMESTAMPNS = 35
ETH_P_ALL = 3

stopping = False


def emit(event, **fields):
    sys.stdout.write(json.dumps({"event": event, "time": time.time(), **fields}) + "\n")
    sys.stdout.flush()


def stop(*_):
    global stopping
    stopping = True


class Stalls:
    """Times without progress: the longest, when it began, and (begin, length) of the long ones."""

    #: From here on one is worth telling, in seconds.
    LONG = 0.1

    def __init__(self):
        self.last = time.time()
        self.longest = 0.0
        self.longest_at = self.last
        self.long = []

    def progress(self):
        moment = time.time()
        length = moment - self.last
        if length >= self.LONG:
            self.long.append((self.last, length))
        if length > self.longest:
            self.longest = length
            self.longest_at = self.last
        self.last = moment

    def fields(self):
        return {"longest_stall": self.longest, "longest_stall_at": self.longest_at,
                "stalls": self.long}


def connect(host, port, timeout=PATIENCE):
    connection = socket.create_connection((host, port), timeout=timeout)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


# HTTP


def http_request(connection, host, path):
    name = f"[{host}]" if ":" in host else host
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())


def http_get(host, path, port=80):
    """Headers (lower case) and body of a short page; an exception says what is wrong with it."""
    with connect(host, port) as connection:
        http_request(connection, host, path)
        answer = b""
        while True:
            data = connection.recv(65536)
            if not data:
                break
            answer += data
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.") or b" 200 " not in head.split(b"\r\n")[0] or not separator:
        raise ValueError(f"unexpected answer {answer[:100]!r}")
    lines = (line.decode().partition(":") for line in head.split(b"\r\n")[1:])
    headers = {name.lower(): value.strip() for name, _, value in lines}
    wanted = headers.get("content-length")
    if wanted is not None and int(wanted) != len(body):
        raise ValueError(f"{len(body)} bytes where {wanted} were announced")
    return headers, body


def http_clock(host, path="/index.html", port=80, patience=5.0):
    """When, in fractions of a second of the clock here, the time that the server tells changes."""
    first = http_get(host, path, port)[0]["date"]
    end = time.time() + patience
    while time.time() < end:
        if http_get(host, path, port)[0]["date"] != first:
            return {"fraction": time.time() % 1}
    raise ValueError(f"the server's time is still {first} after {patience} s")


def download(host, path="/file", port=80, report=0.1):
    """Fetch `path`; a progress line every `report` seconds."""
    stalls = Stalls()
    digest = hashlib.sha256()
    size = 0
    began = reported = time.time()
    with connect(host, port) as connection:
        http_request(connection, host, path)
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(65536)
            if not data:
                raise ValueError(f"the connection was closed after {head!r}")
            head += data
        head, _, body = head.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise ValueError(f"unexpected answer {head[:100]!r}")
        wanted = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                       if line.lower().startswith(b"content-length:")), None)
        emit("started", size=wanted)
        body = body or connection.recv(1 << 18)
        while body:
            stalls.progress()
            digest.update(body)
            size += len(body)
            if stalls.last - reported >= report:
                reported = stalls.last
                emit("progress", size=size, longest_stall=stalls.longest)
            body = connection.recv(1 << 18)
    if wanted is not None and size != wanted:
        raise ValueError(f"{size} bytes where {wanted} were announced")
    return {"size": size, "sha256": digest.hexdigest(), "seconds": time.time() - began,
            **stalls.fields()}


def requests(host, path="/index.html", count=0, seconds=0, report=0.2, pause=0.0, port=80):
    """`count` requests one after the other, or as many as `seconds` allow, or until stopped."""
    stalls = Stalls()
    done = 0
    errors = []
    times = []
    began = reported = time.time()
    reported_done = 0
    first = None
    while not stopping and not (count and done + len(errors) >= count) \
            and not (seconds and time.time() - began >= seconds):
        start = time.time()
        try:
            body = http_get(host, path, port)[1]
            if first is None:
                first = body
                emit("started")
            if body != first:
                raise ValueError(f"another page: {body[:100]!r}")
            done += 1
        except (OSError, ValueError) as error:
            errors.append({"time": time.time(), "text": f"{type(error).__name__}: {error}"})
        stalls.progress()
        times.append(stalls.last - start)
        if stalls.last - reported >= report:
            emit("progress", done=done, errors=len(errors),
                 rate=(done - reported_done) / (stalls.last - reported))
            reported, reported_done = stalls.last, done
        if pause:
            time.sleep(pause)
    times.sort()
    return {"done": done, "errors": errors, "seconds": time.time() - began,
            "p50": times[len(times) // 2] if times else None, **stalls.fields()}


# TCP echo


def parallel(host, connections=200, rounds=0, size=100, seed=1, port=7):
    """Keep many connections open; each sends a block and waits for its echo, round after round.

    Ends after `rounds`, or with the first whole round after it was told to stop. Any connection
    that breaks or answers with other bytes is an error.
    """
    generator = random.Random(seed)
    stalls = Stalls()
    sockets = []
    for _ in range(connections):
        sockets.append(connect(host, port))
        stalls.progress()
    emit("started", connections=len(sockets))
    done = 0
    while not (rounds and done >= rounds) and not (stopping and done):
        waiting = {}
        for connection in sockets:
            block = generator.randbytes(size)
            connection.sendall(block)
            waiting[connection] = block
        while waiting:
            ready = select.select(list(waiting), [], [], PATIENCE)[0]
            if not ready:
                raise TimeoutError(f"{len(waiting)} of {connections} connections had no echo for "
                                   f"{PATIENCE:g} s")
            stalls.progress()
            for connection in ready:
                data = connection.recv(len(waiting[connection]))
                if not data or not waiting[connection].startswith(data):
                    raise ValueError(f"echo {data!r} where {waiting[connection]!r} was sent")
                waiting[connection] = waiting[connection][len(data):]
                if not waiting[connection]:
                    del waiting[connection]
        done += 1
        emit("progress", rounds=done)
    for connection in sockets:
        connection.close()
    return {"rounds": done, "connections": connections, **stalls.fields()}


def active_open(host, port=7001, mib=4, seed=7, token="token"):
    """Ask the guest to connect to us; take what it sends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener, socket.socket(family, socket.SOCK_DGRAM) as asker:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen()
        end = time.time() + PATIENCE
        while True:
            asker.sendto(f"connect {port} {mib} {seed} {token}".encode(), (host, 7000))
            if select.select([listener], [], [], 1)[0]:
                break
            if time.time() > end:
                raise TimeoutError("the guest did not connect")
        connection, _ = listener.accept()
        emit("started")
        connection.settimeout(PATIENCE)
        digest = hashlib.sha256()
        stalls = Stalls()
        size = 0
        with connection:
            while data := connection.recv(1 << 18):
                stalls.progress()
                digest.update(data)
                if (size >> 20) != (size + len(data)) >> 20:
                    emit("progress", size=size + len(data))
                size += len(data)
    return {"size": size, "sha256": digest.hexdigest(), **stalls.fields()}


# Redis


class Redis:
    """The serialization protocol RESP, version 2, as far as it is needed."""

    def __init__(self, host, port=6379):
        self.connection = connect(host, port)
        self.file = self.connection.makefile("rb")

    def command(self, *words):
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self.connection.sendall(b"".join(parts))
        return self._answer()

    def _answer(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError(f"the connection was closed after {line!r}")
        kind, text = line[:1], line[1:-2]
        if kind == b"+":
            return text.decode()
        if kind == b":":
            return int(text)
        if kind == b"$":
            size = int(text)
            if size < 0:
                return None
            return self.file.read(size + 2)[:-2].decode()
        if kind == b"*":
            return [self._answer() for _ in range(int(text))]
        raise ValueError(f"redis: {text.decode()}")


def redis_write(host, count=1000, first=0, pause=0.0):
    """SET key:N value:N, one after the other, on one connection; N is acknowledged when it says OK.

    At the end every key is read back, on a connection of its own.
    """
    stalls = Stalls()
    redis = Redis(host)
    acknowledged = first - 1
    for number in range(first, first + count):
        answer = redis.command("SET", f"key:{number}", f"value:{number}")
        if answer != "OK":
            raise ValueError(f"SET key:{number} was answered by {answer!r}")
        acknowledged = number
        stalls.progress()
        if number == first:
            emit("started")
        if number % 50 == 0:
            emit("progress", acknowledged=acknowledged)
        if stopping:
            break
        if pause:
            time.sleep(pause)
    return {"acknowledged": acknowledged, **stalls.fields()}


def redis_check(host, last):
    """Every key up to number `last` is there with its value."""
    redis = Redis(host)
    lost = []
    step = 500
    for start in range(0, last + 1, step):
        numbers = range(start, min(last + 1, start + step))
        values = redis.command("MGET", *(f"key:{number}" for number in numbers))
        lost += [number for number, value in zip(numbers, values) if value != f"value:{number}"]
    return {"checked": last + 1, "lost": lost}


# Datagrams


def internet_checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ping(host, interval=0.05, count=0, linger=2.0):
    """ICMP or ICMPv6 echo requests every `interval` seconds; which of them had no answer."""
    v6 = ":" in host
    sender = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_RAW,
                           socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
    identifier = random.randrange(1, 0x10000)
    request, reply = (128, 129) if v6 else (8, 0)

    def send(number):
        head = struct.pack("!BBHHH", request, 0, 0, identifier, number & 0xffff)
        data = struct.pack("!Q", number) * 4
        if not v6:  # the kernel does it for ICMPv6
            checksum = internet_checksum(head + data)
            head = struct.pack("!BBHHH", request, 0, checksum, identifier, number & 0xffff)
        try:
            sender.sendto(head + data, (host, 0))
        except OSError:
            pass  # no neighbour known: lost like any other

    def parse(packet):
        if not v6:
            packet = packet[(packet[0] & 0xf) * 4:]
        if len(packet) < 16:
            return None
        kind, _, _, packet_id, _ = struct.unpack("!BBHHH", packet[:8])
        if kind != reply or packet_id != identifier:
            return None
        return struct.unpack("!Q", packet[8:16])[0]
    return exchange(sender, send, parse, interval, count, linger)


def udp_echo(host, interval=0.05, count=0, linger=2.0, size=100, port=7):
    """The same with the guest's UDP echo service."""
    sender = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((host, port))

    def send(number):
        try:
            sender.send(struct.pack("!Q", number) * (size // 8))
        except OSError:
            pass

    def parse(packet):
        if len(packet) != size // 8 * 8 or packet != packet[:8] * (size // 8):
            raise ValueError(f"echo of another datagram: {packet!r}")
        return struct.unpack("!Q", packet[:8])[0]
    return exchange(sender, send, parse, interval, count, linger)


def exchange(sender, send, parse, interval, count, linger):
    """Send numbered datagrams and collect answers; both by callbacks."""
    sender.setblocking(False)
    stalls = Stalls()
    sent_at = {}
    answered = set()
    duplicates = 0
    round_trips = []
    next_send = time.time()
    end = None
    while end is None or (time.time() < end and len(answered) < len(sent_at)):
        if end is None and (stopping or (count and len(sent_at) >= count)):
            end = time.time() + linger
        if end is None and time.time() >= next_send:
            number = len(sent_at)
            sent_at[number] = time.time()
            send(number)
            next_send += interval
            if number % 20 == 0:
                emit("progress", sent=number + 1, answered=len(answered))
        wait = 0.05 if end else max(0, min(0.05, next_send - time.time()))
        if not select.select([sender], [], [], wait)[0]:
            continue
        try:
            number = parse(sender.recv(65536))
        except (BlockingIOError, ConnectionRefusedError):
            continue
        if number is None or number not in sent_at:
            continue
        if number in answered:
            duplicates += 1
            continue
        if not answered:
            emit("started")
        answered.add(number)
        stalls.progress()
        round_trips.append(time.time() - sent_at[number])
    lost = sorted(set(sent_at) - answered)
    round_trips.sort()
    return {"sent": len(sent_at), "answered": len(answered), "duplicates": duplicates,
            "lost": len(lost), "lost_at": [sent_at[number] for number in lost],
            "p50": round_trips[len(round_trips) // 2] if round_trips else None, **stalls.fields()}


# The sniffer


def sniff(ports, mac):
    """Frames that come from the guest (source address `mac`), by switch port.

    `ports` are the interfaces that the two hosts are connected to. Prints a line when frames begin
    to come from another port than the frame before; the result has for each port the number of
    frames and the times of the first and the last, as the kernel saw them.
    """
    source = bytes.fromhex(mac.replace(":", ""))
    sockets = {}
    for port in ports:
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        sniffer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sniffer.bind((port, 0))
        sockets[sniffer] = port
    seen = {port: {"frames": 0, "first": None, "last": None} for port in ports}
    switches = []
    emit("started")
    while not stopping:
        frames = []
        for sniffer in select.select(list(sockets), [], [], 0.1)[0]:
            frames += [(moment, sockets[sniffer], head)
                       for moment, head in captured(sniffer) if head[6:12] == source]
        for moment, port, head in sorted(frames):
            entry = seen[port]
            entry["frames"] += 1
            entry["first"] = entry["first"] or moment
            entry["last"] = moment
            if not switches or port != switches[-1]["port"]:
                switches.append({"time": moment, "port": port, "head": head.hex()})
                emit("switch", port=port, head=head.hex())
    return {"ports": seen, "switches": switches}


def captured(sniffer):
    """(time, first bytes) of the incoming frames that wait."""
    while True:
        try:
            head, ancillary, _, address = sniffer.recvmsg(64, 64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if address[2] != socket.PACKET_OUTGOING and ancillary:
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
            yield seconds + nanoseconds / 1e9, head


COMMANDS = {"download": download, "http_clock": http_clock, "requests": requests,
            "parallel": parallel, "active_open": active_open, "redis_write": redis_write,
            "redis_check": redis_check, "ping": ping, "udp_echo": udp_echo, "sniff": sniff}


def main():
    signal.signal(signal.SIGTERM, stop)
    command, options = sys.argv[1], json.loads(sys.argv[2])
    try:
        emit("result", **COMMANDS[command](**options))
    except (OSError, ValueError) as error:
        emit("error", text=f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
