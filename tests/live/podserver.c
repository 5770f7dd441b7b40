/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In a kubelet's place: its Pods API on a socket of the file system, gRPC in HTTP/2's own
 * framing. Serves connections one after another until it is killed.
 *
 *   podserver SOCKET FILE MODE      FILE: octets of a ListPodsResponse
 *
 *   MODE  ok; no: gRPC status 9, as a kubelet says that begins; short: a length beyond the end;
 *         packed: the flag of compression; web: an answer that is no gRPC; other: any other server
 *
 * A call that gRPC would not take (method, path, type, trailers, message) is answered by status 12.
 */
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEADER(n, v) {(uint8_t *)(uintptr_t)(n), (uint8_t *)(uintptr_t)(v), sizeof(n) - 1, strlen(v), NGHTTP2_NV_FLAG_NONE}
#define PART 1000 /* octets of a DATA frame: answers come in several */

static struct {
	const char *mode;
	uint8_t *body;
	size_t len, at;
	unsigned right; /* headers that are as they must be, a bit each */
	size_t asked;   /* octets of the request */
	bool zero;      /* all of them */
} now;

static void load(const char *path)
{
	FILE *f = fopen(path, "rb");
	long n = f && !fseek(f, 0, SEEK_END) ? ftell(f) : -1;
	if (n < 0 || !(now.body = malloc((size_t)n + 5)))
		exit(2);
	rewind(f);
	uint32_t told = (uint32_t)n + (strcmp(now.mode, "short") ? 0 : 7);
	now.body[0] = !strcmp(now.mode, "packed");
	for (int i = 0; i < 4; i++)
		now.body[1 + i] = (uint8_t)(told >> (24 - 8 * i));
	now.len = fread(now.body + 5, 1, (size_t)n, f) + 5;
	fclose(f);
}

static ssize_t body_read(nghttp2_session *s, int32_t stream, uint8_t *buf, size_t cap, uint32_t *flags, nghttp2_data_source *src, void *ctx)
{
	static const nghttp2_nv trailer[] = {HEADER("grpc-status", "0"), HEADER("grpc-message", "")};
	size_t n = now.len - now.at < PART ? now.len - now.at : PART;
	(void)src;
	(void)ctx;
	n = n < cap ? n : cap;
	memcpy(buf, now.body + now.at, n);
	now.at += n;
	if (now.at == now.len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (strcmp(now.mode, "web")) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(s, stream, trailer, 2);
		}
	}
	return (ssize_t)n;
}

static void respond(nghttp2_session *s, int32_t stream)
{
	bool is_call = now.right == 15 && now.asked == 5 && now.zero;
	nghttp2_data_provider data = {.read_callback = body_read};
	nghttp2_nv whole[] = {HEADER(":status", "200"), HEADER("content-type", "application/grpc")};
	nghttp2_nv no[] = {HEADER(":status", "200"), HEADER("content-type", "application/grpc"), HEADER("grpc-status", is_call ? "9" : "12"),
			   HEADER("grpc-message", is_call ? "Kubelet is initializing" : "no such call")};
	now.at = 0;
	if (!is_call || !strcmp(now.mode, "no"))
		nghttp2_submit_response(s, stream, no, 4, NULL);
	else
		nghttp2_submit_response(s, stream, whole, 2, &data);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t n, const uint8_t *value, size_t len, uint8_t flags, void *ctx)
{
	static const char *const want[][2] = {
		{":method", "POST"}, {":path", "/v1alpha1.Pods/ListPods"}, {"content-type", "application/grpc"}, {"te", "trailers"}};
	(void)s;
	(void)f;
	(void)flags;
	(void)ctx;
	for (unsigned i = 0; i < 4; i++)
		if (n == strlen(want[i][0]) && !memcmp(name, want[i][0], n) && len == strlen(want[i][1]) && !memcmp(value, want[i][1], len))
			now.right |= 1u << i;
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t stream, const uint8_t *b, size_t len, void *ctx)
{
	(void)s;
	(void)flags;
	(void)stream;
	(void)ctx;
	now.asked += len;
	for (size_t i = 0; i < len; i++)
		now.zero &= b[i] == 0;
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
	(void)ctx;
	if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && f->hd.flags & NGHTTP2_FLAG_END_STREAM)
		respond(s, f->hd.stream_id);
	return 0;
}

static bool flush(nghttp2_session *s, int fd)
{
	const uint8_t *b;
	ssize_t n;
	while ((n = nghttp2_session_mem_send(s, &b)) > 0)
		if (write(fd, b, (size_t)n) != n)
			return false;
	return n == 0;
}

static void serve(int fd)
{
	nghttp2_session_callbacks *cb;
	nghttp2_session *s;
	uint8_t b[16384];
	now.right = 0;
	now.asked = 0;
	now.zero = true;
	if (!strcmp(now.mode, "other")) {
		if (write(fd, "220 mail.example ESMTP\r\n", 24) != 24)
			perror("podserver");
		return;
	}
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_server_new(&s, cb, NULL);
	nghttp2_submit_settings(s, 0, NULL, 0);
	for (ssize_t n = 0; n >= 0 && flush(s, fd);) {
		n = read(fd, b, sizeof(b));
		if (n <= 0 || nghttp2_session_mem_recv(s, b, (size_t)n) < 0)
			break;
	}
	nghttp2_session_del(s);
	nghttp2_session_callbacks_del(cb);
}

int main(int argc, char **argv)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int lis = socket(AF_UNIX, SOCK_STREAM, 0);
	if (argc != 4 || strlen(argv[1]) >= sizeof(sa.sun_path))
		return 2;
	memcpy(sa.sun_path, argv[1], strlen(argv[1]) + 1);
	now.mode = argv[3];
	load(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	alarm(120); /* whatever becomes of the test */
	unlink(argv[1]);
	if (bind(lis, (struct sockaddr *)&sa, sizeof(sa)) || listen(lis, 4))
		return 2;
	puts("ready");
	fflush(stdout);
	for (int fd; (fd = accept(lis, NULL, NULL)) >= 0; close(fd))
		serve(fd);
	return 1;
}
