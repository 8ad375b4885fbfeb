/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "p2pctl/format.h"
#include "p2pctl/json.h"
#include "p2pctl/table.h"

static void
scalar(char *dst, size_t len, const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		text_safe(dst, len, json_string_value(v));
		break;
	case JSON_INTEGER:
		snprintf(dst, len, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
		break;
	case JSON_REAL:
		snprintf(dst, len, "%.0f", json_real_value(v));
		break;
	case JSON_TRUE:
		strlcpy(dst, "yes", len);
		break;
	case JSON_FALSE:
		strlcpy(dst, "no", len);
		break;
	default:
		dst[0] = '\0';
	}
}

void
cell_text(char *dst, size_t len, const json_t *row, const char *key)
{
	const json_t	*v = json_object_get(row, key), *e;
	char		 one[CELL_MAX];
	size_t		 i;

	dst[0] = '\0';
	if (v == NULL)
		return;
	if (!json_is_array(v)) {
		scalar(dst, len, v);
		return;
	}
	json_array_foreach(v, i, e) {
		if (i > 0)
			strlcat(dst, ",", len);
		scalar(one, sizeof(one), e);
		strlcat(dst, one, len);
	}
}

void
cell_id(char *dst, size_t len, const json_t *row, const char *key)
{
	format_id(dst, len, json_text(row, key));
}

void
cell_bytes(char *dst, size_t len, const json_t *row, const char *key)
{
	dst[0] = '\0';
	if (json_has(row, key))
		format_bytes(dst, len, json_num(row, key));
}

void
cell_ms(char *dst, size_t len, const json_t *row, const char *key)
{
	dst[0] = '\0';
	if (json_has(row, key))
		format_ms(dst, len, json_num(row, key));
}

void
cell_yes(char *dst, size_t len, const json_t *row, const char *key)
{
	strlcpy(dst, json_true_at(row, key) ? "yes" : "", len);
}

static size_t
count(const struct column *cols)
{
	size_t	 n;

	for (n = 0; cols[n].head != NULL; n++)
		;
	return n;
}

static void
print_cell(FILE *f, const char *s, size_t width, int right, int last)
{
	if (right)
		fprintf(f, "%*s", (int)width, s);
	else if (last)
		fputs(s, f);
	else
		fprintf(f, "%-*s", (int)width, s);
	fputs(last ? "\n" : "  ", f);
}

void
table_print(FILE *f, const struct column *cols, const json_t *rows)
{
	size_t	 n = count(cols), nrows = json_array_size(rows), r, i, w;
	size_t	*width;
	char	 cell[CELL_MAX];

	if ((width = calloc(n, sizeof(*width))) == NULL)
		return;
	for (i = 0; i < n; i++)
		width[i] = strlen(cols[i].head);
	for (r = 0; r < nrows; r++) {
		for (i = 0; i < n; i++) {
			cols[i].cell(cell, sizeof(cell), json_array_get(rows, r),
			    cols[i].key);
			if ((w = strlen(cell)) > width[i])
				width[i] = w;
		}
	}
	for (i = 0; i < n; i++)
		print_cell(f, cols[i].head, width[i], cols[i].right, i == n - 1);
	for (r = 0; r < nrows; r++) {
		for (i = 0; i < n; i++) {
			cols[i].cell(cell, sizeof(cell), json_array_get(rows, r),
			    cols[i].key);
			print_cell(f, cell[0] == '\0' ? "-" : cell, width[i],
			    cols[i].right, i == n - 1);
		}
	}
	free(width);
}

void
table_print_one(FILE *f, const struct column *cols, const json_t *row)
{
	char	 cell[CELL_MAX * 8];
	size_t	 i, n = count(cols), w, width = 0;

	for (i = 0; i < n; i++)
		if ((w = strlen(cols[i].head)) > width)
			width = w;
	for (i = 0; i < n; i++) {
		cols[i].cell(cell, sizeof(cell), row, cols[i].key);
		if (cell[0] != '\0')
			fprintf(f, "%-*s  %s\n", (int)width, cols[i].head, cell);
	}
}
