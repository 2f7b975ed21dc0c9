/* Links in text and HTML: what is found, what it is written as, what is told of it. Expectations are lines: the links,
   "~url|raw|flags" for odd ones, "!text|href" for mismatches, "+n" for those omitted. */
#include "mail/links.h"

#include "base/buf.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct limits limits;

static int set_up(void **state)
{
    (void)state;
    limits_init(&limits);
    return 0;
}

/* One item of odd_urls or link_mismatch: its members with a bar between them, the words of a list with a blank. */
static void put_item(const struct record *r, size_t *at, struct buf *out)
{
    struct bytes first = {NULL, 0}, second = {NULL, 0};
    struct buf words;
    buf_init(&words, 1000);
    struct entry e;
    enum field field = F_all_v;
    while (record_next(r, at, &e) && !e.end) {
        field = e.field;
        if (e.field == F_odd_url_url || e.field == F_link_mismatch_text)
            first = e.text;
        else if (e.field == F_odd_url_raw || e.field == F_link_mismatch_href)
            second = e.text;
        else
            buf_printf(&words, "%s%.*s", words.len ? " " : "|", (int)e.text.len, (const char *)e.text.data);
    }
    buf_add_string(out, field == F_odd_url_flags ? "~" : "!");
    buf_add(out, first);
    buf_add_string(out, "|");
    buf_add(out, second);
    buf_add(out, buf_bytes(&words));
    buf_release(&words);
}

/* The lines of a record. */
static void put_record(const struct record *r, struct buf *out)
{
    struct entry e;
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.field == F_message_urls)
            buf_add(out, e.text);
        else if (e.field == F_message_urls_omitted)
            buf_printf(out, "+%u", (unsigned)e.number);
        else if (e.field == F_message_odd_urls || e.field == F_message_link_mismatch)
            put_item(r, &at, out);
        else
            continue;
        buf_add_string(out, "\n");
    }
}

/* `gap`: place where octets are missing, or SIZE_MAX. */
static void find(struct bytes text, enum links_form form, const char *charset, size_t piece, size_t gap,
                 struct buf *out)
{
    struct links *links = links_new(&limits);
    struct link_finder *f = link_finder_new(links, form, charset);
    for (size_t at = 0; at < text.len;) {
        if (at == gap)
            link_finder_gap(f, 100);
        size_t len = at < gap && at + piece > gap ? gap - at : piece;
        struct bytes b = bytes_part(text, at, len);
        uint8_t *copy = malloc(b.len); /* what is read beyond it shows */
        memcpy(copy, b.data, b.len);
        link_finder_push(f, bytes_of(copy, b.len));
        free(copy);
        at += b.len;
    }
    link_finder_finish(f, true);
    assert_true(link_finder_held(f) < 128 * 1024);
    link_finder_free(f);
    struct record *r = record_new(KIND_message, &limits);
    assert_true(links_held(links) > 0);
    links_write(links, r);
    links_free(links);
    put_record(r, out);
    record_free(r);
}

static void check_octets(struct bytes text, enum links_form form, const char *charset, const char *expected)
{
    for (size_t piece = 1; piece <= text.len + 1; piece += piece < 40 ? 1 : 97) {
        struct buf out;
        buf_init(&out, 100000);
        find(text, form, charset, piece, SIZE_MAX, &out);
        buf_add_byte(&out, 0);
        assert_string_equal((const char *)out.data, expected);
        buf_release(&out);
    }
}

static void text_has(const char *text, const char *expected)
{
    check_octets(bytes_of_string(text), LINKS_TEXT, "utf-8", expected);
}

static void html_has(const char *text, const char *expected)
{
    check_octets(bytes_of_string(text), LINKS_HTML, NULL, expected);
}

