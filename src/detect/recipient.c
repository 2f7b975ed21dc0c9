#include "recipient.h"

/* What servers say that give a plain 550: Exim by itself ("Unrouteable address") and as it is configured by those who
   sell it, qmail, Courier, hMailServer, Exchange (whose 5.1.10 others use for a domain without mail, RFC 7505). */
static const char *const words[] = {
    "unrouteable address", "unknown user",      "user unknown",       "unknown recipient",
    "recipient unknown",   "no such",           "unknown local part", "does not exist",
    "doesn't exist",       "not exist here",    "no mailbox here",    "mailbox not found",
    "no valid mailbox",    "invalid recipient", "recipientnotfound",
};

bool recipient_is_unknown(const struct seen_rcpt *r)
{
    if (r->unsure || r->code < 500)
        return false;
    if (bytes_equal(r->reason, BYTES("unknown_user")))
        return true;
    bool told = r->status.len && !bytes_equal(r->status, BYTES("5.1.10"));
    if (told || (r->code != 550 && r->code != 553 && r->code != 554))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_find_nocase(r->text, bytes_of_string(words[i])) != SIZE_MAX)
            return true;
    return false;
}

bool recipient_content_followed(const struct seen *s)
{
    bool accepted = false;
    for (size_t i = 0; i < s->rcpt_count; i++)
        accepted |= bytes_equal(s->rcpts[i].verdict, BYTES("accepted"));
    return !seen_is(s, F_message_via, "none") ||
           (accepted && (seen_is(s, F_message_verdict, "rejected") || seen_is(s, F_message_verdict, "deferred")));
}

bool recipient_is_callout(const struct seen *s)
{
    return seen_has(s, F_message_mail_from) && !seen_text(s, F_message_mail_from).len && s->rcpt_count == 1;
}
