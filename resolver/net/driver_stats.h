/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shell round the core counts: sockets and connections. Lives beside
 * struct core_stats in memory that worker and supervisor share (resolver/observe/shm.h), so
 * that it survives a worker. One writer; only ever added to, gauges excepted.
 */
#ifndef NODENS_DRIVER_STATS_H
#define NODENS_DRIVER_STATS_H

#include <stdint.h>

#include "resolver/net/doh.h"

struct driver_stats { /* written by a worker */
	/* clients, UDP */
	uint64_t udp_received, udp_batches, udp_sent, udp_send_errors;
	uint64_t udp_stuck;           /* replies to addresses where others had not left */
	uint64_t udp_large;           /* queries that did not fit a batch slot */
	/* clients, TCP */
	uint64_t tcp_open;            /* gauge */
	uint64_t tcp_accepted, tcp_refused_total, tcp_refused_client, tcp_evicted;
	uint64_t tcp_timeouts, tcp_slow_readers, tcp_errors, tcp_paused;
	uint64_t tcp_held_bytes;      /* gauge: by clients' connections, the kernel's buffers included */
	uint64_t tcp_resets;          /* for too much of that */
	uint64_t tcp_held_up;         /* not read because of it */
	uint64_t tcp_put_off;         /* ready, but its client had had its turn */
	/* upstreams */
	uint64_t up_udp_open, up_tcp_open; /* gauges */
	uint64_t up_tcp_connects, up_tcp_lost, up_tcp_aged, up_tcp_idle, up_tcp_strays;
	/* observers */
	uint64_t log_lost;            /* log lines nobody read in time */
	uint64_t dnstap_sent, dnstap_dropped;
	uint64_t dnstap_connected;    /* gauge */
	uint64_t up_tls_resumed, up_no_socket;
	uint64_t up_udp_strays;       /* ids never used on a socket, answers not taken */
	uint64_t up_udp_duplicates;   /* of answers that were there already */
	uint64_t up_udp_guessed;      /* sockets given up, questions ended because of strays */
	uint64_t up_udp_shared;       /* questions through a port that others use too */
	uint64_t up_udp_gave_way;     /* ports taken from slow questions for new ones */
	uint64_t up_doh_goaway;       /* connections a server asked us to leave */
	uint64_t up_doh_faults[DOH_FAULTS];
};

#endif
