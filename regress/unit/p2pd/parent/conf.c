/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/types.h>
#include <sys/stat.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/util.h"
#include "common/crypto/secp.h"
#include "p2pd/messages.h"
#include "p2pd/parent/conf.h"

/*
 * The cases are pairs of files: NAME.in, and in NAME.ok the errors, or the
 * printed lines that are not those of an empty file.  CONF_UPDATE in the
 * environment writes the .ok files anew.
 */
static char	 srcdir[512];		/* of the cases */
static char	 tmpdir[64];		/* a copy of them, owned by us */
static char	*defaults;

struct lines {
	char	 s[16384];
	size_t	 len;
};

static void
add_line(struct lines *l, const char *s, size_t len)
{
	ck_assert_uint_lt(l->len + len + 2, sizeof(l->s));
	memcpy(l->s + l->len, s, len);
	l->len += len;
	l->s[l->len++] = '\n';
	l->s[l->len] = '\0';
}

/* Errors are told with the path that was given: the directory is cut. */
static void
take_error(const char *line, void *arg)
{
	char	 buf[1200], *p;
	size_t	 n = strlen(tmpdir);

	strlcpy(buf, line, sizeof(buf));
	while ((p = strstr(buf, tmpdir)) != NULL)
		memmove(p, p + n + 1, strlen(p + n + 1) + 1);
	add_line(arg, buf, strlen(buf));
}

static char *
read_file(const char *dir, const char *name, size_t *len)
{
	char	 path[1024], *buf;
	FILE	*f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "r")) == NULL)
		return NULL;
	buf = calloc(1, 65536);
	*len = fread(buf, 1, 65535, f);
	fclose(f);
	return buf;
}

