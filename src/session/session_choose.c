/* Which dissector reads a conversation: what proxies say before it is passed over, then what both sides begin with
   decides, and the port where that does not. */
#include "session_private.h"

#include "base/memory.h"

#include <assert.h>

#define PROBE_ENOUGH 4096 /* octets held after which the choice is made with what there is */

static bool looks_like_tls(struct bytes b)
{
    return b.len >= 3 && tls_may_begin(b);
}

static bool may_become_tls(struct bytes b)
{
    return !b.len || tls_may_begin(b);
}

/* TLS from the first octet: both sides speak it, or, when there is no more to wait for, those that were captured. */
static enum probe probe_tls(struct bytes client, struct bytes server, bool last_chance)
{
    if (!may_become_tls(client) || !may_become_tls(server))
        return PROBE_NO;
    if (looks_like_tls(client) && looks_like_tls(server))
        return PROBE_MATCH;
    if (last_chance && (looks_like_tls(client) || looks_like_tls(server)))
        return PROBE_MATCH;
    return PROBE_UNSURE;
}

const struct dissector *dissector_of_port(uint16_t port, unsigned *name, bool *tls)
{
    for (const struct dissector *const *d = dissectors; *d; d++) {
        for (const struct port_hint *hint = (*d)->ports; hint->port; hint++) {
            if (hint->port == port) {
                *name = hint->name;
                *tls = hint->tls;
                return *d;
            }
        }
    }
    return NULL;
}

static unsigned name_at_port(const struct dissector *d, uint16_t port)
{
    for (const struct port_hint *hint = d->ports; hint->port; hint++)
        if (hint->port == port)
            return hint->name;
    return 0;
}

static void use(struct session *s, const struct dissector *d, unsigned name)
{
    assert(d->state_size <= DISSECTOR_STATE_MAX);
    s->dissector = d;
    s->name = name;
    s->state = memory_get(d->state_size);
    s->changes++;
}

/* TLS from the first octet is what stands at this port: something else is spoken. */
static void note_clear_text(struct session *s)
{
    unsigned name;
    bool tls;
    for (unsigned i = 0; i < s->proxy_count; i++)
        if (s->proxies[i] == PROXY_PROTOCOL)
            return; /* the port is the proxy's, which may have ended TLS there */
    if (dissector_of_port(session_service(s), &name, &tls) && tls)
        session_note(s, NOTE_tls_expected);
}

static void give_up(struct session *s)
{
    unsigned name;
    bool tls;
    s->unrecognised = true;
    s->gone = !dissector_of_port(session_service(s), &name, &tls);
}

/* With a key log, what is spoken is chosen by what comes out; else the port says it. */
static bool choose_tls(struct session *s, struct bytes client, struct bytes server, bool last_chance,
                       enum probe *verdict)
{
    unsigned name;
    bool tls = false;
    const struct dissector *d = dissector_of_port(session_service(s), &name, &tls);
    *verdict = d || s->settings->keylog ? probe_tls(client, server, last_chance) : PROBE_NO;
    if (*verdict != PROBE_MATCH)
        return false;
    s->implicit_tls = true;
    if (!s->settings->keylog)
        use(s, d, name);
    if (tls || session_from_start(s)) /* joined midway, it may have begun with STARTTLS */
        record_word(s->facts, F_session_starttls, "implicit");
    tls_begin(s, "implicit");
    return true;
}

static struct bytes unread_of(const struct session *s, enum side side)
{
    return bytes_of(s->in[side].data, s->in[side].run);
}

static void pass_head(struct session *s, enum side side, size_t len)
{
    struct chunk chunk;
    s->heads[side] += (uint32_t)len;
    for (; len && input_take(&s->in[side], len, &chunk); len -= (size_t)chunk.bytes.len)
        ;
}

/* Was the beginning of that side lost, and is what comes behind it here? What would tell will not come. */
static bool head_is_lost(const struct session *s, enum side side)
{
    return !s->in[side].run && s->in[side].unread && input_gap_ahead(&s->in[side]);
}

