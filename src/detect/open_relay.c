/* A server that takes mail from strangers for strangers (RFC 5321 section 7.9, RFC 2505, RFC 5068). What a server may
   take is known from local_domains; where none are told, only two things convict it: that the same mail is seen to
   leave it for elsewhere, and that it accepts after trying several forms what nobody but a tester would send. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "relay.h"

enum { CLIENTS, SITES, DOMAINS }; /* sets of a server, and of a learned domain */

enum level { LEVEL_NONE, LEVEL_RECIPIENT, LEVEL_MESSAGE, LEVEL_DELIVERED };

struct open_relay { /* of entities by their names: a server (""), the others are named by what they begin with */
    uint64_t recipients, messages, delivered;
    uint64_t forms[RELAY_FORMS];
    uint8_t level;
    bool told_domains;   /* it rests on local_domains */
    uint32_t seen_forms; /* of a client and server: forms tried */
    struct host server;  /* of a mail on its way: who took it */
    int64_t taken;
};

#define ONWARD       (10 * 60 * CLOCK_S)
#define LEARN_WINDOW (24 * 3600 * CLOCK_S)

struct attempt {
    const struct seen *s;
    const struct seen_rcpt *rcpt;
    struct route route;
    enum relay_form form;
    struct bytes server_name;
};

enum { ONWARD_DOMAINS };

static struct bytes named(char kind, struct bytes text, char *to, size_t size)
{
    to[0] = kind;
    return bytes_of(to, 1 + bytes_lower(text, to + 1, size - 1).len);
}

/* Whoever has several networks, by name: senders from three of them, taken with content by a server that refuses to
   relay for others. */
static struct profile *learned(struct watch *w, const struct seen *s, struct bytes domain)
{
    char text[300];
    struct key key = {.server = &s->server, .name = named('d', domain, text, sizeof text)};
    return profile_find(w, &key);
}

static bool server_denies(struct watch *w, const struct host *server)
{
    struct key key = {.server = server, .name = BYTES("r")};
    return profile_find(w, &key) != NULL;
}

static void learn(struct watch *w, const struct attempt *a)
{
    char text[300];
    const struct seen *s = a->s;
    struct host site = host_site(&s->client);
    struct key key = {.server = &s->server, .name = named('d', a->route.domain, text, sizeof text)};
    if (a->route.form != RELAY_PLAIN || !a->route.domain.len || !seen_is(s, F_message_verdict, "accepted"))
        return;
    profile_add(w, profile_get(w, &key, s), SITES, tally_host(&site));
}

static bool is_learned(struct watch *w, const struct attempt *a)
{
    struct profile *e = learned(w, a->s, a->route.domain);
    if (!e || profile_distinct(e, SITES) < 3 || !server_denies(w, &a->s->server))
        return false;
    learn(w, a); /* it is known for as long as mail comes */
    return true;
}

static bool is_foreign(struct watch *w, const struct attempt *a)
{
    const struct detect_settings *o = watch_settings(w);
    if (relay_is_servers(a->route.domain, a->server_name, &a->s->server) || settings_own_domain(o, a->route.domain))
        return false;
    return o->local_domain_count || !is_learned(w, a);
}

static void convict(struct watch *w, const struct attempt *a, enum level level, bool told)
{
    static const enum severity severities[] = {[LEVEL_NONE] = SEVERITY_INFO,
                                               [LEVEL_RECIPIENT] = SEVERITY_MEDIUM,
                                               [LEVEL_MESSAGE] = SEVERITY_HIGH,
                                               [LEVEL_DELIVERED] = SEVERITY_HIGH};
    const struct seen *s = a->s;
    struct key key = {.server = &s->server, .name = BYTES("")};
    struct profile *e = profile_get(w, &key, s);
    struct open_relay *x = profile_data(e);
    profile_event(w, e, s, s->end);
    x->recipients++;
    x->messages += level >= LEVEL_MESSAGE;
    x->forms[a->form]++;
    x->told_domains |= told;
    if (level > x->level)
        x->level = (uint8_t)level;
    profile_add(w, e, CLIENTS, tally_host(&s->client));
    profile_evidence(w, e, s, s->ts, a->rcpt->frame, "MAIL FROM:<%.*s> RCPT TO:<%.*s> -> %" PRIu64 "%s",
                     SHOWN(seen_text(s, F_message_mail_from)), SHOWN(a->rcpt->addr), a->rcpt->code,
                     level >= LEVEL_MESSAGE ? ", content accepted" : "");
    profile_alert(w, e, severities[level], told ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM);
}