static void
write_file(const char *dir, const char *name, const char *s, size_t len)
{
	char	 path[1024];
	FILE	*f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_ptr_nonnull(f = fopen(path, "w"));
	ck_assert_uint_eq(fwrite(s, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static char *
print(const struct p2pd_conf *c)
{
	char	*text = NULL;
	size_t	 len;
	FILE	*f;

	ck_assert_ptr_nonnull(f = open_memstream(&text, &len));
	conf_print(f, c);
	fclose(f);
	return text;
}

static struct p2pd_conf *
parse(const char *name, char *const *defs, struct lines *errors)
{
	char	 path[1024];

	snprintf(path, sizeof(path), "%s/%s", tmpdir, name);
	memset(errors, 0, sizeof(*errors));
	return conf_parse(path, defs, take_error, errors);
}

static struct p2pd_conf *
parse_text(const char *s, char *const *defs, struct lines *errors)
{
	write_file(tmpdir, "text", s, strlen(s));
	return parse("text", defs, errors);
}

/* True when a whole line of text is line. */
static int
has_line(const char *text, const char *line, size_t len)
{
	const char	*end;

	for (; *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		if ((size_t)(end - text) == len && memcmp(text, line, len) == 0)
			return 1;
	}
	return 0;
}

static void
differences(struct lines *l, const char *text)
{
	const char	*end;

	for (; *text != '\0'; text = end + 1) {
		end = strchr(text, '\n');
		if (!has_line(defaults, text, (size_t)(end - text)))
			add_line(l, text, (size_t)(end - text));
	}
}

static void
print_parses_again(const char *text)
{
	struct lines		 errors;
	struct p2pd_conf	*c;
	char			*again;

	c = parse_text(text, NULL, &errors);
	ck_assert_msg(c != NULL, "%s", errors.s);
	again = print(c);
	ck_assert_str_eq(text, again);
	conf_free(c);
	free(again);
}

static void
one_case(const char *name)
{
	struct lines		 got;
	struct p2pd_conf	*c;
	char			 ok[256], *text, *want;
	size_t			 len;

	c = parse(name, NULL, &got);
	if (c != NULL) {
		ck_assert_msg(got.len == 0, "%s: %s", name, got.s);
		text = print(c);
		differences(&got, text);
		print_parses_again(text);
		conf_free(c);
		free(text);
	} else
		ck_assert_uint_gt(got.len, 0);
	strlcpy(ok, name, sizeof(ok));
	strlcpy(strrchr(ok, '.'), ".ok", 4);
	if (getenv("CONF_UPDATE") != NULL)
		write_file(srcdir, ok, got.s, got.len);
	want = read_file(srcdir, ok, &len);
	ck_assert_msg(want != NULL, "%s is missing", ok);
	ck_assert_msg(strcmp(got.s, want) == 0, "%s: got\n%s\nwant\n%s", name,
	    got.s, want);
	free(want);
}

static int
ends_with(const char *s, const char *end)
{
	size_t	 n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Each .in and .inc of the cases, by name. */
static void
each_case(void (*fn)(const char *), const char *end)
{
	struct dirent	*d;
	DIR		*dir;

	ck_assert_ptr_nonnull(dir = opendir(srcdir));
	while ((d = readdir(dir)) != NULL)
		if (ends_with(d->d_name, end))
			fn(d->d_name);
	closedir(dir);
}

static void
copy_case(const char *name)
{
	char	*s;
	size_t	 len;

	ck_assert_ptr_nonnull(s = read_file(srcdir, name, &len));
	write_file(tmpdir, name, s, len);
	free(s);
}

static void
setup(void)
{
	struct lines		 errors;
	struct p2pd_conf	*c;
	const char		*dir = getenv("srcdir");

	umask(022);
	snprintf(srcdir, sizeof(srcdir), "%s/regress/unit/p2pd/parent/conf",
	    dir == NULL ? "." : dir);
	strlcpy(tmpdir, "/tmp/p2pd-conf.XXXXXX", sizeof(tmpdir));
	ck_assert_ptr_nonnull(mkdtemp(tmpdir));
	each_case(copy_case, ".in");
	each_case(copy_case, ".inc");
	ck_assert_ptr_nonnull(c = parse_text("", NULL, &errors));
	defaults = print(c);
	conf_free(c);
}

static void
teardown(void)
{
	struct dirent	*d;
	DIR		*dir;

	ck_assert_ptr_nonnull(dir = opendir(tmpdir));
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
	rmdir(tmpdir);
	free(defaults);
}

START_TEST(cases)
{
	each_case(one_case, ".in");
}
END_TEST

START_TEST(default_values)
{
	struct lines		 errors;
	struct p2pd_conf	*c;

	ck_assert_ptr_nonnull(c = parse_text("", NULL, &errors));
	ck_assert_uint_eq(c->max_peers, 50);
	ck_assert_uint_eq(c->dial_ratio, 3);
	ck_assert_uint_eq(c->retire_age, 600);
	ck_assert_uint_eq(c->retire_pause, 10);
	ck_assert_uint_eq(c->sessions, 1);
	ck_assert_int_eq(c->dial, 1);
	ck_assert_int_eq(c->allowlist_on, 0);
	ck_assert_uint_eq(TAILQ_FIRST(&c->listens)->addr.port, CONF_PORT);
	ck_assert_uint_eq(TAILQ_FIRST(&c->listens)->addr.af, 4);
	ck_assert_uint_eq(TAILQ_LAST(&c->listens, conf_listens)->addr.af, 6);
	ck_assert_str_eq(c->keyfile, CONF_DATADIR "/nodekey");
	ck_assert_str_eq(c->user, P2PD_USER);
	ck_assert_int_eq(strncmp(c->client, "p2pd/v", 6), 0);
	conf_free(c);
	print_parses_again(defaults);

	ck_assert_ptr_nonnull(c = parse_text("data directory /x\n", NULL, &errors));
	ck_assert_str_eq(c->keyfile, "/x/nodekey");
	conf_free(c);
}
END_TEST

START_TEST(command_line_macros)
{
	char			*good[] = { (char *)(uintptr_t)"n=7",
				    (char *)(uintptr_t)"m=", NULL };
	char			*bad[] = { NULL, NULL };
	static const char	*bads[] = { "n", "=7", "a b=1", "1=2" };
	struct lines		 errors;
	struct p2pd_conf	*c;
	size_t			 i;

	c = parse_text("n = 8\nmax-peers $n\n$m\n", good, &errors);
	ck_assert_msg(c != NULL, "%s", errors.s);
	ck_assert_uint_eq(c->max_peers, 7);
	conf_free(c);
	for (i = 0; i < nitems_of(bads); i++) {
		bad[0] = strdup(bads[i]);
		ck_assert_ptr_null(parse_text("", bad, &errors));
		ck_assert_int_eq(strncmp(errors.s, "-D: ", 4), 0);
		free(bad[0]);
	}
}
END_TEST

/* What the children are told by a message has to fit into it whole. */
START_TEST(long_chroot)
{
	struct lines		 errors;
	struct p2pd_conf	*c;
	char			 text[512];
	size_t			 most = sizeof(((struct m_init *)0)->chroot) - 1;

	snprintf(text, sizeof(text), "chroot \"/%0*d\"\n", (int)most - 1, 0);
	c = parse_text(text, NULL, &errors);
	ck_assert_msg(c != NULL, "%s", errors.s);
	ck_assert_uint_eq(strlen(c->chroot), most);
	conf_free(c);
	snprintf(text, sizeof(text), "chroot \"/%0*d\"\n", (int)most, 0);
	ck_assert_ptr_null(parse_text(text, NULL, &errors));
	ck_assert_ptr_nonnull(strstr(errors.s, "longer"));
}
END_TEST

START_TEST(files_that_are_refused)
{
	struct lines		 errors;
	struct p2pd_conf	*c;
	char			 path[128];

	snprintf(path, sizeof(path), "%s/text", tmpdir);
	ck_assert_ptr_nonnull(c = parse_text("", NULL, &errors));
	conf_free(c);
	ck_assert_int_eq(chmod(path, 0602), 0);
	ck_assert_ptr_null(parse("text", NULL, &errors));
	ck_assert_ptr_nonnull(strstr(errors.s, "can be written by anyone"));
	ck_assert_int_eq(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 1, 1), 0);
		ck_assert_ptr_null(parse("text", NULL, &errors));
		ck_assert_ptr_nonnull(strstr(errors.s, "belongs to another user"));
	}
	unlink(path);
	ck_assert_ptr_null(parse("text", NULL, &errors));
	ck_assert_ptr_nonnull(strstr(errors.s, "No such file"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_ptr_null(parse("text", NULL, &errors));
	ck_assert_ptr_nonnull(strstr(errors.s, "not a regular file"));
	unlink(path);
	ck_assert_ptr_null(parse(".", NULL, &errors));
}
END_TEST

static uint64_t	 rate;

static int
may(const struct p2pd_conf *c, const char *cap, enum conf_as as, uid_t uid,
    const gid_t *gids, size_t ngids)
{
	return conf_app_rule(c, cap, as, uid, gids, ngids, &rate);
}

/* Of owners and taps, of all versions at once, and how fast. */
START_TEST(application_modes)
{
	static const char	 text[] =
	    "allow app user 1001 capability \"eth/68\" as owner rate 5M\n"
	    "deny app user 1001 capability \"les/2\" as tap\n"
	    "allow app user 1001 capability \"[el]*\" as tap\n"
	    "allow app user 1002 capability \"snap/*\" rate 1k\n"
	    "allow app user 1002 capability \"eth/6*\"\n"
	    "deny app user 1003 capability \"eth\" as owner\n"
	    "deny app any\n"
	    "allow app user 1004\n";
	struct lines		 errors;
	struct p2pd_conf	*c;

	c = parse_text(text, NULL, &errors);
	ck_assert_msg(c != NULL, "%s", errors.s);
	ck_assert_int_eq(may(c, "eth/68", CONF_AS_OWNER, 1001, NULL, 0), 1);
	ck_assert_uint_eq(rate, 5 << 20);
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_OWNER, 1001, NULL, 0), 0);
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_TAP, 1001, NULL, 0), 1);
	ck_assert_uint_eq(rate, 0);
	/* All versions: one that is denied is among them. */
	ck_assert_int_eq(may(c, "eth", CONF_AS_TAP, 1001, NULL, 0), 1);
	ck_assert_int_eq(may(c, "les/1", CONF_AS_TAP, 1001, NULL, 0), 1);
	ck_assert_int_eq(may(c, "les/2", CONF_AS_TAP, 1001, NULL, 0), 0);
	ck_assert_int_eq(may(c, "les", CONF_AS_TAP, 1001, NULL, 0), 0);
	/* And not all of them are allowed by some that are. */
	ck_assert_int_eq(may(c, "snap", CONF_AS_TAP, 1002, NULL, 0), 1);
	ck_assert_uint_eq(rate, 1024);
	ck_assert_int_eq(may(c, "eth", CONF_AS_TAP, 1002, NULL, 0), 0);
	ck_assert_int_eq(may(c, "eth/61", CONF_AS_TAP, 1002, NULL, 0), 1);
	ck_assert_int_eq(conf_app_any(c, 1001, NULL, 0), 1);
	ck_assert_int_eq(conf_app_any(c, 1003, NULL, 0), 0);
	ck_assert_int_eq(conf_app_any(c, 1004, NULL, 0), 0);
	ck_assert_int_eq(conf_app_any(c, 0, NULL, 0), 0);
	conf_free(c);

	c = parse_text("deny app user 1003 as owner\n", NULL, &errors);
	ck_assert_msg(c != NULL, "%s", errors.s);
	ck_assert_int_eq(conf_app_any(c, 1003, NULL, 0), 0);
	ck_assert_int_eq(conf_app_any(c, 0, NULL, 0), 1);
	ck_assert_uint_eq(c->app_grace, 10);
	conf_free(c);
}
END_TEST

