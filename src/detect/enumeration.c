/* VRFY, EXPN (RFC 5321 sections 3.5, 7.3) and RCPT used to find out which names exist. Per client and server, over any
   number of connections: some tools open one for each name. */
#include "detector.h"

#include <inttypes.h>
#include <stdio.h>

#include "recipient.h"
#include "relay.h"

enum { NAMES, DISCLOSED, VAGUE, LISTED }; /* sets: asked for, disclosed, answered by 252, told by EXPN of others */
enum { VRFY_NAMES, RCPT_NAMES, RCPT_UNKNOWN };

struct enumeration {
    uint64_t vrfy, expn, rcpt; /* asked */
    uint64_t unknown;          /* recipients refused as unknown */
    uint64_t negative;         /* VRFY refused for the name */
    uint64_t sent;             /* transactions that went on to their content */
    uint64_t delivered;        /* recipients of these */
    bool probing;              /* RCPT is enumeration here */
};

#define WINDOW (10 * 60 * CLOCK_S)

static struct bytes bare_name(struct bytes arg)
{
    arg = bytes_trim(arg);
    if (arg.len >= 2 && arg.data[0] == '<' && arg.data[arg.len - 1] == '>')
        arg = bytes_part(arg, 1, arg.len - 2);
    return arg;
}

static bool confirms(const struct seen_command *c, bool expn)
{
    return c->code == 250 || (!expn && (c->code == 251 || c->code == 551));
}

static struct bytes local_part(struct bytes addr)
{
    return bytes_part(addr, 0, bytes_index(addr, '@'));
}

/* Whoever is on a list, or behind an alias: an address in each line, in angle brackets. */
static void see_listed(struct watch *w, struct profile *e, const struct seen_command *c)
{
    struct bytes asked = local_part(bare_name(c->arg));
    for (size_t at = 0; at < c->text.len;) {
        struct bytes line = bytes_part(c->text, at, c->text.len);
        line = bytes_part(line, 0, bytes_index(line, '\n'));
        at += line.len + 1;
        size_t open = bytes_index(line, '<');
        struct bytes addr = bytes_part(line, open, line.len);
        addr = bare_name(bytes_part(addr, 0, bytes_index(addr, '>') + 1));
        if (open < line.len && addr.len && !bytes_equal_nocase(local_part(addr), asked))
            profile_add(w, e, LISTED, tally_hash_nocase(addr));
    }
}

/* 252 says nothing, unless the same server also says no to others: then it says yes. */
static uint64_t disclosed(const struct profile *e)
{
    const struct enumeration *x = profile_data_of(e);
    return profile_distinct(e, DISCLOSED) + (x->negative ? profile_distinct(e, VAGUE) : 0);
}

static void speak(struct watch *w, struct profile *e, bool many)
{
    if (many && disclosed(e))
        profile_alert(w, e, SEVERITY_HIGH, CONFIDENCE_HIGH);
    else
        profile_alert(w, e, many ? SEVERITY_MEDIUM : SEVERITY_INFO, many ? CONFIDENCE_HIGH : CONFIDENCE_LOW);
}

static void see_vrfy(struct watch *w, const struct seen *s, struct profile *e, const struct seen_command *c)
{
    struct enumeration *x = profile_data(e);
    bool expn = bytes_equal(c->verb, BYTES("EXPN"));
    uint64_t name = tally_hash_nocase(bare_name(c->arg));
    struct recent *recent = profile_recent(e);
    profile_event(w, e, s, c->when);
    *(expn ? &x->expn : &x->vrfy) += 1;
    bool fresh = profile_add(w, e, NAMES, name);
    if (!c->unsure && confirms(c, expn)) {
        profile_add(w, e, DISCLOSED, name);
        if (expn)
            see_listed(w, e, c);
    } else if (!c->unsure && c->code == 252)
        profile_add(w, e, VAGUE, name);
    x->negative += !c->unsure && (c->code == 550 || c->code == 553);
    if (fresh || !profile_has_spoken(e))
        profile_command(w, e, s, c);
    profile_happened(w, e, c->when, name);
    /* Old list software asks for each name before it sends to it. */
    bool asks_to_send = x->delivered && x->delivered * 2 >= profile_distinct(e, NAMES);
    if (recent_distinct(recent, c->when - WINDOW) >= watch_threshold(w, VRFY_NAMES) && !asks_to_send)
        x->probing = true;
    if (x->probing || !settings_are_local(watch_settings(w), &s->client, &s->server))
        speak(w, e, x->probing);
}

