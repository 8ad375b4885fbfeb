/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <check.h>
#include <unistd.h>

#include "common/wire/reason.h"
#include "regress/unit/p2pd/handshake/fixture.h"

/* Set-ups whose end cannot be told to the parent. */

/* One that the parent has not heard of may end unheard. */
START_TEST(end_unheard)
{
	int	 fd[2];

	pair(fd);
	side[IN].lose_attempts = 1;
	setups_set_deadline(side[IN].setups, 50);
	begin(IN, fd[0]);
	ck_assert(turn_until(&side[IN].ended, 2000));
	close(fd[1]);
}
END_TEST

/* Of one that it has heard of the end is owed: else the process ends. */
START_TEST(end_owed)
{
	int	 fd[2];

	pair(fd);
	side[OUT].lose_attempts = 1;
	side[OUT].mute_keys = 1;
	begin(OUT, fd[0]);
	(void)setup_cancel(side[OUT].setups, 1, REASON_OPERATOR);
	close(fd[1]);
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("ends");
	TCase	*tc = tcase_create("ends");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, end_unheard);
	tcase_add_exit_test(tc, end_owed, 1);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
