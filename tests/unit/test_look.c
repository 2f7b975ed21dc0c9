/* What a part's octets show: types, flags, listings. The expected line is "magic flags: names", a name with its size
   and
   "!" where it is encrypted, "+n" for those not listed. Whatever pieces the octets come in, it is the same. */
#include "mail/look.h"

#include "base/buf.h"
#include "mail/names.h"
#include "record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct limits limits;

static int set_up(void **state)
{
    (void)state;
    limits_init(&limits);
    return 0;
}

static void put_record(const struct record *r, struct buf *out)
{
    struct entry e;
    const char *behind = "";
    for (size_t at = 0; record_next(r, &at, &e);) {
        if (e.field == F_part_magic) {
            buf_add(out, e.text);
        } else if (e.field == F_part_flags) {
            buf_printf(out, "%s%.*s", out->len ? " " : "", (int)e.text.len, (const char *)e.text.data);
        } else if (e.field == F_part_archive && !e.end) {
            buf_add_string(out, *behind ? ", " : ": ");
            behind = ",";
        } else if (e.field == F_archived_name) {
            buf_add(out, e.text);
        } else if (e.field == F_archived_size) {
            buf_printf(out, " %llu", (unsigned long long)e.number);
        } else if (e.field == F_archived_encrypted) {
            buf_add_string(out, "!");
        } else if (e.field == F_part_archive_omitted) {
            buf_printf(out, " +%llu", (unsigned long long)e.number);
        }
    }
}

struct given {
    const char *declared, *name;
    bool is_text;        /* not an attachment */
    size_t gap, gap_len; /* octets that are missing */
};

static void look(struct bytes octets, struct given g, size_t piece, struct buf *out)
{
    struct look *l = look_new(&limits, g.declared, g.name, !g.is_text);
    for (size_t at = 0; at < octets.len;) {
        if (g.gap_len && at == g.gap) {
            look_gap(l, g.gap_len);
            at += g.gap_len;
            continue;
        }
        size_t len = g.gap_len && at < g.gap && at + piece > g.gap ? g.gap - at : piece;
        struct bytes b = bytes_part(octets, at, len);
        uint8_t *copy = malloc(b.len); /* what is read beyond it shows */
        memcpy(copy, b.data, b.len);
        look_push(l, bytes_of(copy, b.len));
        free(copy);
        at += b.len;
    }
    assert_true(look_held(l) < 64 * 1024);
    struct record *r = record_new(KIND_message, &limits);
    record_begin(r, F_message_parts);
    look_finish(l, r);
    record_end(r);
    look_free(l);
    put_record(r, out);
    record_free(r);
}

static void shows_given(struct bytes octets, struct given g, const char *expected)
{
    for (size_t piece = 1; piece <= octets.len + 1; piece += piece < 48 ? 1 : piece) {
        struct buf out;
        buf_init(&out, 100000);
        look(octets, g, piece, &out);
        buf_add_byte(&out, 0);
        assert_string_equal((const char *)out.data, expected);
        buf_release(&out);
    }
}

static void shows(struct bytes octets, const char *name, const char *declared, const char *expected)
{
    shows_given(octets, (struct given){.name = name, .declared = declared}, expected);
}

/* --- builders --- */

static void put_number(struct buf *b, uint64_t n, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buf_add_byte(b, (uint8_t)(n >> 8 * i));
}

static void put_zeros(struct buf *b, size_t len)
{
    while (len--)
        buf_add_byte(b, 0);
}

static void put_text(struct buf *b, const char *text, size_t width)
{
    size_t len = strlen(text);
    buf_add_string(b, text);
    put_zeros(b, width > len ? width - len : 0);
}

enum { ENCRYPTED = 1, DESCRIPTOR = 2, BARE = 4, WIDE = 8, LIES = 16 };

