/* What GMime writes, we read: encoded words, addresses and parameters of random texts, in its choice of charset,
   encoding and cuts. */
#include "mail/address.h"
#include "mail/parameter.h"
#include "mail/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <gmime/gmime.h>
#pragma GCC diagnostic pop

enum { RUNS = 3000 };

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* A text of a few words of one script or of several, with what means something in headers. */
static char *random_text(uint32_t *state, bool trouble)
{
    static const struct {
        uint32_t from, count;
    } scripts[] = {{'a', 26}, {0xe0, 30}, {0x391, 20}, {0x430, 32}, {0x4e00, 2000}, {0x3042, 60}, {0x1f600, 50}};
    static const char specials[] = "=?_\"\\();,<>@'%*.:/&";
    GString *text = g_string_new(NULL);
    unsigned words = 1 + next_random(state) % 8;
    for (unsigned w = 0; w < words; w++) {
        unsigned script = next_random(state) % (sizeof scripts / sizeof *scripts);
        if (w)
            g_string_append_c(text, ' ');
        for (unsigned n = 1 + next_random(state) % 20; n; n--) {
            if (trouble && next_random(state) % 10 == 0)
                g_string_append_c(text, specials[next_random(state) % (sizeof specials - 1)]);
            g_string_append_unichar(text, scripts[script].from + next_random(state) % scripts[script].count);
        }
    }
    return g_string_free(text, FALSE);
}

/* As the header scanner does: the line breaks go, nothing else. */
static struct bytes unfold(char *value)
{
    size_t n = 0;
    for (const char *from = value; *from; from++)
        if (*from != '\r' && *from != '\n')
            value[n++] = *from;
    return bytes_trim(bytes_of(value, n));
}

static void words(void **unused)
{
    (void)unused;
    static const char *const charsets[] = {"utf-8",  "iso-8859-1",  "iso-8859-7", "koi8-r",
                                           "gb2312", "iso-2022-jp", NULL};
    uint32_t state = 1;
    unsigned encoded_runs = 0;
    for (int i = 0; i < RUNS; i++) {
        char *text = random_text(&state, true);
        char *encoded = g_mime_utils_header_encode_text(NULL, text, charsets[next_random(&state) % 7]);
        struct buf out;
        buf_init(&out, 65536);
        struct bytes value = unfold(encoded);
        if (words_decode(value, &out) || !bytes_equal(buf_bytes(&out), bytes_of_string(text)))
            fail_msg("\"%s\"\nas \"%.*s\"\nis \"%.*s\"", text, (int)value.len, (const char *)value.data, (int)out.len,
                     (const char *)out.data);
        encoded_runs += words_may_be(value);
        buf_release(&out);
        g_free(encoded);
        g_free(text);
    }
    assert_true(encoded_runs > RUNS / 2);
}

static void addresses(void **unused)
{
    (void)unused;
    uint32_t state = 2;
    for (int i = 0; i < RUNS; i++) {
        char *name = random_text(&state, false);
        InternetAddress *mailbox = internet_address_mailbox_new(name, "a@b.example");
        char *encoded = internet_address_to_string(mailbox, NULL, TRUE);
        char *wanted = g_strconcat(name, " <a@b.example>", NULL);
        char *quoted = g_strconcat("\"", name, "\" <a@b.example>", NULL); /* GMime quotes more than it has to */
        struct buf out;
        buf_init(&out, 65536);
        struct bytes rest = unfold(encoded), address;
        assert_true(address_next(&rest, &address));
        address_text(address, &out);
        if (!bytes_equal(buf_bytes(&out), bytes_of_string(wanted)) &&
            !bytes_equal(buf_bytes(&out), bytes_of_string(quoted)))
            fail_msg("\"%s\"\nas \"%s\"\nis \"%.*s\"", wanted, encoded, (int)out.len, (const char *)out.data);
        assert_false(address_next(&rest, &address));
        buf_release(&out);
        g_free(quoted);
        g_free(wanted);
        g_free(encoded);
        g_object_unref(mailbox);
        g_free(name);
    }
}

static void parameters(void **unused)
{
    (void)unused;
    uint32_t state = 3;
    GMimeFormatOptions *options = g_mime_format_options_new();
    for (int i = 0; i < RUNS; i++) {
        char *name = random_text(&state, true);
        g_mime_format_options_set_param_encoding_method(options, i % 2 ? GMIME_PARAM_ENCODING_METHOD_RFC2047
                                                                       : GMIME_PARAM_ENCODING_METHOD_RFC2231);
        GMimeContentDisposition *disposition = g_mime_content_disposition_new();
        g_mime_content_disposition_set_disposition(disposition, "attachment");
        g_mime_content_disposition_set_parameter(disposition, "filename", name);
        char *encoded = g_mime_content_disposition_encode(disposition, options);
        struct disposition d;
        disposition_parse(&d, unfold(encoded));
        assert_string_equal(d.word, "attachment");
        if (!d.filename || strcmp(d.filename, name) != 0)
            fail_msg("\"%s\"\nas \"%s\"\nis \"%s\"", name, encoded, d.filename ? d.filename : "");
        assert_false(d.lossy || d.duplicate);
        disposition_release(&d);
        g_free(encoded);
        g_object_unref(disposition);
        g_free(name);
    }
    g_mime_format_options_free(options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(addresses),
        cmocka_unit_test(parameters),
    };
    g_mime_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_mime_shutdown();
    return failed;
}
