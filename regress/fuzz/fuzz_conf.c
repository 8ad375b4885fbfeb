/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "p2pd/parent/conf.h"
#include "regress/fuzz/fuzz.h"

#define MACROS_MAX	20	/* uses: each may hold all of the others */

static char	path[4096];

static void
forget(const char *line, void *arg)
{
	unsigned int	*errors = arg;

	FUZZ_CHECK(strlen(line) > 0);
	(*errors)++;
}

static void
remove_file(void)
{
	unlink(path);
}

static void
write_file(const void *data, size_t n)
{
	const char	*dir = getenv("TMPDIR");
	FILE		*f;
	int		 fd;

	if (path[0] == '\0') {
		snprintf(path, sizeof(path), "%s/fuzz_conf.XXXXXXXX",
		    dir == NULL ? "/tmp" : dir);
		FUZZ_CHECK((fd = mkstemp(path)) != -1);
		close(fd);
		atexit(remove_file);
	}
	FUZZ_CHECK((f = fopen(path, "w")) != NULL);
	FUZZ_CHECK(fwrite(data, 1, n, f) == n);
	FUZZ_CHECK(fclose(f) == 0);
}

static struct p2pd_conf *
parse(const void *data, size_t n)
{
	struct p2pd_conf *c;
	unsigned int	 errors = 0;

	write_file(data, n);
	c = conf_parse(path, NULL, forget, &errors);
	FUZZ_CHECK((c == NULL) == (errors > 0));
	return c;
}

static char *
print(const struct p2pd_conf *c, size_t *n)
{
	char	*text = NULL;
	FILE	*f;

	FUZZ_CHECK((f = open_memstream(&text, n)) != NULL);
	conf_print(f, c);
	fclose(f);
	return text;
}

/* Macros within macros grow without end, and files are of the system's. */
static int
too_wild(const uint8_t *data, size_t size)
{
	size_t	 i, n = 0;

	for (i = 0; i < size; i++) {
		n += data[i] == '$';
		if (size - i >= 7 && memcmp(data + i, "include", 7) == 0)
			return 1;
	}
	return n > MACROS_MAX;
}

/* What parses prints as something that parses to the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p2pd_conf *c, *twin;
	struct fuzz	 f;
	char		*text, *again;
	uint64_t	 rate;
	size_t		 n, m;

	fuzz_begin(&f, data, size);
	if (too_wild(data, size) || (c = parse(data, size)) == NULL)
		return 0;
	(void)conf_app_rule(c, "eth/69", CONF_AS_OWNER, 1000, NULL, 0, &rate);
	(void)conf_app_rule(c, "eth", CONF_AS_TAP, 1000, NULL, 0, &rate);
	text = print(c, &n);
	FUZZ_CHECK((twin = parse(text, n)) != NULL);
	again = print(twin, &m);
	FUZZ_CHECK(n == m && memcmp(text, again, n) == 0);
	free(text);
	free(again);
	conf_free(c);
	conf_free(twin);
	return 0;
}
