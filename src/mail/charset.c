/* Charsets to UTF-8 with iconv(3), which is told every place where something does not fit. Names are checked first:
   they come from the wire, and iconv_open() takes more than names. */
#include "charset.h"

#include "base/memory.h"
#include "utf8.h"

#include <errno.h>
#include <iconv.h>

/* gcc's analyzer takes the -1 that stands for failure for something to be closed. */
#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

enum { NAME_MOST = 40 };

/* Labels that stand for more than they name, as mail readers take them (the supersets in use), and such that iconv
   knows by another name. */
static const struct {
    const char *label, *name;
} aliases[] = {
    {"iso-8859-1", "windows-1252"},
    {"latin1", "windows-1252"},
    {"iso8859-1", "windows-1252"},
    {"iso_8859-1", "windows-1252"},
    {"x-cp1252", "windows-1252"},
    {"x-cp1251", "windows-1251"},
    {"x-cp1250", "windows-1250"},
    {"iso-8859-8-i", "iso-8859-8"},
    {"iso-8859-8-e", "iso-8859-8"},
    {"iso-8859-6-i", "iso-8859-6"},
    {"iso-8859-6-e", "iso-8859-6"},
    {"iso-8859-11", "cp874"},
    {"windows-874", "cp874"},
    {"gb2312", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"gbk", "gb18030"},
    {"x-gbk", "gb18030"},
    {"cp936", "gb18030"},
    {"euc-cn", "gb18030"},
    {"hz-gb-2312", "hz"},
    {"ks_c_5601-1987", "cp949"},
    {"ks_c_5601", "cp949"},
    {"ksc5601", "cp949"},
    {"ksc_5601", "cp949"},
    {"euc-kr", "cp949"},
    {"windows-949", "cp949"},
    {"shift_jis", "cp932"},
    {"shift-jis", "cp932"},
    {"sjis", "cp932"},
    {"x-sjis", "cp932"},
    {"windows-31j", "cp932"},
    {"big5", "big5-hkscs"},
    {"x-x-big5", "big5-hkscs"},
    {"unicode-1-1-utf-7", "utf-7"},
    {"x-mac-roman", "macintosh"},
    {"x-mac-cyrillic", "mac-cyrillic"},
};

/* Labels under which there may be anything that is more than ASCII. */
static const char *const blank_labels[] = {"utf-8",   "utf8",         "us-ascii",  "ascii", "ansi_x3.4-1968", "x-ascii",
                                           "unknown", "unknown-8bit", "x-unknown", "8bit",  "default",        "binary"};

char *charset_string(struct bytes text)
{
    char *s = memory_get(text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        s[i] = (char)(text.data[i] ? text.data[i] : CHARSET_LOST);
    return s;
}

bool charset_same(struct bytes a, struct bytes b)
{
    return bytes_equal_nocase(a, b);
}

static bool says_nothing(struct bytes name)
{
    for (size_t i = 0; i < sizeof blank_labels / sizeof *blank_labels; i++)
        if (bytes_equal_nocase(name, bytes_of_string(blank_labels[i])))
            return true;
    return !name.len;
}

/* What iconv_open() is asked for; false where it is no name. */
static bool iconv_name(struct bytes label, char name[NAME_MOST + 1])
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (bytes_equal_nocase(label, bytes_of_string(aliases[i].label))) {
            struct bytes known = bytes_of_string(aliases[i].name);
            memcpy(name, known.data, known.len);
            name[known.len] = '\0';
            return true;
        }
    if (label.len > NAME_MOST)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = label.data[i];
        if (!byte_is_letter(c) && !byte_is_digit(c) && c != '-' && c != '_' && c != '.' && c != ':' && c != '+')
            return false;
        name[i] = (char)c;
    }
    name[label.len] = '\0';
    return true;
}

/* Nobody knows the charset: nearly all of them have ASCII where it belongs. */
static bool keep_ascii(struct bytes text, struct buf *out)
{
    bool lost = false;
    for (size_t i = 0; i < text.len && !out->cut; i++) {
        lost |= text.data[i] >= 0x80;
        buf_add_byte(out, text.data[i] < 0x80 ? text.data[i] : CHARSET_LOST);
    }
    return lost;
}

static bool convert(iconv_t how, struct bytes text, struct buf *out)
{
    char *in;
    memcpy(&in, &text.data, sizeof in); /* iconv(3) does not write there */
    size_t left = text.len;
    bool lost = false;
    while (left && !out->cut) {
        char piece[512], *to = piece;
        size_t room = sizeof piece;
        size_t done = iconv(how, &in, &left, &to, &room);
        int error = done == (size_t)-1 ? errno : 0;
        lost |= done != (size_t)-1 && done > 0; /* replaced by something alike */
        buf_add(out, bytes_of(piece, sizeof piece - room));
        if (error == EILSEQ || error == EINVAL) {
            lost = true;
            buf_add_byte(out, CHARSET_LOST);
            left = error == EINVAL ? 0 : left - 1;
            in++;
        }
    }
    char rest[32], *to = rest; /* what a stateful charset still holds */
    size_t room = sizeof rest;
    if (iconv(how, NULL, NULL, &to, &room) != (size_t)-1)
        buf_add(out, bytes_of(rest, sizeof rest - room));
    return lost;
}

bool charset_to_utf8(struct bytes name, struct bytes text, struct buf *out)
{
    char known[NAME_MOST + 1];
    if (says_nothing(name)) {
        buf_add(out, text);
        return utf8_valid(text) != text.len;
    }
    if (!iconv_name(name, known))
        return keep_ascii(text, out);
    iconv_t how = iconv_open("UTF-8", known);
    if ((intptr_t)how == -1)
        return keep_ascii(text, out);
    bool lost = convert(how, text, out);
    iconv_close(how);
    return lost;
}
