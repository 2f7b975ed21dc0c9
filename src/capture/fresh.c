/* What is kept of directions that lately carried octets: signs of their packets, the octets last given on. Copies and
   segments sent again come soon, so there is a fixed number of these for all connections of an engine; who needs one
   when none is left takes that of a direction that was quiet for longer (second chance). */
#include "tcp_private.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

#define FRESH_FIRST 16

struct tcp_fresh {
    struct tcp_half *owner; /* null: none */
    uint64_t tail_to;       /* place behind the octets kept */
    uint32_t recent[TCP_RECENT];
    uint32_t next_unused;
    uint8_t recent_next, tail_len;
    bool used;              /* since the hand last passed */
    uint8_t tail[TCP_TAIL]; /* the octet at place n stands at n % TCP_TAIL */
};

static struct tcp_fresh *fresh_of(const struct tcp_half *h, const struct tcp_budget *budget)
{
    return h->fresh ? &budget->fresh[h->fresh - 1] : NULL;
}

static void grow(struct tcp_budget *budget)
{
    uint32_t most = budget->fresh_most < FRESH_FIRST ? FRESH_FIRST : budget->fresh_most;
    uint32_t cap = budget->fresh_cap ? budget->fresh_cap * 2 : FRESH_FIRST;
    cap = cap < most ? cap : most;
    budget->memory += (cap - budget->fresh_cap) * sizeof *budget->fresh;
    budget->fresh = memory_resize(budget->fresh, cap * sizeof *budget->fresh);
    budget->fresh_cap = cap;
}

/* Takes the first that was not used since the hand passed it last. Who is used pays for one step past himself. */
static uint32_t take_quiet(struct tcp_budget *budget)
{
    struct tcp_fresh *fresh;
    assert(budget->fresh); /* it is full */
    for (;; fresh->used = false) {
        budget->fresh_hand = (budget->fresh_hand + 1) % budget->fresh_count;
        fresh = &budget->fresh[budget->fresh_hand];
        if (!fresh->used)
            break;
    }
    struct tcp_half *owner = fresh->owner;
    for (unsigned i = 0; i < 2; i++)
        owner->recent[i] = fresh->recent[(fresh->recent_next + TCP_RECENT - 2u + i) % TCP_RECENT];
    owner->recent_next = false;
    owner->fresh = 0;
    return budget->fresh_hand;
}

static struct tcp_fresh *get(struct tcp_half *h, struct tcp_budget *budget)
{
    struct tcp_fresh *fresh = fresh_of(h, budget);
    uint32_t index;
    if (fresh) {
        fresh->used = true;
        return fresh;
    }
    if (budget->fresh_unused) {
        assert(budget->fresh);
        index = budget->fresh_unused - 1;
        budget->fresh_unused = budget->fresh[index].next_unused;
    } else if (budget->fresh_count < FRESH_FIRST || budget->fresh_count < budget->fresh_most) {
        if (budget->fresh_count == budget->fresh_cap)
            grow(budget);
        index = budget->fresh_count++;
    } else {
        index = take_quiet(budget);
    }
    assert(budget->fresh);
    fresh = &budget->fresh[index];
    *fresh = (struct tcp_fresh){.owner = h, .used = true, .recent_next = 2};
    fresh->recent[0] = h->recent[h->recent_next];
    fresh->recent[1] = h->recent[!h->recent_next];
    h->fresh = index + 1;
    return fresh;
}

void fresh_drop(struct tcp_half *h, struct tcp_budget *budget)
{
    if (!h->fresh)
        return;
    budget->fresh[h->fresh - 1] = (struct tcp_fresh){.next_unused = budget->fresh_unused};
    budget->fresh_unused = h->fresh;
    h->fresh = 0;
}

static uint32_t sign_of(const struct packet *p)
{
    uint32_t words[] = {p->seq, p->ack, (uint32_t)p->ip_id << 16 | p->tcp_sum, p->payload_wire << 8 | p->tcp_flags};
    uint32_t sign = 2166136261u;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        sign = ((sign ^ words[i]) * 2654435761u) ^ (sign >> 15);
    return sign ? sign : 1;
}

bool fresh_duplicate(struct tcp *t, int side, const struct packet *p, struct tcp_budget *budget)
{
    struct tcp_half *h = &t->half[side];
    uint32_t sign = sign_of(p);
    if (p->payload_wire && !t->half[!side].fresh)
        get(&t->half[!side], budget); /* the other side will speak, too; its SYN is still known */
    struct tcp_fresh *fresh = p->payload_wire ? get(h, budget) : fresh_of(h, budget);
    if (!fresh) {
        if (h->recent[0] == sign || h->recent[1] == sign)
            return true;
        h->recent[h->recent_next] = sign;
        h->recent_next = !h->recent_next;
        return false;
    }
    for (unsigned i = 0; i < TCP_RECENT; i++)
        if (fresh->recent[i] == sign)
            return true;
    fresh->recent[fresh->recent_next] = sign;
    fresh->recent_next = (uint8_t)((fresh->recent_next + 1) % TCP_RECENT);
    return false;
}

/* Kept after a gap too: what stands before the tail is not known. */
void fresh_keep(struct tcp_half *h, struct bytes data, uint64_t at, struct tcp_budget *budget)
{
    struct tcp_fresh *fresh = get(h, budget);
    uint64_t end = at + data.len, from = data.len > TCP_TAIL ? end - TCP_TAIL : at;
    size_t before = at == fresh->tail_to ? fresh->tail_len : 0, len = before + (size_t)(end - from);
    fresh->tail_len = len > TCP_TAIL ? TCP_TAIL : (uint8_t)len;
    fresh->tail_to = end;
    size_t into = from % TCP_TAIL, n = (size_t)(end - from), first = n < TCP_TAIL - into ? n : TCP_TAIL - into;
    const uint8_t *octets = data.data + (from - at);
    memcpy(fresh->tail + into, octets, first);
    memcpy(fresh->tail, octets + first, n - first);
}

uint64_t fresh_conflicts(const struct tcp_half *h, struct bytes data, uint64_t at, const struct tcp_budget *budget)
{
    const struct tcp_fresh *fresh = fresh_of(h, budget);
    if (!fresh)
        return 0;
    uint64_t end = at + data.len, from = fresh->tail_to - fresh->tail_len, others = 0;
    from = at > from ? at : from;
    end = end < fresh->tail_to ? end : fresh->tail_to;
    for (uint64_t place = from; place < end; place++)
        others += fresh->tail[place % TCP_TAIL] != data.data[place - at];
    return others;
}

void tcp_budget_release(struct tcp_budget *budget)
{
    free(budget->fresh);
    while (budget->spare) {
        struct tcp_trouble *t = budget->spare;
        budget->spare = t->next_spare;
        free(t);
    }
}
