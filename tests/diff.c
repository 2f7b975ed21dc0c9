/* Differences between two texts, by lines. */
#include "diff.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

struct lines { /* views of the lines of a text */
    struct bytes *list;
    size_t count;
};

static struct lines split(struct bytes text)
{
    struct lines l = {0};
    size_t cap = 0;

    for (size_t at = 0; at < text.len;) {
        struct bytes rest = bytes_part(text, at, SIZE_MAX);

        if (l.count == cap) {
            cap = cap > 0 ? cap * 2 : 64;
            l.list = memory_resize(l.list, cap * sizeof(*l.list));
        }
        l.list[l.count] = bytes_part(rest, 0, bytes_index(rest, '\n'));
        at += l.list[l.count++].len + 1;
    }
    return l;
}

static void print_lines(const char *sign, const struct lines *l, size_t from, size_t to)
{
    for (; from < to; from++)
        printf("%s %.*s\n", sign, (int)l->list[from].len, (const char *)l->list[from].data);
}

#define DIFF_MOST 2000 /* lines on a side, beyond which the middle is not aligned */

/* By the longest common subsequence of lines. */
void diff_print(struct bytes expected, struct bytes got)
{
    struct lines a = split(expected), b = split(got);
    size_t width = b.count + 1, i = 0, j = 0;
    unsigned *common = NULL;

    if (a.count < DIFF_MOST && b.count < DIFF_MOST)
        common = calloc((a.count + 1) * width, sizeof(*common));
    if (!common) {
        print_lines("-", &a, 0, a.count);
        print_lines("+", &b, 0, b.count);
    }
    for (size_t x = common ? a.count : 0; x-- > 0;)
        for (size_t y = b.count; y-- > 0;) {
            unsigned skip_a = common[(x + 1) * width + y], skip_b = common[x * width + y + 1];

            common[x * width + y] = bytes_equal(a.list[x], b.list[y]) ? common[(x + 1) * width + y + 1] + 1
                                    : skip_a > skip_b                 ? skip_a
                                                                      : skip_b;
        }
    while (common && (i < a.count || j < b.count)) {
        if (i < a.count && j < b.count && bytes_equal(a.list[i], b.list[j])) {
            print_lines(" ", &a, i, i + 1);
            i++;
            j++;
        } else if (j == b.count || (i < a.count && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
            print_lines("-", &a, i, i + 1);
            i++;
        } else {
            print_lines("+", &b, j, j + 1);
            j++;
        }
    }
    free(common);
    free(a.list);
    free(b.list);
}
