/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/ibuf.h"

START_TEST(integers)
{
	static const uint8_t	 want[] = { 0x12, 0x34, 0x56, 1, 2, 3, 4,
		    1, 2, 3, 4, 5, 6, 7, 8 };
	struct ibuf		*b = ibuf_dynamic(1, 15), r;
	uint8_t			 n8;
	uint16_t		 n16;
	uint32_t		 n32;
	uint64_t		 n64;

	ck_assert_int_eq(ibuf_add_n8(b, 0x12), 0);
	ck_assert_int_eq(ibuf_add_n16(b, 0x3456), 0);
	ck_assert_int_eq(ibuf_add_n32(b, 0x01020304), 0);
	ck_assert_int_eq(ibuf_add_n64(b, 0x0102030405060708), 0);
	ck_assert_uint_eq(ibuf_left(b), 0);
	ck_assert_int_eq(ibuf_add_n8(b, 0), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_uint_eq(ibuf_size(b), sizeof(want));
	ck_assert_mem_eq(ibuf_data(b), want, sizeof(want));
	ibuf_from_ibuf(&r, b);
	ck_assert_int_eq(ibuf_get_n8(&r, &n8), 0);
	ck_assert_uint_eq(n8, 0x12);
	ck_assert_int_eq(ibuf_get_n16(&r, &n16), 0);
	ck_assert_uint_eq(n16, 0x3456);
	ck_assert_int_eq(ibuf_get_n32(&r, &n32), 0);
	ck_assert_uint_eq(n32, 0x01020304);
	ck_assert_int_eq(ibuf_get_n64(&r, &n64), 0);
	ck_assert(n64 == 0x0102030405060708);
	/* Nothing left: the values stay as they were. */
	ck_assert_int_eq(ibuf_get_n8(&r, &n8), -1);
	ck_assert_int_eq(errno, EBADMSG);
	ck_assert_int_eq(ibuf_get_n16(&r, &n16), -1);
	ck_assert_int_eq(ibuf_get_n32(&r, &n32), -1);
	ck_assert_int_eq(ibuf_get_n64(&r, &n64), -1);
	ck_assert_uint_eq(n8, 0x12);
	ck_assert_uint_eq(n16, 0x3456);
	ck_assert_uint_eq(n32, 0x01020304);
	ck_assert(n64 == 0x0102030405060708);
	/* One byte short is short. */
	ibuf_rewind(&r);
	ck_assert_int_eq(ibuf_skip(&r, 8), 0);
	ck_assert_int_eq(ibuf_get_n64(&r, &n64), -1);
	ck_assert_uint_eq(ibuf_size(&r), 7);
	ibuf_free(b);
}
END_TEST

START_TEST(ranges)
{
	struct ibuf	*b = ibuf_open(64);

	ck_assert_int_eq(ibuf_add_n8(b, 0x100), -1);
	ck_assert_int_eq(errno, ERANGE);
	ck_assert_int_eq(ibuf_add_n16(b, 0x10000), -1);
	ck_assert_int_eq(ibuf_add_n32(b, 0x100000000), -1);
	ck_assert_uint_eq(ibuf_size(b), 0);
	ck_assert_ptr_null(ibuf_dynamic(2, 1));
	ck_assert_ptr_null(ibuf_open(0));
	ibuf_free(b);
	ibuf_free(NULL);
}
END_TEST

START_TEST(growth)
{
	struct ibuf	*b = ibuf_dynamic(0, 100000);
	uint8_t		 c;
	unsigned int	 i;

	for (i = 0; i < 100000; i++)
		ck_assert_int_eq(ibuf_add_n8(b, i % 251), 0);
	ck_assert_int_eq(ibuf_add(b, "", 1), -1);
	ck_assert_int_eq(ibuf_add(b, NULL, 0), 0);
	for (i = 0; i < 100000; i++) {
		ck_assert_int_eq(ibuf_get_n8(b, &c), 0);
		ck_assert_uint_eq(c, i % 251);
	}
	ibuf_free(b);
}
END_TEST

START_TEST(places)
{
	struct ibuf	*b = ibuf_open(8), *d = ibuf_open(8), r, s;

	ck_assert_int_eq(ibuf_add(b, "abcd", 4), 0);
	ck_assert_int_eq(ibuf_set(b, 1, "XY", 2), 0);
	ck_assert_int_eq(ibuf_set(b, 3, "XY", 2), -1);
	ck_assert_ptr_null(ibuf_seek(b, 5, 0));
	ck_assert_ptr_null(ibuf_seek(b, 1, (size_t)-1));
	ck_assert_mem_eq(ibuf_data(b), "aXYd", 4);
	ck_assert_int_eq(ibuf_add_ibuf(d, b), 0);
	ck_assert_int_eq(ibuf_add_zero(d, 4), 0);
	ck_assert_mem_eq(ibuf_data(d), "aXYd\0\0\0\0", 8);
	ck_assert_int_eq(ibuf_truncate(b, 2), 0);
	ck_assert_int_eq(ibuf_truncate(b, 3), 0);
	ck_assert_mem_eq(ibuf_data(b), "aX\0", 3);
	ck_assert_int_eq(ibuf_truncate(b, 9), -1);
	/* Readers: of part, and never written to. */
	ibuf_from_ibuf(&r, d);
	ck_assert_int_eq(ibuf_get_ibuf(&r, 9, &s), -1);
	ck_assert_int_eq(ibuf_get_ibuf(&r, 3, &s), 0);
	ck_assert_uint_eq(ibuf_size(&s), 3);
	ck_assert_uint_eq(ibuf_size(&r), 5);
	ck_assert_int_eq(ibuf_skip(&s, 4), -1);
	ck_assert_int_eq(ibuf_add_n8(&r, 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(ibuf_set(&r, 0, "x", 1), -1);
	ck_assert_uint_eq(ibuf_left(&r), 0);
	ck_assert_uint_eq(ibuf_size(d), 8);
	ibuf_free(b);
	ibuf_free(d);
}
END_TEST

START_TEST(fds)
{
	struct ibuf	*b = ibuf_open(1);
	int		 p[2], fd;

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_eq(ibuf_fd_avail(b), 0);
	ck_assert_int_eq(ibuf_fd_get(b), -1);
	ibuf_fd_set(b, p[0]);
	ck_assert_int_eq(ibuf_fd_avail(b), 1);
	fd = ibuf_fd_get(b);
	ck_assert_int_eq(fd, p[0]);
	ibuf_fd_set(b, p[0]);
	ibuf_fd_set(b, p[1]);
	ck_assert_int_eq(fcntl(p[0], F_GETFD), -1);
	ibuf_free(b);
	ck_assert_int_eq(fcntl(p[1], F_GETFD), -1);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("ipc/ibuf");
	TCase	*tc = tcase_create("ibuf");
	SRunner	*sr;
	int	 failed;

	tcase_add_test(tc, integers);
	tcase_add_test(tc, ranges);
	tcase_add_test(tc, growth);
	tcase_add_test(tc, places);
	tcase_add_test(tc, fds);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
