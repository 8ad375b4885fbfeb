/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "p2pd/control/intro.h"

static uint8_t		 wire[APP_HEADER + APP_HELLO_MAX + 16];
static struct app_hello	 hello;

/* A hello with extra bytes in its body, as a later minor version may send. */
static size_t
make(size_t extra)
{
	struct app_head	 head;
	size_t		 n;

	memset(&hello, 0, sizeof(hello));
	hello.major = APP_MAJOR;
	hello.minor = 7;
	hello.features = 0x1122334455667788;
	hello.session = 3;
	memset(hello.token, 0xa5, sizeof(hello.token));
	strlcpy(hello.name, "tester", sizeof(hello.name));
	memset(wire, 0, sizeof(wire));
	n = app_hello_encode(wire + APP_HEADER, APP_HELLO_MAX, &hello);
	ck_assert_uint_gt(n, 0);
	memset(&head, 0, sizeof(head));
	head.len = (uint32_t)(n + extra);
	head.type = AF_HELLO;
	head.request = 99;
	app_head_encode(wire, &head);
	return APP_HEADER + n + extra;
}

/* Feeds at most step bytes at a time; the last result, with what was used. */
static int
feed(struct intro *in, const uint8_t *p, size_t len, size_t step, size_t *used)
{
	size_t	 n;
	int	 r = 0;

	intro_init(in);
	*used = 0;
	while (r == 0 && *used < len) {
		n = intro_want(in);
		ck_assert_uint_ge(n, 1);
		ck_assert_uint_le(in->have + n, sizeof(in->buf));
		if (n > step)
			n = step;
		if (n > len - *used)
			n = len - *used;
		memcpy(in->buf + in->have, p + *used, n);
		*used += n;
		r = intro_got(in, n);
	}
	return r;
}

START_TEST(whole_in_any_steps)
{
	struct intro	 in;
	size_t		 len = make(0), step, used;

	for (step = 1; step <= len; step++) {
		ck_assert_int_eq(feed(&in, wire, sizeof(wire), step, &used), 1);
		/* Not a byte beyond. */
		ck_assert_uint_eq(used, len);
		ck_assert_uint_eq(in.head.request, 99);
		ck_assert_uint_eq(in.hello.minor, 7);
		ck_assert_uint_eq(in.hello.features, hello.features);
		ck_assert_uint_eq(in.hello.session, 3);
		ck_assert_mem_eq(in.hello.token, hello.token, 16);
		ck_assert_str_eq(in.hello.name, "tester");
	}
}
END_TEST

START_TEST(longer_body_is_skipped)
{
	struct intro	 in;
	size_t		 len = make(40), used;

	ck_assert_int_eq(feed(&in, wire, sizeof(wire), 1000, &used), 1);
	ck_assert_uint_eq(used, len);
}
END_TEST

START_TEST(every_truncation_waits)
{
	struct intro	 in;
	size_t		 len = make(0), n, used;

	for (n = 0; n < len; n++)
		ck_assert_int_eq(feed(&in, wire, n, 5, &used), 0);
}
END_TEST

START_TEST(refusals)
{
	static const struct {
		size_t		 off;
		uint8_t		 value;
		enum app_error	 error;
	} t[] = {
		{ 5, AF_ATTACH, APE_MALFORMED },	/* type */
		{ 4, 0x80, APE_MALFORMED },
		{ 15, 1, APE_MALFORMED },		/* peer */
		{ 0, 1, APE_TOOBIG },			/* length */
		{ 2, 5, APE_TOOBIG },
		{ 3, 5, APE_MALFORMED },
		{ APP_HEADER, 'P', APE_MALFORMED },	/* magic */
		{ APP_HEADER + 5, APP_MAJOR + 1, APE_VERSION },
		{ APP_HEADER + 4, 1, APE_VERSION },
	};
	struct intro	 in;
	size_t		 used, len;

	len = make(0);
	wire[t[_i].off] = t[_i].value;
	ck_assert_int_eq(feed(&in, wire, len, 64, &used), -1);
	ck_assert_int_eq((int)in.error, (int)t[_i].error);
}
END_TEST

START_TEST(more_than_wanted)
{
	struct intro	 in;

	intro_init(&in);
	ck_assert_int_eq(intro_got(&in, APP_HEADER + 1), -1);
}
END_TEST

START_TEST(longest)
{
	struct intro	 in;
	size_t		 used, n = make(0) - APP_HEADER;

	make(APP_HELLO_MAX - n);
	ck_assert_int_eq(feed(&in, wire, sizeof(wire), 7, &used), 1);
	ck_assert_uint_eq(used, APP_HEADER + APP_HELLO_MAX);
	make(APP_HELLO_MAX - n + 1);
	ck_assert_int_eq(feed(&in, wire, sizeof(wire), 7, &used), -1);
	ck_assert_uint_le(used, APP_HEADER);
	ck_assert_int_eq((int)in.error, APE_TOOBIG);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("control intro");
	TCase	*tc = tcase_create("intro");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, whole_in_any_steps);
	tcase_add_test(tc, longer_body_is_skipped);
	tcase_add_test(tc, every_truncation_waits);
	tcase_add_loop_test(tc, refusals, 0, 9);
	tcase_add_test(tc, more_than_wanted);
	tcase_add_test(tc, longest);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
