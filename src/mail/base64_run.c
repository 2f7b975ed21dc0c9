/* Base64 in clean lines: a plain loop, and the same in vectors of 16, of 32 and of 64 octets. A vector is decoded
   whether or not all of it is base64; what counts is how many groups in front of the first other octet are whole. So
   the line end, which stands in the last vector of each line, costs nothing but the next vector's place. */
#include "base64_run.h"
#include "base64.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define VECTORS 1
#else
#define VECTORS 0
#endif

/* Where a run is. */
struct place {
    const uint8_t *at, *end, *line; /* `line`: where the line began that `at` is in */
    uint8_t *out;
    size_t before; /* characters of that line in front of `line` */
    size_t longest;
    unsigned guess; /* see advance() */
};

static inline struct place place_begin(const struct base64_progress *p, struct bytes in, uint8_t *out)
{
    return (struct place){in.data, in.data + in.len, in.data, out, p->column, 0, 0};
}

static inline void place_end(const struct place *x, struct base64_progress *p, struct bytes in, const uint8_t *out)
{
    p->read = (size_t)(x->at - in.data);
    p->written = (size_t)(x->out - out);
    p->column = x->before + (size_t)(x->at - x->line);
    p->longest = x->longest;
}

/* Goes behind a line end; false where there is none, or where it may be cut. */
static inline bool line_end(struct place *x)
{
    const uint8_t *p = x->at;
    if (p < x->end && *p == '\r')
        p++;
    if (p >= x->end || *p != '\n')
        return false;
    size_t column = x->before + (size_t)(x->at - x->line);
    x->longest = column > x->longest ? column : x->longest;
    x->before = 0;
    x->at = x->line = p + 1;
    return true;
}

/* One group of four; false where it is none. */
static inline bool group(struct place *x)
{
    const uint8_t *p = x->at;
    uint32_t a = base64_values[p[0]], b = base64_values[p[1]], c = base64_values[p[2]], d = base64_values[p[3]];
    if ((a | b | c | d) & BASE64_NONE)
        return false;
    uint32_t bits = a << 18 | b << 12 | c << 6 | d;
    x->out[0] = (uint8_t)(bits >> 16);
    x->out[1] = (uint8_t)(bits >> 8);
    x->out[2] = (uint8_t)bits;
    x->at += 4;
    x->out += 3;
    return true;
}

static inline void rest(struct place *x)
{
    do {
        while (x->end - x->at >= 4 && group(x))
            ;
    } while (line_end(x));
}

void base64_run_plain(struct base64_progress *p, struct bytes in, uint8_t *out)
{
    struct place x = place_begin(p, in, out);
    rest(&x);
    place_end(&x, p, in, out);
}

#if VECTORS

/* The alphabet by halves of an octet. A high half is of one of four classes, a bit each: 2, 3, 4 and 6, 5 and 7; each
   low half has the set of classes in which it is a character. The value is the octet plus what its high half says, "/"
   taking the place of the high half 1. */
#define CLASS_OF_HIGH  0, 0, 1, 2, 4, 8, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0
#define CLASSES_OF_LOW 10, 14, 14, 14, 14, 14, 14, 14, 14, 14, 12, 5, 4, 4, 4, 5
#define ADD_FOR_HIGH   0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0
/* Four values of six bits to three octets: by pairs to 12 bits, by fours to 24, then their order. */
#define PAIR  0x01400140
#define QUAD  0x00011000
#define ORDER 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1

/* Past the groups in front of the first octet that is not of the alphabet; false where the run stops there. `bad` has a
   bit for each such octet. Whole vectors have their own branch: it is foreseen, so that the next vector need not wait.
   Nor need it at a line's end, which stands where it stood in the line before: what was guessed is used, and what was
   counted only tells whether it is right. The empty instructions hide from the compiler that the two are then equal. */
static inline bool advance(struct place *x, uint64_t bad, unsigned all)
{
    if (!bad) {
        x->at += all;
        x->out += all / 4 * 3;
        return true;
    }
    unsigned good = x->guess, guess = good;
    __asm__("" : "+r"(guess));
    if ((unsigned)__builtin_ctzll(bad) != guess) {
        good = x->guess = (unsigned)__builtin_ctzll(bad);
        __asm__ volatile("" : "+r"(good));
    }
    x->at += good & ~3u;
    x->out += good / 4 * 3;
    return !(good & 3) && line_end(x);
}

__attribute__((target("ssse3"))) static inline void loop_16(struct place *x)
{
    const __m128i class_of_high = _mm_setr_epi8(CLASS_OF_HIGH), classes_of_low = _mm_setr_epi8(CLASSES_OF_LOW);
    const __m128i add_for_high = _mm_setr_epi8(ADD_FOR_HIGH), order = _mm_setr_epi8(ORDER);
    const __m128i half = _mm_set1_epi8(15), slash = _mm_set1_epi8('/'), none = _mm_setzero_si128();
    while (x->end - x->at >= 16) {
        const void *from = x->at;
        void *to = x->out;
        __m128i text = _mm_loadu_si128(from), high = _mm_and_si128(_mm_srli_epi32(text, 4), half);
        __m128i class = _mm_and_si128(_mm_shuffle_epi8(class_of_high, high), _mm_shuffle_epi8(classes_of_low, text));
        uint32_t bad = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(class, none));
        __m128i row = _mm_add_epi8(high, _mm_cmpeq_epi8(text, slash));
        __m128i value = _mm_add_epi8(text, _mm_shuffle_epi8(add_for_high, row));
        __m128i packed = _mm_madd_epi16(_mm_maddubs_epi16(value, _mm_set1_epi32(PAIR)), _mm_set1_epi32(QUAD));
        _mm_storeu_si128(to, _mm_shuffle_epi8(packed, order));
        if (!advance(x, bad, 16))
            return;
    }
}