/* How much of it is the first reply, with all of its lines ("250-" is none but the last). 0: the last is not here. */
static size_t first_reply(struct bytes server)
{
    for (size_t at = 0; at < server.len;) {
        struct bytes line = bytes_part(server, at, bytes_index(bytes_part(server, at, SIZE_MAX), '\n'));
        at += line.len + 1;
        if (at <= server.len && !(line.len > 3 && byte_is_digit(line.data[0]) && line.data[3] == '-'))
            return at;
    }
    return 0;
}

/* Does a server that took the head for a command answer it so? Version 2 ends in a line of its own, "QUIT". */
static bool is_unknown_command(struct bytes reply)
{
    static const char *const answers[] = {"500",  "501",       "502",      "503",   "504",
                                          "-ERR", "PROXY BAD", "PROXY NO", "* BAD", "QUIT BAD"};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (bytes_starts_nocase(reply, bytes_of_string(answers[i])))
            return true;
    return false;
}

/* Both had spoken: is the head the second thing that the server answers, as a command that it does not know? It was
   sent in haste then, before the greeting of a server that knows nothing of proxies. That second reply came before the
   client had said more, and then no error of SMTP can be another's, or the client does not wait for the greeting with
   its commands either. */
static enum probe is_refused(struct session *s, size_t head_len, bool last_chance)
{
    struct input *client = &s->in[CLIENT], *server = &s->in[SERVER];
    struct mark greeting, reply, next;
    struct bytes said = unread_of(s, SERVER);
    size_t second = first_reply(said);
    bool is_all = last_chance || input_gap_ahead(server) || client->run - head_len + server->run >= PROBE_ENOUGH;
    if (!second || (!is_all && bytes_index(bytes_part(said, second, SIZE_MAX), '\n') + second == said.len))
        return is_all ? PROBE_NO : PROBE_UNSURE;
    if (!input_mark(server, second - 1, &greeting) || !input_mark(server, second, &reply))
        return PROBE_NO;
    bool unasked = reply.seen <= input_at(client) + head_len, has_more = input_mark(client, head_len, &next);
    said = bytes_part(said, second, SIZE_MAX);
    if (is_unknown_command(said) && (unasked || (has_more && next.seen <= greeting.at)))
        return PROBE_MATCH;
    return unasked && said.data[0] == '5' ? PROBE_MATCH : PROBE_NO;
}

/* Did the server wait for the head before it spoke? One that greeted before knows nothing of it, and answers it as a
   command. */
static enum probe heeds(struct session *s, const struct proxy_head *head, bool last_chance)
{
    struct mark first;
    if (head_is_lost(s, SERVER))
        return PROBE_MATCH; /* what stands there is a proxy's by all likelihood */
    if (!input_unread(&s->in[SERVER], &first))
        return PROBE_UNSURE;
    if (first.seen < input_at(&s->in[CLIENT]) + head->len[CLIENT])
        return PROBE_NO;
    if (may_become_tls(unread_of(s, SERVER)))
        return looks_like_tls(unread_of(s, SERVER)) || last_chance ? PROBE_MATCH : PROBE_UNSURE;
    enum probe refused = is_refused(s, head->len[CLIENT], last_chance);
    return refused == PROBE_MATCH ? PROBE_NO : refused == PROBE_NO ? PROBE_MATCH : PROBE_UNSURE;
}

/* Of proxies one behind the other, the last to speak is the one that the client came to. */
static void keep_proxied(struct session *s, const struct proxy_head *head)
{
    if (*head->client_ip)
        session_speaks_for(s, head->client_ip, head->client_port);
}

/* Takes off what opens a connection through a proxy, so that the choice is made by what stands behind it. False: wait.
 */
static bool pass_proxies(struct session *s, bool last_chance)
{
    while (s->proxy_count < SESSION_PROXIES) {
        struct proxy_head head;
        struct bytes client = unread_of(s, CLIENT), server = unread_of(s, SERVER);
        bool alone =
            last_chance || (client.len + server.len >= PROBE_ENOUGH && session_dark(s, client.len ? SERVER : CLIENT));
        enum probe verdict = proxy_probe(client, server, alone, &head);
        if (verdict == PROBE_MATCH && head.proxy == PROXY_PROTOCOL && (server.len || !alone))
            verdict = heeds(s, &head, last_chance);
        if (verdict != PROBE_MATCH)
            return verdict == PROBE_NO || last_chance;
        s->proxies[s->proxy_count++] = (uint8_t)head.proxy;
        s->port = head.port;
        keep_proxied(s, &head);
        pass_head(s, CLIENT, head.len[CLIENT]);
        pass_head(s, SERVER, head.len[SERVER]);
    }
    return true;
}

