/* What a login's attempt comes to, and its record. */
#include "login.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mail/mail.h"
#include "untold.h"

#include <stdlib.h>

struct login *login_new(struct session *s, const struct line *line, struct bytes mechanism)
{
    struct login *l = memory_get(sizeof *l);
    l->first = line->first;
    l->last = line->last;
    sasl_begin(&l->sasl, mechanism);
    l->sasl.tagger = session_mail(s)->tagger;
    return l;
}

void login_answer(struct login *l, const struct line *line)
{
    if (line->end == LINE_CUT || line->broken)
        sasl_lost(&l->sasl);
    sasl_client(&l->sasl, line->text);
    l->last = line->last;
}

void login_free(struct login *l)
{
    if (!l)
        return;
    sasl_release(&l->sasl);
    free(l);
}

size_t login_held(const struct login *l)
{
    return !l ? 0 : memory_cost(sizeof *l) + sasl_held(&l->sasl);
}

static const char *result(const struct login *l, const struct login_reply *reply, bool aborted)
{
    if (l->cut)
        return "unknown"; /* the reply stands in the record, but who tried what is not known */
    if (reply->seen && reply->success)
        return "success";
    if (l->sasl.cancelled || (aborted && !reply->seen))
        return "aborted";
    return reply->seen ? "failure" : "unknown";
}

static void write_reply(struct record *r, const struct login *l, const struct login_reply *reply)
{
    static const char *const kinds[] = {"refused", "temporary", "not_offered"};
    if (!reply->success && !l->sasl.cancelled)
        record_word(r, F_auth_failure_kind, kinds[reply->failure]);
    if (reply->failed_at)
        record_word(r, F_auth_failed_at, reply->failed_at);
    record_nonzero(r, F_auth_code, reply->code);
    if (reply->status.len)
        record_text(r, F_auth_status, reply->status);
    if (reply->rcode.len)
        record_text(r, F_auth_rcode, reply->rcode);
    if (!l->sasl.lost && !echo_found(&l->sasl.echo, reply->whole)) { /* some servers repeat what they were sent */
        record_text(r, F_auth_reply, untold_part(reply->whole));
        if (reply->text.len)
            record_text(r, F_auth_text, untold_part(reply->text));
    }
    if (reply->first.when >= l->last.when)
        record_number(r, F_auth_latency_us, (uint64_t)((reply->first.when - l->last.when) / CLOCK_US));
}

/* What ended it is said of the end of the client's stream, which came instead of an answer. */
static bool has_left(struct session *s, const struct login *l, const struct login_reply *reply)
{
    return reply->seen && !reply->success && l->sasl.challenged && session_closed(s, CLIENT) &&
           reply->first.seen > input_end(session_input(s, CLIENT));
}

void login_finish(struct session *s, struct login *l, struct login_counts *counts, const struct login_reply *reply,
                  const char *starttls, bool unsure, bool aborted)
{
    struct record *r = session_record(s, KIND_auth, ++counts->attempts);
    l->sasl.cancelled |= has_left(s, l, reply);
    record_word(r, F_auth_result, result(l, reply, aborted));
    record_number(r, F_auth_attempt, counts->attempts);
    record_boolean(r, F_auth_encrypted, session_encrypted(s));
    l->sasl.cleartext_secret &= !session_encrypted(s);
    sasl_write(&l->sasl, r);
    if (!l->cut)
        sasl_tag(&l->sasl, r);
    if (reply->seen)
        write_reply(r, l, reply);
    if (starttls)
        record_word(r, F_auth_starttls, starttls);
    if (unsure || l->cut)
        record_flag(r, F_auth_unsure);
    if (l->sasl.bad_base64)
        session_note(s, NOTE_sasl_bad_base64);
    if (reply->seen && reply->success)
        counts->succeeded++;
    else if (reply->seen && !l->sasl.cancelled)
        counts->failed++;
    session_emit(s, r, &l->first, reply->seen ? &reply->last : &l->last);
    login_free(l);
}
