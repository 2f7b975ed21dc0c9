#include "login_script.h"
#include "base/memory.h"
#include <openssl/evp.h>
#include <stdlib.h>

const char *const protocol_names[] = {"smtp", "pop3", "imap"};
const char *const mechanism_names[] = {"PLAIN",
                                       "LOGIN",
                                       "CRAM-MD5",
                                       "DIGEST-MD5",
                                       "SCRAM-SHA-1",
                                       "XOAUTH2",
                                       "OAUTHBEARER",
                                       "EXTERNAL",
                                       "ANONYMOUS",
                                       "GSSAPI",
                                       "X-NOSUCH",
                                       "",
                                       "command",
                                       "APOP",
                                       "command-quoted",
                                       "command-literal",
                                       "command-literal-plus"};
const char *const way_names[] = {"prompted",
                                 "initial",
                                 "pipelined",
                                 "pipelined-refused",
                                 "octets",
                                 "lower-case",
                                 "blanks",
                                 "bare-lf",
                                 "continued",
                                 "misspelt",
                                 "clear",
                                 "spoilt",
                                 "wrong",
                                 "cancelled",
                                 "cut",
                                 "lost-command",
                                 "lost-half-command",
                                 "lost-answer",
                                 "lost-prompts",
                                 "lost-reply",
                                 "midstream",
                                 "one-sided",
                                 "acks-zero"};
const char *const echo_names[] = {"silent", "as-sent", "decoded", "beginning", "whole-line", "second-line"};

enum { LINES_MOST = 3 };

struct script {
    enum protocol protocol;
    enum way way;
    enum echo_kind echo;
    const char *password;
    struct buf *out;
    struct buf lines[LINES_MOST]; /* of the client: the command, its answers */
    size_t count;
    bool two_commands; /* USER, then PASS */
};

static void escaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '\\' || c < 32 || c > 126)
            buf_printf(out, "\\x%02x", c);
        else
            buf_add_byte(out, c);
    }
}

static void turn(struct script *s, const char *before, const char *side, struct bytes text)
{
    buf_printf(s->out, "%s%s", before, side);
    escaped(s->out, text);
    buf_add_string(s->out, "\n");
}

static void server(struct script *s, const char *text)
{
    turn(s, s->way == LOST_PROMPTS ? "lost " : "", "S: ", bytes_of_string(text));
}

static void sure(struct script *s, const char *text)
{
    turn(s, "", text[0] == 'S' ? "S: " : "C: ", bytes_of_string(text + 1));
}

/* A line of the client, as the way wants it. */
static void client(struct script *s, struct bytes text, bool lost)
{
    const char *before = lost ? "lost " : "";

    if (s->way == OCTETS) {
        for (size_t i = 0; i < text.len; i += 5) {
            turn(s, before, "C| ", bytes_part(text, i, 5));
            buf_add_string(s->out, "--\n");
        }
        buf_printf(s->out, "%sC| \\r\\n\n", before);
    } else {
        turn(s, before, "C| ", text);
        buf_printf(s->out, "%sC| %s\n", before, s->way == BARE_LF ? "\\n" : "\\r\\n");
    }
}

static void base64(struct buf *out, struct bytes text)
{
    uint8_t *encoded = memory_get((text.len + 2) / 3 * 4 + 1);
    int n = EVP_EncodeBlock(encoded, text.data, (int)text.len);

    buf_add(out, bytes_of(encoded, (size_t)n));
    free(encoded);
}

/* The answer in base64, or as the way wants it. */
static void answer(struct script *s, struct bytes message)
{
    struct buf *line = &s->lines[s->count++];

    buf_init(line, SIZE_MAX);
    if (s->way == CONTINUED)
        buf_add_byte(line, ' ');
    if (s->way == NO_BASE64)
        buf_add(line, message);
    else
        base64(line, message);
    if (s->way == SPOILT)
        buf_add_byte(line, '!');
}

static void command(struct script *s, const char *text)
{
    struct buf *line = &s->lines[s->count++];
    const char *secret = strstr(text, s->password);

    buf_init(line, SIZE_MAX);
    if (s->way == BLANKS)
        buf_add_string(line, " \t");
    for (size_t i = 0; text[i]; i++) {
        char c = text[i];

        if (c == ' ' && s->way == BLANKS)
            c = '\t';
        if (s->way == LOWER_CASE && c >= 'A' && c <= 'Z' && (!secret || text + i < secret))
            c = (char)(c + 32);
        buf_add_byte(line, (uint8_t)c);
    }
    if (s->way == MISSPELT && s->protocol == IMAP && line->len > 4) {
        uint8_t c = line->data[3]; /* behind the tag */
        line->data[3] = line->data[4];
        line->data[4] = c;
    } else if (s->way == MISSPELT && line->len > 1) {
        uint8_t c = line->data[0];
        line->data[0] = line->data[1];
        line->data[1] = c;
    }
}

