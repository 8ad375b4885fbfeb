/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire/app.h"
#include "p2pctl/attachint.h"
#include "regress/fuzz/fuzz.h"

/*
 * What a program says to p2pctl attach, line by line: it is answered by lines of
 * JSON, and asks the daemon, which has two peers and is no more than a socket.
 */
static char	path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static int	listener = -1;

static void
remove_socket(void)
{
	unlink(path);
}

static void
make_socket(void)
{
	struct sockaddr_un	 sun;

	snprintf(path, sizeof(path), "/tmp/fuzz_request.%ld", (long)getpid());
	unlink(path);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	memcpy(sun.sun_path, path, strlen(path));
	FUZZ_CHECK((listener = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	FUZZ_CHECK(bind(listener, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	FUZZ_CHECK(listen(listener, 4) == 0);
	atexit(remove_socket);
}

static void
say(int fd, unsigned int type, uint32_t request, uint32_t peer,
    const uint8_t *body, size_t n)
{
	struct app_head	 h = { (uint32_t)n, (uint16_t)type, 0, request, peer };
	uint8_t		 buf[APP_HEADER + 512];

	app_head_encode(buf, &h);
	memcpy(buf + APP_HEADER, body, n);
	FUZZ_CHECK(write(fd, buf, APP_HEADER + n) == (ssize_t)(APP_HEADER + n));
}

static void
drain(struct p2papp *app)
{
	const struct p2papp_event	*ev;

	while (p2papp_next(app, &ev) == 1)
		continue;
}

/* Welcome, attached as 1, and peers 1 and 2. */
static void
daemon_says(struct p2papp *app, int fd)
{
	struct app_welcome	 w;
	struct app_peer_up	 up;
	uint8_t			 body[512];

	memset(&w, 0, sizeof(w));
	w.major = APP_MAJOR;
	w.sessions = 1;
	w.max_payload = 1000;
	w.token[0] = 1;
	say(fd, AF_WELCOME, 1, 0, body,
	    app_welcome_encode(body, sizeof(body), &w));
	drain(app);
	memset(&up, 0, sizeof(up));
	up.capid = 1;
	up.version = 2;
	up.codes = 8;
	app_put32(body, 1);
	say(fd, AF_ATTACHED, 2, 0, body, 4);
	for (w.minor = 1; w.minor < 3; w.minor++)
		say(fd, AF_PEER_UP, w.minor, w.minor, body,
		    app_peer_up_encode(body, sizeof(body), &up));
	drain(app);
}

static void
check_output(struct buf *out)
{
	const char	*p = out->p + out->off, *nl;
	size_t		 left = out->len;
	json_t		*o;

	while (left > 0) {
		FUZZ_CHECK((nl = memchr(p, '\n', left)) != NULL);
		o = json_loadb(p, (size_t)(nl - p), 0, NULL);
		FUZZ_CHECK(json_is_object(o));
		json_decref(o);
		left -= (size_t)(nl + 1 - p);
		p = nl + 1;
	}
}

static void
clean_up(struct attach *a)
{
	struct ident	*i;

	while ((i = RB_ROOT(&a->idents)) != NULL) {
		RB_REMOVE(idents, &a->idents, i);
		json_decref(i->id);
		free(i);
	}
	json_decref(a->held.id);
	free(a->held.peers);
	free(a->data);
	buf_free(&a->in);
	buf_free(&a->out);
	p2papp_close(a->app);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	static const struct p2papp_version v = { 2, 8 };
	static struct attach	 a;
	struct fuzz		 f;
	int			 fd;

	fuzz_begin(&f, bytes, nbytes);
	if (listener == -1)
		make_socket();
	memset(&a, 0, sizeof(a));
	a.code = -1;
	a.ncaps = 1;
	memcpy(a.caps[0].name, "tst", 4);
	FUZZ_CHECK((a.app = p2papp_open(path, "fuzz", NULL)) != NULL);
	FUZZ_CHECK((fd = accept(listener, NULL, NULL)) != -1);
	FUZZ_CHECK(p2papp_attach(a.app, "tst", &v, 1, P2PAPP_STOP,
	    &a.caps[0].id) == 0);
	daemon_says(a.app, fd);
	FUZZ_CHECK(p2papp_npeers(a.app, a.caps[0].id) == 2);
	FUZZ_CHECK(nbytes == 0 || buf_add(&a.in, bytes, nbytes) == 0);
	a.eof = 1;
	input_run(&a);
	FUZZ_CHECK(a.held.active || a.in.len == 0);
	check_output(&a.out);
	clean_up(&a);
	close(fd);
	return 0;
}
