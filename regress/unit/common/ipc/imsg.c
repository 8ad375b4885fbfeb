/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"

static int		 sv[2];
static struct imsgbuf	 a, b;

static void
setup(void)
{
	int	 i;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(fcntl(sv[i], F_SETFL, O_NONBLOCK), 0);
		ck_assert_int_eq(fcntl(sv[i], F_SETFD, FD_CLOEXEC), 0);
	}
	imsgbuf_init(&a, sv[0]);
	imsgbuf_init(&b, sv[1]);
	imsgbuf_allow_fdpass(&a);
	imsgbuf_allow_fdpass(&b);
}

static void
teardown(void)
{
	imsgbuf_clear(&a);
	imsgbuf_clear(&b);
	close(sv[0]);
	close(sv[1]);
}

static int
open_fds(void)
{
	DIR	*d = opendir("/dev/fd");
	int	 n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* A file with nothing in it but its own inode number to know it by. */
static int
new_file(ino_t *ino)
{
	struct stat	 st;
	char		 name[] = "/tmp/imsgXXXXXX";
	int		 fd = mkstemp(name);

	ck_assert_int_ne(fd, -1);
	unlink(name);
	ck_assert_int_eq(fstat(fd, &st), 0);
	*ino = st.st_ino;
	return fd;
}

static ino_t
inode(int fd)
{
	struct stat	 st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Sends raw bytes with fds the way another program might. */
static void
send_raw(const void *p, size_t n, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr	 hdr;
		uint8_t		 buf[CMSG_SPACE(8 * sizeof(int))];
	} u;
	struct iovec	 iov = { (void *)(uintptr_t)p, n };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr	*cm;

	if (nfds > 0) {
		memset(&u, 0, sizeof(u));
		msg.msg_control = &u;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		cm = CMSG_FIRSTHDR(&msg);
		cm->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cm), fds, nfds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(sv[0], &msg, 0), (ssize_t)n);
}

/* The bytes of one message as imsg_compose() makes them. */
static size_t
raw(uint8_t *buf, uint32_t type, int mark, const void *data, size_t len)
{
	struct imsg_hdr	 h;

	memset(&h, 0, sizeof(h));
	h.type = type;
	h.len = (uint32_t)(IMSG_HEADER_SIZE + len) | (mark ? 0x80000000U : 0);
	h.pid = 77;
	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), data, len);
	return sizeof(h) + len;
}

static void
expect(uint32_t type, const char *text)
{
	struct imsg	 m;
	char		 buf[128];

	ck_assert_int_eq(imsgbuf_get(&b, &m), 1);
	ck_assert_uint_eq(imsg_get_type(&m), type);
	ck_assert_uint_eq(imsg_get_len(&m), strlen(text));
	if (text[0] != '\0') {
		ck_assert_int_eq(imsg_get_data(&m, buf, strlen(text)), 0);
		ck_assert_mem_eq(buf, text, strlen(text));
	}
	imsg_free(&m);
}

START_TEST(round_trip)
{
	struct imsg	 m;
	struct ibuf	*buf, r;
	struct iovec	 iov[2] = {
		{ (void *)(uintptr_t)"ab", 2 }, { (void *)(uintptr_t)"cd", 2 } };
	char		 s[4];

	ck_assert_int_eq(imsg_compose(&a, 1, 2, 3, -1, "hello", 5), 1);
	ck_assert_int_eq(imsg_compose(&a, 4, 0, 0, -1, NULL, 0), 1);
	ck_assert_int_eq(imsg_composev(&a, 5, 0, 0, -1, iov, 2), 1);
	buf = ibuf_dynamic(0, 100);
	ck_assert_int_eq(ibuf_add(buf, "xyz", 3), 0);
	ck_assert_int_eq(imsg_compose_ibuf(&a, 6, 0, 0, buf), 1);
	ck_assert_uint_eq(imsgbuf_queuelen(&a), 4);
	ck_assert_uint_eq(imsgbuf_queued(&a), 4 * IMSG_HEADER_SIZE + 12);
	ck_assert_int_eq(imsgbuf_write(&a), 0);
	ck_assert_uint_eq(imsgbuf_queuelen(&a), 0);
	ck_assert_uint_eq(imsgbuf_queued(&a), 0);
	ck_assert_int_eq(imsgbuf_write(&a), 0);

	ck_assert_int_eq(imsgbuf_get(&b, &m), 0);
	ck_assert_int_eq(imsgbuf_read(&b), 1);
	ck_assert_int_eq(b.again, 0);
	ck_assert_int_eq(imsgbuf_get(&b, &m), 1);
	ck_assert_uint_eq(imsg_get_type(&m), 1);
	ck_assert_uint_eq(imsg_get_id(&m), 2);
	ck_assert_int_eq(imsg_get_pid(&m), 3);
	ck_assert_int_eq(imsg_get_fd(&m), -1);
	ck_assert_int_eq(imsg_get_ibuf(&m, &r), 0);
	ck_assert_uint_eq(ibuf_size(&r), 5);
	ck_assert_int_eq(imsg_get_data(&m, s, 4), -1);
	ck_assert_int_eq(imsg_get_buf(&m, s, 4), 0);
	ck_assert_mem_eq(s, "hell", 4);
	ck_assert_int_eq(imsg_forward(&b, &m), 1);
	imsg_free(&m);
	ck_assert_int_eq(imsgbuf_get(&b, &m), 1);
	ck_assert_int_eq(imsg_get_pid(&m), getpid());
	ck_assert_int_eq(imsg_get_ibuf(&m, &r), -1);
	imsg_free(&m);
	expect(5, "abcd");
	expect(6, "xyz");
	ck_assert_int_eq(imsgbuf_read(&b), 1);
	ck_assert_int_eq(b.again, 1);

	ck_assert_int_eq(imsgbuf_flush(&b, 1000), 0);
	ck_assert_int_eq(imsgbuf_read(&a), 1);
	ck_assert_int_eq(imsgbuf_get(&a, &m), 1);
	ck_assert_uint_eq(imsg_get_len(&m), 1);
	ck_assert_int_eq(imsg_get_pid(&m), 3);
	imsg_free(&m);
}
END_TEST

