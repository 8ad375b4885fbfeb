/* SPDX-License-Identifier: ISC */
#ifndef P2PD_PARENT_CONFSET_H
#define P2PD_PARENT_CONFSET_H

#include "p2pd/parent/conf.h"
#include "p2pd/parent/lex.h"

/*
 * What the statements of the grammar do to the configuration.  Each checks its
 * words and tells what is wrong at the word's own line: 0, or -1.
 */

/* Is it the name of a setting of one word's value? */
int	 confset_is_setting(const char *name);
int	 confset_setting(struct lex *, struct p2pd_conf *,
	    const struct lex_word *name, const struct lex_word *value);
/* The same for a name of several words. */
int	 confset_named(struct lex *, struct p2pd_conf *, const char *name,
	    const struct lex_word *value);

int	 confset_listen(struct lex *, struct p2pd_conf *,
	    const struct lex_word *addr, const struct lex_word *port);
/* Of the last confset_listen(): NULL none. */
int	 confset_listen_udp(struct lex *, struct p2pd_conf *,
	    const struct lex_word *port);

int	 confset_network(struct lex *, struct p2pd_conf *, const struct lex_word *);
int	 confset_bootnode(struct lex *, struct p2pd_conf *, const struct lex_word *);
int	 confset_announce(struct lex *, struct p2pd_conf *, const struct lex_word *);
int	 confset_announce_port(struct lex *, uint16_t *, const struct lex_word *);

/* Each for one item of a list. */
int	 confset_netrestrict(struct lex *, struct p2pd_conf *, const struct lex_word *);
int	 confset_allow(struct lex *, struct p2pd_conf *, const struct lex_word *);
int	 confset_ban(struct lex *, struct p2pd_conf *, const struct lex_word *);
int	 confset_static(struct lex *, struct p2pd_conf *, const struct lex_word *);
int	 confset_trusted(struct lex *, struct p2pd_conf *, const struct lex_word *);

/* Says which socket the next ones are about. */
void	 confset_socket(struct conf_socket *);
void	 confset_socket_none(void);
int	 confset_socket_path(struct lex *, const struct lex_word *);
int	 confset_socket_group(struct lex *, const struct lex_word *);
int	 confset_socket_mode(struct lex *, const struct lex_word *);

/* Begins a rule; the next ones are about it. */
void	 confset_rule(struct p2pd_conf *, int allow);
int	 confset_rule_user(struct lex *, const struct lex_word *);
int	 confset_rule_group(struct lex *, const struct lex_word *);
/* NULL for any capability. */
int	 confset_rule_pattern(struct lex *, const struct lex_word *);
void	 confset_rule_mode(enum conf_as);
/* NULL for any rate. */
int	 confset_rule_rate(struct lex *, const struct lex_word *);

/* What depends on the whole: defaults that others give, contradictions. */
void	 confset_finish(struct lex *, struct p2pd_conf *, const char *file,
	    int listen_none);

#endif
