/* File types: signatures in a table, and a few that need more than comparing octets at one place. */
#include "file_type.h"

#define SIGNED     FILE_SIGNED
#define TEXTUAL    FILE_TEXTUAL
#define CONTAINER  FILE_CONTAINER
#define EXECUTABLE FILE_EXECUTABLE
#define SCRIPT     FILE_SCRIPT
#define SHORTCUT   FILE_SHORTCUT
#define DISK_IMAGE FILE_DISK_IMAGE

static const struct {
    const char *word, *extensions, *types;
    unsigned classes;
} infos[FILE_TYPE_COUNT] = {
    {NULL, "", "", 0},
#define FILE_TYPE(word, classes, extensions, types, doc) {#word, extensions, types, classes},
#include "file_types.def"
#undef FILE_TYPE
};

/* The first that fits counts. */
static const struct {
    uint16_t at;
    uint8_t len;
    uint8_t type;
    const char *octets;
} signatures[] = {
#define SIGNATURE(type, at, octets)                                                                                    \
    {                                                                                                                  \
        at, sizeof(octets) - 1, FILE_TYPE_##type, octets                                                               \
    }
    SIGNATURE(elf, 0, "\177ELF"),
    SIGNATURE(macho, 0, "\xfe\xed\xfa\xce"),
    SIGNATURE(macho, 0, "\xfe\xed\xfa\xcf"),
    SIGNATURE(macho, 0, "\xce\xfa\xed\xfe"),
    SIGNATURE(macho, 0, "\xcf\xfa\xed\xfe"),
    SIGNATURE(dex, 0, "dex\n0"),
    SIGNATURE(wasm, 0, "\0asm"),
    SIGNATURE(deb, 0, "!<arch>\ndebian"),
    SIGNATURE(rpm, 0, "\xed\xab\xee\xdb"),
    SIGNATURE(xar, 0, "xar!\0"),
    SIGNATURE(lnk, 0, "\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"),
    SIGNATURE(chm, 0, "ITSF\3\0\0\0"),
    SIGNATURE(reg, 0, "REGEDIT4"),
    SIGNATURE(reg, 0, "Windows Registry Editor"),
    SIGNATURE(reg, 0, "\xff\xfeW\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0i\0s\0"),
    SIGNATURE(url, 0, "[InternetShortcut]"),
    SIGNATURE(zip, 0, "PK\3\4"),
    SIGNATURE(zip, 0, "PK\5\6"),
    SIGNATURE(zip, 0, "PK00PK\3\4"),
    SIGNATURE(rar, 0, "Rar!\x1a\7\0"),
    SIGNATURE(rar, 0, "Rar!\x1a\7\1\0"),
    SIGNATURE(7z, 0, "7z\xbc\xaf\x27\x1c"),
    SIGNATURE(gzip, 0, "\x1f\x8b\x08"),
    SIGNATURE(xz, 0,
              "\xfd"
              "7zXZ\0"),
    SIGNATURE(zstd, 0, "\x28\xb5\x2f\xfd"),
    SIGNATURE(lz4, 0, "\x04\x22\x4d\x18"),
    SIGNATURE(compress, 0, "\x1f\x9d"),
    SIGNATURE(cab, 0, "MSCF\0\0\0\0"),
    SIGNATURE(ace, 7, "**ACE**"),
    SIGNATURE(vhd, 0, "conectix"),
    SIGNATURE(vhdx, 0, "vhdxfile"),
    SIGNATURE(vmdk, 0, "KDMV"),
    SIGNATURE(ole, 0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    SIGNATURE(rtf, 0, "{\\rt"), /* Word asks for no more */
    SIGNATURE(postscript, 0, "%!PS"),
    SIGNATURE(one, 0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"),
    SIGNATURE(one, 0, "\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f"),
    SIGNATURE(tnef, 0, "\x78\x9f\x3e\x22"),
    SIGNATURE(mdb, 4, "Standard Jet DB"),
    SIGNATURE(mdb, 4, "Standard ACE DB"),
    SIGNATURE(png, 0, "\x89PNG\r\n\x1a\n"),
    SIGNATURE(jpeg, 0, "\xff\xd8\xff"),
    SIGNATURE(gif, 0, "GIF87a"),
    SIGNATURE(gif, 0, "GIF89a"),
    SIGNATURE(tiff, 0, "II*\0"),
    SIGNATURE(tiff, 0, "MM\0*"),
    SIGNATURE(psd, 0, "8BPS\0"),
    SIGNATURE(emf, 40, " EMF\0\0\1\0"),
    SIGNATURE(mp3, 0, "ID3\2"),
    SIGNATURE(mp3, 0, "ID3\3"),
    SIGNATURE(mp3, 0, "ID3\4"),
    SIGNATURE(ogg, 0, "OggS\0"),
    SIGNATURE(flac, 0, "fLaC"),
    SIGNATURE(amr, 0, "#!AMR"),
    SIGNATURE(mkv, 0, "\x1a\x45\xdf\xa3"),
    SIGNATURE(font, 0, "\0\1\0\0\0"),
    SIGNATURE(font, 0, "OTTO\0"),
    SIGNATURE(font, 0, "wOFF"),
    SIGNATURE(font, 0, "wOF2"),
    SIGNATURE(sqlite, 0, "SQLite format 3\0"),
    SIGNATURE(pcap, 0, "\xd4\xc3\xb2\xa1"),
    SIGNATURE(pcap, 0, "\xa1\xb2\xc3\xd4"),
    SIGNATURE(pcap, 0, "\x4d\x3c\xb2\xa1"),
    SIGNATURE(pcap, 0, "\x0a\x0d\x0d\x0a"),
    SIGNATURE(pgp, 0, "-----BEGIN PGP "),
    SIGNATURE(pem, 0, "-----BEGIN "),
    SIGNATURE(ics, 0, "BEGIN:VCALENDAR"),
    SIGNATURE(vcf, 0, "BEGIN:VCARD"),
    SIGNATURE(script, 0, "#!"),
#undef SIGNATURE
};

static bool stands(struct bytes head, size_t at, struct bytes what)
{
    return at < head.len && head.data[at] == what.data[0] && bytes_equal(bytes_part(head, at, what.len), what);
}

static uint32_t number(struct bytes head, size_t at, size_t len, bool big)
{
    uint32_t n = 0;
    for (size_t i = 0; i < len && at + len <= head.len; i++)
        n |= (uint32_t)head.data[at + i] << 8 * (big ? len - 1 - i : i);
    return n;
}

uint32_t file_type_pe_at(struct bytes head)
{
    return stands(head, 0, BYTES("MZ")) && head.len >= 64 ? number(head, 60, 4, false) : 0;
}

/* Both a Java class and a Mach-O for several machines begin so: a class has its version where the other has a small
   count. */
static enum file_type class_or_macho(struct bytes head)
{
    return number(head, 4, 4, true) < 40 ? FILE_TYPE_macho : FILE_TYPE_class;
}

/* POSIX.1-1988 on: the checksum tells, "ustar" need not stand there. */
static bool is_tar(struct bytes head)
{
    if (head.len < 512 || !head.data[0])
        return false;
    uint32_t sum = 8 * ' ', told = 0;
    size_t i = 148;
    while (i < 155 && head.data[i] == ' ')
        i++;
    for (; i < 156 && head.data[i] >= '0' && head.data[i] <= '7'; i++)
        told = told * 8 + (uint32_t)(head.data[i] - '0');
    if (told < sum)
        return false;
    for (i = 0; i < 148; i++)
        sum += head.data[i];
    for (i = 156; i < 512; i++)
        sum += head.data[i];
    return told == sum;
}

/* A boot sector with a file system's name, or a table of partitions whose flags are none but the two that are. */
static bool is_disk(struct bytes head)
{
    if (!stands(head, 510, BYTES("\x55\xaa")))
        return false;
    if (stands(head, 3, BYTES("NTFS    ")) || stands(head, 3, BYTES("EXFAT   ")) || stands(head, 54, BYTES("FAT1")) ||
        stands(head, 82, BYTES("FAT32")) || stands(head, 512, BYTES("EFI PART")))
        return true;
    bool any = false;
    for (size_t at = 446; at < 510; at += 16) {
        if (head.data[at] & 0x7f)
            return false;
        any |= head.data[at + 4] && number(head, at + 12, 4, false);
    }
    return any;
}

static enum file_type riff(struct bytes head)
{
    return stands(head, 8, BYTES("WEBP"))   ? FILE_TYPE_webp
           : stands(head, 8, BYTES("WAVE")) ? FILE_TYPE_wav
           : stands(head, 8, BYTES("AVI ")) ? FILE_TYPE_avi
                                            : FILE_TYPE_unknown;
}

static enum file_type base_media(struct bytes head)
{
    static const char pictures[] = "heic heix heim heis hevc mif1 msf1 avif avis";
    struct bytes brand = bytes_part(head, 8, 4);
    for (size_t i = 0; brand.len == 4 && i + 4 < sizeof pictures; i += 5)
        if (!memcmp(brand.data, pictures + i, 4))
            return FILE_TYPE_heif;
    return FILE_TYPE_mp4;
}

static enum file_type binary_type(struct bytes head)
{
    if (stands(head, 0, BYTES("MZ")) && head.len >= 28 && memchr(head.data, 0, 28)) /* no text */
        return FILE_TYPE_dos_exe;
    if (head.len > 8 && memchr("FCZ", head.data[0], 3) && stands(head, 1, BYTES("WS")) && head.data[3] < ' ')
        return FILE_TYPE_swf;
    if (stands(head, 2, BYTES("-lh")) && stands(head, 6, BYTES("-")))
        return FILE_TYPE_lzh;
    if (stands(head, 0, BYTES("\xca\xfe\xba\xbe")))
        return head.len < 8 ? FILE_TYPE_unknown : class_or_macho(head);
    if (stands(head, 0, BYTES("RIFF")))
        return riff(head);
    if (stands(head, 0, BYTES("\0")) && stands(head, 4, BYTES("ftyp")))
        return base_media(head);
    if (stands(head, 0, BYTES("\0")) && (stands(head, 4, BYTES("moov")) || stands(head, 4, BYTES("mdat")) ||
                                         stands(head, 4, BYTES("wide")) || stands(head, 4, BYTES("free"))))
        return FILE_TYPE_mp4;
    if (stands(head, 0, BYTES("BZh")) && stands(head, 4, BYTES("1AY&SY")))
        return FILE_TYPE_bzip2;
    if (stands(head, 0, BYTES("BM")) && !number(head, 6, 4, false) && number(head, 14, 4, false) - 12 <= 112)
        return FILE_TYPE_bmp;
    if (stands(head, 0, BYTES("\x60\xea")) && head.len > 10 && number(head, 2, 2, false) <= 2600)
        return FILE_TYPE_arj;
    if (head.len >= 6 && (stands(head, 0, BYTES("\0\0\1\0")) || stands(head, 0, BYTES("\0\0\2\0"))) && head.data[4] &&
        !head.data[5])
        return FILE_TYPE_ico;
    if (head.len >= 4 && head.data[0] == 0xff && (head.data[1] & 0xe6) == 0xe2 && (head.data[2] & 0xf0) != 0xf0)
        return FILE_TYPE_mp3;
    if (is_tar(head))
        return FILE_TYPE_tar;
    if (is_disk(head))
        return FILE_TYPE_img;
    return FILE_TYPE_unknown;
}

static bool begins_nocase(struct bytes b, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_starts_nocase(b, bytes_of_string(list[i])))
            return true;
    return false;
}

/* Markup, behind blanks, a byte order mark and comments: browsers ask for no more. */
static enum file_type markup_type(struct bytes head)
{
    static const char *const html[] = {"<!doctype html", "<html",   "<head", "<body",   "<script", "<title", "<table",
                                       "<div",           "<iframe", "<meta", "<style",  "<form",   "<p>",    "<br>",
                                       "<center>",       "<font ",  "<a ",   "<object", "<embed"};
    struct bytes at = head;
    if (stands(at, 0, BYTES("\xef\xbb\xbf")))
        at = bytes_part(at, 3, at.len);
    enum file_type other = FILE_TYPE_unknown;
    for (;;) {
        while (at.len && (at.data[0] == ' ' || (at.data[0] >= '\t' && at.data[0] <= '\r')))
            at = bytes_part(at, 1, at.len);
        if (!at.len || at.data[0] != '<')
            return other;
        bool is_comment = bytes_starts_nocase(at, BYTES("<!--"));
        bool is_xml = bytes_starts_nocase(at, BYTES("<?xml"));
        bool is_other = bytes_starts_nocase(at, BYTES("<!doctype ")) && !begins_nocase(at, html, 1);
        if (!is_comment && !is_xml && !is_other)
            break;
        other = is_xml ? FILE_TYPE_xml : other;
        size_t end = bytes_find_nocase(at, is_comment ? BYTES("-->") : BYTES(">"));
        if (end == SIZE_MAX)
            return other;
        at = bytes_part(at, end + (is_comment ? 3 : 1), at.len);
    }
    if (bytes_starts_nocase(at, BYTES("<svg")))
        return FILE_TYPE_svg;
    if (!begins_nocase(at, html, sizeof html / sizeof *html))
        return other;
    return bytes_find_nocase(head, BYTES("<hta:application")) != SIZE_MAX ? FILE_TYPE_hta : FILE_TYPE_html;
}

/* A message has one of the fields that every system on its way writes, at the beginning of a line. */
static bool is_message(struct bytes head)
{
    static const char *const fields[] = {
        "Received:",         "Return-Path:", "Delivered-To:", "Message-ID:",    "MIME-Version:",
        "X-Mozilla-Status:", "X-Sender:",    "From:",         "DKIM-Signature:"};
    return begins_nocase(head, fields, sizeof fields / sizeof *fields) &&
           (bytes_find_nocase(head, BYTES("\nFrom:")) != SIZE_MAX ||
            bytes_find_nocase(head, BYTES("\nDate:")) != SIZE_MAX ||
            bytes_find_nocase(head, BYTES("\nSubject:")) != SIZE_MAX ||
            bytes_find_nocase(head, BYTES("\nReceived:")) != SIZE_MAX);
}

enum file_type file_type_of(struct bytes head)
{
    head = bytes_part(head, 0, FILE_TYPE_HEAD);
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (stands(head, signatures[i].at, bytes_of(signatures[i].octets, signatures[i].len)))
            return (enum file_type)signatures[i].type;
    enum file_type t = binary_type(head);
    if (!t)
        t = markup_type(head);
    if (!t && is_message(head))
        t = FILE_TYPE_eml;
    /* Readers take it where it stands behind other octets. */
    if ((!t || t == FILE_TYPE_eml) && bytes_find_nocase(head, BYTES("%PDF-")) != SIZE_MAX)
        t = FILE_TYPE_pdf;
    return t;
}

bool file_type_is_iso(struct bytes there)
{
    return bytes_equal(there, BYTES("CD001")) || bytes_equal(there, BYTES("BEA01"));
}

const char *file_type_word(enum file_type t)
{
    return infos[t].word;
}

unsigned file_type_classes(enum file_type t)
{
    return infos[t].classes;
}

/* Is the word one of the list, which is in lower case and separated by blanks? */
static bool lists(const char *list, struct bytes word)
{
    struct bytes rest = bytes_of_string(list), one;
    while ((one = bytes_word(&rest)).len)
        if (bytes_equal_nocase(one, word))
            return true;
    return false;
}

bool file_type_knows_extension(struct bytes extension)
{
    for (size_t i = 0; i < FILE_TYPE_COUNT; i++)
        if (lists(infos[i].extensions, extension))
            return true;
    return false;
}

/* Do octets of type t agree with a word (an extension or a media type) of types of the table? */
static bool fits(enum file_type t, struct bytes word, bool whole, bool is_extension)
{
    if (t && lists(is_extension ? infos[t].extensions : infos[t].types, word))
        return true;
    bool any = false, any_unsigned = false, any_in_zip = false, any_ole = false, any_textual = false;
    for (unsigned i = 1; i < FILE_TYPE_COUNT; i++) {
        if (!lists(is_extension ? infos[i].extensions : infos[i].types, word))
            continue;
        any = true;
        any_unsigned |= !(infos[i].classes & FILE_SIGNED);
        any_textual |= (infos[i].classes & FILE_TEXTUAL) != 0;
        any_in_zip |= (i >= FILE_TYPE_jar && i <= FILE_TYPE_appx) || (i >= FILE_TYPE_docx && i <= FILE_TYPE_epub);
        any_ole |= i >= FILE_TYPE_ole && i <= FILE_TYPE_msg;
    }
    if (!any)
        return true;
    if (!t)
        return any_unsigned;
    if (t == FILE_TYPE_zip && any_in_zip)
        return !whole;
    if (t == FILE_TYPE_ole && (any_ole || lists("msi msp mst", word)))
        return true;
    /* A zip is a zip whatever is in it. */
    if (t >= FILE_TYPE_jar && t <= FILE_TYPE_epub &&
        (lists(infos[FILE_TYPE_zip].extensions, word) || lists(infos[FILE_TYPE_zip].types, word)))
        return true;
    return any_textual && (infos[t].classes & FILE_TEXTUAL) &&
           (lists(infos[FILE_TYPE_text].extensions, word) || lists(infos[FILE_TYPE_text].types, word) ||
            lists(infos[FILE_TYPE_xml].extensions, word) || lists(infos[FILE_TYPE_xml].types, word));
}

bool file_type_fits_extension(enum file_type t, struct bytes extension, bool whole)
{
    return !extension.len || fits(t, extension, whole, true);
}

bool file_type_fits_media_type(enum file_type t, struct bytes declared, bool whole)
{
    /* Most parts are these: no need to look at all types. */
    bool is_text =
        bytes_equal_nocase(declared, BYTES("text/plain")) || bytes_equal_nocase(declared, BYTES("text/html"));
    if ((is_text && (!t || infos[t].classes & FILE_TEXTUAL)) ||
        bytes_equal_nocase(declared, BYTES("application/octet-stream")))
        return true;
    bool is_named = t && lists(infos[t].types, declared);
    if (t && !is_named && !(infos[t].classes & FILE_TEXTUAL) && bytes_starts_nocase(declared, BYTES("text/")))
        return false;
    static const char *const families[] = {"image/", "audio/", "video/"};
    for (size_t i = 0; t && !is_named && i < sizeof families / sizeof *families; i++)
        if (bytes_starts_nocase(declared, bytes_of_string(families[i])) &&
            bytes_find_nocase(bytes_of_string(infos[t].types), bytes_of_string(families[i])) == SIZE_MAX)
            return false;
    return !declared.len || fits(t, declared, whole, false);
}