static void in_text(void **state)
{
    (void)state;
    text_has("", "");
    text_has("no link: a://b c:d www. http://", "");
    text_has("See https://example.org/a?b=c#d, or <http://example.net>.",
             "https://example.org/a?b=c#d\nhttp://example.net\n");
    text_has("(http://en.example/wiki/A_(b)) and [ftp://h.example/x].",
             "http://en.example/wiki/A_(b)\nftp://h.example/x\n");
    text_has("www.example.org/x Www.Example.NET! a.www.example.com x@www.example.com wwww.example.com www.example",
             "http://www.example.org/x\nhttp://www.example.net\n");
    text_has("HTTP://EXAMPLE.org/Path", "http://example.org/Path\n");
    text_has("xhttp://a.example \xe2\x80\x9chttp://b.example\xe2\x80\x9d", "http://b.example\n");
    text_has("http://a.example/\r\n\thttps://a.example:443/ http://a.example:80/",
             "http://a.example/\nhttps://a.example/\n");
    text_has("hxxp://evil.example http[:]//evil.example", "");
    text_has("http://a.example/?u=http://b.example", "http://a.example/?u=http://b.example\n");
}

static void normal_forms(void **state)
{
    (void)state;
    text_has("http://ex%61mple.org/%7Euser/%2f%c3",
             "http://example.org/~user/%2F%C3\n"
             "~http://example.org/~user/%2F%C3|http://ex%61mple.org/%7Euser/%2f%c3|percent\n");
    text_has("http://b\xc3\xbc"
             "cher.example/",
             "http://xn--bcher-kva.example/\n~http://xn--bcher-kva.example/|http://b\xc3\xbc"
             "cher.example/|idn\n");
    text_has("http://xn--bcher-kva.example/",
             "http://xn--bcher-kva.example/\n~http://xn--bcher-kva.example/||punycode\n");
    text_has("http://bank.example@evil.example/",
             "http://bank.example@evil.example/\n~http://bank.example@evil.example/||userinfo\n");
    text_has("http://192.0.2.1/ http://[2001:DB8::1]:8080/",
             "http://192.0.2.1/\nhttp://[2001:db8::1]:8080/\n~http://192.0.2.1/||ip_host\n~http://[2001:db8::1]:8080/"
             "||ip_host port\n");
    text_has("http://3221225985/ http://0xc0.0.02.0x1/",
             "http://192.0.2.1/\n~http://192.0.2.1/|http://3221225985/|ip_host ip_odd\n");
    text_has("http://a.example/\xc3\xa4",
             "http://a.example/%C3%A4\n~http://a.example/%C3%A4|http://a.example/\xc3\xa4|encoded_octets\n");
    text_has("http://a_b.example:99999/ http://a$b.example/",
             "http://a_b.example:99999/\nhttp://a%24b.example/\n~http://a_b.example:99999/|"
             "|bad_host\n"
             "~http://a%24b.example/|http://a$b.example/|bad_host\n");
}

static void in_html(void **state)
{
    (void)state;
    html_has("<p>Hello</p><a href=\"https://a.example/?x=1&amp;y=2\">click</a>", "https://a.example/?x=1&y=2\n");
    html_has(
        "<A HREF=http://a.example/x>y</A><img SRC='http://b.example/i.png'/><form action = \"http://c.example/f\">",
        "http://a.example/x\nhttp://b.example/i.png\nhttp://c.example/f\n");
    html_has("<meta content='0; URL=\"http://a.example/\"' http-equiv=Refresh><meta name=url content=http://b.example>",
             "http://a.example/\n");
    html_has("<base href='http://a.example/dir/page'><a href='x.html'>1</a><a href=/y>2</a><a href=//b.example/z>3</a>",
             "http://a.example/dir/page\nhttp://a.example/dir/x.html\nhttp://a.example/y\nhttp://b.example/z\n"
             "~http://a.example/dir/x.html|x.html|base\n~http://a.example/y|/y|base\n~http://b.example/z|//b.example/"
             "z|base\n");
    html_has("<a href=x.html>1</a><a href=//b.example/>2</a><a href=' www.c.example'>3</a>",
             "https://b.example/\nhttp://www.c.example\n");
    html_has("<!-- <a href=http://no.example> --><a title='>' href=http://yes.example>x</a><!--[if mso]><a "
             "href=http://mso.example>"
             "<![endif]--><!--><a href=http://two.example>",
             "http://yes.example\nhttp://mso.example\nhttp://two.example\n");
    html_has("<script>if (a<b) x('http://js.example/a')</script><a href=http://b.example></a><style>x{}</styl></style "
             ">http://t.example</p>",
             "http://js.example/a\nhttp://b.example\nhttp://t.example\n");
    html_has("1 < 2 http://t.example/?a&amp;b <<a href=http://b.example>", "http://t.example/?a&b\nhttp://b.example\n");
    html_has("<a href=\"mailto:a@b.example\">a</a><img src=cid:x><a href=\"#top\">", "");
    html_has(
        "<a href=\"java\nscript:alert(1)\">a</a><img src='data:image/png;base64,AA'><iframe src='data:text/html,x'>"
        "<a href='\\\\srv\\share'>f</a><a href='search-ms:query=x'>",
        "~|java\nscript:alert(1)|control "
        "javascript\n~|data:text/html,x|data\n~|\\\\srv\\share|file\n~|search-ms:query=x|handler\n");
    html_has("<a href='http:\\\\evil.example\\x'>",
             "http://evil.example/x\n~http://evil.example/x|http:\\\\evil.example\\x|backslash\n");
    html_has("<a href='&#104;ttp&colon;//e.example'>",
             "http://e.example\n~http://e.example|&#104;ttp&colon;//e.example|entities\n");
}

