/* Ends of data that two servers may read differently: what follows decides, with the server's replies (SMTP smuggling,
   CVE-2023-51764 and its kin). Records follow the server's reading; where its replies do not tell, the RFC's. */
#include "smtp.h"

#define LOOK_LINES 64

const char *smtp_eod_name(enum eod form)
{
    switch (form) {
    case EOD_CRLF_CRLF:
        return "CRLF.CRLF";
    case EOD_LF_LF:
        return "LF.LF";
    case EOD_LF_CRLF:
        return "LF.CRLF";
    case EOD_CRLF_LF:
        return "CRLF.LF";
    case EOD_LF_CR:
        return "LF.CR";
    case EOD_CR_LF:
        return "CR.LF";
    case EOD_CR_CR:
        return "CR.CR";
    case EOD_CR_CRLF:
        return "CR.CRLF";
    case EOD_CRLF_NUL:
        return "CRLFNUL.CRLF";
    case EOD_CRLF_CRCRLF:
        return "CRLF.CRCRLF";
    case EOD_GAP:
        return NULL;
    }
    return NULL;
}

struct embedded {      /* what stands behind a doubtful end, read as commands */
    uint64_t end;      /* place behind the last octet that is here */
    bool lost_behind;  /* octets behind it are lost, or of the replies */
    uint32_t commands; /* up to and with the DATA that opens a content */
    bool data;
    bool closed;  /* the content, by the RFC's reading, ends at a line "." */
    bool goes_on; /* a line behind that is here */
    struct line first, next;
};

static bool look_behind(struct input *client, struct embedded *e)
{
    struct line line;
    struct bytes arg;
    size_t blank = 0;
    *e = (struct embedded){.lost_behind = input_gap_ahead(client), .end = input_end(client)};
    while (blank < LOOK_LINES && input_behind_doubt(client, blank, &line) && !line.text.len)
        blank++;
    if (blank && !input_behind_doubt(client, blank, &line))
        return false; /* nothing but empty lines: silence */
    for (size_t n = 0; n < LOOK_LINES && input_behind_doubt(client, n, &line); n++) {
        if (e->closed) {
            e->goes_on = true;
            e->next = line;
            break;
        }
        if (!n)
            e->first = line;
        if (line.end == LINE_CRLF && bytes_equal(line.text, BYTES(".")))
            e->closed = true;
        else if (!e->data && smtp_is_command(line.text)) {
            e->commands++;
            e->data = smtp_verb(line.text, &arg) == VERB_DATA;
        } else if (!n) {
            break;
        }
    }
    return e->first.last.at != 0;
}

struct answers { /* whole replies of the server that are still unread, and whose sender had received what is here */
    size_t count;
    uint64_t end; /* place behind the last octet that is here */
    uint32_t codes[LOOK_LINES];
    struct mark first[LOOK_LINES], last[LOOK_LINES];
};

/* A reply whose sender had received more than is here of the client may answer what is still to come; a 421 behind
   others may answer nothing (RFC 5321 3.8). */
static void look_at_replies(struct session *s, struct input *client, struct input *server, struct answers *a)
{
    uint64_t here = session_closed(s, CLIENT) ? UINT64_MAX : input_end(client);
    struct line line;
    bool begun = false, last;
    struct bytes text;
    uint32_t code;
    a->count = 0;
    a->end = input_end(server);
    for (size_t n = 0; a->count < LOOK_LINES && n < 4 * LOOK_LINES && input_ahead(server, n, &line); n++) {
        if (!smtp_reply_line(line.text, &code, &last, &text))
            continue;
        if (!a->count && code == 354)
            continue; /* DATA's own, where the content began without it */
        if (line.first.seen > here || (code == 421 && a->count))
            break;
        if (!begun)
            a->first[a->count] = line.first;
        begun = !last;
        a->codes[a->count] = code;
        a->last[a->count] = line.last;
        a->count += last;
    }
}

/* Two readings: it ended here (the server answers the content, then every command behind), or it did not (one answer,
   then those to what stands behind the RFC's end). */
