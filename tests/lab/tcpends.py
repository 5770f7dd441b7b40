# SPDX-License-Identifier: Apache-2.0
"""A pod's TCP connections when the cache is told to end: tcpends.py SERVER

Six connections ask one question after the other, with pauses; each must end together with an answer,
because a question that meets the end on its way is lost. One more is always owed an answer that takes
its time, and asks others meanwhile; all are to be answered, also when the rules have gone and new
questions go to the cluster DNS: "gone" is how many were asked then. And somebody connects without end
and does not ask, as who gets no processor: at each of the last second's connections one question is
asked when the rules have gone, and must be answered, by the cache with its end. Says "asking", and at the
end "with=N between=N broken=N owed=WHO, gone=N, late=WHO".
"""
import re
import select
import socket
import struct
import sys
import threading
import time

PATIENCE_S = 8
PAUSE_S = 0.03
DELAY_MS = 1900  # of a slow question
SLOW_EACH_S = 1
LATE_S = 1  # no processor for so long; the cache waits three times as long for a first question
LATE_EACH_S = 0.1
AFTER = 10  # questions of the one after the rules have gone; then it only waits, so that none meets the end on its way
SLOW = 0x8000  # in a slow one's id
server = sys.argv[1]
count = {"with": 0, "between": 0, "broken": 0}
lock = threading.Lock()
gone = threading.Event()  # questions from new ports are the cluster DNS's
over = threading.Event()
late_by = set()


def query(n, *labels):
    name = b"".join(bytes([len(x)]) + x.encode() for x in (*labels, "test"))
    return struct.pack("!6H", n, 0x100, 1, 0, 0, 0) + name + b"\0\0\x10\0\1"


def connect():
    s = socket.create_connection((server, 53), PATIENCE_S)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def put(s, q):
    s.sendall(struct.pack("!H", len(q)) + q)


def get(s):
    b = b""
    while len(b) < 2 or len(b) < 2 + struct.unpack("!H", b[:2])[0]:
        x = s.recv(2 if len(b) < 2 else 2 + struct.unpack("!H", b[:2])[0] - len(b))
        if not x:
            raise EOFError
        b += x
    by = re.search(rb"by=([a-z]+)", b)
    return struct.unpack("!H", b[2:4])[0], by.group(1).decode() if by else "?"


def has_ended(s):
    return bool(select.select([s], [], [], 0)[0]) and s.recv(1, socket.MSG_PEEK) == b""


def how_it_ends(s):
    n = 0
    while True:
        n += 1
        put(s, query(n, "a"))
        get(s)
        if has_ended(s):
            return "with"
        t = time.monotonic()
        time.sleep(PAUSE_S)
        # who had no time for so long was idle to the cache
        if has_ended(s) and time.monotonic() - t < 10 * PAUSE_S:
            return "between"


def asking():
    try:
        how = how_it_ends(connect())
    except (OSError, EOFError, struct.error):
        how = "broken"
    with lock:
        count[how] += 1


def looking():
    while not over.is_set():
        s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(1)
        try:
            s.connect((server, 53))
            s.send(query(9, "a"))
            if b"by=cluster" in s.recv(4096):
                gone.set()
        except OSError:
            pass
        s.close()
        time.sleep(PAUSE_S)


def who_is_late(s):
    """Whose server answers a question that comes late, and whether it then ends at once."""
    s.settimeout(PATIENCE_S)
    put(s, query(1, "a"))
    by = get(s)[1]
    return by + ("" if by == "cluster" or has_ended(s) else " stays")


def late():
    """Who answers at connections that have not asked for up to a second when the rules go."""
    open_since, by = [], set()
    while not gone.is_set():
        s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(LATE_EACH_S)  # it may meet the moment in which nobody hears it
        try:
            s.connect((server, 53))
            open_since.append((time.monotonic(), s))
        except OSError:
            s.close()
        gone.wait(LATE_EACH_S)
    last = time.monotonic()
    for t, s in open_since:
        try:
            if last - t < LATE_S:
                by.add(who_is_late(s))
        except (OSError, EOFError, struct.error) as e:
            by.add(type(e).__name__)
        s.close()
    late_by.update(by)


def owed(s):
    """A slow question is always open; others are asked until a while after the rules have gone."""
    sent, answered, after, slow, end = 0, {}, 0, [], time.monotonic() + PATIENCE_S
    try:
        while after < AFTER and time.monotonic() < end:
            if not slow or time.monotonic() - slow[-1] > SLOW_EACH_S:
                put(s, query(SLOW | len(slow), "delay-%d" % DELAY_MS, "ends%d" % time.time_ns()))
                slow.append(time.monotonic())
                print("asking", flush=True)
            sent += 1
            after += gone.is_set()
            put(s, query(sent, "a"))
            while sent not in answered:
                n, by = get(s)
                answered[n] = by
            time.sleep(PAUSE_S)
        while len(answered) < sent + len(slow):
            n, by = get(s)
            answered[n] = by
    except (OSError, EOFError, struct.error) as e:
        return "owed=%s after %d of %d, gone=%d" % (type(e).__name__, len(answered), sent + len(slow), after)
    return "owed=%s, gone=%d" % ("+".join(sorted(set(answered.values()))), after)


threads = [threading.Thread(target=asking) for _ in range(6)]
threads.append(threading.Thread(target=late))
looker = threading.Thread(target=looking)
for t in threads + [looker]:
    t.start()
said = owed(connect())
for t in threads:
    t.join()
over.set()
looker.join()
late_by.discard("cluster")  # led there before anybody noticed that the rules had gone
print("with=%(with)d between=%(between)d broken=%(broken)d" % count, said + ", late=" + "+".join(sorted(late_by)))
