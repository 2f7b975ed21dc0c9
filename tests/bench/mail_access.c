/* POP3 (RFC 1939, 2449) and IMAP (RFC 9051) with literals (7888), APPEND, IDLE (2177) and pipelining. */
#include "mail.h"
#include <openssl/evp.h>
#include <stdio.h>

#define MAILBOX_MAX 40

static int64_t think(struct random *r)
{
    return (int64_t)random_size(r, 200, 40000);
}

static void user_name(struct random *r, char user[static 40])
{
    snprintf(user, 40, "user%u", (unsigned)random_below(r, 5000));
}

static void compose(struct writer *w, struct random *r)
{
    size_t text, attachment;
    char from[64], to[64];

    mail_sizes(w, r, &text, &attachment);
    snprintf(from, sizeof(from), "from%u@example.net", (unsigned)random_below(r, 100000));
    snprintf(to, sizeof(to), "to%u@example.org", (unsigned)random_below(r, 100000));
    draft_compose(&w->draft, &w->pool, r, from, to, text, attachment);
}

/* A POP3 command and its reply of one line. */
static size_t pop3_line(struct script *s, struct random *r, const char *verb, const char *line, const char *reply)
{
    size_t c;

    script_turn(s, CLIENT, think(r));
    c = script_command(s, verb, "%s", line);
    script_turn(s, SERVER, think(r));
    script_reply(s, c, 0, *reply == '+' ? "OK" : "ERR", "%s", reply);
    return c;
}

static void pop3_login(struct script *s, struct random *r)
{
    struct fact_auth *a = SCRIPT_ADD(s, auth);
    char line[64];
    size_t user;

    a->mech = "USER";
    a->success = true;
    user_name(r, a->user);
    snprintf(line, sizeof(line), "USER %s", a->user);
    user = pop3_line(s, r, "USER", line, "+OK");
    a->command = pop3_line(s, r, "PASS", "PASS secret123", "+OK Logged in.");
    s->commands[a->command].asked.from = s->commands[user].asked.from;
    s->commands[a->command].answered.from = s->commands[user].answered.from;
}

static void pop3_lists(struct script *s, struct random *r, unsigned count)
{
    static const char *const VERBS[] = {"LIST", "UIDL"};
    char reply[64];

    snprintf(reply, sizeof(reply), "+OK %u %u", count, count * 5000);
    pop3_line(s, r, "STAT", "STAT", reply);
    for (size_t i = 0; i < 2; i++) {
        size_t c;

        script_turn(s, CLIENT, think(r));
        c = script_command(s, VERBS[i], "%s", VERBS[i]);
        script_turn(s, SERVER, think(r));
        script_reply(s, c, 0, "OK", "+OK %u messages:", count);
        for (unsigned n = 1; n <= count; n++)
            script_say(s, i == 0 ? "%u %04u\r\n" : "%u 0000%04u6b027f3b\r\n", n, 4000 + n);
        script_say(s, ".\r\n");
        s->commands[c].answered.to = script_place(s);
    }
}

static void pop3(struct writer *w, struct random *r, struct script *s)
{
    unsigned count = w->kind == KIND_SHORT ? 1 : (unsigned)random_between(r, 1, w->kind == KIND_LONG ? 2 : 6);
    char line[64], reply[64];

    script_init(s, "pop3", 110);
    script_turn(s, SERVER, think(r));
    script_say(s, "+OK Dovecot (Debian) ready.\r\n");
    if (random_below(r, 2) == 0) {
        size_t c;

        script_turn(s, CLIENT, think(r));
        c = script_command(s, "CAPA", "CAPA");
        script_turn(s, SERVER, think(r));
        script_reply(s, c, 0, "OK", "+OK\r\nCAPA\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nPIPELINING\r\nUSER\r\n.");
    }
    if (w->kind == KIND_MIXED && random_below(r, 8) == 0) {
        struct fact_auth *a = SCRIPT_ADD(s, auth);

        *a = (struct fact_auth){.mech = "USER"};
        user_name(r, a->user);
        snprintf(line, sizeof(line), "USER %s", a->user);
        pop3_line(s, r, "USER", line, "+OK");
        a->command = pop3_line(s, r, "PASS", "PASS wrong", "-ERR [AUTH] Authentication failed.");
    }
    pop3_login(s, r);
    pop3_lists(s, r, count);
    for (unsigned n = 1; n <= count; n++) {
        struct fact_message *m;
        size_t c;

        compose(w, r);
        script_turn(s, CLIENT, think(r));
        c = script_command(s, "RETR", "RETR %u", n);
        script_turn(s, SERVER, think(r));
        script_reply(s, c, 0, "OK", "+OK %zu octets", draft_size(&w->draft));
        draft_say_dotted(&w->draft, s);
        m = SCRIPT_ADD(s, message);
        *m = w->draft.fact;
        m->command = c;
        snprintf(line, sizeof(line), "DELE %u", n);
        snprintf(reply, sizeof(reply), "+OK Marked to be deleted.");
        if (random_below(r, 2) == 0)
            pop3_line(s, r, "DELE", line, reply);
    }
    pop3_line(s, r, "QUIT", "QUIT", "+OK Logging out.");
    s->server_closes = true;
}