/* A file in a zip archive: its local header and data. */
static void put_local(struct buf *b, const char *name, const char *content, unsigned how)
{
    size_t len = strlen(content);
    bool later = how & DESCRIPTOR;
    put_number(b, 0x04034b50, 4);
    put_number(b, 20, 2);
    put_number(b, (how & ENCRYPTED ? 1 : 0) | (later ? 8 : 0), 2);
    put_zeros(b, 10);
    put_number(b, later ? 0 : how & WIDE ? 0xffffffff : len, 4);
    put_number(b, later ? 0 : how & WIDE ? 0xffffffff : len, 4);
    put_number(b, strlen(name), 2);
    put_number(b, how & WIDE ? 20 : 0, 2);
    buf_add_string(b, name);
    if (how & WIDE) {
        put_number(b, 1, 2);
        put_number(b, 16, 2);
        put_number(b, len, 8);
        put_number(b, len, 8);
    }
    buf_add_string(b, content);
    if (!later)
        return;
    if (!(how & BARE))
        put_number(b, 0x08074b50, 4);
    put_number(b, 0, 4);
    put_number(b, len + (how & LIES ? 7 : 0), how & WIDE ? 8 : 4);
    put_number(b, len, how & WIDE ? 8 : 4);
}

static void put_central(struct buf *b, const char *name, uint64_t size, unsigned how)
{
    put_number(b, 0x02014b50, 4);
    put_number(b, 0, 4);
    put_number(b, how & ENCRYPTED ? 1 : 0, 2);
    put_zeros(b, 10);
    put_number(b, size, 4);
    put_number(b, size, 4);
    put_number(b, strlen(name), 2);
    put_zeros(b, 16);
    buf_add_string(b, name);
}

static void put_end(struct buf *b, unsigned count, const char *comment)
{
    put_number(b, 0x06054b50, 4);
    put_zeros(b, 4);
    put_number(b, count, 2);
    put_number(b, count, 2);
    put_zeros(b, 8);
    put_number(b, strlen(comment), 2);
    buf_add_string(b, comment);
}

/* An archive of those files, a few octets each. */
static void put_zip(struct buf *b, const char *const *names, size_t count, unsigned how)
{
    for (size_t i = 0; i < count; i++)
        put_local(b, names[i], "content", how);
    for (size_t i = 0; i < count; i++)
        put_central(b, names[i], 7, how);
    put_end(b, (unsigned)count, "");
}

static void zip_shows(const char *const *names, size_t count, unsigned how, const char *name, const char *expected)
{
    struct buf b;
    buf_init(&b, 1000000);
    put_zip(&b, names, count, how);
    shows(buf_bytes(&b), name, "application/octet-stream", expected);
    buf_release(&b);
}

#define ZIP_SHOWS(how, name, expected, ...)                                                                            \
    do {                                                                                                               \
        static const char *const names[] = {__VA_ARGS__};                                                              \
        zip_shows(names, sizeof names / sizeof *names, how, name, expected);                                           \
    } while (0)

/* --- tests --- */