/*
 * A plain message, one with an fd, a plain one; cut in two at every byte, the
 * fd sent with the first byte of its header.
 */
START_TEST(splits)
{
	uint8_t		 buf[256];
	struct imsg	 m;
	ino_t		 ino;
	size_t		 start, end, len;
	int		 fd, got, before;

	start = raw(buf, 1, 0, "first", 5);
	end = start + raw(buf + start, 2, 1, "second", 6);
	len = end + raw(buf + end, 3, 0, "", 0);
	before = open_fds();
	for (size_t cut = 1; cut < len; cut++) {
		fd = new_file(&ino);
		if (cut <= start) {
			send_raw(buf, cut, NULL, 0);
			ck_assert_int_eq(imsgbuf_read(&b), 1);
			if (cut < start)
				send_raw(buf + cut, start - cut, NULL, 0);
			send_raw(buf + start, len - start, &fd, 1);
		} else {
			send_raw(buf, start, NULL, 0);
			send_raw(buf + start, cut - start, &fd, 1);
			ck_assert_int_eq(imsgbuf_read(&b), 1);
			send_raw(buf + cut, len - cut, NULL, 0);
		}
		close(fd);
		do {
			ck_assert_int_eq(imsgbuf_read(&b), 1);
		} while (!b.again);
		expect(1, "first");
		ck_assert_int_eq(imsgbuf_get(&b, &m), 1);
		ck_assert_uint_eq(imsg_get_type(&m), 2);
		got = imsg_get_fd(&m);
		ck_assert_msg(got != -1, "fd lost at %zu", cut);
		ck_assert(inode(got) == ino);
		ck_assert_int_eq(fcntl(got, F_GETFD), FD_CLOEXEC);
		close(got);
		imsg_free(&m);
		expect(3, "");
		ck_assert_int_eq(imsgbuf_partial(&b), 0);
	}
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

/* Two fds a byte apart: the first waits for its header while the next comes. */
START_TEST(two_waiting)
{
	uint8_t		 buf[64];
	struct imsg	 m;
	ino_t		 ino[2];
	size_t		 len;
	int		 i, fd[2], got;

	len = raw(buf, 1, 1, "", 0);
	len += raw(buf + len, 2, 1, "", 0);
	for (size_t cut = 1; cut < 16; cut++) {
		fd[0] = new_file(&ino[0]);
		fd[1] = new_file(&ino[1]);
		send_raw(buf, cut, &fd[0], 1);
		ck_assert_int_eq(imsgbuf_read(&b), 1);
		send_raw(buf + cut, 16 - cut, NULL, 0);
		send_raw(buf + 16, len - 16, &fd[1], 1);
		do {
			ck_assert_int_eq(imsgbuf_read(&b), 1);
		} while (!b.again);
		for (i = 0; i < 2; i++) {
			close(fd[i]);
			ck_assert_int_eq(imsgbuf_get(&b, &m), 1);
			got = imsg_get_fd(&m);
			ck_assert(inode(got) == ino[i]);
			close(got);
			imsg_free(&m);
		}
	}
}
END_TEST

/* Fds behind a backlog of plain messages, through reads that end anywhere. */
START_TEST(many_fds)
{
	static char	 fill[700];
	struct imsg	 m;
	ino_t		 ino[200];
	unsigned int	 i, sent = 0, got = 0;
	int		 fd, before = open_fds();

	for (i = 0; i < 20000; i++) {
		fd = -1;
		if (i % 100 == 99)
			fd = new_file(&ino[sent++]);
		ck_assert_int_eq(imsg_compose(&a, fd == -1 ? 1 : 2, 0, 0, fd,
		    fill, (i * 7919) % sizeof(fill)), 1);
	}
	while (imsgbuf_queuelen(&a) > 0 || !b.again) {
		ck_assert_int_eq(imsgbuf_write(&a), 0);
		if (imsgbuf_queuelen(&a) % 3 == 0)
			ck_assert_int_eq(imsgbuf_write(&a), 0);
		ck_assert_int_eq(imsgbuf_read(&b), 1);
		while (imsgbuf_get(&b, &m)) {
			fd = imsg_get_fd(&m);
			ck_assert_int_eq(fd != -1, imsg_get_type(&m) == 2);
			if (fd != -1) {
				ck_assert(inode(fd) == ino[got++]);
				close(fd);
			}
			imsg_free(&m);
		}
	}
	ck_assert_uint_eq(got, sent);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(lengths)
{
	static char	 fill[IMSG_MAXPAYLOAD + 1];
	struct imsg	 m;
	uint8_t		 buf[32];
	uint32_t	 bad[] = { 0, 15, IMSG_MAXPAYLOAD + 17, 0x7fffffff };
	size_t		 i;

	ck_assert_int_eq(imsg_compose(&a, 1, 0, 0, -1, fill, sizeof(fill)), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(imsg_compose(&a, 1, 0, 0, -1, fill,
	    IMSG_MAXPAYLOAD), 1);
	while (imsgbuf_get(&b, &m) == 0) {
		ck_assert_int_eq(imsgbuf_write(&a), 0);
		ck_assert_int_eq(imsgbuf_read(&b), 1);
	}
	ck_assert_uint_eq(imsg_get_len(&m), IMSG_MAXPAYLOAD);
	imsg_free(&m);
	ck_assert_int_eq(imsgbuf_set_maxsize(&a, 0x80000000U), -1);
	ck_assert_int_eq(imsgbuf_set_maxsize(&a, 4), 0);
	ck_assert_int_eq(imsg_compose(&a, 1, 0, 0, -1, "12345", 5), -1);

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		raw(buf, 1, 0, "", 0);
		memcpy(buf + offsetof(struct imsg_hdr, len), &bad[i], 4);
		send_raw(buf, 16, NULL, 0);
		ck_assert_int_eq(imsgbuf_read(&b), -1);
		ck_assert_int_eq(errno, ERANGE);
		imsgbuf_clear(&b);
	}
	/* One that is a byte over a limit of the reader's own. */
	ck_assert_int_eq(imsgbuf_set_readmax(&b, 3), 0);
	send_raw(buf, raw(buf, 1, 0, "123", 3), NULL, 0);
	ck_assert_int_eq(imsgbuf_read(&b), 1);
	expect(1, "123");
	send_raw(buf, raw(buf, 1, 0, "1234", 4), NULL, 0);
	ck_assert_int_eq(imsgbuf_read(&b), -1);
}
END_TEST

START_TEST(stray_fds)
{
	uint8_t	 buf[64];
	size_t	 len;
	ino_t	 ino;
	int	 fd[4], i, before = open_fds();

	for (i = 0; i < 4; i++)
		fd[i] = new_file(&ino);
	/* Nobody's. */
	len = raw(buf, 1, 0, "x", 1);
	send_raw(buf, len, fd, 1);
	ck_assert_int_eq(imsgbuf_read(&b), -1);
	ck_assert_int_eq(errno, EBADMSG);
	imsgbuf_clear(&b);
	/* More than there is room for, and as many as alignment lets in. */
	len = raw(buf, 1, 1, "x", 1);
	for (i = 2; i <= 4; i++) {
		send_raw(buf, len, fd, (size_t)i);
		ck_assert_int_eq(imsgbuf_read(&b), -1);
		imsgbuf_clear(&b);
	}
	/* Announced, but not there. */
	send_raw(buf, len, NULL, 0);
	ck_assert_int_eq(imsgbuf_read(&b), -1);
	ck_assert_int_eq(errno, EBADMSG);
	imsgbuf_clear(&b);
	/* An fd that waits is closed with the channel. */
	send_raw(buf, 5, fd, 1);
	ck_assert_int_eq(imsgbuf_read(&b), 1);
	ck_assert_int_eq(open_fds(), before + 5);
	imsgbuf_clear(&b);
	for (i = 0; i < 4; i++)
		close(fd[i]);
	ck_assert_int_eq(open_fds(), before);
}
END_TEST

START_TEST(not_passing)
{
	uint8_t	 buf[64];
	ino_t	 ino;
	int	 fd = new_file(&ino), before = open_fds();

	b.fdpass = 0;
	send_raw(buf, raw(buf, 1, 0, "x", 1), &fd, 1);
	ck_assert_int_eq(imsgbuf_read(&b), 1);
	expect(1, "x");
	ck_assert_int_eq(open_fds(), before);
	close(fd);
}
END_TEST

START_TEST(no_fd_slot)
{
	struct rlimit	 old, rl;
	ino_t		 ino;
	const char	*preload = getenv("LD_PRELOAD");
	int		 fd = new_file(&ino), n, ret;

	/* valgrind keeps such limits itself, for some calls only. */
	if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
		close(fd);
		return;
	}
	ck_assert_int_eq(imsg_compose(&a, 1, 0, 0, fd, "x", 1), 1);
	ck_assert_int_eq(imsgbuf_write(&a), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	/* The lowest free number is beyond the limit: no slot. */
	n = dup(0);
	close(n);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	rl = old;
	rl.rlim_cur = (rlim_t)n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	ret = imsgbuf_read(&b);
	setrlimit(RLIMIT_NOFILE, &old);
	ck_assert_int_eq(ret, -1);
}
END_TEST

START_TEST(ends)
{
	uint8_t		 buf[64];
	struct imsg	 m;
	size_t		 n, len;

	len = raw(buf, 1, 0, "body", 4);
	for (n = 0; n <= len; n++) {
		if (n > 0)
			send_raw(buf, n, NULL, 0);
		shutdown(sv[0], SHUT_WR);
		if (n > 0)
			ck_assert_int_eq(imsgbuf_read(&b), 1);
		ck_assert_int_eq(imsgbuf_read(&b), 0);
		ck_assert_int_eq(imsgbuf_partial(&b), n != 0 && n != len);
		ck_assert_int_eq(imsgbuf_get(&b, &m), n == len);
		if (n == len)
			imsg_free(&m);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(full_socket)
{
	static char	 fill[60000];
	struct imsg	 m;
	size_t		 got = 0, before;
	int		 i;

	for (i = 0; i < 50; i++) {
		memset(fill, i, sizeof(fill));
		ck_assert_int_eq(imsg_compose(&a, 1, 0, 0, -1, fill,
		    sizeof(fill)), 1);
	}
	do {
		before = imsgbuf_queued(&a);
		ck_assert_int_eq(imsgbuf_write(&a), 0);
	} while (imsgbuf_queued(&a) < before);
	ck_assert_uint_gt(imsgbuf_queued(&a), 0);
	ck_assert_int_eq(imsgbuf_flush(&a, 20), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	while (got < 50) {
		ck_assert_int_eq(imsgbuf_read(&b), 1);
		while (imsgbuf_get(&b, &m)) {
			ck_assert_int_eq(imsg_get_data(&m, fill,
			    sizeof(fill)), 0);
			ck_assert_int_eq(fill[0], (char)got);
			ck_assert_mem_eq(fill, fill + 1, sizeof(fill) - 1);
			got++;
			imsg_free(&m);
		}
		ck_assert_int_eq(imsgbuf_write(&a), 0);
	}
	ck_assert_uint_eq(imsgbuf_queued(&a), 0);
	/* The other side is gone: an error, not a signal. */
	close(sv[1]);
	ck_assert_int_eq(imsg_compose(&a, 1, 0, 0, -1, "x", 1), 1);
	ck_assert_int_eq(imsgbuf_write(&a), -1);
	ck_assert_int_eq(errno, EPIPE);
	sv[1] = dup(sv[0]);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("ipc/imsg");
	TCase	*tc = tcase_create("imsg");
	SRunner	*sr;
	int	 failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, splits);
	tcase_add_test(tc, two_waiting);
	tcase_add_test(tc, many_fds);
	tcase_add_test(tc, lengths);
	tcase_add_test(tc, stray_fds);
	tcase_add_test(tc, not_passing);
	tcase_add_test(tc, no_fd_slot);
	tcase_add_test(tc, ends);
	tcase_add_test(tc, full_socket);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