START_TEST(application_rules)
{
	static const char	 text[] =
	    "allow app user 1001 capability \"eth/*\"\n"
	    "deny app group 2002 capability snap\n"
	    "allow app group 2002\n"
	    "deny app any capability \"bzz\"\n"
	    "app socket /x group 3003\n";
	gid_t			 two[] = { 7, 2002 }, three[] = { 3003 };
	struct lines		 errors;
	struct p2pd_conf	*c;

	c = parse_text(text, NULL, &errors);
	ck_assert_msg(c != NULL, "%s", errors.s);
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_OWNER, 1001, NULL, 0), 1);
	ck_assert_int_eq(may(c, "snap/1", CONF_AS_OWNER, 1001, NULL, 0), 0);
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_OWNER, 1002, NULL, 0), 0);
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_OWNER, 1002, two, 2), 1);
	ck_assert_int_eq(may(c, "snap/1", CONF_AS_OWNER, 1002, two, 2), 0);
	ck_assert_int_eq(may(c, "snapper/1", CONF_AS_OWNER, 1002, two, 2), 1);
	/* After the rules: root, ourselves, and the socket's group. */
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_OWNER, 1003, three, 1), 1);
	ck_assert_int_eq(may(c, "bzz/1", CONF_AS_OWNER, 1003, three, 1), 0);
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_OWNER, 0, NULL, 0), 1);
	ck_assert_int_eq(may(c, "eth/69", CONF_AS_OWNER, geteuid(), NULL, 0), 1);
	ck_assert_int_eq(may(c, "bzz/1", CONF_AS_OWNER, 0, NULL, 0), 0);
	conf_free(c);
}
END_TEST