static bool asks(struct bytes verb)
{
    return bytes_equal(verb, BYTES("VRFY")) || bytes_equal(verb, BYTES("EXPN"));
}

static void see_session(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server, .name = BYTES("")};
    if (!seen_may_have(s, asks))
        return;
    size_t count;
    const struct seen_command *commands = seen_commands(s, &count);
    for (size_t i = 0; i < count; i++) {
        const struct seen_command *c = &commands[i];
        if (asks(c->verb))
            see_vrfy(w, s, profile_get(w, &key, s), c);
    }
}

static void see_rcpt(struct watch *w, const struct seen *s, struct profile *e, const struct seen_rcpt *r)
{
    struct enumeration *x = profile_data(e);
    struct route route;
    uint64_t name = tally_hash_nocase(r->addr);
    bool unknown = recipient_is_unknown(r), accepted = !r->unsure && (r->code == 250 || r->code == 251);
    relay_route(r->addr, &route);
    if (relay_is_route(route.form))
        return; /* who asks by which way it goes looks for a relay */
    if (!unknown && !accepted)
        return; /* greylisting, rate limits and policies tell nothing of the name */
    profile_event(w, e, s, s->end);
    x->rcpt++;
    x->unknown += unknown;
    profile_add(w, e, NAMES, name);
    if (accepted)
        profile_add(w, e, DISCLOSED, name);
    profile_happened(w, e, s->end, unknown ? name | 1 : name & ~UINT64_C(1));
    profile_evidence(w, e, s, s->ts, r->frame, "RCPT TO:<%.*s> -> %" PRIu64 " %.*s", SHOWN(r->addr), r->code,
                     SHOWN(r->status));
}

/* Whoever wants to send goes on to the content where a recipient is accepted; whoever asks for names does not. */
static void judge(struct watch *w, struct profile *e, const struct seen *s)
{
    struct enumeration *x = profile_data(e);
    struct recent *recent = profile_recent(e);
    unsigned unknown = 0, names = recent_distinct(recent, s->end - WINDOW);
    for (unsigned i = 0; i < recent->count; i++)
        unknown += recent->list[i].when >= s->end - WINDOW && (recent->list[i].what & 1);
    bool mostly = names && unknown * 10 >= names * 7;
    if (x->sent)
        x->probing |= mostly && names >= RECENT_MOST - 2 && x->sent * 20 < x->unknown;
    else
        x->probing |=
            (mostly && names >= watch_threshold(w, RCPT_NAMES)) || unknown >= watch_threshold(w, RCPT_UNKNOWN);
    if (x->probing)
        speak(w, e, true);
}

static void see_message(struct watch *w, const struct seen *s)
{
    struct key key = {.client = &s->client, .server = &s->server, .name = BYTES("")};
    if (seen_is(s, F_message_auth, "user") || !s->rcpt_count)
        return;
    if (recipient_is_callout(s))
        key.name = BYTES("callout");
    struct profile *e = profile_get(w, &key, s);
    struct enumeration *x = profile_data(e);
    if (recipient_content_followed(s)) {
        x->sent++;
        for (size_t i = 0; i < s->rcpt_count; i++)
            x->delivered += bytes_equal(s->rcpts[i].verdict, BYTES("accepted"));
        return;
    }
    for (size_t i = 0; i < s->rcpt_count; i++)
        see_rcpt(w, s, e, &s->rcpts[i]);
    if (!recipient_is_callout(s))
        judge(w, e, s);
}

