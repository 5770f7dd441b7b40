/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that includes OpenSSL; see the header. */
#include "resolver/net/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What is trusted by a file of CA certificates, read once for all contexts that name it while it is that file: a system's
 * takes 30 ms and a megabyte, during which nobody is answered. */
struct trust {
	struct trust *next;
	X509_STORE *store;
	unsigned n_ctxs;
	char *ca_file; /* NULL: the system's */
	struct stat of;
};
static struct trust *trusts;

struct tls_ctx {
	SSL_CTX *ssl;
	struct trust *trust;
	SSL_SESSION *ticket; /* newest one received */
	const char *server_name, *alpn;
};

struct tls_session {
	SSL *ssl;
	struct tls_ctx *ctx;
	bool established;
};

static const char *why(void)
{
	unsigned long e = ERR_peek_last_error();
	const char *text = e ? ERR_reason_error_string(e) : NULL;
	return text ? text : "connection closed";
}

/* Called by OpenSSL for every new ticket (TLS 1.3 sends them after the
 * handshake); returning 1 keeps the reference. */
static int ticket_new(SSL *ssl, SSL_SESSION *ticket)
{
	struct tls_ctx *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	SSL_SESSION_free(c->ticket);
	c->ticket = ticket;
	return 1;
}

/* --- whom we trust --- */

static const char *system_file(void)
{
	const char *named = secure_getenv(X509_get_default_cert_file_env());
	return named ? named : X509_get_default_cert_file();
}

/* Zeroes: it is not there. */
static struct stat file_now(const char *ca_file)
{
	struct stat st;
	if (stat(ca_file ? ca_file : system_file(), &st) < 0)
		memset(&st, 0, sizeof(st));
	return st;
}

static bool time_eq(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool trust_is(const struct trust *t, const char *ca_file, const struct stat *st)
{
	return (t->ca_file ? ca_file && strcmp(t->ca_file, ca_file) == 0 : !ca_file) && t->of.st_dev == st->st_dev &&
	       t->of.st_ino == st->st_ino && t->of.st_size == st->st_size && time_eq(&t->of.st_mtim, &st->st_mtim) &&
	       time_eq(&t->of.st_ctim, &st->st_ctim);
}

static void trust_leave(struct trust *t)
{
	struct trust **l = &trusts;
	if (!t || --t->n_ctxs)
		return;
	while (*l != t)
		l = &(*l)->next;
	*l = t->next;
	X509_STORE_free(t->store);
	free(t->ca_file);
	free(t);
}

/* A context's own store becomes everybody's; without memory for that it stays its own. */
static void trust_share(struct tls_ctx *c, const char *ca_file, const struct stat *st)
{
	struct trust *t = calloc(1, sizeof(*t));
	if (!t || (ca_file && !(t->ca_file = strdup(ca_file)))) {
		free(t);
		return;
	}
	t->of = *st;
	t->store = SSL_CTX_get_cert_store(c->ssl);
	X509_STORE_up_ref(t->store);
	t->n_ctxs = 1;
	t->next = trusts;
	trusts = t;
	c->trust = t;
}

static int trust_take(struct tls_ctx *c, const char *ca_file, struct diag *d)
{
	struct stat st = file_now(ca_file);
	for (struct trust *t = trusts; t; t = t->next)
		if (trust_is(t, ca_file, &st)) {
			SSL_CTX_set1_cert_store(c->ssl, t->store);
			t->n_ctxs++;
			c->trust = t;
			return 0;
		}
	if (ca_file && SSL_CTX_load_verify_file(c->ssl, ca_file) != 1)
		return diag_set(d, ERR_SYS, "tls: CA file '%s': %s", ca_file, why());
	if (!ca_file && SSL_CTX_set_default_verify_paths(c->ssl) != 1)
		return diag_set(d, ERR_SYS, "tls: the system's CA certificates: %s", why());
	trust_share(c, ca_file, &st);
	return 0;
}

unsigned tls_trusts(void)
{
	unsigned n = 0;
	for (const struct trust *t = trusts; t; t = t->next)
		n++;
	return n;
}

static int trust_load(struct tls_ctx *c, const struct tls_conf *conf, struct diag *d)
{
	int rc = trust_take(c, conf->ca_file, d);
	if (rc < 0)
		return rc;
	if (!conf->cert_file)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(c->ssl, conf->cert_file) != 1)
		return diag_set(d, ERR_SYS, "tls: certificate '%s': %s", conf->cert_file, why());
	if (SSL_CTX_use_PrivateKey_file(c->ssl, conf->key_file, SSL_FILETYPE_PEM) != 1)
		return diag_set(d, ERR_SYS, "tls: key '%s': %s", conf->key_file, why());
	return 0;
}

/* A length, then the name (RFC 7301 section 3.1). */
static bool alpn_set(SSL_CTX *ssl, const char *alpn)
{
	unsigned char list[16];
	size_t n = strlen(alpn);
	assert(n < sizeof(list));
	list[0] = (unsigned char)n;
	memcpy(list + 1, alpn, n);
	return SSL_CTX_set_alpn_protos(ssl, list, (unsigned)n + 1) == 0;
}

