/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who stands round the daemon: clients (ask.c), upstreams (say.c), configurations
 * (confs.c), and the oracle that knows what each has been told (oracle.c).
 */
#ifndef NODENS_FUZZ_WORLD_H
#define NODENS_FUZZ_WORLD_H

#include "lib/dns/wire.h"
#include "resolver/worker/server.h"
#include "tests/fuzz/daemon/kernel.h"

#define QUERIES_MAX 4096
#define STATEMENTS_MAX 4096
#define CONNS_MAX 16 /* of clients */
#define PENDING_MAX 256
#define RELOADS_MAX 64
#define UPSTREAMS 6    /* 10.1.0.1 to .6 */
#define QUERY_ID 0x100 /* of the first query; each has its own */
#define QUEUES 3       /* sockets of a listener: each client has its own */
#define CLIENTS 16

struct wquery {
	uint64_t asked_ns;
	struct in6_addr addr, to;
	uint16_t port, id, qtype, qclass, flags, udp_size;
	int conn; /* -1: over UDP */
	uint8_t name[256];
	bool do_bit;
	bool is_raw;	     /* damaged: only its id and its client are known */
	bool arrived;	     /* the core has seen it */
	bool answered, over; /* over: whoever asked is gone, or it deserved no answer */
};

struct wconn {		 /* a client's connection */
	struct ksock *s; /* NULL: gone */
	struct in6_addr addr, to;
	uint16_t port;
	bool used, is_raw;  /* raw: its frames are out of step */
	uint8_t held[1024]; /* sent by the client, still on the way */
	size_t n_held;
	uint8_t in[65538]; /* a reply on the way */
	size_t n_in;
};

struct pending {	 /* a question at an upstream */
	struct ksock *s; /* NULL: its socket is gone */
	unsigned up;
	uint16_t id;
	uint8_t q[512];
	size_t len;
	bool answered;
};

enum said { SAID_DATA, SAID_NODATA, SAID_NXDOMAIN, SAID_OTHER };
struct statement {
	uint64_t said_ns;
	uint8_t name[256]; /* asked for, lower case */
	uint16_t qtype;
	uint8_t up, said;
	uint32_t ttl_s;
	bool do_bit, cd;
	bool is_forged; /* the daemon must not take it */
	bool was_seen;	/* a client has got it */
};

struct upconn { /* a connection of the daemon to an upstream */
	struct ksock *s;
	unsigned up;
	uint8_t in[2048];
	size_t n_in;
};

struct wreload {
	unsigned conf;
	uint64_t from_ns, to_ns;
};

struct world {
	struct loop loop;
	struct server *server;
	struct shm_worker *shm;
	struct core_probes probes;
	struct wquery query[QUERIES_MAX];
	unsigned n_queries;
	struct wconn conn[CONNS_MAX];
	unsigned n_conns;
	struct pending pending[PENDING_MAX];
	unsigned n_pending; /* ever */
	struct upconn upconn[32];
	struct statement said[STATEMENTS_MAX];
	unsigned n_said;
	struct wreload reload[RELOADS_MAX];
	unsigned n_reloads;
	uint8_t connects[UPSTREAMS]; /* enum: how connections are met */
	uint64_t last_reload_ns;
	bool is_traced;
	bool is_held;	 /* listening sockets are not read */
	bool is_damaged; /* an upstream has sent what may mean anything */
	bool has_jumped; /* time has passed in one sleep: patience is not counted */
	bool has_handed; /* another server has taken over */
	bool has_lost;	 /* sends failed, descriptors ran out: replies may be lost */
	/* of the core, seen through its ops */
	unsigned n_waiting;
	unsigned n_dropped; /* over UDP */
	bool is_silent; /* in a call that must only note */
};
extern struct world w;

enum { CONNECT_ACCEPT, CONNECT_REFUSE, CONNECT_HANG };

/* fuzz_daemon.c: lets the daemon run until then. */
void world_run(uint64_t ns);

/* life.c */
void life_reset(void);
void life_begin(void);
void life_end(void);
void life_reload(unsigned conf, unsigned failing);
void life_hand_over(unsigned conf);
void life_hold(void); /* or serve again */

/* ask.c */
void ask_udp(unsigned client, unsigned listener, unsigned name, unsigned type, unsigned how);
void ask_udp_raw(unsigned client, unsigned listener, unsigned name, unsigned at, unsigned value);
void ask_burst(unsigned client, unsigned name, unsigned how);
void ask_connect(unsigned client, unsigned listener, unsigned room);
void ask_tcp(unsigned conn, unsigned name, unsigned type);
void ask_tcp_piece(unsigned conn, unsigned name, unsigned len);
void ask_tcp_raw(unsigned conn, unsigned len, unsigned value);
void ask_tcp_end(unsigned conn, unsigned how, unsigned value);
void ask_stream(struct wconn *c, const uint8_t *b, size_t len); /* the daemon sent this */
const uint8_t *pool_name(unsigned i, struct name *ret);

/* say.c */
void say(unsigned which, unsigned kind, unsigned param);
void say_to_all(unsigned kind, unsigned param);
void say_conn(unsigned which, unsigned how, unsigned value);
void say_datagram(struct ksock *s, const struct in6_addr *to, const uint8_t *b, size_t len);
void say_connect(struct ksock *s);
void say_stream(struct ksock *s, const uint8_t *b, size_t len);
void say_closed(struct ksock *s);
int upstream_of(const struct in6_addr *addr); /* -1: none of them */

/* confs.c */
void confs_init(void);
extern unsigned n_confs;
void confs_for_runs(void); /* all there are; before the first run */
int conf_plan(unsigned i, struct corefile_plan **ret);
bool conf_allows(unsigned i, const struct in6_addr *listener, const uint8_t *name, unsigned up);
bool conf_is_loose(unsigned i); /* names and addresses are made or changed by plugins */
bool conf_says_anything(unsigned i); /* the oracle knows nothing of its content */
bool conf_has_dns64(unsigned i);
bool conf_has_stale(unsigned i);
size_t conf_listeners(unsigned i, const struct core_listener **ret);

/* oracle.c */
void oracle_reply(const uint8_t *b, size_t len, const struct in6_addr *from,
		  const struct in6_addr *to, uint16_t port, int conn);
void oracle_gone(int conn); /* the connection's queries will not be answered */

/* mutate.c: steps of four octets by chance, each seed its own */
void steps_make(uint64_t seed, uint8_t *data, size_t n);

/* watch.c: round the core */
void watch_idle(void); /* nobody may be waiting any more */

#endif