static void message_of(struct buf *out, enum mechanism m, const char *password)
{
    switch (m) {
    case XOAUTH2:
        buf_printf(out, "user=alice\1auth=Bearer %s\1\1", password);
        break;
    case OAUTHBEARER:
        buf_printf(out, "n,a=alice,\1host=mx.example.net\1auth=Bearer %s\1\1", password);
        break;
    case CRAM_MD5:
        buf_printf(out, "alice %s", password);
        break;
    case DIGEST_MD5:
        buf_printf(out, "username=\"alice\",realm=\"example.net\",response=%s,password=\"%s\"", password, password);
        break;
    case SCRAM:
        buf_printf(out, "n,,n=alice,r=%s", password);
        break;
    default: /* all others get PLAIN's */
        buf_add(out, BYTES("\0alice\0"));
        buf_add_string(out, password);
    }
}

static void sasl(struct script *s, enum mechanism m)
{
    struct buf message, first;

    buf_init(&message, SIZE_MAX);
    buf_init(&first, SIZE_MAX);
    buf_printf(&first, "%s%s", s->protocol == IMAP ? "a1 AUTHENTICATE " : "AUTH ",
               m == NONE ? s->password : mechanism_names[m]);
    buf_add(&first, bytes_of("", 1));
    command(s, (const char *)first.data);
    if (m == LOGIN && s->way != WRONG) {
        answer(s, BYTES("alice"));
        answer(s, bytes_of_string(s->password));
    } else {
        message_of(&message, s->way == WRONG ? PLAIN : m, s->password);
        answer(s, buf_bytes(&message));
    }
    buf_release(&first);
    buf_release(&message);
}

static void quoted(struct buf *out, const char *text)
{
    buf_add_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, (uint8_t)*text);
    }
    buf_add_byte(out, '"');
}

static void plain_command(struct script *s, enum mechanism m)
{
    struct buf text;
    const char *plus = m == COMMAND_LITERAL_PLUS ? "+" : "";

    buf_init(&text, SIZE_MAX);
    if (m == APOP) {
        buf_printf(&text, "%sAPOP alice %s", s->protocol == IMAP ? "a1 " : "", s->password);
    } else if (s->protocol != IMAP) {
        s->two_commands = true;
        command(s, "USER alice");
        buf_printf(&text, "PASS %s", s->password);
    } else if (m == COMMAND || m == COMMAND_QUOTED) {
        buf_add_string(&text, "a1 LOGIN alice ");
        if (m == COMMAND_QUOTED)
            quoted(&text, s->password);
        else
            buf_add_string(&text, s->password);
    } else {
        buf_printf(&text, "a1 LOGIN {5%s}", plus);
        buf_add(&text, bytes_of("", 1));
        command(s, (const char *)text.data);
        buf_reset(&text);
        buf_printf(&text, "alice {%zu%s}", strlen(s->password), plus);
        buf_init(&s->lines[s->count], SIZE_MAX);
        buf_add(&s->lines[s->count++], buf_bytes(&text));
        buf_reset(&text);
        buf_init(&s->lines[s->count], SIZE_MAX);
        buf_add(&s->lines[s->count++], bytes_of_string(s->password));
        buf_release(&text);
        return;
    }
    buf_add(&text, bytes_of("", 1));
    command(s, (const char *)text.data);
    buf_release(&text);
}

static void preface(struct script *s)
{
    static const char *const smtp[] = {"S220 mx.example.net ESMTP", "CEHLO client.example", "S250-mx.example.net",
                                       "S250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 GSSAPI", NULL};
    static const char *const pop3[] = {"S+OK ready <1.2@mx.example.net>", NULL};
    static const char *const imap[] = {"S* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready", NULL};
    const char *const *lines = s->protocol == SMTP ? smtp : s->protocol == POP3 ? pop3 : imap;

    if (s->way == ONE_SIDED)
        buf_add_string(s->out, "only: client\n");
    if (s->way == NO_ACKS)
        buf_add_string(s->out, "acks: zero\n");
    if (s->way == MIDSTREAM) {
        buf_add_string(s->out, "midstream\n");
        return;
    }
    for (; *lines; lines++)
        sure(s, *lines);
}

/* What the server says to line i that is not the last: a prompt, or +OK to USER. */
static void prompt(struct script *s, size_t i)
{
    bool user = s->two_commands;

    if (s->protocol == SMTP)
        server(s, user ? "500 5.5.1 what" : s->count == 3 && i == 1 ? "334 UGFzc3dvcmQ6" : "334 VXNlcm5hbWU6");
    else if (s->protocol == POP3)
        server(s, user ? "+OK" : "+ UGFzc3dvcmQ6");
    else
        server(s, "+ ");
}

