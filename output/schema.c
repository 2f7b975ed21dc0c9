/* The schema: a definition per scope from fields.def; the few things the table does not know (closed lists of words,
   which keys are always there, patterns) stand in small tables here. */
#include "schema.h"

#include "record/record.h"

/* The closed list of words of a WORD or WORDS, and what a value looks like. */
static const struct {
    enum field field;
    const char *words; /* separated by blanks */
} word_lists[] = {
    {F_all_proto, "smtp lmtp pop3 imap"},
    {F_all_direction, "inbound outbound internal external unknown"},
    {F_all_quality, "gap one_sided midstream evicted overlap acks_unusable"},
    {F_session_role, "submission relay delivery retrieval unknown"},
    {F_session_close, "fin rst timeout eof evicted shutdown"},
    {F_session_visibility, "full partial encrypted unrecognised"},
    {F_session_helo_verb, "HELO EHLO LHLO"},
    {F_session_starttls, "not_offered offered accepted refused implicit"},
    {F_command_result, "+OK -ERR OK NO BAD"},
    {F_message_via, "DATA BDAT RETR TOP FETCH APPEND none"},
    {F_message_auth, "none user unknown"},
    {F_message_ended_by, "rset quit helo mail close data"},
    {F_message_verdict, "accepted deferred rejected aborted unknown"},
    {F_rcpt_verdict, "accepted deferred rejected unknown"},
    {F_eod_odd_honoured, "yes no unknown"},
    {F_report_kind, "dsn mdn arf"},
    {F_auth_result, "success failure aborted unknown"},
    {F_auth_failure_kind, "refused temporary not_offered"},
    {F_auth_failed_at, "user secret"},
    {F_auth_starttls, "not_offered offered accepted refused implicit"},
    {F_session_compression, "deflate"},
    {F_namespace_kind, "personal other shared"},
    {F_tls_early_data, "offered accepted rejected"},
    {F_tls_how, "implicit starttls stls x_anonymoustls"},
    {F_tls_keylog, "no_key wrong_key unsupported handshake_lost"},
    {F_tls_alert_from, "client server"},
    {F_alert_severity, "info low medium high critical"},
    {F_alert_confidence, "low medium high"},
    {F_alert_state, "new update end"},
    {F_alert_category, "reconnaissance relay credentials encryption protocol content capture"},
    {F_entity_kind, "client_ip server_ip user domain message session"},
};

static const struct {
    enum field field;
    const char *keywords; /* as they stand in the schema */
} keywords[] = {
    {F_all_id, "\"pattern\":\"^[0-9a-f]{32}$\""},
    {F_all_uid, "\"pattern\":\"^[0-9A-Za-z]{10,24}$\""},
    {F_all_community_id, "\"pattern\":\"^1:\""},
    {F_all_vlan, "\"maximum\":4095"},
    {F_all_encap, "\"pattern\":\"^[a-z0-9_]+$\""},
    {F_all_client_port, "\"maximum\":65535"},
    {F_all_server_port, "\"maximum\":65535"},
    {F_all_frame_first, "\"minimum\":1"},
    {F_all_frame_last, "\"minimum\":1"},
    {F_command_frame, "\"minimum\":1"},
    {F_rcpt_frame, "\"minimum\":1"},
    {F_command_code, "\"minimum\":100,\"maximum\":599"},
    {F_command_final_code, "\"minimum\":100,\"maximum\":599"},
    {F_message_code, "\"minimum\":100,\"maximum\":599"},
    {F_rcpt_code, "\"minimum\":100,\"maximum\":599"},
    {F_rcpt_final_code, "\"minimum\":100,\"maximum\":599"},
    {F_auth_code, "\"minimum\":100,\"maximum\":599"},
    {F_alert_rule, "\"pattern\":\"^[a-z0-9_.-]+$\""},
    {F_alert_alert_id, "\"pattern\":\"^[0-9a-f]{32}$\""},
    {F_evidence_frame, "\"minimum\":1"},
    {F_message_sha256, "\"pattern\":\"^[0-9a-f]{64}$\""},
    {F_message_body_sha256, "\"pattern\":\"^[0-9a-f]{64}$\""},
    {F_report_status, "\"pattern\":\"^[245]\\\\.[0-9]{1,3}\\\\.[0-9]{1,3}$\""},
    {F_part_path, "\"pattern\":\"^([ut]?[0-9]+\\\\.)*([ut]?[0-9]+|TEXT)$\""},
    {F_part_sha256, "\"pattern\":\"^[0-9a-f]{64}$\""},
    {F_part_md5, "\"pattern\":\"^[0-9a-f]{32}$\""},
    {F_part_magic, "\"pattern\":\"^[0-9a-z_]+$\""},
    {F_cert_sha256, "\"pattern\":\"^[0-9a-f]{64}$\""},
    {F_tls_client_chain, "\"pattern\":\"^[0-9a-f]{64}$\""},
    {F_tls_chain, "\"pattern\":\"^[0-9a-f]{64}$\""},
    {F_tls_ja3, "\"pattern\":\"^[0-9a-f]{32}$\""},
    {F_tls_ja3s, "\"pattern\":\"^[0-9a-f]{32}$\""},
    {F_message_eod, "\"pattern\":\"^(CR|LF|NUL|\\\\.)+$\""},
    {F_eod_odd_form, "\"pattern\":\"^(CR|LF|NUL|\\\\.)+$\""},
};

