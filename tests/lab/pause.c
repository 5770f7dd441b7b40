/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first process of a pod of the cluster lab, as the sandbox container and as what a
 * client pod runs: waits to be told to end, and collects whoever became its child.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int sig)
{
	(void)sig;
	_exit(0);
}

static void collect(int sig)
{
	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(void)
{
	signal(SIGINT, end);
	signal(SIGTERM, end);
	signal(SIGCHLD, collect);
	for (;;)
		pause();
}
