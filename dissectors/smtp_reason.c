/* Why a recipient or a message was not accepted, as far as codes tell: the enhanced status code (RFC 3463, and the
   registry of RFC 5248), else what the reply code alone is used for (RFC 5321 4.2.3). */
#include "smtp.h"

static const struct {
    const char *detail; /* subject and detail; a subject alone stands for all its other details */
    const char *reason;
} reasons[] = {
    {"1.1", "unknown_user"}, {"1.2", "unknown_domain"}, {"1.3", "bad_address"},    {"1.4", "bad_address"},
    {"1.6", "unknown_user"}, {"1.7", "bad_sender"},     {"1.8", "bad_sender"},     {"1.10", "unknown_domain"},
    {"1", "bad_address"},    {"2.1", "disabled"},       {"2.2", "mailbox_full"},   {"2.3", "too_large"},
    {"2", "mailbox"},        {"3.1", "system_full"},    {"3.4", "too_large"},      {"3", "system"},
    {"4.6", "loop"},         {"4", "network"},          {"5.3", "too_many"},       {"5", "protocol"},
    {"6", "content"},        {"7.8", "authentication"}, {"7.9", "authentication"}, {"7.11", "encryption"},
    {"7.10", "encryption"},  {"7.30", "encryption"},    {"7", "policy"},
};

static const char *of_detail(struct bytes detail)
{
    struct bytes subject = bytes_part(detail, 0, bytes_index(detail, '.'));
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct bytes entry = bytes_of_string(reasons[i].detail);
        if (bytes_equal(entry, detail) || bytes_equal(entry, subject))
            return reasons[i].reason;
    }
    return NULL;
}

static const char *of_code(uint32_t code)
{
    switch (code) {
    case 421:
    case 451:
        return "system";
    case 450:
        return "mailbox";
    case 452:
        return "system_full";
    case 500:
    case 501:
    case 502:
    case 503:
    case 504:
        return "protocol";
    case 530:
    case 535:
        return "authentication";
    case 538:
        return "encryption";
    case 551:
        return "unknown_user";
    case 552:
        return "too_large";
    case 553:
        return "bad_address";
    case 556:
        return "unknown_domain";
    default:
        return NULL; /* 550 and 554 stand for anything */
    }
}

const char *smtp_reason(uint32_t code, struct bytes status)
{
    const char *reason = NULL;
    if (!smtp_is_refusal(code))
        return NULL;
    if (status.len > 2)
        reason = of_detail(bytes_part(status, 2, status.len));
    return reason ? reason : of_code(code);
}
