/* Parameters of Content-Type and Content-Disposition, as they should be and as they are sent. */
#include "mail/parameter.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *or_none(const char *s)
{
    return s ? s : "-";
}

static void check_type(const char *value, const char *wanted)
{
    struct media_type m;
    char said[512];
    size_t len = strlen(value);
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, value, len);
    media_type_parse(&m, bytes_of(copy, len));
    free(copy);
    snprintf(said, sizeof said, "%s b=%s c=%s n=%s r=%s p=%s%s%s", or_none(m.mime), or_none(m.boundary),
             or_none(m.charset), or_none(m.name), or_none(m.report_type), or_none(m.protocol), m.lossy ? " lossy" : "",
             m.duplicate ? " duplicate" : "");
    assert_string_equal(said, wanted);
    media_type_release(&m);
}

static void check_name(struct bytes value, const char *word, const char *filename, bool lossy, bool duplicate)
{
    struct disposition d;
    uint8_t *copy = malloc(value.len ? value.len : 1);
    assert_non_null(copy);
    if (value.len)
        memcpy(copy, value.data, value.len);
    disposition_parse(&d, bytes_of(copy, value.len));
    free(copy);
    assert_string_equal(or_none(d.word), word);
    assert_string_equal(or_none(d.filename), filename);
    assert_int_equal(d.lossy, lossy);
    assert_int_equal(d.duplicate, duplicate);
    disposition_release(&d);
}

static void named(const char *parameters, const char *filename)
{
    char value[1024];
    snprintf(value, sizeof value, "attachment; %s", parameters);
    check_name(bytes_of_string(value), "attachment", filename, false, false);
}

static void types(void **state)
{
    (void)state;
    check_type("Text/PLAIN; Charset=US-ASCII", "text/plain b=- c=us-ascii n=- r=- p=-");
    check_type("multipart/mixed; boundary=\"--a \\\"b\"", "multipart/mixed b=--a \"b c=- n=- r=- p=-");
    check_type("multipart/mixed;boundary=a=_b/c;x=y", "multipart/mixed b=a=_b/c c=- n=- r=- p=-");
    check_type("multipart / report ; report-type = Delivery-Status; boundary=x",
               "multipart/report b=x c=- n=- r=delivery-status p=-");
    check_type("(a (b) \\) c) text(d)/(e)plain(f);(g)charset(h)=(i)utf-8(j)", "text/plain b=- c=utf-8(j) n=- r=- p=-");
    check_type("multipart/signed; protocol=\"application/PGP-signature\"; micalg=x; boundary=y",
               "multipart/signed b=y c=- n=- r=- p=application/pgp-signature");
    check_type("", "- b=- c=- n=- r=- p=-");
    check_type("text", "- b=- c=- n=- r=- p=-");
    check_type("text; charset=x", "- b=- c=x n=- r=- p=-");
    check_type("/plain", "- b=- c=- n=- r=- p=-");
    check_type("charset=x", "- b=- c=x n=- r=- p=-");
    check_type("text/plain charset=x", "text/plain b=- c=x n=- r=- p=-");
    check_type("text/plain; ; =x; \"y\"; charset", "text/plain b=- c=- n=- r=- p=-");
    check_type("a/b; boundary=x; boundary=y", "a/b b=x c=- n=- r=- p=- duplicate");
    check_type("a/b; boundary=x; BOUNDARY=x", "a/b b=x c=- n=- r=- p=-");
    check_type("a/b; boundary=\"x", "a/b b=x c=- n=- r=- p=-");
    check_type("a/b; boundary*0=x; boundary*1=y", "a/b b=xy c=- n=- r=- p=-");
    check_type("a/b; name=my file (1).pdf ; charset=c", "a/b b=- c=c n=my file (1).pdf r=- p=-");
}