/* What a server that repeats things says behind the code. */
static void echoed(struct script *s, size_t i, struct buf *text)
{
    struct bytes line = buf_bytes(&s->lines[i]), rest = line;

    buf_add_string(text, "not possible");
    if (i + 1 < s->count && (s->echo == DECODED || s->echo == BEGINNING))
        return; /* the password is in the last line */
    switch (s->echo) {
    case SILENT:
    case ECHOES:
        break;
    case AS_SENT:
        while (rest.len) { /* the last word: the answer, or the password */
            struct bytes word = bytes_word(&rest);
            line = word.len ? word : line;
        }
        buf_add_string(text, ": ");
        buf_add(text, line);
        break;
    case DECODED:
        buf_printf(text, " with password '%s'", s->password);
        break;
    case BEGINNING:
        buf_printf(text, " with %.*s...", (int)(strlen(s->password) / 2), s->password);
        break;
    case WHOLE_LINE:
    case SECOND_LINE:
        buf_add_string(text, ": \"");
        buf_add(text, line);
        buf_add_byte(text, '"');
        break;
    }
}

static void refuse(struct script *s, size_t i)
{
    struct buf text;
    const char *before = s->way == LOST_REPLY ? "lost " : "";

    buf_init(&text, SIZE_MAX);
    if (s->protocol == SMTP)
        buf_add_string(&text, s->echo == SECOND_LINE ? "535-5.7.8 Sorry\r\n535 5.7.8 " : "535 5.7.8 ");
    else if (s->protocol == POP3)
        buf_add_string(&text, "-ERR [AUTH] ");
    else
        buf_add_string(&text,
                       s->echo == SECOND_LINE ? "* NO [ALERT] sorry\r\na1 NO " : "a1 NO [AUTHENTICATIONFAILED] ");
    echoed(s, i, &text);
    turn(s, before, "S: ", buf_bytes(&text));
    buf_release(&text);
}

static bool is_lost(const struct script *s, size_t i)
{
    return (i == 0 && s->way == LOST_COMMAND) || (i == 1 && s->way == LOST_ANSWER);
}

static void one_after_the_other(struct script *s)
{
    for (size_t i = s->way == MIDSTREAM && s->count > 1; i < s->count; i++) {
        struct bytes line = buf_bytes(&s->lines[i]);
        bool last = i + 1 == s->count;

        if (i == 0 && s->way == LOST_HALF_COMMAND) {
            turn(s, "lost ", "C| ", bytes_part(line, 0, line.len / 2));
            line = bytes_part(line, line.len / 2, SIZE_MAX);
            buf_add_string(s->out, "--\n");
        }
        if (last && s->way == CUT) {
            turn(s, "", "C| ", bytes_part(line, 0, line.len - 2));
            return;
        }
        client(s, line, is_lost(s, i));
        if (!last)
            prompt(s, i);
        else if (s->way == CANCELLED)
            sure(s, "C*");
    }
    refuse(s, s->count - 1);
}

static void in_one_go(struct script *s)
{
    for (size_t i = 0; i < s->count; i++)
        client(s, buf_bytes(&s->lines[i]), false);
    for (size_t i = 0; i + 1 < s->count; i++) {
        if (s->way == PIPELINED)
            prompt(s, i);
        else
            refuse(s, i);
    }
    refuse(s, s->count - 1);
}

static void farewell(struct script *s)
{
    if (s->way == CUT)
        return;
    if (s->protocol == IMAP) {
        sure(s, "Ca9 LOGOUT");
        sure(s, "S* BYE");
        sure(s, "Sa9 OK done");
    } else {
        sure(s, "CQUIT");
        sure(s, s->protocol == SMTP ? "S221 2.0.0 Bye" : "S+OK");
    }
}

/* The first answer goes into the command's line. */
static void join_first(struct script *s)
{
    buf_add_byte(&s->lines[0], ' ');
    buf_add(&s->lines[0], buf_bytes(&s->lines[1]));
    buf_release(&s->lines[1]);
    for (size_t i = 1; i + 1 < s->count; i++)
        s->lines[i] = s->lines[i + 1];
    s->count--;
}

void login_script(struct buf *out, enum protocol p, enum mechanism m, enum way w, enum echo_kind e,
                  const char *password)
{
    struct script s = {.protocol = p, .way = w, .echo = e, .password = password, .out = out};

    preface(&s);
    if (m < COMMAND)
        sasl(&s, m);
    else
        plain_command(&s, m);
    if (m < COMMAND && s.count > 1 && (w == INITIAL || w == MISSPELT || w == BLANKS || w == LOST_HALF_COMMAND))
        join_first(&s);
    if (w == PIPELINED || w == PIPELINED_REFUSED)
        in_one_go(&s);
    else
        one_after_the_other(&s);
    farewell(&s);
    for (size_t i = 0; i < s.count; i++)
        buf_release(&s.lines[i]);
}