/* A mail that was taken: if it goes on to elsewhere within ten minutes, that is relaying. */
static void remember(struct watch *w, const struct attempt *a, bool told)
{
    char text[600];
    struct bytes id = seen_text(a->s, F_message_message_id);
    struct host site = host_site(&a->s->server);
    for (unsigned i = 0; i < (told ? 2 : 1); i++) { /* by its Message-ID only where that proves something */
        struct key key = {.client = &site, .name = named(i ? 'i' : 'm', i ? id : a->route.mailbox, text, sizeof text)};
        if (key.name.len == 1)
            continue;
        struct profile *e = profile_get(w, &key, a->s);
        struct open_relay *x = profile_data(e);
        if (profile_events(e) && a->s->end - x->taken < ONWARD)
            continue;
        x->server = a->s->server;
        x->taken = a->s->end;
        x->told_domains = told;
        profile_event(w, e, a->s, a->s->end);
        profile_evidence(w, e, a->s, a->s->ts, a->rcpt->frame, "MAIL FROM:<%.*s> RCPT TO:<%.*s> -> %" PRIu64,
                         SHOWN(seen_text(a->s, F_message_mail_from)), SHOWN(a->rcpt->addr), a->rcpt->code);
    }
}

/* A backup MX that nobody named does the same, for the one domain, or the two, that it stands in for; a server that
   refuses to relay for others has chosen those it serves. */
static void speak_onward(struct watch *w, struct profile *e, const struct host *server, struct bytes mailbox, bool told)
{
    struct route route;
    relay_route(mailbox, &route);
    profile_add(w, e, DOMAINS, tally_hash_nocase(route.domain));
    if (told)
        profile_alert(w, e, SEVERITY_CRITICAL, CONFIDENCE_HIGH);
    else if (profile_distinct(e, DOMAINS) >= watch_threshold(w, ONWARD_DOMAINS) && !server_denies(w, server))
        profile_alert(w, e, SEVERITY_HIGH, CONFIDENCE_MEDIUM);
    else
        profile_alert(w, e, SEVERITY_LOW, CONFIDENCE_LOW);
}

/* Does that message, from a server's site outward, carry on one that was taken there? */
static void see_onward(struct watch *w, const struct seen *s)
{
    char text[600];
    struct bytes id = seen_text(s, F_message_message_id);
    struct host site = host_site(&s->client);
    for (size_t i = 0; i <= s->rcpt_count; i++) {
        struct bytes name = i < s->rcpt_count ? s->rcpts[i].addr : id;
        if (!name.len || (i < s->rcpt_count && !bytes_equal(s->rcpts[i].verdict, BYTES("accepted"))))
            continue;
        /* A list or an alias sends on what it took, to others. */
        if (i == s->rcpt_count && !watch_settings(w)->local_domain_count)
            continue;
        struct key key = {.client = &site, .name = named(i < s->rcpt_count ? 'm' : 'i', name, text, sizeof text)};
        struct profile *mail = profile_find(w, &key);
        if (!mail)
            continue;
        struct open_relay *m = profile_data(mail);
        if (s->end - m->taken > ONWARD || s->end < m->taken - CLOCK_S ||
            settings_are_local(watch_settings(w), &s->server, &m->server))
            continue;
        bool told = m->told_domains;
        if (!told && i == s->rcpt_count)
            continue; /* the same message to somebody else: an alias, a list, somebody who has it all passed on */
        struct host server = m->server;
        struct key relay = {.server = &server, .name = BYTES("")};
        struct profile *e = profile_get(w, &relay, s);
        struct open_relay *x = profile_data(e);
        if (!profile_has_spoken(e))
            profile_copy_evidence(w, e, mail);
        profile_event(w, e, s, s->end);
        x->delivered++;
        x->level = LEVEL_DELIVERED;
        char to[HOST_TEXT_SIZE];
        host_format(&s->server, to);
        profile_evidence(w, e, s, s->ts, i < s->rcpt_count ? s->rcpts[i].frame : s->frame, "passed on to %s: <%.*s>",
                         to, SHOWN(name));
        speak_onward(w, e, &server, name, told);
        return;
    }
}

/* Without local_domains, and not seen to leave: only what no ordinary client does convicts. */
static void see_tester(struct watch *w, const struct attempt *a, bool content)
{
    struct key key = {.client = &a->s->client, .server = &a->s->server, .name = BYTES("t")};
    struct profile *e = profile_get(w, &key, a->s);
    struct open_relay *x = profile_data(e);
    profile_event(w, e, a->s, a->s->end);
    x->seen_forms |= 1u << a->form;
    if (!bytes_equal(a->rcpt->verdict, BYTES("accepted")) || a->rcpt->unsure)
        return;
    if (__builtin_popcount(x->seen_forms) < 3) {
        x->forms[a->form]++;
        return;
    }
    convict(w, a, content ? LEVEL_MESSAGE : LEVEL_RECIPIENT, false);
    struct key relay = {.server = &a->s->server, .name = BYTES("")};
    struct open_relay *y = profile_data(profile_get(w, &relay, a->s));
    for (unsigned i = 0; i < RELAY_FORMS; i++) { /* what it took before there were three */
        y->forms[i] += x->forms[i];
        y->recipients += x->forms[i];
        x->forms[i] = 0;
    }
}