static void types(void **state)
{
    (void)state;
    shows(BYTES(""), "a.txt", "text/plain", "");
    shows(BYTES("just some text"), "a.txt", "text/plain", "");
    shows(BYTES("\177ELF\2\1\1"), "a", NULL, "elf executable");
    shows(BYTES("\xca\xfe\xba\xbe\0\0\0\x34"), "A.class", "application/java-vm", "class executable");
    shows(BYTES("\xca\xfe\xba\xbe\0\0\0\2\1\0\0\7"), "a", NULL, "macho executable");
    shows(BYTES("\0asm\1\0\0\0"), NULL, "application/wasm", "wasm executable");
    shows(BYTES("%PDF-1.7\n"), "a.pdf", "application/pdf", "pdf");
    shows(BYTES("junk\r\n%PDF-1.7\n"), "a.pdf", "application/pdf", "pdf");
    shows(BYTES("\x89PNG\r\n\x1a\n"), "a.png", "image/png", "png");
    shows(BYTES("\xff\xd8\xff\xe0\0\x10JFIF"), "a.jpg", "image/jpeg", "jpeg");
    shows(BYTES("RIFF\0\0\0\0WEBPVP8 "), "a.webp", "image/webp", "webp");
    shows(BYTES("RIFF\0\0\0\0WAVEfmt "), "a.wav", "audio/x-wav", "wav");
    shows(BYTES("\0\0\0\x18"
                "ftypmp42\0\0\0\0"),
          "a.mp4", "video/mp4", "mp4");
    shows(BYTES("\0\0\0\x18"
                "ftypheic\0\0\0\0"),
          "a.heic", "image/heic", "heif");
    shows(BYTES("MZ is how this text begins, and it has no zeros in it"), "a.txt", "text/plain", "");
    shows(BYTES("\n <!-- x -->\n<!DOCTYPE html>\n<html>"), NULL, "text/html", "html");
    shows(BYTES("\xef\xbb\xbf<?xml version='1.0'?><svg>"), "a.svg", "image/svg+xml", "svg");
    shows(BYTES("<?xml version='1.0'?><x/>"), "a.xml", "application/xml", "xml");
    shows(BYTES("<html><HTA:APPLICATION id=x>"), "a.hta", NULL, "hta script");
    shows(BYTES("#!/bin/sh\necho\n"), "a.sh", "text/plain", "script script");
    shows(BYTES("Received: from a\r\nFrom: b\r\n\r\n"), "a.eml", "message/rfc822", "eml");
    shows(BYTES("-----BEGIN PGP SIGNATURE-----\n"), "signature.asc", "application/pgp-signature", "pgp");
    shows(BYTES("\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46\0"), "a.pdf.lnk", NULL,
          "lnk shortcut double_extension");
    shows(BYTES("\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"), "a.one", NULL, "one script");
    shows(BYTES("ITSF\3\0\0\0`\0\0\0"), "a.chm", NULL, "chm script");
    shows(BYTES("\x1f\x8b\x08\0\0\0\0\0"), "a.tar.gz", "application/x-gzip", "gzip");
    shows(BYTES("\xfd"
                "7zXZ\0\0\4"),
          "a.xz", NULL, "xz");
    shows(BYTES("BZh91AY&SY"), "a.bz2", NULL, "bzip2");
    shows_given(BYTES("#!/bin/sh\necho\n"), (struct given){.declared = "text/plain", .is_text = true}, "");
}

static void programs(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    put_text(&b, "MZ", 60);
    put_number(&b, 5000, 4);
    put_zeros(&b, 5000 - 64);
    shows(buf_bytes(&b), "a.exe", "application/x-msdownload", "dos_exe executable");
    buf_add(&b, BYTES("PE\0\0rest"));
    shows(buf_bytes(&b), "a.exe", "application/x-msdownload", "exe executable");
    shows(buf_bytes(&b), "a.pdf", "application/pdf", "exe executable type_mismatch");
    shows(buf_bytes(&b), "a.txt", "application/octet-stream", "exe executable type_mismatch");
    shows(buf_bytes(&b), NULL, "image/png", "exe executable type_mismatch");
    put_end(&b, 0, "");
    shows(buf_bytes(&b), "a.exe", NULL, "exe executable appended_archive");
    buf_reset(&b);
    put_zeros(&b, 0x8001);
    buf_add_string(&b, "CD001\1");
    shows(buf_bytes(&b), "a.iso", "application/x-cd-image", "iso disk_image");
    buf_release(&b);
}

