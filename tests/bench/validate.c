/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make validate: what is predicted beside what is known. Closed forms, what was measured on real resolvers and
 * kernels, what was published, and, given the records of a lab and of dns-sim, what this machine measures now. One
 * table; the status is that of the rows.
 *
 *   validate [LAB SIM]           folders of records, a cell each: their counts are compared, too
 *   validate LAB SIM counts      only those
 *   validate scenarios DIR       writes what the lab runs besides quickstart, DIR/NAME.yaml for the records LAB/NAME
 */
#include <string.h>

#include "tests/bench/truth/truth.h"

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "scenarios") == 0)
		return truth_fresh_scenarios(argv[2]);
	rows_begin();
	if (argc == 4) {
		truth_lab(argv[1], argv[2]);
		return rows_end();
	}
	truth_closed();
	truth_stubs();
	truth_kernel();
	truth_published();
	if (argc == 3) {
		truth_fresh(argv[1]);
		truth_lab(argv[1], argv[2]);
	}
	return rows_end();
}
