/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/ctl/record.h"
#include "regress/fuzz/fuzz.h"

/* Writes what was read; what is malformed on the way ends it. */
static int
copy_record(struct rec_reader *r, struct rec *w)
{
	struct rec_item	 it;
	char		 text[RECORD_MAX + 1];
	int		 ret;

	while ((ret = rec_next(r, &it)) == 1) {
		FUZZ_CHECK(r->depth <= RECORD_DEPTH);
		FUZZ_CHECK(memchr(it.key, '\0', sizeof(it.key)) != NULL);
		switch (it.type) {
		case REC_U64:
			rec_u64(w, it.key, it.u64);
			break;
		case REC_I64:
			rec_i64(w, it.key, (int64_t)it.u64);
			break;
		case REC_BOOL:
			rec_bool(w, it.key, it.u64 != 0);
			break;
		case REC_STR:
			FUZZ_CHECK(it.len <= RECORD_MAX);
			memcpy(text, it.data, it.len);
			text[it.len] = '\0';
			rec_str(w, it.key, text);
			break;
		case REC_HEX:
			rec_hex(w, it.key, it.data, it.len);
			break;
		case REC_MAP:
			rec_map(w, it.key);
			break;
		case REC_LIST:
			rec_list(w, it.key);
			break;
		case REC_NULL:
			rec_null(w, it.key);
			break;
		case REC_END:
			rec_end(w);
			break;
		}
	}
	return ret;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes)
{
	static struct rec	 w;
	struct rec_reader	 r;
	struct rec_item		 it;
	struct fuzz		 f;
	uint8_t			*data;
	size_t			 n;
	int			 whole;

	fuzz_begin(&f, bytes, nbytes);
	data = fuzz_copy(&f, RECORD_MAX, &n);
	rec_read(&r, data, n);
	rec_init(&w);
	whole = copy_record(&r, &w) == 0;
	/* A whole record of keys and texts that have one form is one again. */
	if (whole && rec_finish(&w) == 0) {
		rec_read(&r, w.buf, w.len);
		while ((whole = rec_next(&r, &it)) == 1)
			;
		FUZZ_CHECK(whole == 0);
	}
	free(data);
	return 0;
}
