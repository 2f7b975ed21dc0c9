#include "visits.h"

#include "base/memory.h"

#include <stdlib.h>

#define PLACES 16384 /* one that falls on another's place takes it */

struct visit {
    uint64_t who; /* hash of protocol, user, client and server; 0: nobody */
    int64_t when; /* the last session began, in microseconds, as records say it */
};

struct visits {
    struct visit *places; /* null before the first */
};

struct visits *visits_new(void)
{
    return memory_get(sizeof(struct visits));
}

void visits_free(struct visits *v)
{
    if (v)
        free(v->places);
    free(v);
}

/* FNV-1a; no secret, so that records are the same each time: who makes keys collide loses intervals. */
static uint64_t hash(uint64_t h, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ text.data[i]) * UINT64_C(1099511628211);
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

/* 0: of a session that does not count. */
static uint64_t who(const struct record *r)
{
    bool named = record_has(r, F_session_user);
    uint64_t h = UINT64_C(14695981039346656037);
    if (record_kind(r) != KIND_session || !record_has(r, F_session_close) || record_has(r, F_session_since_last_us))
        return 0;
    struct bytes proto = record_find(r, F_all_proto);
    if (!bytes_equal(proto, BYTES("pop3")) && !bytes_equal(proto, BYTES("imap")))
        return 0;
    if (!named && !bytes_equal(record_find(r, F_session_visibility), BYTES("encrypted")))
        return 0;
    h = hash(h, proto);
    h = hash(h, named ? record_find(r, F_session_user) : BYTES(""));
    h = hash(h, record_client(r));
    h = hash(h, record_find(r, F_all_server_ip));
    return h ? h : 1;
}

void visits_see(struct visits *v, struct record *r)
{
    uint64_t key = who(r);
    if (!key)
        return;
    int64_t when = (int64_t)record_find_number(r, F_all_ts) / 1000;
    if (!v->places)
        v->places = memory_get(PLACES * sizeof *v->places);
    struct visit *place = &v->places[key % PLACES];
    if (place->who == key && when > place->when)
        record_number(r, F_session_since_last_us, (uint64_t)(when - place->when));
    if (place->who != key || when > place->when)
        *place = (struct visit){key, when};
}
