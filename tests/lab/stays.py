# SPDX-License-Identifier: Apache-2.0
"""A pod's TCP connections in use when the address they go to leaves the cache: stays.py SERVER N

N connections ask one question after the other, each as soon as it has its answer; each must end together
with an answer. Who had no processor for long was idle to the cache, and may have met the end. Says "asking"
when all have been answered, and at the end how each has ended; status 0 when none has lost a question.
"""
import asyncio
import collections
import struct
import sys
import time

PATIENCE_S = 20
IDLE_S = 0.2  # the cache lets pass half a second
server, n = sys.argv[1], int(sys.argv[2])
begun, ends = set(), collections.Counter()


def query(i):
    return struct.pack("!H6H", 24, i, 0x100, 1, 0, 0, 0) + b"\1a\4test\0\0\x10\0\1"


async def asking(k):
    r, w = await asyncio.open_connection(server, 53)
    i, last = 0, time.monotonic()
    while not r.at_eof():
        i, idle_s = i % 65535 + 1, time.monotonic() - last
        w.write(query(i))
        try:
            got = await r.readexactly(2)
            got = await r.readexactly(*struct.unpack("!H", got))
        except asyncio.IncompleteReadError:
            return "late" if idle_s > IDLE_S else "with a question on its way, after %d" % (i - 1)
        last = time.monotonic()
        if got[:2] != struct.pack("!H", i):
            return "with another's answer"
        begun.add(k)
        if len(begun) == n and i == 1:
            print("asking", flush=True)
        # an end that is one segment with the answer is known by now
        await asyncio.sleep(0)
    w.close()
    return "with an answer"


async def one(k):
    try:
        ends[await asyncio.wait_for(asking(k), PATIENCE_S)] += 1
    except (OSError, asyncio.TimeoutError) as e:  # a reset is one, too
        ends["%s" % type(e).__name__] += 1


async def main():
    await asyncio.gather(*(one(k) for k in range(n)))


asyncio.run(main())
print(", ".join("%d %s" % (c, how) for how, c in ends.items()))
sys.exit(ends["with an answer"] + ends["late"] != n)
