/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "p2pctl/json.h"
#include "p2pctl/show.h"
#include "regress/fuzz/fuzz.h"

/* What reaches the terminal is printable, whoever made the record. */
static void
check_text(const char *s, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		FUZZ_CHECK(s[i] == '\n' || (s[i] >= ' ' && s[i] <= '~'));
}

/*
 * The records of a compromised session, as p2pctl makes JSON and text of them:
 * a length each, then all that is left.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	struct fuzz	 f;
	json_t		*list, *o, *shaped;
	uint8_t		*data, what, how;
	char		*text = NULL;
	size_t		 n, len, i;
	FILE		*out;

	fuzz_begin(&f, bytes, nbytes);
	what = fuzz_u8(&f);
	how = fuzz_u8(&f);
	FUZZ_CHECK((list = json_array()) != NULL);
	while (f.len > 0) {
		data = fuzz_copy(&f, fuzz_u16(&f), &n);
		if ((o = json_from_record(data, n)) != NULL)
			json_array_append_new(list, o);
		free(data);
	}
	FUZZ_CHECK((out = open_memstream(&text, &len)) != NULL);
	json_array_foreach(list, i, o) {
		if (how & 1)
			event_print(out, o);
		if (how & 2)
			object_print(out, o);
	}
	shaped = show_shape((enum ctl_show)(SHOW_STATUS + what % SHOW_NODES),
	    list);
	if (shaped != NULL) {
		if (how & 4)
			FUZZ_CHECK(json_print(out, shaped, how & 8) == 0);
		else
			show_print(out, (enum ctl_show)(SHOW_STATUS +
			    what % SHOW_NODES), shaped);
		json_decref(shaped);
	}
	fclose(out);
	if (!(how & 4))
		check_text(text, len);
	free(text);
	return 0;
}
