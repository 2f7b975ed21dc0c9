#include "suppression.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "detector.h"

enum {
#define DETECTOR(name) RULE_##name,
#include "detectors.def"
#undef DETECTOR
    RULES
};
static_assert((int)RULES <= 64, "rules of a suppression are bits of 64");

enum { CLIENTS, SERVERS, EITHER, SIDES };
enum { MINUTES = 24 * 60, DAYS = 7, ITEMS_MOST = 10000 };

struct suppression {
    uint64_t rules; /* by place in detectors[]; 0: all */
    struct {
        struct network *list;
        size_t count;
    } nets[SIDES];
    char **users;
    size_t user_count;
    int64_t from, until;  /* ns */
    int64_t begins, ends; /* minutes of the day; equal: all of it */
    unsigned days;        /* bits from Monday; 0: all */
    unsigned given;       /* pairs */
};

/* --- reading --- */

static bool set_rule(struct suppression *x, struct bytes value, struct error *err)
{
    char name[64] = "";
    if (value.len < sizeof name)
        memcpy(name, value.data, value.len);
    const struct detector *rule = detector_find(name);
    for (unsigned i = 0; rule && i < RULES; i++)
        if (detectors[i] == rule) {
            x->rules |= UINT64_C(1) << i;
            return true;
        }
    return error_set(err, "there is no rule '%.*s' to suppress; --rules lists them", SHOWN(value));
}

static bool add_network(struct suppression *x, unsigned side, struct bytes value, struct error *err)
{
    struct network n;
    if (!network_parse(value, &n))
        return error_set(err, "a suppression takes addresses and networks as 192.0.2.0/24, not '%.*s'", SHOWN(value));
    x->nets[side].list = memory_more(x->nets[side].list, x->nets[side].count, sizeof n);
    x->nets[side].list[x->nets[side].count++] = n;
    return true;
}

static bool set_client(struct suppression *x, struct bytes value, struct error *err)
{
    return add_network(x, CLIENTS, value, err);
}

static bool set_server(struct suppression *x, struct bytes value, struct error *err)
{
    return add_network(x, SERVERS, value, err);
}

static bool set_address(struct suppression *x, struct bytes value, struct error *err)
{
    return add_network(x, EITHER, value, err);
}

static bool set_user(struct suppression *x, struct bytes value, struct error *err)
{
    (void)err;
    char *copy = memory_get(value.len + 1);
    memcpy(copy, value.data, value.len);
    x->users = memory_more(x->users, x->user_count, sizeof(char *));
    x->users[x->user_count++] = copy;
    return true;
}

static bool set_from(struct suppression *x, struct bytes value, struct error *err)
{
    return clock_parse(value, &x->from) ||
           error_set(err, "'from' of a suppression is a time as 2026-11-22T04:00:00Z, not '%.*s'", SHOWN(value));
}

static bool set_until(struct suppression *x, struct bytes value, struct error *err)
{
    return clock_parse(value, &x->until) ||
           error_set(err, "'until' of a suppression is a time as 2026-11-22T04:00:00Z, not '%.*s'", SHOWN(value));
}

/* "22:00", as minutes. */
static bool minutes(struct bytes text, int64_t *ret)
{
    uint64_t hour, minute;
    if (!bytes_number(&text, &hour) || !text.len || text.data[0] != ':')
        return false;
    text = bytes_part(text, 1, text.len);
    if (text.len != 2 || !bytes_number(&text, &minute) || text.len || hour > 24 || minute > 59 ||
        (hour == 24 && minute))
        return false;
    *ret = (int64_t)(hour * 60 + minute);
    return true;
}

static bool set_daily(struct suppression *x, struct bytes value, struct error *err)
{
    size_t dash = bytes_index(value, '-');
    if (!minutes(bytes_part(value, 0, dash), &x->begins) ||
        !minutes(bytes_part(value, dash + 1, value.len), &x->ends) || x->begins == x->ends)
        return error_set(err, "'daily' of a suppression is a part of the day as 22:00-06:00, not '%.*s'", SHOWN(value));
    return true;
}

