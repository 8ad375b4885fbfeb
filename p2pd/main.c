/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "common/base/log.h"

int
main(int argc, char *argv[])
{
	log_init(1, 0);
	fatalx("the parent is not in this build");
}