/* Keys that every object of the scope has. */
static const struct {
    enum field_scope scope;
    const char *keys;
} required[] = {
    {SCOPE_session, "duration_us visibility bytes_c2s bytes_s2c pkts_c2s pkts_s2c"},
    {SCOPE_message, "index via"},
    {SCOPE_auth, "mech result encrypted"},
    {SCOPE_tls, "how established"},
    {SCOPE_alert, "rule rule_id rule_rev alert_id title severity state entity start_ts count reason"},
    {SCOPE_entity, "kind value"},
    {SCOPE_evidence, "ts text"},
    {SCOPE_stats, "interval_us capture"},
    {SCOPE_command, "verb"},
    {SCOPE_opening, "mailbox"},
    {SCOPE_listed, "number"},
    {SCOPE_quota, "root resource used limit"},
    {SCOPE_acl, "mailbox rights"},
    {SCOPE_namespace, "kind prefix"},
    {SCOPE_rcpt, "addr"},
    {SCOPE_eod_odd, "form at honoured"},
    {SCOPE_arc, "seals"},
    {SCOPE_auth_check, "method result"},
    {SCOPE_report, "kind"},
    {SCOPE_part, "path mime"},
    {SCOPE_odd_url, "flags"},
};

/* ["a","b"] from "a b" */
static void put_words(struct buf *out, const char *words)
{
    struct bytes rest = bytes_of_string(words), word;
    const char *before = "[\"";
    while ((word = bytes_word(&rest)).len) {
        buf_add_string(out, before);
        buf_add(out, word);
        before = "\",\"";
    }
    buf_add_string(out, "\"]");
}

static void put_names(struct buf *out, const struct note_info *infos, size_t count)
{
    buf_add_string(out, "\"enum\":[");
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", infos[i].name);
    buf_add_string(out, "]");
}

/* The names of notes, which noted and anomalies take theirs from. */
static void put_notes(struct buf *out)
{
    buf_add_string(out, "\"note\":{");
    put_names(out, note_infos, NOTE_COUNT);
    buf_add_string(out, "}");
}

static void put_keywords(struct buf *out, enum field f)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (keywords[i].field == f)
            buf_printf(out, ",%s", keywords[i].keywords);
}

static void put_string(struct buf *out, enum field f)
{
    if (f == F_command_noted || f == F_message_noted) {
        buf_add_string(out, "\"$ref\":\"#/$defs/note\"");
        return;
    }
    if (f == F_part_flags) {
        put_names(out, part_flag_infos, PART_FLAG_COUNT);
        return;
    }
    if (f == F_odd_url_flags) {
        put_names(out, link_flag_infos, LINK_FLAG_COUNT);
        return;
    }
    for (size_t i = 0; i < sizeof word_lists / sizeof *word_lists; i++)
        if (word_lists[i].field == f) {
            buf_add_string(out, "\"enum\":");
            put_words(out, word_lists[i].words);
            return;
        }
    buf_add_string(out, "\"type\":\"string\"");
    put_keywords(out, f);
}

static void put_number(struct buf *out, enum field f)
{
    buf_add_string(out, "\"type\":\"integer\"");
    size_t before = out->len;
    put_keywords(out, f);
    struct bytes own = bytes_part(buf_bytes(out), before, out->len);
    if (bytes_find_nocase(own, BYTES("\"minimum\"")) == SIZE_MAX)
        buf_add_string(out, ",\"minimum\":0");
}

