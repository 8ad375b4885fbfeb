/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/wire/app.h"
#include "lib/p2papp.h"
#include "regress/fuzz/fuzz.h"

/* An application by libp2papp; the input is the daemon, and what it asks. */
#define CONNS	4

static char	path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static int	listener = -1;
static int	conns[CONNS];

static void
remove_socket(void)
{
	unlink(path);
}

static void
make_socket(void)
{
	struct sockaddr_un	 sun;

	snprintf(path, sizeof(path), "/tmp/fuzz_lib.%ld", (long)getpid());
	unlink(path);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, path, strlen(path));
	FUZZ_CHECK((listener = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	FUZZ_CHECK(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
	FUZZ_CHECK(bind(listener, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	FUZZ_CHECK(listen(listener, 16) == 0);
	atexit(remove_socket);
}

static void
take_connections(void)
{
	unsigned int	 i;
	int		 fd;

	while ((fd = accept(listener, NULL, NULL)) != -1) {
		for (i = 0; i < CONNS && conns[i] != -1; i++)
			;
		if (i == CONNS)
			close(fd);
		else {
			FUZZ_CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
			conns[i] = fd;
		}
	}
}

static void
check_event(const struct p2papp_event *ev)
{
	size_t	 i;

	if (ev->text != NULL)
		FUZZ_CHECK(strlen(ev->text) < 65536);
	if (ev->capability != NULL)
		FUZZ_CHECK(strlen(ev->capability) <= CAP_NAME_MAX);
	for (i = 0; i < ev->len; i++)
		FUZZ_CHECK(ev->data[i] <= 0xff);
	if (ev->type == P2PAPP_PEER_UP)
		FUZZ_CHECK(ev->up != NULL && ev->up->id != NULL &&
		    ev->up->client != NULL && ev->up->remote != NULL);
	if (ev->type == P2PAPP_PEER_DOWN) {
		FUZZ_CHECK(ev->down != NULL);
		FUZZ_CHECK(p2papp_reason_name(ev->down->reason) != NULL);
	}
	FUZZ_CHECK(p2papp_code_name(ev->error) != NULL);
}

static void
turn(struct p2papp *a)
{
	const struct p2papp_event *ev;
	struct pollfd	 pfd[2 * CONNS];
	unsigned int	 i, n = 0;

	while (n++ < 256 && p2papp_next(a, &ev) == 1)
		check_event(ev);
	p2papp_pollfds(a, pfd, nitems_of(pfd));
	FUZZ_CHECK(p2papp_timeout(a) >= -1);
	take_connections();
	for (i = 0; i < CONNS; i++)
		if (conns[i] != -1)
			fuzz_drain(conns[i]);
}

static void
say(int fd, unsigned int type, unsigned int flags, uint32_t request,
    uint32_t peer, const uint8_t *body, size_t n)
{
	uint8_t		 buf[APP_HEADER + 1024];
	struct app_head	 h;

	memset(&h, 0, sizeof(h));
	h.len = (uint32_t)n;
	h.type = (uint16_t)type;
	h.flags = (uint16_t)flags;
	h.request = request;
	h.peer = peer;
	app_head_encode(buf, &h);
	memcpy(buf + APP_HEADER, body, n);
	fuzz_write(fd, buf, APP_HEADER + n);
}

static void
say_welcome(struct fuzz *f, int fd)
{
	struct app_welcome	 w;
	uint8_t			 body[512], how = fuzz_u8(f);
	size_t			 n;

	memset(&w, 0, sizeof(w));
	w.major = how & 0x80 ? 2 : APP_MAJOR;
	w.sessions = how % 4;
	w.session = how / 4 % 4;
	w.max_payload = how & 0x40 ? 0xffffff : 100;
	w.token[0] = 1;
	w.flags = how & 1 ? APW_RESUMED : 0;
	w.grace_ms = 100;
	strlcpy(w.name, "p2pd", sizeof(w.name));
	n = app_welcome_encode(body, sizeof(body), &w);
	say(fd, AF_WELCOME, 0, fuzz_u8(f), 0, body, n);
}

static void
say_peer_up(struct fuzz *f, int fd)
{
	struct app_peer_up	 up;
	uint8_t			 body[512], how = fuzz_u8(f);
	size_t			 n;

	memset(&up, 0, sizeof(up));
	up.capid = how % 4;
	up.version = how / 4 % 4;
	up.codes = how & 0x40 ? 0 : 8;
	addr_parse(&up.remote, "192.0.2.1:30303");
	strlcpy(up.client, "fuzz", sizeof(up.client));
	n = app_peer_up_encode(body, sizeof(body), &up);
	say(fd, AF_PEER_UP, how >> 7, fuzz_u8(f), fuzz_u8(f), body, n);
}

static void
say_frame(struct fuzz *f, int fd)
{
	uint8_t	*body, type = fuzz_u8(f), request = fuzz_u8(f);
	uint8_t	 peer = fuzz_u8(f);
	size_t	 n;

	body = fuzz_copy(f, fuzz_u8(f), &n);
	say(fd, 0x8000U | type % 16, type >> 6, request, peer, body, n);
	free(body);
}

static void
daemon_says(struct fuzz *f, uint8_t what)
{
	unsigned int	 i = what % CONNS;
	uint8_t		*data;
	size_t		 n;

	if (conns[i] == -1)
		i = 0;
	if (conns[i] == -1)
		return;
	switch (what / CONNS % 8) {
	case 0:
		say_welcome(f, conns[i]);
		break;
	case 1:
		say_peer_up(f, conns[i]);
		break;
	case 2:
		close(conns[i]);
		conns[i] = -1;
		break;
	case 3:
		data = fuzz_copy(f, fuzz_u8(f), &n);
		fuzz_write(conns[i], data, n);
		free(data);
		break;
	default:
		say_frame(f, conns[i]);
	}
}

static void
application_asks(struct fuzz *f, struct p2papp *a, uint8_t what)
{
	static const uint8_t	 data[300];
	struct p2papp_version	 v[2] = { { 1, 8 }, { 2, 12 } };
	uint32_t		 n;

	switch (what % 8) {
	case 0:
	case 1:
		p2papp_attach(a, what & 8 ? "tst" : "eth", v, 1 + what / 16 % 2,
		    P2PAPP_STOP, &n);
		break;
	case 2:
		p2papp_detach(a, fuzz_u8(f) % 4);
		break;
	case 3:
		p2papp_disconnect(a, fuzz_u8(f), fuzz_u8(f), &n);
		break;
	case 4:
		p2papp_flush(a);
		break;
	case 5:
		fuzz_pass(100U * fuzz_u8(f));
		p2papp_wait(a, 0);
		break;
	default:
		p2papp_send(a, fuzz_u8(f), fuzz_u8(f) % 4, fuzz_u8(f) % 16, data,
		    fuzz_u8(f), what >> 6, &n);
	}
}

/* Options as the input has them, whatever the setters say to it. */
static struct p2papp_options *
options(struct fuzz *f)
{
	struct p2papp_options	*o;
	struct p2papp_bytes	 b[2];
	const uint8_t		*p;
	char			 key[2] = { 'k', '\0' };
	size_t			 n;
	uint8_t			 how = fuzz_u8(f);

	FUZZ_CHECK((o = p2papp_options_new()) != NULL);
	p = fuzz_take(f, how & 31, &n);
	b[0].data = b[1].data = p;
	b[0].len = b[1].len = n;
	if (how & 0x80)
		p2papp_opt_wanted(o, fuzz_u32(f));
	if (how & 0x40)
		p2papp_opt_first(o, fuzz_u8(f) % 4, fuzz_u8(f), p, n);
	if (how & 0x20)
		p2papp_opt_enr(o, key, p, n);
	if (how & 0x10)
		p2papp_opt_condition(o, key, b, 2);
	if (how & 0x08)
		p2papp_opt_handshake(o, fuzz_u16(f));
	if (how & 0x04)
		p2papp_opt_clear(o, (enum p2papp_option)(fuzz_u8(f) % 9));
	return o;
}

static void
multisend(struct fuzz *f, struct p2papp *a, uint8_t what)
{
	static const uint8_t	 data[300];
	struct p2papp_many	 many;
	uint32_t		 peers[8], request;
	size_t			 i;

	memset(&many, 0, sizeof(many));
	many.cap = fuzz_u8(f) % 4;
	many.code = fuzz_u8(f) % 16;
	many.version = fuzz_u8(f) % 4;
	many.select = (enum p2papp_select)(fuzz_u8(f) % 5);
	many.k = fuzz_u8(f) % 8;
	many.npeers = fuzz_u8(f) % nitems_of(peers);
	many.peers = peers;
	for (i = 0; i < many.npeers; i++)
		peers[i] = fuzz_u8(f);
	p2papp_multisend(a, &many, data, fuzz_u8(f), what & 7, &request);
}

static void
asks_more(struct fuzz *f, struct p2papp *a, uint8_t what)
{
	static const struct p2papp_version v = { 1, 8 };
	struct p2papp_options	*o = NULL;
	uint32_t		 n;

	switch (what % 8) {
	case 0:
		o = options(f);
		p2papp_attach_opt(a, "opt", &v, 1, P2PAPP_DROP, o, &n);
		break;
	case 1:
		o = options(f);
		p2papp_update(a, fuzz_u8(f) % 4, o, &n);
		break;
	case 2:
		p2papp_tap(a, "tst", &v, what / 8 % 2, NULL, &n);
		break;
	case 3:
		p2papp_accept(a, fuzz_u8(f), fuzz_u8(f) % 4);
		break;
	case 4:
		p2papp_penalise(a, fuzz_u8(f), fuzz_u8(f), 60, &n);
		break;
	case 5:
		p2papp_set_reconnect(a, what / 8 % 2);
		p2papp_reconnect(a);
		break;
	case 6:
		if (what & 8)
			FUZZ_CHECK(p2papp_fd(a) != -1);
		else
			p2papp_hint(a, fuzz_pub(1), "192.0.2.1:30303", 0, &n);
		break;
	default:
		multisend(f, a, fuzz_u8(f));
	}
	p2papp_options_free(o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	struct p2papp	*a;
	struct fuzz	 f;
	unsigned int	 i;
	uint8_t		 what;
	int		 before;

	fuzz_begin(&f, bytes, nbytes);
	if (listener == -1)
		make_socket();
	before = fuzz_next_fd();
	for (i = 0; i < CONNS; i++)
		conns[i] = -1;
	FUZZ_CHECK((a = p2papp_open(path, "fuzz", NULL)) != NULL);
	p2papp_set_queue(a, 1000);
	turn(a);
	while (f.len > 0) {
		what = fuzz_u8(&f);
		if (what < 0x50)
			application_asks(&f, a, what);
		else if (what < 0x60)
			asks_more(&f, a, what);
		else
			daemon_says(&f, what);
		turn(a);
	}
	FUZZ_CHECK(p2papp_npeers(a, 1) <= 256);
	p2papp_close(a);
	take_connections();
	for (i = 0; i < CONNS; i++)
		if (conns[i] != -1)
			close(conns[i]);
	FUZZ_CHECK(fuzz_next_fd() == before);
	return 0;
}