/* The first in the list to say MATCH once all before it said NO. When there is no more to wait for, the first that is
   unsure and stands at its port. False: none, as yet. */
static bool choose_by_content(struct session *s, bool last_chance, bool *unsure)
{
    struct bytes client = unread_of(s, CLIENT), server = unread_of(s, SERVER);
    const struct dissector *d;
    /* Before the server has spoken, a client may say what it likes. */
    if (!server.len && !last_chance && !session_dark(s, SERVER) && !head_is_lost(s, SERVER)) {
        *unsure = true;
        return false;
    }
    for (size_t i = 0; (d = dissectors[i]) != NULL; i++) {
        enum probe verdict = d->probe(client, server);
        if (verdict == PROBE_MATCH && !(*unsure && !last_chance)) {
            use(s, d, name_at_port(d, session_service(s)));
            return true;
        }
        if (verdict == PROBE_NO)
            continue;
        *unsure = true;
        if (!last_chance)
            return false;
        if (verdict == PROBE_UNLIKELY)
            continue;
        for (const struct port_hint *hint = d->ports; hint->port; hint++) {
            if (hint->port == session_service(s)) {
                use(s, d, hint->name);
                return true;
            }
        }
    }
    return false;
}

static bool is_last_chance(const struct session *s)
{
    struct bytes client = unread_of(s, CLIENT), server = unread_of(s, SERVER);
    unsigned name;
    bool implicit, beheaded = (client.len && head_is_lost(s, SERVER)) || (server.len && head_is_lost(s, CLIENT));
    return client.len + server.len >= PROBE_ENOUGH ||
           (beheaded && dissector_of_port(session_service(s), &name, &implicit));
}

/* Had the server received octets of the client, the first of all, before it spoke, and they are not here yet? */
static bool head_is_behind(struct session *s)
{
    struct input *client = &s->in[CLIENT], *server = &s->in[SERVER];
    struct mark first;
    if (client->unread || client->end || client->closed || !session_saw_syn(s, CLIENT) || session_dark(s, CLIENT) ||
        !session_acks_usable(s, SERVER) || server->unread > s->settings->hold || !input_unread(server, &first))
        return false;
    return first.seen > tcp_start(&s->flow->tcp, CLIENT);
}

void session_choose(struct session *s, bool last_chance)
{
    if ((!last_chance && head_is_behind(s)) || !pass_proxies(s, last_chance))
        return;
    struct bytes client = unread_of(s, CLIENT), server = unread_of(s, SERVER);
    last_chance |= is_last_chance(s);
    if (!client.len && !server.len && !last_chance)
        return;
    enum probe tls;
    if (choose_tls(s, client, server, last_chance, &tls))
        return;
    bool unsure = tls == PROBE_UNSURE;
    if (choose_by_content(s, last_chance, &unsure))
        note_clear_text(s);
    else if (!unsure || last_chance)
        give_up(s);
}

void session_choose_inside(struct session *s, bool last_chance)
{
    bool opaque = s->opaque[CLIENT] && s->opaque[SERVER], unsure = false, tls;
    unsigned name;
    struct bytes client = unread_of(s, CLIENT), server = unread_of(s, SERVER);
    const struct dissector *d = dissector_of_port(session_service(s), &name, &tls);
    last_chance |= opaque || is_last_chance(s);
    if (!client.len && !server.len && !last_chance)
        return;
    if ((!opaque && choose_by_content(s, last_chance, &unsure)) || (unsure && !last_chance))
        return;
    if (d)
        use(s, d, name);
    else
        give_up(s);
}

const char *session_proto(const struct session *s)
{
    unsigned name = s->name;
    bool tls;
    const struct dissector *d = s->dissector;
    if (!d)
        d = dissector_of_port(session_service(s), &name, &tls);
    assert(d); /* who is neither recognised nor at a known port is gone, and gives no record */
    return d->names[name];
}
