#include "keep.h"

#include "base/memory.h"

#include <stdlib.h>

void kept_free(struct kept *list)
{
    for (struct kept *next; list; list = next) {
        next = list->next;
        free(list);
    }
}

size_t kept_cost(const struct kept *one)
{
    return memory_cost(sizeof *one + one->frame.data.len);
}

static struct kept *copy(const struct frame *frame)
{
    size_t len = frame->data.len;
    struct kept *one = memory_resize(NULL, sizeof *one + len);
    *one = (struct kept){.frame = *frame};
    one->frame.data.data = one->octets;
    if (len)
        memcpy(one->octets, frame->data.data, len);
    return one;
}

static void append(struct kept_list *to, struct kept *one)
{
    one->next = NULL;
    *(to->last ? &to->last->next : &to->first) = one;
    to->last = one;
}

static void join(struct kept_list *to, struct kept_list *from)
{
    if (!from->first)
        return;
    *(to->last ? &to->last->next : &to->first) = from->first;
    to->last = from->last;
    *from = (struct kept_list){NULL, NULL};
}

static void decide(struct keeper *k, struct kept_list *list)
{
    for (struct kept *one = list->first; one; one = one->next) {
        *(one->older ? &one->older->newer : &k->oldest) = one->newer;
        *(one->newer ? &one->newer->older : &k->newest) = one->older;
        k->held -= kept_cost(one);
    }
}

void keeper_forget(struct keeper *k, struct kept_list *list)
{
    decide(k, list);
    kept_free(list->first);
    *list = (struct kept_list){NULL, NULL};
}

void keeper_begin(struct keeper *k, const struct frame *frame)
{
    keeper_forget(k, &k->parts);
    k->frame = frame;
}

void keeper_hold(struct keeper *k, struct kept_list *to)
{
    join(to, &k->parts);
    if (k->held + memory_cost(sizeof(struct kept) + k->frame->data.len) > k->most) {
        k->dropped++;
        return;
    }
    struct kept *one = copy(k->frame);
    one->older = k->newest;
    *(k->newest ? &k->newest->newer : &k->oldest) = one;
    k->newest = one;
    k->held += kept_cost(one);
    append(to, one);
}

void keeper_resume(struct keeper *k, struct kept_list *from)
{
    join(&k->parts, from);
}

struct kept *keeper_take(struct keeper *k)
{
    struct kept_list all = k->parts;
    decide(k, &all);
    k->parts = (struct kept_list){NULL, NULL};
    append(&all, copy(k->frame));
    return all.first;
}

uint64_t keeper_settled(const struct keeper *k)
{
    return k->oldest ? k->oldest->frame.number : UINT64_MAX;
}
