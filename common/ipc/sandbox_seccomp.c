/* SPDX-License-Identifier: ISC */
#include "config.h"

#ifdef __linux__

#include <errno.h>
#include <unistd.h>

#include "common/ipc/sandbox.h"

static int
unconditional(const struct proc_profile *p, int nr)
{
	const struct sys_list	*l;
	size_t			 i;

	for (l = p->lists; l->v != NULL; l++) {
		for (i = 0; i < l->n; i++) {
			if (l->v[i].nr == nr && l->v[i].ncmp == 0 &&
			    l->v[i].err == 0)
				return 1;
		}
	}
	return 0;
}

/*
 * Some calls of i386 take their arguments in memory, where no filter can look.
 * The C library uses socketcall(2) for all that is done with sockets, so of
 * those it is checked which call it is, and no more: 1, the rule's conditions
 * do not hold.  -1, there is another call for what the rule is for, and the
 * rule is left out: mmap2(), and send() for a sendto() without an address.
 */
static int
unseen(const struct sys_rule *r)
{
#ifdef __i386__
	if (r->ncmp > 0 && (r->nr == SCMP_SYS(mmap) || r->nr == SCMP_SYS(sendto)))
		return -1;
	return r->ncmp > 0 && (r->nr == SCMP_SYS(socket) ||
	    r->nr == SCMP_SYS(getsockopt) || r->nr == SCMP_SYS(setsockopt));
#else
	return 0;
#endif
}

static int
add_rule(scmp_filter_ctx ctx, const struct proc_profile *p,
    const struct sys_rule *r)
{
	struct scmp_arg_cmp	 cmp[4];
	uint32_t		 action;
	unsigned int		 i, ncmp = r->ncmp;
	int			 rc;

	if ((rc = unseen(r)) == -1)
		return 0;
	if (rc == 1)
		ncmp = 0;
	action = r->err == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((uint32_t)r->err);
	/* A narrow rule beside a wide one adds nothing; several lists of one
	   profile may have them. */
	if ((r->ncmp > 0 || r->err != 0) && unconditional(p, r->nr))
		return 0;
	/* What is refused with the same errno anyway is no rule at all. */
	if (r->err != 0 && r->err == p->deny)
		return 0;
	for (i = 0; i < ncmp; i++) {
		cmp[i] = r->cmp[i];
		if (cmp[i].op == SCMP_CMP_EQ && cmp[i].datum_a == SYS_SELF_PID)
			cmp[i].datum_a = (scmp_datum_t)getpid();
	}
	rc = seccomp_rule_add_array(ctx, action, r->nr, ncmp, cmp);
	/* The same rule from two lists. */
	return rc == -EEXIST ? 0 : rc;
}

static int
add_lists(scmp_filter_ctx ctx, const struct proc_profile *p)
{
	const struct sys_list	*l;
	size_t			 i;
	int			 rc;

	for (l = p->lists; l->v != NULL; l++) {
		for (i = 0; i < l->n; i++) {
			if ((rc = add_rule(ctx, p, &l->v[i])) != 0)
				return rc;
		}
	}
	return 0;
}

int
sandbox_seccomp(const struct proc_profile *p)
{
	scmp_filter_ctx	 ctx;
	int		 rc;

	ctx = seccomp_init(p->deny == 0 ? SCMP_ACT_KILL_PROCESS :
	    SCMP_ACT_ERRNO((uint32_t)p->deny));
	if (ctx == NULL) {
		errno = ENOSYS;
		return 0;
	}
	if ((rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS)) == 0 &&
	    /* A tree instead of a line: the lists are long. */
	    (rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2)) == 0 &&
	    (rc = add_lists(ctx, p)) == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	if (rc != 0) {
		errno = -rc;
		return 0;
	}
	return 1;
}

#endif