/* The examples of p2pd.conf(5), as a reader would copy them. */
static void
take_example(const char *s, const char *end)
{
	struct lines		 errors;
	struct p2pd_conf	*c;
	char			 text[4096], *p = text;
	int			 at = 0;

	for (; s < end; s++) {
		ck_assert_uint_lt((size_t)(p - text), sizeof(text) - 1);
		if (*s == '@' && (s[1] == 'r' || at)) {
			at = !at;	/* a directory of configure's */
			*p++ = '/';
		} else if (s[0] == '\\' && s[1] == 'e') {
			*p++ = '\\';
			s++;
		} else
			*p++ = *s;
	}
	*p = '\0';
	c = parse_text(text, NULL, &errors);
	ck_assert_msg(c != NULL, "%s%s", text, errors.s);
	conf_free(c);
}

START_TEST(examples)
{
	struct lines		 errors;
	struct p2pd_conf	*c;
	const char		*dir = getenv("srcdir"), *p, *end;
	char			 path[600], *s;
	size_t			 len;
	int			 n = 0;

	snprintf(path, sizeof(path), "%s/man", dir == NULL ? "." : dir);
	ck_assert_ptr_nonnull(s = read_file(path, "p2pd.conf.5.in", &len));
	p = strstr(s, ".Sh EXAMPLES");
	while ((p = strstr(p, ".Bd -literal")) != NULL) {
		p = strchr(p, '\n') + 1;
		ck_assert_ptr_nonnull(end = strstr(p, ".Ed"));
		take_example(p, end);
		n++;
	}
	ck_assert_int_ge(n, 3);
	free(s);

	snprintf(path, sizeof(path), "%s/etc", dir == NULL ? "." : dir);
	for (n = 0; n < 2; n++) {
		ck_assert_ptr_nonnull(s = read_file(path, n == 0 ? "p2pd.conf" :
		    "p2pd-bootnode.conf", &len));
		c = parse_text(s, NULL, &errors);
		ck_assert_msg(c != NULL, "%s", errors.s);
		conf_free(c);
		free(s);
	}
}
END_TEST

/* Every prefix and every byte changed of a file with all in it: no crash. */
START_TEST(mangled)
{
	static const char *const names[] = { "nodes.in", "macros.in", "files.in" };
	struct lines		 errors;
	char			*s, was;
	size_t			 i, j, len;

	for (i = 0; i < nitems_of(names); i++) {
		ck_assert_ptr_nonnull(s = read_file(srcdir, names[i], &len));
		for (j = 0; j < len; j++) {
			was = s[j];
			s[j] = "{}=\"$\\\n#"[j % 8];
			write_file(tmpdir, "text", s, len);
			conf_free(parse("text", NULL, &errors));
			s[j] = was;
			write_file(tmpdir, "text", s, j);
			conf_free(parse("text", NULL, &errors));
		}
		free(s);
	}
}
END_TEST

int
main(void)
{
	Suite	*s = suite_create("conf");
	TCase	*tc = tcase_create("conf");
	SRunner	*sr;
	int	 failed;

	if (secp_init() == -1)
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, cases);
	tcase_add_test(tc, default_values);
	tcase_add_test(tc, command_line_macros);
	tcase_add_test(tc, long_chroot);
	tcase_add_test(tc, files_that_are_refused);
	tcase_add_test(tc, application_rules);
	tcase_add_test(tc, application_modes);
	tcase_add_test(tc, examples);
	tcase_add_test(tc, mangled);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
