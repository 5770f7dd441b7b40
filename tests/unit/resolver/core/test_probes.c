/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of our own that come back: each place of the table is looked at. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/wire.h"
#include "resolver/core/core.h"

Test(probes, each_place_is_looked_at)
{
	static const struct hash_key key = {1, 2};
	struct core_listener listener = {.port = 53, .label = "dns://:53"};
	struct core_zone zone;
	struct core_conf conf = {.n_listeners = 1, .listener = &listener, .n_zones = 1, .zone = &zone};
	struct core_stats *stats = calloc(1, sizeof(*stats));
	static struct core_probes probes;
	static uint8_t out[DNS_MSG_MAX];
	struct core_client client = {.port = 1024};
	struct core *c = NULL;
	struct diag d = {""};
	struct name name;

	core_conf_zone_defaults(&zone);
	zone.listeners = 1;
	cr_assert_eq(core_new(&c, &conf, &(struct core_ops){0}, stats, &key, 1, &d), 0, "%s", d.text);
	cr_assert_eq(name_from_text(&name, "0123456789abcdef.fedcba9876543210.x"), 0);
	core_set_probes(c, &probes);
	for (unsigned i = 0; i < CORE_PROBES_MAX; i++) {
		uint8_t q[100];
		size_t len = dns_query_build(q, sizeof(q), 7, name.b, DNS_HINFO, DNS_RD, 0, false, false), n = 0;

		memset(&probes, 0, sizeof(probes));
		memcpy(probes.probe[i].labels, name.b, sizeof(probes.probe[i].labels));
		cr_expect_eq(core_query(c, NS_PER_S, &client, q, len, out, &n), CORE_REPLY, "%u", i);
		cr_expect_eq(DNS_RCODE(get_be16(out + 2)), DNS_SERVFAIL);
		for (unsigned k = 0; k < CORE_PROBES_MAX; k++)
			cr_expect_eq(probes.probe[k].seen, k == i, "%u, %u", i, k);
	}
	core_free(c);
	free(stats);
}