static void types_against_names(void **state)
{
    (void)state;
    static const char png[] = "\x89PNG\r\n\x1a\n";
    shows(bytes_of(png, 8), "a.png", "application/octet-stream", "png");
    shows(bytes_of(png, 8), "a.jpg", "image/jpeg", "png type_mismatch");
    shows(bytes_of(png, 8), "a.png", "text/plain", "png type_mismatch");
    shows(bytes_of(png, 8), "a.xyz", "application/x-xyz", "png");
    shows(BYTES("not a picture at all"), "a.png", "image/png", "type_mismatch");
    shows(BYTES("a;b;c\r\n1;2;3\r\n4;5;6\r\n"), "a.csv", "application/vnd.ms-excel", "");
    shows(BYTES("a;b;c\r\n1;2;3\r\n4;5;6\r\n"), "a.xls", "application/vnd.ms-excel", "type_mismatch");
    shows(BYTES("<html><body>"), "a.txt", "text/plain", "html");
    shows(BYTES("<html><body>"), "a.doc", "application/msword", "html type_mismatch");
    shows(BYTES("{\\rtf1 hello}"), "a.doc", "application/msword", "rtf");
    shows_given(bytes_of(png, 8), (struct given){.name = "a.jpg", .gap_len = 2}, "");
}

static void zips(void **state)
{
    (void)state;
    static const unsigned forms[] = {0,    DESCRIPTOR,        DESCRIPTOR | BARE,
                                     WIDE, DESCRIPTOR | WIDE, DESCRIPTOR | WIDE | BARE};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        ZIP_SHOWS(forms[i], "a.zip", "zip: a.txt 7, dir/b.pdf 7", "a.txt", "dir/", "dir/b.pdf");
        ZIP_SHOWS(forms[i] | ENCRYPTED, "a.zip", "zip encrypted_archive: a.txt 7!", "a.txt");
    }
    ZIP_SHOWS(0, "a.zip", "zip archive_executable: invoice.pdf.exe 7", "invoice.pdf.exe");
    ZIP_SHOWS(0, "a.zip", "zip archive_path: ../../x.txt 7, /y 7, C:\\z 7", "../../x.txt", "/y", "C:\\z");
    ZIP_SHOWS(0, "a.docx", "docx", "[Content_Types].xml", "word/document.xml");
    ZIP_SHOWS(0, "a.docx", "docm macro type_mismatch", "[Content_Types].xml", "word/document.xml",
              "word/vbaProject.bin");
    ZIP_SHOWS(0, "a.docm", "docx macro type_mismatch", "[Content_Types].xml", "word/document.xml");
    ZIP_SHOWS(0, "a.xlsm", "xlsm macro", "[Content_Types].xml", "xl/workbook.xml", "xl/macrosheets/sheet1.xml");
    ZIP_SHOWS(0, "a.xlsb", "xlsb macro", "[Content_Types].xml", "xl/workbook.bin");
    ZIP_SHOWS(0, "a.pptx", "pptx embedded_object", "[Content_Types].xml", "ppt/presentation.xml",
              "ppt/embeddings/oleObject1.bin");
    ZIP_SHOWS(0, "a.zip", "docx", "[Content_Types].xml", "word/document.xml");
    ZIP_SHOWS(0, "a.docx", "zip type_mismatch: a 7", "a");
    ZIP_SHOWS(0, "a.jar", "jar executable: META-INF/MANIFEST.MF 7, A.class 7", "META-INF/MANIFEST.MF", "A.class");
    ZIP_SHOWS(0, "a.apk", "apk executable", "AndroidManifest.xml", "classes.dex", "META-INF/MANIFEST.MF");
    limits.archive = 2;
    ZIP_SHOWS(0, "a.zip", "zip archive_listing_cut: a 7, b 7 +2", "a", "b", "c", "d");
}

static void open_documents(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    put_local(&b, "mimetype", "application/vnd.oasis.opendocument.text", 0);
    put_local(&b, "Basic/Standard/Module1.xml", "x", 0);
    put_central(&b, "mimetype", 39, 0);
    put_central(&b, "Basic/Standard/Module1.xml", 1, 0);
    put_end(&b, 2, "");
    shows(buf_bytes(&b), "a.odt", "application/vnd.oasis.opendocument.text", "odt macro");
    buf_reset(&b);
    put_local(&b, "mimetype", "application/epub+zip", 0);
    put_central(&b, "mimetype", 20, 0);
    put_end(&b, 1, "");
    shows(buf_bytes(&b), "a.epub", NULL, "epub");
    buf_release(&b);
}

