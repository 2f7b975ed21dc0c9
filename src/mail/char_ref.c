/* Character references. */
#include "char_ref.h"

#include "mail/lexical.h"
#include "mail/utf8.h"

#define NAME_MOST 8

/* `legacy`: browsers take it without a semicolon too. */
static const struct entity {
    const char *name;
    uint32_t character;
    bool legacy;
} entities[] = {
    {"amp", '&', true},     {"lt", '<', true},         {"gt", '>', true},      {"quot", '"', true},
    {"AMP", '&', true},     {"apos", '\'', false},     {"nbsp", 0xa0, true},   {"colon", ':', false},
    {"sol", '/', false},    {"period", '.', false},    {"commat", '@', false}, {"num", '#', false},
    {"quest", '?', false},  {"equals", '=', false},    {"percnt", '%', false}, {"lpar", '(', false},
    {"rpar", ')', false},   {"lowbar", '_', false},    {"Tab", '\t', false},   {"NewLine", '\n', false},
    {"bsol", '\\', false},  {"semi", ';', false},      {"comma", ',', false},  {"excl", '!', false},
    {"plus", '+', false},   {"dollar", '$', false},    {"ast", '*', false},    {"Hat", '^', false},
    {"lbrack", '[', false}, {"rbrack", ']', false},    {"shy", 0xad, true},    {"zwnj", 0x200c, false},
    {"zwj", 0x200d, false}, {"hyphen", 0x2010, false},
};

/* The number of "#65" or "#x41" at the front of b, behind the ampersand; its length, or 0. */
static size_t read_number(struct bytes b, uint32_t *ret)
{
    bool hex = b.len > 1 && (b.data[1] == 'x' || b.data[1] == 'X');
    size_t from = hex ? 2 : 1, i = from;
    uint32_t n = 0;
    for (; i < b.len; i++) {
        int digit = lexical_hex(b.data[i]), base = hex ? 16 : 10;
        if (digit < 0 || digit >= base)
            break;
        n = n > 0x10ffff ? n : n * (unsigned)base + (unsigned)digit;
    }
    *ret = n ? n : 0xfffd;
    if (i == from)
        return 0;
    return i < b.len && b.data[i] == ';' ? i + 1 : i;
}

static size_t read_name(struct bytes b, uint32_t *ret)
{
    size_t len = 0;
    while (len < b.len && len < NAME_MOST && (byte_is_letter(b.data[len]) || byte_is_digit(b.data[len])))
        len++;
    bool is_ended = len < b.len && b.data[len] == ';';
    bool is_value = len < b.len && b.data[len] == '='; /* "&lt=" is a parameter of a link */
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (!bytes_equal(bytes_part(b, 0, len), bytes_of_string(entities[i].name)))
            continue;
        *ret = entities[i].character;
        return is_ended ? len + 1 : entities[i].legacy && !is_value ? len : 0;
    }
    return 0;
}

void char_ref_decode(struct bytes in, struct buf *out, bool *odd)
{
    while (in.len) {
        size_t at = bytes_index(in, '&');
        buf_add(out, bytes_part(in, 0, at));
        if (at == in.len)
            return;
        in = bytes_part(in, at + 1, in.len);
        uint32_t c = 0;
        size_t len = in.len && in.data[0] == '#' ? read_number(in, &c) : read_name(in, &c);
        if (len)
            utf8_add(out, c);
        else
            buf_add_byte(out, '&');
        *odd |= len && c != '&' && c != '<' && c != '>' && c != '"' && c != '\'' && c != 0xa0 && c != ' ';
        in = bytes_part(in, len, in.len);
    }
}
