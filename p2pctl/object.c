/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <string.h>
#include <time.h>

#include "p2pctl/format.h"
#include "p2pctl/json.h"
#include "p2pctl/show.h"
#include "p2pctl/table.h"

#define TEXT_MAX	2048

static int
ends_with(const char *s, const char *end)
{
	size_t	 n = strlen(s), e = strlen(end);

	return n >= e && strcmp(s + n - e, end) == 0;
}

/* A value by what its key says that it is. */
static void
value_text(char *dst, size_t len, const json_t *o, const char *key, int brief)
{
	if (brief && strcmp(key, "id") == 0)
		cell_id(dst, len, o, key);
	else if (strcmp(key, "ms") == 0 || ends_with(key, "_ms"))
		cell_ms(dst, len, o, key);
	else
		cell_text(dst, len, o, key);
}

/* When it happened, or when we heard of it. */
static void
print_time(FILE *f, const json_t *o)
{
	char		 text[32];
	struct tm	 tm;
	time_t		 t;

	t = json_has(o, "time") ? (time_t)json_num(o, "time") : time(NULL);
	if (localtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%H:%M:%S", &tm) > 0)
		fprintf(f, "%s ", text);
}

void
event_print(FILE *f, const json_t *o)
{
	const char	*key;
	char		 text[TEXT_MAX], name[64];
	json_t		*v;

	print_time(f, o);
	fputs(text_safe(text, sizeof(text), json_text(o, "event")), f);
	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		if (strcmp(key, "event") == 0 || strcmp(key, "time") == 0 ||
		    json_is_null(v))
			continue;
		value_text(text, sizeof(text), o, key, 1);
		fprintf(f, strchr(text, ' ') != NULL || text[0] == '\0' ?
		    " %s=\"%s\"" : " %s=%s", text_safe(name, sizeof(name), key),
		    text);
	}
	fputc('\n', f);
}

/* A list of objects has a line for each; other lists are one line. */
static void
list_print(FILE *f, const json_t *list, int indent)
{
	const json_t	*e;
	const char	*key;
	char		 text[TEXT_MAX], name[64];
	json_t		*v;
	size_t		 i;

	json_array_foreach(list, i, e) {
		fprintf(f, "%*s", indent, "");
		json_object_foreach((json_t *)(uintptr_t)e, key, v) {
			value_text(text, sizeof(text), e, key, 1);
			fprintf(f, "%s=%s ", text_safe(name, sizeof(name), key),
			    text);
		}
		fputc('\n', f);
	}
}

static void
members_print(FILE *f, const json_t *o, int indent)
{
	const char	*key;
	char		 text[TEXT_MAX], name[64];
	json_t		*v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v) {
		text_safe(name, sizeof(name), key);
		if (json_is_object(v)) {
			fprintf(f, "%*s%s\n", indent, "", name);
			members_print(f, v, indent + 2);
		} else if (json_is_object(json_array_get(v, 0))) {
			fprintf(f, "%*s%s\n", indent, "", name);
			list_print(f, v, indent + 2);
		} else if (!json_is_null(v)) {
			value_text(text, sizeof(text), o, key, 0);
			fprintf(f, "%*s%-16s %s\n", indent, "", name, text);
		}
	}
}

void
object_print(FILE *f, const json_t *o)
{
	members_print(f, o, 0);
}