/* Archives that programs read in different ways. */
static void odd_zips(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000000);
    put_local(&b, "a.exe", "content", 0);
    put_central(&b, "a.txt", 7, 0);
    put_end(&b, 1, "comment");
    shows(buf_bytes(&b), "a.zip", NULL, "zip archive_executable archive_mismatch: a.txt 7");
    buf_reset(&b); /* two archives, one behind the other */
    static const char *const first[] = {"a.txt"}, *const second[] = {"b.exe"};
    put_zip(&b, first, 1, 0);
    put_zip(&b, second, 1, 0);
    shows(buf_bytes(&b), "a.zip", NULL, "zip archive_executable archive_mismatch: b.exe 7");
    buf_reset(&b); /* the size in the local header leads beyond the directory */
    put_local(&b, "a", "content", 0);
    b.data[18] = 0xf0;
    put_central(&b, "b", 7, 0);
    put_end(&b, 1, "");
    shows(buf_bytes(&b), "a.zip", NULL, "zip: b 7");
    buf_reset(&b); /* a descriptor that no size fits */
    put_local(&b, "a", "content", DESCRIPTOR | LIES);
    put_central(&b, "a", 7, 0);
    put_end(&b, 1, "");
    shows(buf_bytes(&b), "a.zip", NULL, "zip: a 7");
    buf_reset(&b); /* no directory */
    put_local(&b, "a", "content", 0);
    put_local(&b, "b", "content", DESCRIPTOR);
    shows(buf_bytes(&b), "a.zip", NULL, "zip archive_broken archive_listing_cut: a 7, b");
    buf_reset(&b); /* an end that counts more entries than there are */
    put_local(&b, "a", "content", 0);
    put_central(&b, "a", 7, 0);
    put_end(&b, 2, "");
    shows(buf_bytes(&b), "a.zip", NULL, "zip archive_broken archive_listing_cut: a 7");
    buf_reset(&b); /* an archive stored in an archive, behind a descriptor */
    put_local(&b, "x", "content", DESCRIPTOR);
    static const char nested[] = "PK\3\4 PK\1\2 PK\5\6 PK\7\10 more";
    put_local(&b, "y", nested, DESCRIPTOR);
    put_central(&b, "x", 7, 0);
    put_central(&b, "y", sizeof nested - 1, 0);
    put_end(&b, 2, "");
    shows(buf_bytes(&b), "a.zip", NULL, "zip: x 7, y 24");
    buf_release(&b);
}

static void zips_with_gaps(void **state)
{
    (void)state;
    static const char *const names[] = {"a.exe", "b.txt", "c.txt"};
    struct buf b;
    buf_init(&b, 100000);
    put_zip(&b, names, 3, 0);
    /* Inside the data of the first file nothing is lost that matters; inside its header the directory still tells. */
    shows_given(buf_bytes(&b), (struct given){.name = "a.zip", .gap = 36, .gap_len = 3},
                "zip archive_executable: a.exe 7, b.txt 7, c.txt 7");
    shows_given(buf_bytes(&b), (struct given){.name = "a.zip", .gap = 20, .gap_len = 9},
                "zip archive_executable: a.exe 7, b.txt 7, c.txt 7");
    shows_given(buf_bytes(&b), (struct given){.name = "a.zip", .gap = 140, .gap_len = 40},
                "zip archive_executable archive_listing_cut: a.exe 7, b.txt 7, c.txt 7");
    buf_release(&b);
}

