/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/fuzz/fuzz.h"

/*
 * A main for a target where there is no libFuzzer: runs it over files, and the
 * files of directories, as libFuzzer does with files.
 */
static unsigned int	nfiles;

static int
run_file(const char *path)
{
	uint8_t	*buf = NULL;
	size_t	 len = 0, cap = 0;
	FILE	*f;
	int	 bad;

	if ((f = fopen(path, "rb")) == NULL) {
		perror(path);
		return -1;
	}
	do {
		cap = cap * 2 + 4096;
		if ((buf = realloc(buf, cap)) == NULL)
			abort();
		len += fread(buf + len, 1, cap - len, f);
	} while (len == cap);
	bad = ferror(f);
	fclose(f);
	/* Of its very size, as libFuzzer gives it. */
	if (!bad && (buf = realloc(buf, len > 0 ? len : 1)) != NULL) {
		LLVMFuzzerTestOneInput(buf, len);
		nfiles++;
	}
	free(buf);
	return bad ? -1 : 0;
}

static int
run_dir(const char *path)
{
	struct dirent	*de;
	char		 name[4096];
	int		 bad = 0;
	DIR		*d;

	if ((d = opendir(path)) == NULL) {
		perror(path);
		return -1;
	}
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, de->d_name);
		if (run_file(name) == -1)
			bad = -1;
	}
	closedir(d);
	return bad;
}

int
main(int argc, char **argv)
{
	struct stat	 st;
	int		 i, bad = 0;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == -1) {
			perror(argv[i]);
			bad = 1;
		} else if ((S_ISDIR(st.st_mode) ? run_dir(argv[i]) :
		    run_file(argv[i])) == -1)
			bad = 1;
	}
	printf("%u inputs\n", nfiles);
	return bad;
}