static void see_attempt(struct watch *w, const struct attempt *a)
{
    const struct detect_settings *o = watch_settings(w);
    bool accepted = bytes_equal(a->rcpt->verdict, BYTES("accepted")) && !a->rcpt->unsure;
    bool content = accepted && seen_is(a->s, F_message_verdict, "accepted");
    if (relay_denied(a->rcpt)) {
        struct key key = {.server = &a->s->server, .name = BYTES("r")};
        profile_get(w, &key, a->s);
    }
    if (!is_foreign(w, a))
        return;
    if (o->local_domain_count) {
        bool elsewhere = a->rcpt->code == 251 || a->rcpt->code == 252; /* a user known, and a name not looked up */
        if (accepted && (content || !elsewhere))
            convict(w, a, content ? LEVEL_MESSAGE : LEVEL_RECIPIENT, true);
    } else {
        see_tester(w, a, content);
        if (content)
            learn(w, a);
    }
    if (content)
        remember(w, a, o->local_domain_count > 0);
}

/* Only what was seen whole says that nobody had logged in. */
static bool is_from_a_stranger(const struct watch *w, const struct seen *s)
{
    const struct detect_settings *o = watch_settings(w);
    if (!seen_is(s, F_message_auth, "none") || s->quality & (QUALITY_GAP | QUALITY_ONE_SIDED | QUALITY_MIDSTREAM))
        return false;
    return !settings_are_local(o, &s->client, &s->server) && !settings_is_mail_server(o, &s->client);
}

static void see(struct watch *w, const struct seen *s)
{
    const struct detect_settings *o = watch_settings(w);
    if (!seen_is_smtp(s))
        return;
    see_onward(w, s);
    if (!is_from_a_stranger(w, s) || (o->local_net_count && !settings_are_local(o, &s->server, &s->server)))
        return;
    struct attempt a = {.s = s, .server_name = seen_text(s, F_message_server_name)};
    for (size_t i = 0; i < s->rcpt_count; i++) {
        a.rcpt = &s->rcpts[i];
        relay_route(a.rcpt->addr, &a.route);
        a.form = relay_form(&a.route, seen_text(s, F_message_mail_from), seen_has(s, F_message_mail_from),
                            a.server_name, &s->server);
        see_attempt(w, &a);
    }
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    static const char *const levels[] = {"", "a recipient elsewhere was accepted", "mail for elsewhere was accepted",
                                         "mail for elsewhere was accepted, and seen to be passed on"};
    const struct open_relay *x = profile_data_of(e);
    bool few = x->level == LEVEL_DELIVERED && profile_distinct(e, DOMAINS) < watch_threshold(w, ONWARD_DOMAINS);
    const char *doubt = x->told_domains ? ""
                        : few           ? "; what is local was not told: it may be a backup MX"
                                        : "; what is local was not told and is guessed";
    f->subject = SUBJECT_SERVER_IP;
    f->count = x->recipients > x->delivered ? x->recipients : x->delivered;
    f->distinct = profile_distinct(e, CLIENTS);
    finding_detail(f, "recipients", x->recipients);
    finding_detail(f, "messages", x->messages);
    finding_detail(f, "passed_on", x->delivered);
    for (unsigned i = 0; i < RELAY_FORMS; i++)
        finding_detail(f, relay_form_names[i], x->forms[i]);
    snprintf(f->reason, sizeof f->reason, "from a stranger without login %s, %" PRIu64 " time%s%s", levels[x->level],
             f->count, f->count == 1 ? "" : "s", doubt);
}

const struct detector open_relay_detector = {
    .name = "open_relay",
    .family = "smtp",
    .number = 7700101,
    .revision = 1,
    .title = "Open relay",
    .category = "relay",
    .severity = SEVERITY_HIGH,
    .mitre = "T1584.004",
    .references = "RFC 5321 section 7.9,RFC 2505,RFC 5068",
    .means = "A server of yours takes mail from anybody for anybody. It will be found, used for spam, and be listed "
             "where other servers look whom to refuse.",
    .proof = "A client that is not local and has not logged in names a recipient whose domain, with all routes "
             "undone, is not yours, and the server accepts it (medium), or takes the content too (high), or is seen "
             "to pass the mail on to another network within ten minutes (critical). Where --local-domains does not "
             "say what is yours, only the last, for three domains (high; low for fewer), or a client that tries three "
             "forms of addresses, counts.",
    .traps =
        "A backup MX and hosted domains: name them with --local-domains. Lists and aliases pass on what they took, to "
        "other addresses: that does not count where nothing was named. Partners that may relay by their "
        "address: name them with --mail-servers. Some servers accept first and bounce later: a recipient alone "
        "is no proof. Sessions with gaps, and those that may have logged in unseen, are left out.",
    .advice = "Postfix: smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, "
              "reject_unauth_destination; see that mynetworks holds no more than it must. Then look through the queue.",
    .kinds = KINDS(message),
    .data_size = sizeof(struct open_relay),
    .window = LEARN_WINDOW,
    .thresholds = {{"domains", 3,
                    "domains passed on to, where --local-domains does not say what is yours, for it to be high"}},
    .see = see,
    .tell = tell,
};