static void see(struct watch *w, const struct seen *s)
{
    if (!seen_is_smtp(s))
        return;
    if (s->kind == KIND_session)
        see_session(w, s);
    else
        see_message(w, s);
}

static void tell(const struct watch *w, const struct profile *e, struct finding *f)
{
    const struct enumeration *x = profile_data_of(e);
    char span[SPAN_SIZE];
    uint64_t listed = profile_distinct(e, LISTED);
    const char *method = x->vrfy ? "VRFY" : x->expn ? "EXPN" : "RCPT";
    const char *more = (x->vrfy && x->expn) ? " and EXPN" : (x->vrfy || x->expn) && x->rcpt ? " and RCPT" : "";
    f->subject = SUBJECT_CLIENT_IP;
    f->distinct = profile_distinct(e, NAMES);
    f->threshold = watch_threshold(w, x->vrfy || x->expn ? VRFY_NAMES : RCPT_NAMES);
    finding_detail(f, "vrfy", x->vrfy);
    finding_detail(f, "expn", x->expn);
    finding_detail(f, "rcpt", x->rcpt);
    finding_detail(f, "disclosed", disclosed(e));
    finding_detail(f, "listed", listed);
    finding_detail(f, "unknown", x->unknown + x->negative);
    int n = snprintf(f->reason, sizeof f->reason,
                     "%" PRIu64 " different name%s asked for by %s%s in %s; %" PRIu64 " disclosed", f->distinct,
                     f->distinct == 1 ? "" : "s", method, more, span_text(profile_age(e), span), disclosed(e));
    if (listed && n > 0 && (size_t)n < sizeof f->reason)
        snprintf(f->reason + n, sizeof f->reason - (size_t)n, ", and %" PRIu64 " address%s on lists", listed,
                 listed == 1 ? "" : "es");
}

const struct detector enumeration_detector = {
    .name = "enumeration",
    .family = "smtp",
    .number = 7700201,
    .revision = 1,
    .title = "Mail address enumeration",
    .category = "reconnaissance",
    .severity = SEVERITY_MEDIUM,
    .mitre = "T1589.002 T1087.003",
    .references = "RFC 5321 section 3.5,RFC 5321 section 7.3",
    .means =
        "A client asks a server for one name after the other, by VRFY, EXPN or RCPT, to learn which exist. The names "
        "serve for spam, for guessing passwords, or for letters that fool their reader.",
    .proof =
        "Five different names by VRFY or EXPN within ten minutes, or ten by RCPT of which most are refused as "
        "unknown, or five refused and no content ever sent. All connections of one client to one server count "
        "together. A name counts as disclosed by 250, 251 or 551, by 252 where other names are refused, and by an "
        "accepted RCPT of a transaction without content; addresses that EXPN tells of lists and aliases are counted "
        "apart. A user is unknown by the codes, or by the words of servers "
        "that give none, as Exim; addresses with a route in them are relay_probe's. It is medium, and high once a name "
        "was disclosed; a single VRFY from outside is info.",
    .traps = "Old list software asks VRFY before it sends: info while it sends to half of the names or more. "
             "Newsletters with stale recipients go on to the content for the others and "
             "are left out, as are bounces and sender checks (from nobody, one recipient), greylisting, rate limits, "
             "and clients that have logged in. Your own scanner belongs on the list of those that are suppressed.",
    .advice =
        "Turn VRFY and EXPN off (Postfix: disable_vrfy_command=yes), answer 252 to all; slow down or block clients "
        "after some unknown recipients; watch the disclosed names for guessed passwords.",
    .kinds = KINDS(session) | KINDS(message),
    .data_size = sizeof(struct enumeration),
    .window = WINDOW,
    .thresholds = {{"names", 5, "different names by VRFY and EXPN within ten minutes"},
                   {"rcpt_names", 10, "different names by RCPT within ten minutes, 70 % of them unknown"},
                   {"rcpt_unknown", 5, "unknown names by RCPT within ten minutes, without any content"}},
    .see = see,
    .tell = tell,
};