static void put_type(struct buf *out, enum field f)
{
    const struct field_info *info = &field_infos[f];
    switch (info->type) {
    case TEXT:
    case WORD:
        put_string(out, f);
        break;
    case TEXTS:
    case WORDS:
        buf_add_string(out, "\"type\":\"array\",\"minItems\":1,\"items\":{");
        put_string(out, f);
        buf_add_string(out, "}");
        break;
    case NUMBER:
        put_number(out, f);
        break;
    case NUMBERS:
        buf_add_string(out, "\"type\":\"array\",\"minItems\":1,\"items\":{");
        put_number(out, f);
        buf_add_string(out, "}");
        break;
    case TIME:
        buf_add_string(out, "\"$ref\":\"#/$defs/time\"");
        break;
    case FLAG:
        buf_add_string(out, "\"const\":true");
        break;
    case BOOLEAN:
        buf_add_string(out, "\"type\":\"boolean\"");
        break;
    case GROUP:
        buf_printf(out, "\"$ref\":\"#/$defs/%s\"", scope_name(info->inner));
        break;
    case GROUPS:
        buf_printf(out, "\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/%s\"}",
                   scope_name(info->inner));
        break;
    case COUNTS:
        buf_add_string(out, "\"type\":\"object\",");
        if (f == F_session_anomalies)
            buf_add_string(out, "\"propertyNames\":{\"$ref\":\"#/$defs/note\"},");
        buf_add_string(out, "\"additionalProperties\":{\"type\":\"integer\",\"minimum\":0}");
        break;
    }
}

static void put_properties(struct buf *out, enum field_scope scope)
{
    const char *before = "\"properties\":{\n";
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        enum field f = (enum field)i;
        const struct field_info *info = &field_infos[f];
        if (info->scope != scope)
            continue;
        buf_printf(out, "%s    \"%s\":{\"description\":\"%s\",", before, info->name, info->doc);
        before = ",\n";
        if (f == F_all_v) {
            buf_add_string(out, "\"const\":1");
        } else if (f == F_all_type) {
            buf_add_string(out, "\"enum\":[");
            for (unsigned k = 0; k < KIND_COUNT; k++)
                buf_printf(out, "%s\"%s\"", k ? "," : "", kind_name((enum kind)k));
            buf_add_string(out, "]");
        } else {
            put_type(out, f);
        }
        buf_add_string(out, "}");
    }
    buf_add_string(out, "}");
}

static void put_scope(struct buf *out, enum field_scope scope)
{
    buf_printf(out, ",\n  \"%s\":{\"type\":\"object\",", scope_name(scope));
    for (size_t i = 0; i < sizeof required / sizeof *required; i++)
        if (required[i].scope == scope) {
            buf_add_string(out, "\"required\":");
            put_words(out, required[i].keys);
            buf_add_string(out, ",");
        }
    if (scope == SCOPE_session)
        buf_add_string(out, "\"anyOf\":[{\"required\":[\"close\"]},{\"required\":[\"part\"]}],");
    put_properties(out, scope);
    buf_add_string(out, "}");
}

void schema_write(struct buf *out)
{
    buf_add_string(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n"
                        " \"$id\":\"urn:mailtap:schema:v1\",\n"
                        " \"title\":\"records of mailtap\",\n"
                        " \"type\":\"object\",\n"
                        " \"required\":[\"v\",\"type\",\"ts\",\"id\"],\n ");
    put_properties(out, SCOPE_all);
    buf_add_string(out, ",\n \"allOf\":[");
    for (unsigned k = 0; k < KIND_COUNT; k++) {
        const char *name = kind_name((enum kind)k);
        buf_printf(out,
                   "%s\n  {\"if\":{\"properties\":{\"type\":{\"const\":\"%s\"}}},\"then\":{\"$ref\":\"#/$defs/%s\"",
                   k ? "," : "", name, name);
        if (k == KIND_alert)
            buf_add_string(out, ",\"required\":[\"end_ts\"]");
        else if (k != KIND_stats) { /* what belongs to a connection */
            buf_add_string(out, ",\"required\":");
            put_words(out, "end_ts uid proto client_ip client_port server_ip server_port");
        }
        buf_add_string(out, "}}");
    }
    buf_add_string(out, "],\n \"$defs\":{\n  \"time\":{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}T"
                        "[0-9]{2}:[0-9]{2}:[0-9]{2}\\\\.[0-9]{6}Z$\"},\n  ");
    put_notes(out);
    for (unsigned s = 0; s < SCOPE_COUNT; s++)
        if (s != SCOPE_all)
            put_scope(out, (enum field_scope)s);
    buf_add_string(out, "}}\n");
}