/* An IMAP command without anything untagged; `next` counts its tag. */
static size_t imap_line(struct script *s, struct random *r, unsigned *next, const char *verb, const char *rest,
                        const char *reply)
{
    unsigned tag = ++*next;
    size_t c;

    script_turn(s, CLIENT, think(r));
    c = script_command(s, verb, "a%u %s%s%s", tag, verb, *rest != '\0' ? " " : "", rest);
    script_turn(s, SERVER, think(r));
    script_reply(s, c, 0, "OK", "a%u OK %s", tag, reply);
    return c;
}

static void imap_login(struct script *s, struct random *r, unsigned *next)
{
    struct fact_auth *a = SCRIPT_ADD(s, auth);
    char rest[96], plain[64], text[128];
    int n;

    a->success = true;
    user_name(r, a->user);
    if (random_below(r, 3) > 0) {
        a->mech = "LOGIN";
        snprintf(rest, sizeof(rest), random_below(r, 2) == 0 ? "%s secret123" : "\"%s\" \"secret 123\"", a->user);
        a->command = imap_line(s, r, next, "LOGIN", rest, "Logged in");
        return;
    }
    a->mech = "PLAIN";
    n = snprintf(plain, sizeof(plain), "%c%s%csecret123", 0, a->user, 0);
    EVP_EncodeBlock((uint8_t *)text, (const uint8_t *)plain, n);
    script_turn(s, CLIENT, think(r));
    a->command = script_command(s, "AUTHENTICATE", "a%u AUTHENTICATE PLAIN", ++*next);
    script_turn(s, SERVER, think(r));
    script_say(s, "+ \r\n");
    script_turn(s, CLIENT, think(r));
    script_say(s, "%s\r\n", text);
    s->commands[a->command].asked.to = s->sent[CLIENT];
    script_turn(s, SERVER, think(r));
    script_reply(s, a->command, 0, "OK", "a%u OK Logged in", *next);
}

static void imap_select(struct script *s, struct random *r, unsigned *next, unsigned count)
{
    size_t c;

    script_turn(s, CLIENT, think(r));
    c = script_command(s, "SELECT", "a%u SELECT INBOX", ++*next);
    script_turn(s, SERVER, think(r));
    script_say(s,
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* %u EXISTS\r\n* 0 RECENT\r\n"
               "* OK [UIDVALIDITY 1767225600] UIDs valid\r\n* OK [UIDNEXT %u] Predicted next UID\r\n",
               count, count + 1);
    script_reply(s, c, 0, "OK", "a%u OK [READ-WRITE] Select completed.", *next);
}

/* One message, or only its header fields. */
static void imap_fetch(struct writer *w, struct script *s, struct random *r, unsigned *next, unsigned n)
{
    bool uid = random_below(r, 2) == 0, header = w->kind == KIND_MIXED && random_below(r, 5) == 0;
    const char *section = header ? "HEADER" : "";
    struct fact_message *m;
    uint64_t begin;
    size_t c, size;

    compose(w, r);
    size = header ? w->draft.header : draft_size(&w->draft);
    script_turn(s, CLIENT, think(r));
    c = uid ? script_command(s, "UID FETCH", "a%u UID FETCH %u (UID FLAGS BODY.PEEK[%s])", ++*next, n, section)
            : script_command(s, "FETCH", "a%u FETCH %u (BODY.PEEK[%s])", ++*next, n, section);
    script_turn(s, SERVER, think(r));
    begin = script_place(s);
    if (uid)
        script_say(s, "* %u FETCH (UID %u FLAGS (\\Seen) BODY[%s] {%zu}\r\n", n, n, section, size);
    else
        script_say(s, "* %u FETCH (BODY[%s] {%zu}\r\n", n, section, size);
    draft_say(&w->draft, s, 0, size);
    script_say(s, ")\r\n");
    script_reply(s, c, 0, "OK", "a%u OK Fetch completed.", *next);
    m = SCRIPT_ADD(s, message);
    *m = w->draft.fact;
    m->size = size;
    m->command = c;
    m->header.from = begin;
    m->content.from = begin;
    if (header)
        m->sha256[0] = m->attachment[0] = '\0';
}