static bool alpn_agreed(const struct tls_session *s)
{
	const unsigned char *got;
	unsigned n;
	SSL_get0_alpn_selected(s->ssl, &got, &n);
	return !s->ctx->alpn || (n == strlen(s->ctx->alpn) && memcmp(got, s->ctx->alpn, n) == 0);
}

int tls_ctx_new(struct tls_ctx **ret, const struct tls_conf *conf, struct diag *d)
{
	struct tls_ctx *c = calloc(1, sizeof(*c));
	if (!c)
		return diag_set(d, ERR_NOMEM, "tls: no memory");
	c->ssl = SSL_CTX_new(TLS_client_method());
	c->server_name = conf->server_name;
	c->alpn = conf->alpn;
	int rc = c->ssl ? trust_load(c, conf, d) : diag_set(d, ERR_NOMEM, "tls: %s", why());
	if (rc == 0 && c->alpn && !alpn_set(c->ssl, c->alpn))
		rc = diag_set(d, ERR_NOMEM, "tls: no memory");
	if (rc < 0) {
		tls_ctx_free(c);
		return rc;
	}
	SSL_CTX_set_app_data(c->ssl, c);
	SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					 SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ssl, ticket_new);
	*ret = c;
	return 0;
}

void tls_ctx_free(struct tls_ctx *c)
{
	if (!c)
		return;
	SSL_SESSION_free(c->ticket);
	SSL_CTX_free(c->ssl);
	trust_leave(c->trust);
	free(c);
}

/* The certificate must name who we mean to talk to: the server name, or the
 * address itself when none is configured. */
static bool identity_expect(SSL *ssl, const char *name, int fd)
{
	char ip[INET6_ADDRSTRLEN] = "";
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct in6_addr probe;
	if (name && inet_pton(AF_INET, name, &probe) != 1 && inet_pton(AF_INET6, name, &probe) != 1)
		return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
	if (!name) {
		if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0)
			return false;
		if (ss.ss_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)&ss)->sin_addr, ip, sizeof(ip));
		else
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&ss)->sin6_addr, ip, sizeof(ip));
		name = ip;
	}
	return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
}

struct tls_session *tls_session_new(struct tls_ctx *c, int fd)
{
	struct tls_session *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	ERR_clear_error();
	s->ctx = c;
	s->ssl = SSL_new(c->ssl);
	if (!s->ssl || SSL_set_fd(s->ssl, fd) != 1 || !identity_expect(s->ssl, c->server_name, fd)) {
		tls_session_free(s);
		return NULL;
	}
	if (c->ticket && SSL_SESSION_is_resumable(c->ticket))
		SSL_set_session(s->ssl, c->ticket);
	SSL_set_connect_state(s->ssl);
	return s;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	ERR_clear_error();
	if (s->established)
		SSL_shutdown(s->ssl);
	SSL_free(s->ssl);
	free(s);
}

int tls_handshake(struct tls_session *s, bool *ret_want_write, struct diag *d)
{
	ERR_clear_error();
	int rc = SSL_do_handshake(s->ssl), e;
	if (rc == 1) {
		s->established = true;
		if (!alpn_agreed(s))
			return diag_set(d, ERR_PEER, "the server does not speak '%s' (ALPN)", s->ctx->alpn);
		return 1;
	}
	e = SSL_get_error(s->ssl, rc);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		*ret_want_write = e == SSL_ERROR_WANT_WRITE;
		return 0;
	}
	long verify = SSL_get_verify_result(s->ssl);
	if (verify != X509_V_OK)
		return diag_set(d, ERR_PEER, "certificate not accepted: %s",
				X509_verify_cert_error_string(verify));
	return diag_set(d, ERR_PEER, "TLS handshake: %s", why());
}

bool tls_resumed(const struct tls_session *s)
{
	return SSL_session_reused(s->ssl) == 1;
}

/* Turns OpenSSL's verdict into read(2)'s. */
static ssize_t outcome(struct tls_session *s, int rc, bool *ret_want_write)
{
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_WANT_WRITE:
		if (ret_want_write)
			*ret_want_write = true;
		/* fallthrough */
	case SSL_ERROR_WANT_READ:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		s->established = false; /* no close_notify on a broken session */
		errno = ECONNRESET;
		return -1;
	}
}

/* A record at a time is what SSL_read gives; what OpenSSL has already decrypted
 * would not make the socket readable again, so take all of it. */
ssize_t tls_read(struct tls_session *s, void *buf, size_t len, bool *ret_want_write)
{
	size_t have = 0;
	while (have < len) {
		ERR_clear_error();
		int rc = SSL_read(s->ssl, (char *)buf + have, (int)(len - have));
		if (rc <= 0)
			return have ? (ssize_t)have : outcome(s, rc, ret_want_write);
		have += (size_t)rc;
	}
	return (ssize_t)have;
}

ssize_t tls_write(struct tls_session *s, const void *buf, size_t len)
{
	ERR_clear_error();
	int rc = SSL_write(s->ssl, buf, len > INT32_MAX ? INT32_MAX : (int)len);
	if (rc > 0)
		return rc;
	ssize_t n = outcome(s, rc, NULL);
	if (n == 0) {
		errno = EPIPE;
		return -1;
	}
	return n;
}