static void put_tar(struct buf *b, const char *name, const char *content, char kind)
{
    size_t at = b->len, len = strlen(content);
    put_text(b, name, 100);
    put_text(b, "0000644", 8);
    put_zeros(b, 16);
    buf_printf(b, "%011o", (unsigned)len);
    buf_add_byte(b, 0);
    put_zeros(b, 12 + 8);
    buf_add_byte(b, (uint8_t)kind);
    put_zeros(b, 100);
    buf_add(b, BYTES("ustar\00000"));
    put_zeros(b, 512 - (b->len - at));
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < 512; i++)
        sum += b->data[at + i];
    for (int i = 0; i < 6; i++)
        b->data[at + 148 + (size_t)i] = (uint8_t)('0' + (sum >> 3 * (5 - i) & 7));
    b->data[at + 155] = ' ';
    buf_add_string(b, content);
    put_zeros(b, (512 - len % 512) % 512);
}

static void tars(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    put_tar(&b, "dir/", "", '5');
    put_tar(&b, "dir/a.txt", "content", '0');
    put_tar(&b, "@LongLink", "very/long/name.js", 'L');
    put_tar(&b, "very/lo", "x", '0');
    put_tar(&b, "pax", "11 mtime=1\n16 path=b/c.exe\n", 'x');
    put_tar(&b, "b/c", "yz", '0');
    put_zeros(&b, 1024);
    shows(buf_bytes(&b), "a.tar", "application/x-tar",
          "tar archive_executable: dir/a.txt 7, very/long/name.js 1, b/c.exe 2");
    shows(bytes_part(buf_bytes(&b), 0, 1400), "a.tar", NULL, "tar archive_broken archive_listing_cut: dir/a.txt 7");
    buf_release(&b);
}

static void rars(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    buf_add(&b, BYTES("Rar!\x1a\7\0")); /* version 4: archive header, two files, the end */
    buf_add(&b, BYTES("\0\0\x73\0\0\x0d\0\0\0\0\0\0\0"));
    for (int i = 0; i < 2; i++) {
        buf_add(&b, i ? BYTES("\0\0\x74\4\x80") : BYTES("\0\0\x74\0\x80"));
        put_number(&b, 32 + 5, 2);
        put_number(&b, 3, 4);
        put_number(&b, 9, 4);
        put_zeros(&b, 11);
        put_number(&b, 5, 2);
        put_zeros(&b, 4);
        buf_add_string(&b, i ? "b.scr" : "a.txt");
        buf_add_string(&b, "xyz");
    }
    buf_add(&b, BYTES("\0\0\x7b\0\0\7\0"));
    shows(buf_bytes(&b), "a.rar", NULL, "rar encrypted_archive archive_executable: a.txt 9, b.scr 9!");
    buf_reset(&b);
    buf_add(&b, BYTES("Rar!\x1a\7\0\0\0\x73\x80\0\x0d\0\0\0\0\0\0\0encrypted from here on"));
    shows(buf_bytes(&b), "a.rar", NULL, "rar encrypted_archive archive_listing_cut");
    buf_reset(&b); /* version 5: main, a file with 300 octets of which 3 are here, an encrypted one, the end */
    buf_add(&b, BYTES("Rar!\x1a\7\1\0"));
    buf_add(&b, BYTES("crc_\3\1\0\0"));
    buf_add(&b, BYTES("crc_\x0f\2\2\3\0\xac\2\0\0\0\5a.txtxyz"));
    buf_add(&b, BYTES("crc_\x13\2\3\3\3\0\xac\2\0\0\0\5b.pdf\2\1\0xyz"));
    buf_add(&b, BYTES("crc_\3\5\0\0"));
    shows(buf_bytes(&b), "a.rar", NULL, "rar encrypted_archive: a.txt 300, b.pdf 300!");
    buf_reset(&b);
    buf_add(&b, BYTES("Rar!\x1a\7\1\0crc_\x21\4\0\0\0and nothing to be read behind it"));
    shows(buf_bytes(&b), "a.rar", NULL, "rar encrypted_archive archive_listing_cut");
    buf_release(&b);
}

