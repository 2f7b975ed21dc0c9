/* The scan of body_scan.c for one size of blocks: BLOCK octets, functions named SCAN(name), with TARGET before each. No
   guard: it is there to be included once for each size. */

typedef uint8_t SCAN(block) __attribute__((vector_size(BLOCK)));

struct SCAN(found) {
    SCAN(block) lf, cr, nul, dot; /* not zero where there is one: bare LF, bare CR, NUL, dot to look at */
};

#define LOAD(block, at) memcpy(&(block), at, sizeof(block))

/* Is any octet of it not zero? */
TARGET static inline bool SCAN(any)(const SCAN(block) * b)
{
    uint64_t words[BLOCK / 8], sum = 0;
    memcpy(words, b, sizeof words);
    for (size_t i = 0; i < BLOCK / 8; i++)
        sum |= words[i];
    return sum != 0;
}

/* What is common has neither dots nor odd line ends: is there any of either in these blocks? */
TARGET static inline bool SCAN(is_remarkable)(const uint8_t *at, size_t blocks)
{
    SCAN(block) sum = {0};
    for (size_t i = 0; i < blocks; i++, at += BLOCK) {
        SCAN(block) here, before;
        LOAD(here, at);
        LOAD(before, at - 1);
        sum |= (SCAN(block))(before == '\r') ^ (SCAN(block))(here == '\n');
        sum |= (SCAN(block))(here == 0) | (SCAN(block))(here == '.');
    }
    return SCAN(any)(&sum);
}

TARGET static inline void SCAN(look)(const uint8_t *at, size_t blocks, struct SCAN(found) * f)
{
    for (size_t i = 0; i < blocks; i++, at += BLOCK) {
        SCAN(block) here, before;
        LOAD(here, at);
        LOAD(before, at - 1);
        SCAN(block) cr = (SCAN(block))(before == '\r'), lf = (SCAN(block))(here == '\n');
        SCAN(block) end = cr | (SCAN(block))(before == '\n') | (SCAN(block))(before == 0);
        f->lf |= lf & ~cr;
        f->cr |= cr & ~lf;
        f->nul |= (SCAN(block))(here == 0);
        f->dot |= end & (SCAN(block))(here == '.');
    }
}

/* Whole blocks from `from` on: returns up to where no dot to look at stands for certain. */
TARGET static size_t SCAN(scan)(const uint8_t *data, size_t from, size_t len, unsigned *odd)
{
    struct SCAN(found) sum = {{0}, {0}, {0}, {0}};
    size_t most = IN_A_ROW;
    while (len - from >= BLOCK) {
        size_t blocks = (len - from) / BLOCK;
        blocks = blocks > most ? most : blocks;
        if (SCAN(is_remarkable)(data + from, blocks)) {
            struct SCAN(found) here = {{0}, {0}, {0}, {0}};
            SCAN(look)(data + from, blocks, &here);
            if (SCAN(any)(&here.dot)) {
                if (blocks == 1)
                    break;
                most = 1; /* which of them was it? */
                continue;
            }
            sum.lf |= here.lf;
            sum.cr |= here.cr;
            sum.nul |= here.nul;
        }
        from += blocks * BLOCK;
    }
    *odd |= (SCAN(any)(&sum.lf) ? 1u << ODD_BARE_LF : 0) | (SCAN(any)(&sum.cr) ? 1u << ODD_BARE_CR : 0) |
            (SCAN(any)(&sum.nul) ? 1u << ODD_NUL : 0);
    return from;
}

#undef LOAD
