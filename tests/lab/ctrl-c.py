# SPDX-License-Identifier: Apache-2.0
# Runs a command at a terminal of its own, presses Ctrl-C there once a file is there, and ends with the command's status.
#   ctrl-c.py FILE-PATTERN COMMAND...
import glob
import os
import pty
import select
import signal
import sys
import time

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
until, pressed = time.monotonic() + 60, False
while time.monotonic() < until:
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            sys.stdout.write(os.read(terminal, 4096).decode(errors="replace"))
        except OSError:
            break
    if not pressed and glob.glob(sys.argv[1]):
        pressed = True
        os.write(terminal, b"\x03")
else:
    os.kill(pid, signal.SIGKILL)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255 if pressed else 99)
