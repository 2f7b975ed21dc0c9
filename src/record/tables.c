/* What kinds, scopes, fields and notes there are: the tables made from the .def files. */
#include "record.h"

#include <stdio.h>

/* Which scope is inside a group of that name. A group that is missing here does not compile. */
enum {
    INSIDE_commands = SCOPE_command,
    INSIDE_opened = SCOPE_opening,
    INSIDE_listed = SCOPE_listed,
    INSIDE_client_id = SCOPE_imap_id,
    INSIDE_server_id = SCOPE_imap_id,
    INSIDE_quota = SCOPE_quota,
    INSIDE_acl = SCOPE_acl,
    INSIDE_namespaces = SCOPE_namespace,
    INSIDE_rcpt = SCOPE_rcpt,
    INSIDE_eod_odd = SCOPE_eod_odd,
    INSIDE_received = SCOPE_received,
    INSIDE_dkim = SCOPE_dkim,
    INSIDE_arc = SCOPE_arc,
    INSIDE_auth_checks = SCOPE_auth_check,
    INSIDE_report = SCOPE_report,
    INSIDE_parts = SCOPE_part,
    INSIDE_archive = SCOPE_archived,
    INSIDE_odd_urls = SCOPE_odd_url,
    INSIDE_link_mismatch = SCOPE_link_mismatch,
    INSIDE_entity = SCOPE_entity,
    INSIDE_evidence = SCOPE_evidence,
    INSIDE_ntlm = SCOPE_ntlm,
    INSIDE_cert = SCOPE_cert,
    INSIDE_client_cert = SCOPE_cert,
};

#define INNER_TEXT(name)    SCOPE_all
#define INNER_TEXTS(name)   SCOPE_all
#define INNER_WORD(name)    SCOPE_all
#define INNER_WORDS(name)   SCOPE_all
#define INNER_NUMBER(name)  SCOPE_all
#define INNER_NUMBERS(name) SCOPE_all
#define INNER_TIME(name)    SCOPE_all
#define INNER_FLAG(name)    SCOPE_all
#define INNER_BOOLEAN(name) SCOPE_all
#define INNER_COUNTS(name)  SCOPE_all
#define INNER_GROUP(name)   (enum field_scope) INSIDE_##name
#define INNER_GROUPS(name)  (enum field_scope) INSIDE_##name

const struct field_info field_infos[FIELD_COUNT] = {
#define FIELD(scope, name, type, doc) {#name, SCOPE_##scope, type, INNER_##type(name), doc},
#include "fields.def"
#undef FIELD
};

const struct note_info note_infos[NOTE_COUNT] = {
#define NOTE(name, doc) {#name, doc},
#include "notes.def"
#undef NOTE
};

const struct note_info part_flag_infos[PART_FLAG_COUNT] = {
#define PART_FLAG(name, doc) {#name, doc},
#include "part_flags.def"
#undef PART_FLAG
};

const struct note_info link_flag_infos[LINK_FLAG_COUNT] = {
#define LINK_FLAG(name, doc) {#name, doc},
#include "link_flags.def"
#undef LINK_FLAG
};

const uint8_t field_types[FIELD_COUNT] = {
#define FIELD(scope, name, type, doc) type,
#include "fields.def"
#undef FIELD
};

const char *kind_name(enum kind k)
{
    static const char *const names[] = {
#define KIND(name, doc) #name,
#include "kinds.def"
#undef KIND
    };
    return names[k];
}

const char *scope_name(enum field_scope s)
{
    static const char *const names[] = {
#define SCOPE(name, doc) #name,
#include "kinds.def"
#undef SCOPE
    };
    return names[s];
}

enum field_scope kind_scope(enum kind k)
{
    static const enum field_scope scopes[] = {
#define KIND(name, doc) SCOPE_##name,
#include "kinds.def"
#undef KIND
    };
    return scopes[k];
}

/* The group field whose inside that scope is, or FIELD_COUNT for the scopes of the top level. */
static enum field scope_parent(enum field_scope s)
{
    for (unsigned f = 0; s != SCOPE_all && f < FIELD_COUNT; f++)
        if (field_infos[f].inner == s)
            return (enum field)f;
    return FIELD_COUNT;
}

bool scope_is_top(enum field_scope s)
{
    return scope_parent(s) == FIELD_COUNT;
}

void field_path(enum field f, char path[static FIELD_PATH_SIZE])
{
    enum field parent = scope_parent(field_infos[f].scope);
    if (parent == FIELD_COUNT)
        snprintf(path, FIELD_PATH_SIZE, "%s", field_infos[f].name);
    else
        snprintf(path, FIELD_PATH_SIZE, "%s.%s", field_infos[parent].name, field_infos[f].name);
}

bool field_path_is(enum field f, struct bytes path)
{
    struct bytes name = bytes_of_string(field_infos[f].name);
    char whole[FIELD_PATH_SIZE];
    if (path.len < name.len || memcmp(path.data + path.len - name.len, name.data, name.len) != 0)
        return false; /* most are told apart by this */
    field_path(f, whole);
    return bytes_equal(path, bytes_of_string(whole));
}

bool field_is_of(enum field f, enum kind k)
{
    enum field_scope scope = field_infos[f].scope;
    for (enum field parent; (parent = scope_parent(scope)) != FIELD_COUNT;)
        scope = field_infos[parent].scope;
    return scope == SCOPE_all || scope == kind_scope(k);
}