static void seven_zips(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    buf_add(&b, BYTES("7z\xbc\xaf\x27\x1c\0\4crc_"));
    put_number(&b, 10, 8);
    put_number(&b, 12, 8);
    buf_add_string(&b, "crc_0123456789");
    shows(buf_bytes(&b), "a.7z", NULL, "7z archive_broken");
    buf_add(&b, BYTES("\x17\6..\x24\6\xf1\7\1\x13\0\0"));
    shows(buf_bytes(&b), "a.7z", NULL, "7z encrypted_archive");
    b.data[b.len - 6] = 0;
    shows(buf_bytes(&b), "a.7z", NULL, "7z");
    buf_release(&b);
}

/* An entry of a compound file's directory. */
static void put_entry(struct buf *b, const char *name, uint8_t type)
{
    size_t at = b->len, len = strlen(name);
    for (size_t i = 0; i < len; i++)
        put_number(b, (uint8_t)name[i], 2);
    put_zeros(b, 64 - 2 * len);
    put_number(b, 2 * len + 2, 2);
    put_number(b, type, 1);
    put_number(b, 1, 1);
    put_zeros(b, 128 - (b->len - at));
}

static void ole_shows(const char *a, const char *b, const char *name, const char *expected)
{
    struct buf file;
    buf_init(&file, 10000);
    put_text(&file, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 1536);
    put_entry(&file, "Root Entry", 5);
    put_entry(&file, a, 2);
    put_entry(&file, b, 1);
    put_zeros(&file, 128);
    shows(buf_bytes(&file), name, NULL, expected);
    buf_release(&file);
}

static void compound_files(void **state)
{
    (void)state;
    ole_shows("WordDocument", "1Table", "a.doc", "doc");
    ole_shows("WordDocument", "Macros", "a.doc", "doc macro");
    ole_shows("Workbook", "_VBA_PROJECT_CUR", "a.xls", "xls macro");
    ole_shows("PowerPoint Document", "Pictures", "a.ppt", "ppt");
    ole_shows("EncryptedPackage", "\006DataSpaces", "a.docx", "ooxml_encrypted encrypted_document");
    ole_shows("__nameid_version1.0", "x", "a.msg", "msg");
    ole_shows("WordDocument", "ObjectPool", "a.doc", "doc embedded_object");
    ole_shows("Contents", "x", "a.doc", "ole");
    ole_shows("WordDocument", "x", "a.pdf", "doc type_mismatch");
}

