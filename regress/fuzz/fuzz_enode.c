/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/addr.h"
#include "common/wire/enode.h"
#include "regress/fuzz/fuzz.h"

/* A node that was understood is written and understood again. */
static void
check_enode(const char *s)
{
	struct enode	 en, twin;
	const char	*why = NULL;
	char		 buf[ENODE_STRLEN];

	if (enode_parse(&en, s, &why) == -1) {
		FUZZ_CHECK(why != NULL);
		return;
	}
	FUZZ_CHECK(secp_pub_valid(en.id) == 0);
	FUZZ_CHECK(memchr(en.host, '\0', sizeof(en.host)) != NULL);
	FUZZ_CHECK(enode_format(&en, buf, sizeof(buf)) == buf);
	FUZZ_CHECK(enode_parse(&twin, buf, &why) == 0);
	FUZZ_CHECK(memcmp(twin.id, en.id, sizeof(en.id)) == 0);
	FUZZ_CHECK(strcmp(twin.host, en.host) == 0);
	FUZZ_CHECK(twin.tcp == en.tcp && twin.udp == en.udp);
}

static void
check_addr(const char *s)
{
	struct prefix	 p, ptwin;
	struct addr	 a, twin;
	char		 buf[ADDR_STRLEN];

	if (addr_parse(&a, s) == 0) {
		FUZZ_CHECK(addr_parse(&twin, addr_format(&a, buf)) == 0);
		FUZZ_CHECK(addr_cmp(&a, &twin) == 0);
		addr_is_lan(&a);
	}
	if (addr_parse_ip(&a, s) == 0) {
		FUZZ_CHECK(addr_parse_ip(&twin, addr_format_ip(&a, buf)) == 0);
		FUZZ_CHECK(addr_cmp_ip(&a, &twin) == 0);
	}
	if (prefix_parse(&p, s) == 0) {
		FUZZ_CHECK(prefix_parse(&ptwin, prefix_format(&p, buf)) == 0);
		FUZZ_CHECK(prefix_cmp(&p, &ptwin) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz	 f;
	char		*s;

	fuzz_begin(&f, data, size);
	s = fuzz_text(&f);
	check_enode(s);
	check_addr(s);
	free(s);
	return 0;
}