/* RFC 2231, and the case of the design: every piece has its say. */
static void continued(void **state)
{
    (void)state;
    named("filename*0*=UTF-8''invo%69ce; filename*1=\".pdf.exe\"", "invoice.pdf.exe");
    named("filename*=utf-8'en'%e2%82%ac%20x.pdf", "\xe2\x82\xac x.pdf");
    named("filename*=iso-8859-1''%A3.txt; filename=pound.txt", "\xc2\xa3.txt");
    named("filename=pound.txt; filename*0=a; filename*1=b", "ab");
    named("filename*1=b; filename*0=a; filename*2=c", "abc");
    named("filename*0=a; filename*2=c", "ac");
    named("filename*0*=utf-8''%E2%82; filename*1*=%AC.x", "\xe2\x82\xac.x");
    named("filename*0*=utf-8''a%; filename*1=%41; filename*2*=%41", "a%%41A");
    named("filename*=plain.txt", "plain.txt");
    named("filename*=''a%20b", "a b");
    named("filename*10=k; filename*9=j; filename*0=a", "ajk");
    named("filename*0=\"=?utf-8?q?a\"; filename*1=\"=62?=\"", "ab");
    check_name(BYTES("attachment; filename*0=a; filename*0=b; filename*1=c"), "attachment", "ac", false, true);
    check_name(BYTES("attachment; filename*x=a"), "attachment", "-", true, false);
    check_name(BYTES("attachment; filename*=x-none''a%E9"), "attachment", "a\xff", true, false);
}

static void dispositions(void **state)
{
    (void)state;
    check_name(BYTES("INLINE"), "inline", "-", false, false);
    check_name(BYTES("filename=a.txt"), "-", "a.txt", false, false);
    check_name(BYTES("; filename=a.txt"), "-", "a.txt", false, false);
    named("filename=\"=?utf-8?b?w6kudHh0?=\"", "\xc3\xa9.txt");
    named("filename==?utf-8?b?w6kudHh0?=", "\xc3\xa9.txt");
    named("filename=a b c.txt; size=3", "a b c.txt");
    named("filename=\"a;b.txt\"", "a;b.txt");
    named("filename=\"a\\\"b\\\\c.txt\"", "a\"b\\c.txt");
    named("filename=\"../../etc/passwd\"", "../../etc/passwd");
    named("filename=\"a.txt", "a.txt");
    named("filename=\"a.txt\\", "a.txt\\");
    named("filename=\"\"", "-");
    named("filename", "-");
    named("xfilename=a", "-");
    named("filename=\"\xc3\xa9.txt\"", "\xc3\xa9.txt");
    check_name(BYTES("attachment; filename=\"\xe9.txt\""), "attachment", "\xe9.txt", true, false);
    check_name(BYTES("attachment; filename=\"a.pdf\0.exe\""), "attachment", "a.pdf\xff.exe", true, false);
    check_name(BYTES("attachment; filename=a.pdf; filename=b.exe"), "attachment", "a.pdf", false, true);
}

/* Hundreds of thousands of parameters, pieces, comments: bounded, and no time. */
static void bounded(void **state)
{
    (void)state;
    static const char *const repeated[] = {
        "; filename*0=a", "; filename*%d=a", "(", "; filename=\"a", "; x", "=", "\"", "\\", "; filename="};
    for (size_t r = 0; r < sizeof repeated / sizeof *repeated; r++) {
        struct buf value;
        buf_init(&value, 8000000);
        buf_add_string(&value, "a");
        for (int i = 0; i < 300000; i++)
            if (r == 1)
                buf_printf(&value, "; filename*%d=a", i);
            else
                buf_add_string(&value, repeated[r]);
        struct disposition d;
        disposition_parse(&d, buf_bytes(&value));
        assert_true(!d.filename || strlen(d.filename) <= PARAMETER_MOST);
        if (r == 1)
            assert_true(d.lossy && strlen(d.filename) == 512);
        disposition_release(&d);
        buf_release(&value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types),
        cmocka_unit_test(continued),
        cmocka_unit_test(dispositions),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
