# SPDX-License-Identifier: Apache-2.0
"""What pcap-replay has to get right, one small capture each; prints TAP.

Each case was wrong once: the reason stands in its title. They are in the files named below, each a room of the
program's; some read captures that those before them made."""
import subprocess
import sys

import pcap_cases_transactions  # the order is that of the cases
import pcap_cases_read
import pcap_cases_lookups
import pcap_cases_out
from pcap_case import TMP, cases

n_done = n_bad = 0
for title, f in cases:
    n_done += 1
    try:
        f()
        print("ok %d - %s" % (n_done, title))
    except Exception as e:  # any fault of a case is that case's result
        n_bad += 1
        print("not ok %d - %s" % (n_done, title))
        print("# %s: %s" % (type(e).__name__, str(e)[:600].replace("\n", "\n# ")))
    sys.stdout.flush()
subprocess.run(["rm", "-rf", TMP])
sys.exit(n_bad > 0)