static enum eod_verdict by_replies(const struct embedded *e, const struct answers *a, const struct chunk *chunk,
                                   bool patient)
{
    if (!a->count)
        return patient ? EOD_WAIT : EOD_TEXT;
    if (a->codes[0] == 421)
        return EOD_TEXT;
    if (a->count == 1) {
        if (e->goes_on && e->next.first.seen > a->last[0].at && (a->end >= e->next.first.seen || !patient))
            return EOD_TEXT; /* the client went on after one answer */
        if (!e->closed && a->first[0].seen > chunk->last.at && a->codes[0] < 400 && !patient)
            return EOD_ENDS; /* an answer, and no other end it could belong to */
        return patient ? EOD_WAIT : EOD_TEXT;
    }
    if (e->lost_behind) /* what else they could answer may be lost */
        return e->data && a->count > e->commands && a->codes[e->commands] == 354 ? EOD_ENDS : EOD_TEXT;
    if (a->first[1].seen > e->end)
        return patient ? EOD_WAIT : EOD_TEXT; /* the server had received more than is here */
    if (!e->goes_on || a->first[1].seen <= e->next.first.at)
        return EOD_ENDS; /* more answers than one, and nothing else they could answer */
    if (e->data && a->count > e->commands && a->codes[e->commands] == 354)
        return EOD_ENDS;
    return a->first[0].seen <= e->next.first.at && a->codes[1] == 221 ? EOD_TEXT
           : a->count > e->commands                                   ? EOD_ENDS
           : patient                                                  ? EOD_WAIT
                                                                      : EOD_TEXT;
}

/* Behind lost octets a command stands where the content would go on: had the client received more from the server than
   when it sent the content? Then it was an answer to it. */
static enum eod_verdict behind_gap(struct session *s, struct input *client, uint64_t knew)
{
    struct line line;
    if (!input_behind_doubt(client, 0, &line))
        return EOD_WAIT;
    if (!smtp_is_command(line.text) && (!input_behind_doubt(client, 1, &line) || !smtp_is_command(line.text)))
        return EOD_TEXT;
    return line.first.seen > knew || session_dark(s, SERVER) ? EOD_ENDS : EOD_TEXT;
}

/* Are the commands behind not all here, and may they still come? */
static bool goes_on(struct session *s, const struct input *client, const struct embedded *e)
{
    return !e->closed && !e->lost_behind && !session_closed(s, CLIENT) &&
           input_end(client) - input_at(client) < session_limits(s)->line;
}

/* `knew`: how much of the server's direction the sender of the content so far had received. */
enum eod_verdict smtp_judge_eod(struct session *s, struct input *client, const struct chunk *chunk, uint64_t knew,
                                struct eod_finding *ret)
{
    struct embedded e;
    struct answers a;
    *ret = (struct eod_finding){.honoured = "unknown"};
    if (chunk->form == EOD_GAP)
        return behind_gap(s, client, knew);
    bool more = look_behind(client, &e);
    e.lost_behind |= dialogue_adrift(s) || input_gap_ahead(session_input(s, SERVER));
    look_at_replies(s, client, session_input(s, SERVER), &a);
    bool silence = more && a.count && e.first.first.seen > a.first[0].at && a.first[0].seen > chunk->last.at;
    if (more && !e.commands && !silence)
        return EOD_TEXT; /* followed by neither a command nor silence */
    /* A server that has closed says no more; but what else the client sent may still come. */
    bool rest = session_closed(s, SERVER) && !session_closed(s, CLIENT) && !session_overheld(s, CLIENT);
    bool patient = rest || session_patient(s, CLIENT);
    if (silence) {
        more = false; /* it was sent when the answer was there: before, there was silence */
        e.commands = 0;
    }
    enum eod_verdict verdict;
    if (!more && a.count && a.first[0].seen > chunk->last.at && a.codes[0] != 421)
        verdict = EOD_ENDS; /* the client fell silent and the server answered */
    else if (!more)
        verdict = patient || !session_closed(s, CLIENT) ? EOD_WAIT : EOD_TEXT;
    else
        verdict = by_replies(&e, &a, chunk, patient);
    if (verdict == EOD_TEXT && more && goes_on(s, client, &e))
        return EOD_WAIT; /* text, but all the commands behind it are to be told, however it was cut */
    ret->tell = true;
    ret->at_once = more && a.count && e.first.first.seen <= a.first[0].at;
    ret->commands = e.commands;
    if (verdict == EOD_ENDS)
        ret->honoured = "yes";
    else if (a.count && !e.lost_behind)
        ret->honoured = "no";
    if (e.commands) {
        struct bytes arg;
        ret->verb = smtp_verb_name(smtp_verb(e.first.text, &arg));
    }
    return verdict;
}
