/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the cluster lab, for kind-e2e's table of commands. */
#ifndef NODENS_KIND_E2E_CLUSTER_COMMANDS_H
#define NODENS_KIND_E2E_CLUSTER_COMMANDS_H

#include "lib/base/opt.h"

extern const struct opt_prog agree_prog, steady_prog, same_rules_prog, verdicts_prog;

/* As main's other commands: the options are parsed already. An exit status. */
int agree_cmd(int argc, char **argv);
int steady_cmd(int argc, char **argv);
int same_rules_cmd(int argc, char **argv);
int verdicts_cmd(int argc, char **argv);

#endif
