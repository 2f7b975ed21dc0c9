/* Digests: the vectors of FIPS 180-4 and RFC 1321, several at once, and states that are used again. */
#include "mail/digest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char sha256_of_abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char sha256_of_nothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char md5_of_abc[] = "900150983cd24fb0d6963f7d28e17f72";

static void check(struct digest *d, const char *expected)
{
    char hex[DIGEST_HEX];
    assert_true(digest_end(d, hex));
    assert_string_equal(hex, expected);
}

static void vectors(void **state)
{
    (void)state;
    struct digests *pool = digests_new();
    struct digest *d = digest_begin(pool, DIGEST_SHA256);
    assert_non_null(d);
    check(d, sha256_of_nothing);
    d = digest_begin(pool, DIGEST_SHA256);
    digest_push(d, BYTES("a"));
    digest_push(d, (struct bytes){NULL, 0});
    digest_push(d, BYTES("bc"));
    check(d, sha256_of_abc);
    d = digest_begin(pool, DIGEST_MD5);
    if (d) { /* not with every provider */
        digest_push(d, BYTES("abc"));
        check(d, md5_of_abc);
    }
    digests_free(pool);
    digests_free(NULL);
}

static void several(void **state)
{
    (void)state;
    struct digests *pool = digests_new();
    struct digest *d[100];
    size_t nothing = digests_held(pool);
    for (size_t i = 0; i < 100; i++) {
        d[i] = digest_begin(pool, DIGEST_SHA256);
        digest_push(d[i], BYTES("ab"));
        assert_true(digest_held(d[i]) > 0);
    }
    for (size_t i = 0; i < 100; i += 2)
        digest_push(d[i], BYTES("c"));
    for (size_t i = 0; i < 100; i++) {
        if (i % 2)
            digest_drop(d[i]);
        else
            check(d[i], sha256_of_abc);
    }
    digest_drop(NULL);
    assert_true(digests_held(pool) > nothing);
    assert_true(digests_held(pool) < nothing + 64 * 1024);
    check(digest_begin(pool, DIGEST_SHA256), sha256_of_nothing); /* one that was dropped in the middle */
    digests_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