static void mismatches(void **state)
{
    (void)state;
    html_has("<a href='http://evil.example/'>http://<b>bank</b>.example/login</a>",
             "http://evil.example/\n!http://bank.example/login|http://evil.example/\n");
    html_has("<a href=http://www.bank.example/>bank.example</a> <a href=https://bank.example>See www.bank.example.</a>",
             "http://www.bank.example/\nhttps://bank.example\n");
    html_has("<a href=http://click.shop.com/x>https://www.shop.com</a><a href=http://evil.net/>mybank.com</a><a "
             "href=http://evil.net/>report.pdf</a>",
             "http://click.shop.com/x\nhttp://evil.net/\n!mybank.com|http://evil.net/\n");
    html_has("<a href=http://a.co.uk>http://b.co.uk</a>", "http://a.co.uk\n!http://b.co.uk|http://a.co.uk\n");
    html_has("<a href=http://evil.example>www.bank.example",
             "http://evil.example\n!www.bank.example|http://evil.example\n");
    html_has("<a href=http://evil.example>&#98;ank.com&nbsp;</a>", "http://evil.example\n");
}

static void wide_charsets(void **state)
{
    (void)state;
    static const char plain[] = "<a href=http://a.example/>www.b.example</a>";
    uint8_t wide[sizeof plain * 4] = {0xff, 0xfe};
    static const char expected[] = "http://a.example/\n!www.b.example|http://a.example/\n";
    for (size_t i = 0; i < sizeof plain - 1; i++)
        wide[2 + 2 * i] = (uint8_t)plain[i];
    check_octets(bytes_of(wide, 2 * sizeof plain), LINKS_HTML, "utf-16", expected);
    check_octets(bytes_of(wide, 2 * sizeof plain), LINKS_HTML, NULL, expected);
    check_octets(bytes_of(wide + 2, 2 * sizeof plain - 2), LINKS_HTML, "UTF-16LE", expected);
    check_octets(bytes_of(wide + 3, 2 * sizeof plain - 3), LINKS_HTML, "UTF-16BE",
                 "http://a.example/\nhttp://www.b.example\n");
    memset(wide, 0, sizeof wide);
    for (size_t i = 0; i < sizeof plain - 1; i++)
        wide[4 * i + 3] = (uint8_t)plain[i];
    check_octets(bytes_of(wide, sizeof wide), LINKS_HTML, "utf-32", expected);
}

static void too_long(void **state)
{
    (void)state;
    char text[6000] = "http://a.example/";
    memset(text + 17, 'x', 5000);
    struct buf out;
    buf_init(&out, 100000);
    limits.text = 65536;
    find(bytes_of_string(text), LINKS_TEXT, NULL, 777, SIZE_MAX, &out);
    assert_int_equal(bytes_index(buf_bytes(&out), '\n'), LINK_OCTETS);
    assert_true(bytes_find_nocase(buf_bytes(&out), BYTES("||cut\n")) != SIZE_MAX);
    buf_release(&out);
}

