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

/* The addresses alone, groups without members as ":;", from GMime's list. */
static void flatten(InternetAddressList *list, GString *out)
{
    for (int i = 0; i < internet_address_list_length(list); i++) {
        InternetAddress *a = internet_address_list_get_address(list, i);
        if (INTERNET_ADDRESS_IS_MAILBOX(a)) {
            g_string_append_printf(out, "%s|", internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a)));
            continue;
        }
        InternetAddressList *members = internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a));
        if (internet_address_list_length(members))
            flatten(members, out);
        else
            g_string_append(out, ":;|");
    }
}

/* The address in one of ours: within the angle brackets, without route; else what is in no comment. */
static void add_bare(struct bytes item, GString *out)
{
    char *text = g_strndup((const char *)item.data, item.len), *open = strrchr(text, '<'), *from = text;
    if (open) {
        char *close = strchr(open, '>');
        assert_non_null(close);
        *close = '\0';
        from = open[1] == '@' && strchr(open, ':') ? strchr(open, ':') + 1 : open + 1;
    } else if (text[strlen(text) - 1] == ';') {
        strcpy(text, ":;");
    } else {
        for (char *c = strchr(text, '('); c; c = strchr(text, '('))
            memmove(c, strchr(c, ')') + 1, strlen(strchr(c, ')')));
    }
    g_string_append_printf(out, "%s|", g_strstrip(from));
    g_free(text);
}

static void lists(void **unused)
{
    (void)unused;
    static const char *const elements[] = {"a@b",
                                           "N M <c@d>",
                                           "\"x, y\" <e@f>",
                                           "G: g@h, \"i;j\" <i@j>;",
                                           "Empty:;",
                                           "(c, d) k@l",
                                           "<@r,@s:m@n>",
                                           "o@p (q; r)",
                                           "y@z;",
                                           "\"a\\\"b\" <s@t>",
                                           "u@[192.0.2.1]",
                                           "\"quoted local\"@v",
                                           "J. Doe <w@x>",
                                           "=?utf-8?q?x=2C_y?= <q@r>",
                                           "undisclosed-recipients: ;"};
    uint32_t state = 4;
    for (int i = 0; i < RUNS; i++) {
        GString *value = g_string_new(NULL), *wanted = g_string_new(NULL), *said = g_string_new(NULL);
        for (unsigned n = next_random(&state) % 4 + 1; n; n--)
            g_string_append_printf(value, "%s%s", elements[next_random(&state) % (sizeof elements / sizeof *elements)],
                                   n > 1 ? ", " : "");
        InternetAddressList *list = internet_address_list_parse(NULL, value->str);
        assert_non_null(list);
        flatten(list, wanted);
        g_object_unref(list);
        struct bytes rest = bytes_of_string(value->str), item;
        while (address_next(&rest, &item))
            add_bare(item, said);
        if (strcmp(said->str, wanted->str) != 0)
            fail_msg("%s\nis  %s\nnot %s", value->str, wanted->str, said->str);
        g_string_free(value, TRUE);
        g_string_free(wanted, TRUE);
        g_string_free(said, TRUE);
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
        cmocka_unit_test(lists),
        cmocka_unit_test(parameters),
    };
    g_mime_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_mime_shutdown();
    return failed;
}
