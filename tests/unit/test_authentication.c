/* Authentication-Results, DKIM-Signature and ARC-Seal. */
#include "mail/authentication.h"

#include "base/buf.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef void reader(struct bytes value, struct record *message);

/* "text,text,...;" for each item. */
static void check(reader *read, const char *value, const char *wanted)
{
    struct limits limits;
    limits_init(&limits);
    struct record *r = record_new(KIND_message, &limits);
    struct entry e;
    char said[512] = "";
    size_t n = 0, len = strlen(value);
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, value, len);
    read(bytes_of(copy, len), r);
    free(copy);
    for (size_t at = 0; record_next(r, &at, &e);)
        if (e.end)
            n += (size_t)snprintf(said + n, sizeof said - n, ";");
        else if (e.text.len)
            n += (size_t)snprintf(said + n, sizeof said - n, "%.*s,", (int)e.text.len, (const char *)e.text.data);
    assert_true(n < sizeof said);
    assert_string_equal(said, wanted);
    record_free(r);
}

static void results(void **state)
{
    (void)state;
    check(authentication_results, "mx.example; none", "");
    check(authentication_results, "mx.example 1; spf=pass smtp.mailfrom=a@b.example",
          "mx.example,spf,pass,b.example,;");
    check(authentication_results,
          "mx.example; dkim/1 = pass (2048-bit; \"x\") header.i=@sub.b.example header.s=k header.d=b.example",
          "mx.example,dkim,pass,b.example,;");
    check(authentication_results, "mx.example;\tdmarc=fail (p=REJECT sp=NONE) header.from=b.example; arc=none",
          "mx.example,dmarc,fail,b.example,;mx.example,arc,none,;");
    check(authentication_results, "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=b.example; dkim=none",
          "spf,pass,b.example,;dkim,none,;");
    check(authentication_results, "mx; spf=softfail smtp.helo=h.example; auth=pass smtp.auth=u",
          "mx,spf,softfail,h.example,;mx,auth,pass,;");
    check(authentication_results, "mx; dkim=fail reason=\"a; b = c\" header.d=\"d.example.\"",
          "mx,dkim,fail,d.example,;");
    check(authentication_results, "(c) mx (d); (e) spf (f) = (g) pass (h)", "mx,spf,pass,;");
    check(authentication_results, "mx; =pass; spf=; dkim; ;", "");
    check(authentication_results, "", "");
    check(authentication_results, "mx; spf=pass (unclosed; dkim=pass", "mx,spf,pass,;");
}

static void signatures(void **state)
{
    (void)state;
    check(dkim_signature,
          "v=1; a=rsa-sha256; d=b.example; s=k1; h=from:to; bh=d=; b=a=", "b.example,k1,rsa-sha256,;b.example,");
    check(dkim_signature, "d = b.example ;\ts =\tk", "b.example,k,;b.example,");
    check(dkim_signature, "d=a; d=b", "a,;a,");
    check(dkim_signature, "D=a; nothing; =x;;", ";");
    check(dkim_signature, "", ";");
}

static void seals(void **state)
{
    (void)state;
    struct arc a = {.seals = 0};
    arc_seal(&a, BYTES("i=2; cv=PASS; d=x"));
    arc_seal(&a, BYTES("i=1; cv=none"));
    assert_int_equal(a.seals, 2);
    assert_string_equal(a.cv, "pass");
    arc_seal(&a, BYTES("i=3; cv=fail"));
    arc_seal(&a, BYTES("i=3; cv=pass"));
    assert_string_equal(a.cv, "fail");
    arc_seal(&a, BYTES("i=99999999999999999999999; cv=averyverylongwordindeed"));
    assert_int_equal(a.seals, 5);
    assert_string_equal(a.cv, "fail");
    arc_seal(&a, BYTES("i=4; cv=averyverylongwordindeed"));
    assert_string_equal(a.cv, "averyverylongwo");
    arc_seal(&a, BYTES("i=5"));
    assert_string_equal(a.cv, "");
}

static void endless(void **state)
{
    (void)state;
    static const char *const repeated[] = {";", "=", "spf=pass;", "(", "\"", "a=b ", "header.d=x ", "; (", "\\"};
    struct limits limits;
    limits_init(&limits);
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        struct buf value;
        buf_init(&value, 8000000);
        buf_add_string(&value, "mx; dkim=pass ");
        for (int n = 0; n < 300000; n++)
            buf_add_string(&value, repeated[i]);
        struct record *r = record_new(KIND_message, &limits);
        authentication_results(buf_bytes(&value), r);
        dkim_signature(buf_bytes(&value), r);
        assert_true(record_size(r) < 100000);
        record_free(r);
        buf_release(&value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results),
        cmocka_unit_test(signatures),
        cmocka_unit_test(seals),
        cmocka_unit_test(endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