__attribute__((target("avx2"))) static inline void loop_32(struct place *x)
{
    const __m256i class_of_high = _mm256_setr_epi8(CLASS_OF_HIGH, CLASS_OF_HIGH);
    const __m256i classes_of_low = _mm256_setr_epi8(CLASSES_OF_LOW, CLASSES_OF_LOW);
    const __m256i add_for_high = _mm256_setr_epi8(ADD_FOR_HIGH, ADD_FOR_HIGH);
    const __m256i order = _mm256_setr_epi8(ORDER, ORDER), together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    const __m256i half = _mm256_set1_epi8(15), slash = _mm256_set1_epi8('/'), none = _mm256_setzero_si256();
    while (x->end - x->at >= 32) {
        const void *from = x->at;
        void *to = x->out;
        __m256i text = _mm256_loadu_si256(from), high = _mm256_and_si256(_mm256_srli_epi32(text, 4), half);
        __m256i class =
            _mm256_and_si256(_mm256_shuffle_epi8(class_of_high, high), _mm256_shuffle_epi8(classes_of_low, text));
        uint32_t bad = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(class, none));
        __m256i row = _mm256_add_epi8(high, _mm256_cmpeq_epi8(text, slash));
        __m256i value = _mm256_add_epi8(text, _mm256_shuffle_epi8(add_for_high, row));
        __m256i packed =
            _mm256_madd_epi16(_mm256_maddubs_epi16(value, _mm256_set1_epi32(PAIR)), _mm256_set1_epi32(QUAD));
        packed = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(packed, order), together);
        _mm256_storeu_si256(to, packed);
        if (!advance(x, bad, 32))
            return;
    }
}

#define WIDE       "avx512f,avx512bw,avx512vbmi"
#define FOUR(n)    (n) + 2, (n) + 1, (n)
#define SIXTEEN(n) FOUR(n), FOUR((n) + 4), FOUR((n) + 8), FOUR((n) + 12)

/* Here one look-up has the whole alphabet, one more the order of all octets, and a vector may have less than 64. */
__attribute__((target(WIDE))) static inline void loop_64(struct place *x)
{
    static const uint8_t places[64] = {SIXTEEN(0), SIXTEEN(16), SIXTEEN(32), SIXTEEN(48)};
    const __m512i order = _mm512_loadu_si512(places);
    const __m512i low = _mm512_loadu_si512(base64_values), high = _mm512_loadu_si512(base64_values + 64);
    do {
        size_t left = (size_t)(x->end - x->at);
        __mmask64 there = left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
        __m512i text = _mm512_maskz_loadu_epi8(there, x->at), value = _mm512_permutex2var_epi8(low, text, high);
        uint64_t bad = _mm512_movepi8_mask(_mm512_or_si512(text, value));
        __m512i packed =
            _mm512_madd_epi16(_mm512_maddubs_epi16(value, _mm512_set1_epi32(PAIR)), _mm512_set1_epi32(QUAD));
        packed = _mm512_permutexvar_epi8(order, packed);
        void *to = x->out, *behind = x->out + 32;
        _mm256_storeu_si256(to, _mm512_castsi512_si256(packed));
        _mm_storeu_si128(behind, _mm512_extracti32x4_epi32(packed, 2));
        if (!advance(x, bad, 64))
            return;
    } while (x->at < x->end);
}

__attribute__((target("ssse3"))) static void run_16(struct base64_progress *p, struct bytes in, uint8_t *out)
{
    struct place x = place_begin(p, in, out);
    loop_16(&x);
    rest(&x);
    place_end(&x, p, in, out);
}

__attribute__((target("avx2"))) static void run_32(struct base64_progress *p, struct bytes in, uint8_t *out)
{
    struct place x = place_begin(p, in, out);
    loop_32(&x);
    rest(&x);
    place_end(&x, p, in, out);
}

__attribute__((target(WIDE))) static void run_64(struct base64_progress *p, struct bytes in, uint8_t *out)
{
    struct place x = place_begin(p, in, out);
    loop_64(&x);
    rest(&x);
    place_end(&x, p, in, out);
}

#endif

size_t base64_paths(struct base64_path paths[static BASE64_PATHS_MOST])
{
    size_t n = 0;
#if VECTORS
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi"))
        paths[n++] = (struct base64_path){"avx512vbmi", run_64};
    if (__builtin_cpu_supports("avx2"))
        paths[n++] = (struct base64_path){"avx2", run_32};
    if (__builtin_cpu_supports("ssse3"))
        paths[n++] = (struct base64_path){"ssse3", run_16};
#endif
    paths[n++] = (struct base64_path){"plain", base64_run_plain};
    return n;
}

base64_run *base64_run_best(void)
{
    struct base64_path paths[BASE64_PATHS_MOST];
    base64_paths(paths);
    return paths[0].run;
}