static void imap_append(struct writer *w, struct script *s, struct random *r, unsigned *next)
{
    bool waits = random_below(r, 2) == 0;
    struct fact_message *m;
    size_t c;

    compose(w, r);
    script_turn(s, CLIENT, think(r));
    c = script_command(s, "APPEND", "a%u APPEND Sent (\\Seen) {%zu%s}", ++*next, draft_size(&w->draft),
                       waits ? "" : "+");
    if (waits) {
        script_turn(s, SERVER, think(r));
        script_say(s, "+ OK\r\n");
        script_turn(s, CLIENT, think(r));
    }
    draft_say(&w->draft, s, 0, draft_size(&w->draft));
    script_say(s, "\r\n");
    script_turn(s, SERVER, think(r));
    script_reply(s, c, 0, "OK", "a%u OK [APPENDUID 1767225600 %u] Append completed.", *next, *next);
    m = SCRIPT_ADD(s, message);
    *m = w->draft.fact;
    m->command = c;
}

static void imap_idle(struct script *s, struct random *r, unsigned *next, unsigned count)
{
    size_t c;

    script_turn(s, CLIENT, think(r));
    c = script_command(s, "IDLE", "a%u IDLE", ++*next);
    script_turn(s, SERVER, think(r));
    script_say(s, "+ idling\r\n");
    if (random_below(r, 2) == 0)
        script_say(s, "* %u EXISTS\r\n* 1 RECENT\r\n", count + 1);
    script_turn(s, CLIENT, 100 * think(r));
    script_say(s, "DONE\r\n");
    script_turn(s, SERVER, think(r));
    script_reply(s, c, 0, "OK", "a%u OK Idle completed.", *next);
}

/* Several commands in one go, answered in one go. */
static void imap_pipelined(struct script *s, struct random *r, unsigned *next, unsigned count)
{
    size_t commands[3];
    unsigned tag = *next;

    script_turn(s, CLIENT, think(r));
    commands[0] = script_command(s, "STORE", "a%u STORE %u +FLAGS (\\Flagged)", tag + 1, count);
    commands[1] = script_command(s, "FETCH", "a%u FETCH 1:%u (FLAGS UID)", tag + 2, count);
    commands[2] = script_command(s, "NOOP", "a%u NOOP", tag + 3);
    *next = tag + 3;
    script_turn(s, SERVER, think(r));
    script_say(s, "* %u FETCH (FLAGS (\\Flagged))\r\n", count);
    script_reply(s, commands[0], 0, "OK", "a%u OK Store completed.", tag + 1);
    for (unsigned n = 1; n <= count; n++)
        script_say(s, "* %u FETCH (FLAGS (\\Seen) UID %u)\r\n", n, n);
    script_reply(s, commands[1], 0, "OK", "a%u OK Fetch completed.", tag + 2);
    script_reply(s, commands[2], 0, "OK", "a%u OK NOOP completed.", tag + 3);
}

static void imap(struct writer *w, struct random *r, struct script *s)
{
    unsigned count = (unsigned)random_between(r, 1, MAILBOX_MAX), next = 0;
    uint64_t fetches = w->kind == KIND_SHORT ? 1 : random_between(r, 1, w->kind == KIND_LONG ? 2 : 6);
    size_t c;

    script_init(s, "imap", 143);
    script_turn(s, SERVER, think(r));
    script_say(s, "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ IDLE AUTH=PLAIN] Dovecot ready.\r\n");
    imap_login(s, r, &next);
    imap_select(s, r, &next, count);
    if (w->kind == KIND_MIXED) {
        script_turn(s, CLIENT, think(r));
        c = script_command(s, "LIST", "a%u LIST \"\" *", ++next);
        script_turn(s, SERVER, think(r));
        script_say(s, "* LIST (\\HasNoChildren) \".\" INBOX\r\n* LIST (\\HasNoChildren \\Sent) \".\" Sent\r\n");
        script_reply(s, c, 0, "OK", "a%u OK List completed.", next);
        imap_pipelined(s, r, &next, count);
    }
    for (uint64_t i = 0; i < fetches; i++)
        imap_fetch(w, s, r, &next, (unsigned)random_between(r, 1, count));
    if (w->kind != KIND_SHORT && random_below(r, 3) == 0)
        imap_append(w, s, r, &next);
    if (w->kind == KIND_MIXED && random_below(r, 3) == 0)
        imap_idle(s, r, &next, count);
    script_turn(s, CLIENT, think(r));
    c = script_command(s, "LOGOUT", "a%u LOGOUT", ++next);
    script_turn(s, SERVER, think(r));
    script_say(s, "* BYE Logging out\r\n");
    script_reply(s, c, 0, "OK", "a%u OK Logout completed.", next);
    s->server_closes = true;
}

void mail_access(struct writer *w, struct random *r, struct script *s)
{
    if (random_below(r, 3) == 0)
        pop3(w, r, s);
    else
        imap(w, r, s);
}
