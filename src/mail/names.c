/* File names: extensions by what opening such a file does, and characters that are not what they look like. */
#include "names.h"

#include "mail/file_type.h"
#include "record/record.h"

_Static_assert(PART_FLAG_COUNT <= 32, "part_flags has a bit for each");

#define BLANKS_IN_A_ROW 4 /* no name needs them; they push the extension out of sight */
#define BIT(flag)       ((part_flags)1 << PART_FLAG_##flag)

/* Beyond those of file_types.def, which can be told by octets. */
static const struct {
    unsigned class;
    const char *extensions;
} classes[] = {
    {FILE_EXECUTABLE, "exe com scr pif cpl dll ocx sys drv msi msp mst msu msix msixbundle appx appxbundle application "
                      "appref-ms jar war apk deb rpm pkg mpkg app dex elf run appimage gadget xll wll xbap class "
                      "dylib so swf ipa vsix"},
    {FILE_SCRIPT, "js jse vbs vbe vb ws wsf wsh wsc sct hta ps1 ps1xml ps2 ps2xml psc1 psc2 psm1 psd1 bat cmd btm sh "
                  "bash zsh ksh csh py pyc pyw pyz pl rb php lua tcl scpt applescript command workflow reg inf chm "
                  "msh msh1 msh2 mshxml ade adp mde hlp one onepkg jnlp ahk au3 iqy slk rdp osd diagcab library-ms"},
    {FILE_SHORTCUT, "lnk url scf website desktop webloc inetloc fileloc search-ms searchconnector-ms settingcontent-ms "
                    "pfm theme themepack"},
    {FILE_DISK_IMAGE, "iso img udf vhd vhdx vmdk vdi dmg ima nrg cue mdf"},
    {FILE_MACRO, "docm dotm xlsm xltm xlam xlsb pptm ppsm potm ppam sldm"},
};

static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\t' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f ||
           c == 0x205f || c == 0x2800 || c == 0x3000 || c == 0x3164;
}

/* Embeddings, overrides and isolates, which turn what stands behind them round. */
static bool is_turn(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool is_hidden(uint32_t c)
{
    return (c < 0x20 && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x34f || c == 0x61c || c == 0x115f ||
           c == 0x1160 || c == 0x17b4 || c == 0x17b5 || (c >= 0x180b && c <= 0x180e) || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2060 && c <= 0x2064) || (c >= 0x206a && c <= 0x206f) || c == 0xfeff || c == 0xffa0 ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* The character at the front, cut off; octets that are no UTF-8 stand for themselves, above all characters. */
static uint32_t character(struct bytes *rest)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = rest->data[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    uint32_t c = len == 1 ? first : len ? first & (0x7fu >> len) : 0;
    for (size_t i = 1; i < len; i++) {
        if (i >= rest->len || (rest->data[i] & 0xc0) != 0x80)
            len = 0;
        else
            c = c << 6 | (rest->data[i] & 0x3f);
    }
    bool is_one = len && c >= least[len] && c <= 0x10ffff;
    *rest = bytes_part(*rest, is_one ? len : 1, rest->len);
    return is_one ? c : 0x110000u + first;
}

/* Behind the last character that is not left out at the end of names: blanks, dots, what cannot be seen. */
static struct bytes without_tail(struct bytes name)
{
    struct bytes rest = name;
    size_t end = 0;
    while (rest.len) {
        uint32_t c = character(&rest);
        if (!is_blank(c) && c != '.' && !is_hidden(c) && !is_turn(c))
            end = name.len - rest.len;
    }
    return bytes_part(name, 0, end);
}

static struct bytes last_component(struct bytes name)
{
    size_t start = name.len;
    while (start && name.data[start - 1] != '/' && name.data[start - 1] != '\\')
        start--;
    return bytes_part(name, start, name.len);
}

/* Place of the last dot, or SIZE_MAX. */
static size_t last_dot(struct bytes name)
{
    size_t i = name.len;
    while (i && name.data[i - 1] != '.')
        i--;
    return i ? i - 1 : SIZE_MAX;
}

/* Turns and hidden characters inside the extension do not keep a system from acting on what is left. */
struct bytes name_extension(struct bytes name)
{
    struct bytes last = without_tail(last_component(name));
    size_t dot = last_dot(last);
    if (dot == SIZE_MAX || last.len - dot - 1 > NAME_EXTENSION)
        return bytes_part(last, last.len, 0);
    return bytes_part(last, dot + 1, last.len);
}

static unsigned extension_classes(struct bytes extension)
{
    unsigned found = 0;
    for (size_t i = 0; extension.len && i < sizeof classes / sizeof *classes; i++) {
        struct bytes rest = bytes_of_string(classes[i].extensions), one;
        while ((one = bytes_word(&rest)).len)
            if (bytes_equal_nocase(one, extension))
                found |= classes[i].class;
    }
    return found;
}

unsigned name_classes(struct bytes name)
{
    return extension_classes(name_extension(name));
}

/* Another extension stands before the last one, with blanks between them or not. */
static bool has_two(struct bytes name)
{
    struct bytes last = without_tail(last_component(name));
    size_t dot = last_dot(last);
    struct bytes before = without_tail(bytes_part(last, 0, dot == SIZE_MAX ? 0 : dot));
    size_t first = last_dot(before);
    return first != SIZE_MAX && file_type_knows_extension(bytes_part(before, first + 1, before.len));
}

static part_flags character_flags(struct bytes name)
{
    part_flags found = 0;
    unsigned blanks = 0;
    uint32_t c = 0;
    for (struct bytes rest = name; rest.len;) {
        c = character(&rest);
        blanks = is_blank(c) ? blanks + 1 : 0;
        if (blanks >= BLANKS_IN_A_ROW)
            found |= BIT(padded_name);
        if (is_turn(c))
            found |= BIT(rtl_override);
        if (is_hidden(c))
            found |= BIT(hidden_characters);
        if (c == '/' || c == '\\')
            found |= BIT(path_in_name);
    }
    if (is_blank(c) || c == '.')
        found |= BIT(padded_name);
    return found;
}

part_flags name_flags(struct bytes name)
{
    unsigned found = name_classes(name);
    part_flags flags = character_flags(name);
    flags |= found & FILE_EXECUTABLE ? BIT(executable) : 0;
    flags |= found & FILE_SCRIPT ? BIT(script) : 0;
    flags |= found & FILE_SHORTCUT ? BIT(shortcut) : 0;
    flags |= found & FILE_DISK_IMAGE ? BIT(disk_image) : 0;
    flags |= found & FILE_MACRO ? BIT(macro) : 0;
    flags |= (found & FILE_HARMFUL) && has_two(name) ? BIT(double_extension) : 0;
    return flags;
}

bool name_leads_out(struct bytes name)
{
    if (name.len && (name.data[0] == '/' || name.data[0] == '\\'))
        return true;
    if (name.len > 1 && byte_is_letter(name.data[0]) && name.data[1] == ':')
        return true;
    size_t start = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.data[i] != '/' && name.data[i] != '\\')
            continue;
        if (i - start == 2 && name.data[start] == '.' && name.data[start + 1] == '.')
            return true;
        start = i + 1;
    }
    return false;
}