/* Word 97 and Excel 97 documents that ask for a password say so where their streams begin. */
static void locked_documents(void **state)
{
    (void)state;
    const struct {
        const char *stream, *name, *expected;
        struct bytes begin;
    } cases[] = {
        {"WordDocument", "a.doc", "doc encrypted_document", BYTES("\xec\xa5\xc1\0\0\0\0\0\0\0\0\x13")},
        {"WordDocument", "a.doc", "doc", BYTES("\xec\xa5\xc1\0\0\0\0\0\0\0\0\x12")},
        {"Workbook", "a.xls", "xls encrypted_document",
         BYTES("\11\10\20\0\0\6\5\0\0\0\0\0\0\0\0\0\0\0\0\0\x86\0\0\0\x2f\0\x36\0")},
        {"Workbook", "a.xls", "xls", BYTES("\11\10\20\0\0\6\5\0\0\0\0\0\0\0\0\0\0\0\0\0\xe1\0\2\0")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;
        buf_init(&b, 10000);
        put_text(&b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 512);
        buf_add(&b, cases[i].begin);
        put_zeros(&b, 512 - cases[i].begin.len);
        put_entry(&b, "Root Entry", 5);
        put_entry(&b, cases[i].stream, 2);
        shows(buf_bytes(&b), cases[i].name, NULL, cases[i].expected);
        buf_release(&b);
    }
}

static void markers(void **state)
{
    (void)state;
    shows(BYTES("%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(x)>>>>"), "a.pdf", NULL,
          "pdf pdf_javascript pdf_open_action");
    shows(BYTES("%PDF-1.4\n<</S /L#61unch>> /EmbeddedFiles 3 0 R /Names"), "a.pdf", NULL,
          "pdf pdf_launch pdf_embedded_file");
    shows(BYTES("%PDF-1.4\ntrailer<</Encrypt 5 0 R>>"), "a.pdf", NULL, "pdf encrypted_document");
    shows(BYTES("%PDF-1.4\n/EncryptMetadata /JavaScripted /Launcher"), "a.pdf", NULL, "pdf");
    shows(BYTES("{\\rtf1{\\object\\objemb{\\*\\objdata 0105}}}"), "a.rtf", NULL, "rtf embedded_object");
    shows(BYTES("<html><FORM action=x><script>eval(atob('x'))</script>"), "a.html", "text/html",
          "html html_script html_form html_decoder");
    shows(BYTES("<html>text/javascript (see format) {atob}"), "a.html", "text/html", "html");
    shows(BYTES("<svg onload=x><script>String.fromCharCode(1)"), "a.svg", NULL, "svg html_script html_decoder");
    shows_given(BYTES("<html><form><script>"), (struct given){.declared = "text/html", .is_text = true}, "html");
}

static void check_name(const char *name, const char *expected)
{
    struct buf out;
    buf_init(&out, 1000);
    part_flags flags = name_flags(bytes_of_string(name));
    for (unsigned i = 0; i < PART_FLAG_COUNT; i++)
        if (flags >> i & 1)
            buf_printf(&out, "%s%s", out.len ? " " : "", part_flag_infos[i].name);
    buf_add_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    buf_release(&out);
}

static void names(void **state)
{
    (void)state;
    check_name("", "");
    check_name("report.pdf", "");
    check_name("Report 1.2 (final).tar.gz", "");
    check_name("setup.exe", "executable");
    check_name("setup.1.2.EXE", "executable");
    check_name("invoice.pdf.exe", "executable double_extension");
    check_name("invoice.pdf          .exe", "executable double_extension padded_name");
    check_name("invoice.exe. .", "executable padded_name");
    check_name("scan.jpg.js", "script double_extension");
    check_name("jquery.min.js", "script");
    check_name("a.lnk", "shortcut");
    check_name("a.iso", "disk_image");
    check_name("a.docm", "macro");
    check_name("ann\xe2\x80\xae"
               "fdp.exe",
               "executable rtl_override");
    check_name("a\xe2\x81\xa6"
               "b.txt",
               "rtl_override");
    check_name("a\xe2\x80\x8b.txt", "hidden_characters");
    check_name("a\t.txt", "");
    check_name("a\x01.txt", "hidden_characters");
    check_name("\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80.txt", "");
    check_name("\xff\xc0\xaf.txt", "");
    check_name("../x.txt", "path_in_name");
    check_name("C:\\x.exe", "executable path_in_name");
    check_name(".exe", "executable");
    check_name("dir.exe/file", "path_in_name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(types, set_up),
        cmocka_unit_test_setup(programs, set_up),
        cmocka_unit_test_setup(types_against_names, set_up),
        cmocka_unit_test_setup(zips, set_up),
        cmocka_unit_test_setup(open_documents, set_up),
        cmocka_unit_test_setup(odd_zips, set_up),
        cmocka_unit_test_setup(zips_with_gaps, set_up),
        cmocka_unit_test_setup(tars, set_up),
        cmocka_unit_test_setup(rars, set_up),
        cmocka_unit_test_setup(seven_zips, set_up),
        cmocka_unit_test_setup(compound_files, set_up),
        cmocka_unit_test_setup(locked_documents, set_up),
        cmocka_unit_test_setup(markers, set_up),
        cmocka_unit_test_setup(names, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
