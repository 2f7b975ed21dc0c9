/* Files inside the leaves of a message: listed as parts behind the leaf, with names, sizes and hashes. */
#include "mail/content.h"

#include "base/buf.h"
#include "mail/mail.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct limits limits;
static struct mail *plain, *hashing;

/* A line for each part: "path type [name] encoding size flags cut". */
static void add(struct buf *out, const struct entry *e)
{
    if (e->field == F_part_path || e->field == F_part_mime || e->field == F_part_encoding ||
        e->field == F_part_sha256) {
        buf_add(out, e->text);
        buf_add_byte(out, ' ');
    } else if (e->field == F_part_name) {
        buf_add_byte(out, '[');
        buf_add(out, e->text);
        buf_add_string(out, "] ");
    } else if (e->field == F_part_flags && !bytes_equal(e->text, BYTES("type_mismatch"))) {
        buf_add(out, e->text);
        buf_add_byte(out, ' ');
    } else if (e->field == F_part_size) {
        buf_printf(out, "%u ", (unsigned)e->number);
    } else if (e->field == F_part_cut) {
        buf_add_string(out, "cut ");
    } else if (e->field == F_message_parts_omitted) {
        buf_printf(out, "omitted %u\n", (unsigned)e->number);
    }
}

static void list(struct buf *out, const struct record *message)
{
    struct entry e;
    unsigned depth = 0;
    for (size_t at = 0; record_next(message, &at, &e);) {
        if (e.end) {
            if (!--depth)
                buf_add_byte(out, '\n');
            continue;
        }
        depth += field_infos[e.field].type == GROUP || field_infos[e.field].type == GROUPS;
        add(out, &e);
    }
}

static void check_bytes(struct mail *mail, struct bytes message, const char *wanted)
{
    for (size_t step = 1; step < message.len + 2; step += step < 20 ? 1 : 97) {
        struct content *c = content_new(mail);
        struct record *r = record_new(KIND_message, &limits);
        struct buf got;
        buf_init(&got, 65536);
        for (size_t at = 0; at < message.len; at += step) {
            struct bytes piece = bytes_part(message, at, step);
            content_push(c, piece.data, piece.len);
            assert_true(content_held(c) > 0);
        }
        content_finish(c, r, true);
        list(&got, r);
        buf_add_byte(&got, 0);
        assert_string_equal((const char *)got.data, wanted);
        buf_release(&got);
        record_free(r);
        content_free(c);
    }
}

static void check(const char *message, const char *wanted)
{
    check_bytes(plain, bytes_of_string(message), wanted);
}

static void in_text(void **state)
{
    (void)state;
    check("Subject: x\r\n\r\nHi,\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\n",
          "1 text/plain 39 \n1.u1 application/octet-stream [cat.txt] x-uuencode 3 \n");
    check("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbegin 644 x\n#0V%T\nend\nbegin 644 y\n#0V%T\n"
          "--b\nContent-Type: text/html\n\nbegin 644 x\n#0V%T\nend\n--b--\n",
          "TEXT multipart/mixed \n1 text/plain 39 \n1.u1 application/octet-stream [x] x-uuencode 3 \n"
          "1.u2 application/octet-stream [y] x-uuencode 3 cut bad_encoding \n2 text/html 21 \n");
    check("Content-Transfer-Encoding: quoted-printable\n\nbegin 644 x\n#0V%T\nend\n",
          "1 text/plain quoted-printable 22 \n");
    check(
        "Content-Type: text/plain; charset=iso-8859-1\n\n=ybegin line=128 size=3 name=\xe9\nm\x8b\x9e\n=yend size=3\n",
        "1 text/plain 48 \n1.u1 application/octet-stream [\xc3\xa9] x-yenc 3 \n");
    check("Content-Type: application/octet-stream\n\nbegin 644 x\n#0V%T\nend\n", "1 application/octet-stream 22 \n");
}

static void in_winmail(void **state)
{
    (void)state;
    /* two attachments: the first has its name before its octets, the second behind */
    static const char tnef[] = "\x78\x9f\x3e\x22\1\0"
                               "\2\2\x90\6\0\1\0\0\0\7\7\0"
                               "\2\x10\x80\1\0\6\0\0\0a.txt\0\xef\1"
                               "\2\x0f\x80\6\0\3\0\0\0abc\x26\1"
                               "\2\2\x90\6\0\1\0\0\0\7\7\0"
                               "\2\x0f\x80\6\0\1\0\0\0xx\0"
                               "\2\x10\x80\1\0\2\0\0\0b\0b\0";
    char message[400] = "Content-Type: application/ms-tnef\n\n";
    size_t head = strlen(message);
    memcpy(message + head, tnef, sizeof(tnef) - 1);
    check_bytes(plain, bytes_of(message, head + sizeof(tnef) - 1),
                "1 application/ms-tnef 86 \n1.t1 application/octet-stream [a.txt] 3 \n"
                "1.t2 application/octet-stream [b] 1 \n");
    check_bytes(plain, bytes_of(message, head + sizeof(tnef) - 2),
                "1 application/ms-tnef 85 archive_broken \n1.t1 application/octet-stream [a.txt] 3 \n"
                "1.t2 application/octet-stream [b] 1 cut \n");
    check("Content-Type: application/octet-stream; name=\"Winmail.dat\"\n\nno such thing",
          "1 application/octet-stream [Winmail.dat] 13 archive_broken \n");
}

static void looked_at(void **state)
{
    (void)state;
    check("\nbegin 644 x.pdf.exe\n#0V%T\nend\n",
          "1 text/plain 30 \n1.u1 application/octet-stream [x.pdf.exe] x-uuencode 3 executable double_extension \n");
    static const char tnef[] = "Content-Type: application/ms-tnef\n\n"
                               "\x78\x9f\x3e\x22\1\0"
                               "\2\x0f\x80\6\0\1\0\0\0xx\0"
                               "\2\x10\x80\1\0\5\0\0\0a.js\0\x6c\1";
    check_bytes(plain, bytes_of(tnef, sizeof(tnef) - 1),
                "1 application/ms-tnef 34 \n1.t1 application/octet-stream [a.js] 1 script \n");
}

static void hashes(void **state)
{
    (void)state;
    check_bytes(hashing, BYTES("\r\nbegin 644 abc\r\n#86)C\r\n`\r\nend\r\n"),
                "1 text/plain 30 374705bd03bd863113d29235c03f6c4301fcf5bbce253b5c8cd035428641c141 \n"
                "1.u1 application/octet-stream [abc] x-uuencode 3 "
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad \n");
}

static void limited(void **state)
{
    (void)state;
    struct limits few = limits;
    few.mime_parts = 2;
    struct mail *mail = mail_new(&few, &(struct mail_settings){.hash = MAIL_HASH_NONE});
    check_bytes(mail, BYTES("\nbegin 644 a\n#0V%T\nend\nbegin 644 b\n#0V%T\nend\nbegin 644 c\n#0V%T\nend\n"),
                "1 text/plain 66 \n1.u1 application/octet-stream [a] x-uuencode 3 \nomitted 2\n");
    mail_free(mail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_text), cmocka_unit_test(in_winmail), cmocka_unit_test(looked_at),
        cmocka_unit_test(hashes),  cmocka_unit_test(limited),
    };
    limits_init(&limits);
    plain = mail_new(&limits, &(struct mail_settings){.hash = MAIL_HASH_NONE});
    hashing = mail_new(&limits, &(struct mail_settings){.hash = MAIL_HASH_PARTS});
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    mail_free(plain);
    mail_free(hashing);
    return failed;
}