static bool set_days(struct suppression *x, struct bytes value, struct error *err)
{
    static const char *const names[DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (unsigned i = 0; i < DAYS; i++)
        if (bytes_equal_nocase(value, bytes_of_string(names[i]))) {
            x->days |= 1u << i;
            return true;
        }
    return error_set(err, "'days' of a suppression are mon, tue, wed, thu, fri, sat, sun, not '%.*s'", SHOWN(value));
}

static const struct {
    const char *name;
    bool (*set)(struct suppression *x, struct bytes value, struct error *err);
} keys[] = {
#define SUPPRESSION_KEY(name, doc) {#name, set_##name},
#include "suppression_keys.def"
#undef SUPPRESSION_KEY
};

static bool set_pair(struct suppression *x, struct bytes pair, struct error *err)
{
    size_t equals = bytes_index(pair, '=');
    struct bytes name = bytes_trim(bytes_part(pair, 0, equals)),
                 value = bytes_trim(bytes_part(pair, equals + 1, pair.len));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!bytes_equal(name, bytes_of_string(keys[i].name)))
            continue;
        if (!value.len)
            return error_set(err, "'%s' of a suppression needs a value", keys[i].name);
        if (++x->given > ITEMS_MOST)
            return error_set(err, "a suppression has at most %d values; give networks", ITEMS_MOST);
        return keys[i].set(x, value, err);
    }
    return error_set(err,
                     "a suppression has rule, client, server, address, user, from, until, daily and days, not '%.*s'",
                     SHOWN(name));
}

struct suppression *suppression_parse(const char *text, struct error *err)
{
    struct suppression *x = memory_get(sizeof *x);
    struct bytes rest = bytes_of_string(text);
    uint8_t between = strchr(text, '\n') ? '\n' : ',';
    bool right = true;
    x->from = INT64_MIN;
    x->until = INT64_MAX;
    while (right && rest.len) {
        size_t end = bytes_index(rest, between);
        right = set_pair(x, bytes_part(rest, 0, end), err);
        rest = bytes_part(rest, end + 1, rest.len);
    }
    if (right && !x->given)
        right = error_set(err, "a suppression without anything would keep back every alert; name at least a rule");
    if (right && x->from >= x->until)
        right = error_set(err, "a suppression ends before it begins");
    if (right)
        return x;
    suppression_free(x);
    return NULL;
}

void suppression_free(struct suppression *x)
{
    if (!x)
        return;
    for (unsigned i = 0; i < SIDES; i++)
        free(x->nets[i].list);
    for (size_t i = 0; i < x->user_count; i++)
        free(x->users[i]);
    free(x->users);
    free(x);
}

/* --- asking --- */

static bool holds(const struct suppression *x, unsigned side, const struct host *a)
{
    for (size_t i = 0; a && i < x->nets[side].count; i++)
        if (network_holds(&x->nets[side].list[i], a))
            return true;
    return false;
}

static bool fits_addresses(const struct suppression *x, const struct happening *h)
{
    return (!x->nets[CLIENTS].count || holds(x, CLIENTS, h->client)) &&
           (!x->nets[SERVERS].count || holds(x, SERVERS, h->server)) &&
           (!x->nets[EITHER].count || holds(x, EITHER, h->client) || holds(x, EITHER, h->server));
}

static bool fits_user(const struct suppression *x, struct bytes user)
{
    for (size_t i = 0; i < x->user_count; i++) {
        struct bytes wanted = bytes_of_string(x->users[i]), end = user;
        if (wanted.data[0] == '@' && user.len > wanted.len)
            end = bytes_part(user, user.len - wanted.len, wanted.len);
        if (user.len && bytes_equal_nocase(end, wanted))
            return true;
    }
    return !x->user_count;
}

/* A part of the day that goes over midnight is of the day on which it began. */
static bool fits_time(const struct suppression *x, int64_t when)
{
    if (when < x->from || when >= x->until)
        return false;
    if (x->begins == x->ends && !x->days)
        return true;
    int64_t minute = when / (60 * CLOCK_S) - (when % (60 * CLOCK_S) < 0), in_day = minute % MINUTES;
    in_day += in_day < 0 ? MINUTES : 0;
    int64_t day = (minute - in_day) / MINUTES;
    bool over = x->ends < x->begins, late = in_day >= x->begins, early = in_day < x->ends;
    if (x->begins != x->ends && !(over ? late || early : late && early))
        return false;
    day -= over && early;
    /* the first of January 1970 was a Thursday */
    return !x->days || (x->days >> (((day + 3) % DAYS + DAYS) % DAYS) & 1);
}

bool suppression_fits(const struct suppression *x, const struct happening *h)
{
    return (!x->rules || (x->rules >> h->rule & 1)) && fits_time(x, h->when) && fits_addresses(x, h) &&
           fits_user(x, h->user);
}

void excuses_event(struct excuses *x, struct suppression *const *list, unsigned count, bool first,
                   const struct happening *h)
{
    unsigned kept = 0;
    if (first)
        x->count = 0;
    for (unsigned i = 0; first && i < count && x->count < EXCUSES_MOST; i++)
        if (suppression_fits(list[i], h))
            x->list[x->count++] = (uint16_t)i;
    for (unsigned i = 0; !first && i < x->count; i++)
        if (suppression_fits(list[x->list[i]], h))
            x->list[kept++] = x->list[i];
    if (!first)
        x->count = (uint8_t)kept;
}