static void too_many(void **state)
{
    (void)state;
    struct buf text, out;
    buf_init(&text, 100000);
    buf_init(&out, 100000);
    limits.urls = 3;
    for (int i = 0; i < 10; i++)
        buf_printf(&text, "http://a%d.example http://a0.example ", i % 6);
    find(buf_bytes(&text), LINKS_TEXT, NULL, 50, SIZE_MAX, &out);
    buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, "http://a0.example\nhttp://a1.example\nhttp://a2.example\n+4\n");
    buf_release(&text);
    buf_release(&out);
}

/* A name beyond ASCII takes microseconds: millions of them are not all converted. */
static void many_names(void **state)
{
    (void)state;
    struct buf text, out;
    buf_init(&text, 10000000);
    buf_init(&out, 10000000);
    limits.urls = limits.list = 10000;
    for (int i = 0; i < 4200; i++)
        buf_printf(&text, "http://\xc3\xbc%d.example ", i);
    find(buf_bytes(&text), LINKS_TEXT, NULL, 4000, SIZE_MAX, &out);
    assert_true(bytes_find_nocase(buf_bytes(&out), BYTES("http://xn--0-dha.example\n")) != SIZE_MAX);
    assert_true(bytes_find_nocase(buf_bytes(&out), BYTES("http://%C3%BC4199.example\n")) != SIZE_MAX);
    buf_release(&text);
    buf_release(&out);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Four times the octets take no more than about four times as long, whatever they are. */
static void hostile(void **state)
{
    (void)state;
    static const char *const units[] = {"<",    "<a href=\"&", "<a href='\"=", "http://",    "www.a.b ",
                                        ":",    ".",           "&#",           "<a href=x>", "http://a/)))",
                                        "<!--", "--",          "</",           "<script>",   "<base href=http://a.b/"};
    enum { SMALL = 128 * 1024 };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        struct buf text, out;
        buf_init(&text, 4 * SMALL);
        while (!text.cut)
            buf_add_string(&text, units[i]);
        for (int form = 0; form < 2; form++) {
            double took[2];
            for (int whole = 0; whole < 2; whole++) {
                buf_init(&out, 1000000);
                double before = seconds();
                find(bytes_part(buf_bytes(&text), 0, whole ? 4 * SMALL : SMALL), form ? LINKS_HTML : LINKS_TEXT, NULL,
                     4 * SMALL, SIZE_MAX, &out);
                took[whole] = seconds() - before;
                buf_release(&out);
            }
            assert_true(took[1] < 10 * took[0] + 0.1);
        }
        buf_release(&text);
    }
}

static void lost_octets(void **state)
{
    (void)state;
    static const char html[] =
        "<a href=http://a.example/>x</a><b x='<a href=http://b.example/>x</a><p>http://c.example";
    static const char *const whole[] = {"http://a.example/\n", "http://b.example/\n", "http://c.example\n"};
    size_t last = 0;
    for (size_t gap = 1; gap < sizeof html - 1; gap++) {
        struct buf out;
        buf_init(&out, 100000);
        find(bytes_of(html, sizeof html - 1), LINKS_HTML, NULL, 11, gap, &out);
        /* No link that octets are missing from. */
        size_t found = 0;
        for (size_t i = 0; i < 3; i++)
            if (bytes_find_nocase(buf_bytes(&out), bytes_of_string(whole[i])) != SIZE_MAX)
                found += strlen(whole[i]);
        assert_int_equal(found, out.len);
        last = found > last ? found : last;
        buf_release(&out);
    }
    assert_int_equal(last, strlen(whole[0]) + strlen(whole[1]) + strlen(whole[2]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(in_text, set_up),       cmocka_unit_test_setup(normal_forms, set_up),
        cmocka_unit_test_setup(in_html, set_up),       cmocka_unit_test_setup(mismatches, set_up),
        cmocka_unit_test_setup(wide_charsets, set_up), cmocka_unit_test_setup(too_long, set_up),
        cmocka_unit_test_setup(too_many, set_up),      cmocka_unit_test_setup(hostile, set_up),
        cmocka_unit_test_setup(lost_octets, set_up),   cmocka_unit_test_setup(many_names, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
