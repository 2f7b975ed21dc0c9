/* Truth as JSON; every string in it is our own, so there is little to escape. */
#include "truth.h"
#include <arpa/inet.h>

bool truth_open(struct truth *t, const char *path, const char *capture)
{
    const char *name = strrchr(capture, '/') != NULL ? strrchr(capture, '/') + 1 : capture;

    *t = (struct truth){.file = fopen(path, "we")};
    if (t->file == NULL)
        return false;
    fprintf(t->file, "{\"captures\":[{\"file\":\"%s\"}],\"expected_detections\":{},\n\"sessions\":[", name);
    return true;
}

bool truth_close(struct truth *t)
{
    bool failed;

    fprintf(t->file, "\n]}\n");
    failed = ferror(t->file) != 0;
    return fclose(t->file) == 0 && !failed;
}

static void string(FILE *f, const char *key, const char *text)
{
    fprintf(f, "\"%s\":\"", key);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', f);
        putc(*text, f);
    }
    putc('"', f);
}

static void places(FILE *f, const struct span *spans, size_t count)
{
    const char *comma = "";

    fprintf(f, ",\"at\":[");
    for (size_t i = 0; i < count; i++)
        if (spans[i].to > spans[i].from) {
            fprintf(f, "%s%d,%llu,%llu", comma, spans[i].side, (unsigned long long)spans[i].from,
                    (unsigned long long)spans[i].to);
            comma = ",";
        }
    putc(']', f);
}

static void command(FILE *f, const struct fact_command *c, bool lmtp)
{
    fputs("{", f);
    string(f, "verb", c->verb);
    if (c->code > 0)
        fprintf(f, ",\"code\":%d", c->code);
    if (c->final_code > 0 && !lmtp)
        fprintf(f, ",\"final_code\":%d", c->final_code);
    if (c->result != NULL)
        fprintf(f, ",\"status\":\"%s\"", c->result);
    places(f, (struct span[]){c->asked, c->answered, c->finished}, 3);
    fputs("}", f);
}

static void auth(FILE *f, const struct script *s, const struct fact_auth *a)
{
    const struct fact_command *c = s->commands + a->command;

    fputs("{", f);
    string(f, "mech", a->mech);
    fputs(",", f);
    string(f, "user", a->user);
    fprintf(f, ",\"result\":\"%s\"", a->success ? "success" : "failure");
    places(f, (struct span[]){c->asked, c->answered}, 2);
    fputs("}", f);
}

static void message(FILE *f, const struct script *s, const struct fact_message *m)
{
    const struct fact_command *c = s->commands + m->command;

    fprintf(f, "{\"size\":%llu,", (unsigned long long)m->size);
    string(f, "message_id", m->message_id);
    fputs(",", f);
    string(f, "subject", m->subject);
    if (m->sha256[0] != '\0')
        fprintf(f, ",\"sha256\":\"%s\"", m->sha256);
    fputs(",\"attachments\":[", f);
    if (m->attachment_sha256[0] != '\0' && m->attachment[0] != '\0')
        fprintf(f, "{\"filename\":\"%s\",\"sha256\":\"%s\"}", m->attachment, m->attachment_sha256);
    fputs("]", f);
    places(f, (struct span[]){c->asked, c->answered, m->content}, 3);
    fprintf(f, ",\"header\":[%d,%llu,%llu]}", m->header.side, (unsigned long long)m->header.from,
            (unsigned long long)m->header.to);
}

static void transaction(FILE *f, const struct script *s, const struct fact_transaction *t)
{
    const struct fact_command *mail = s->commands + t->mail;

    fputs("{", f);
    string(f, "mail_from", t->mail_from);
    places(f, (struct span[]){mail->asked, mail->answered}, 2);
    fputs(",\"rcpts\":[", f);
    for (size_t i = 0; i < t->recipients; i++) {
        const struct fact_recipient *q = s->recipients + t->first_recipient + i;
        const struct fact_command *c = s->commands + q->command;

        fputs(i > 0 ? ",{" : "{", f);
        string(f, "address", q->address);
        fprintf(f, ",\"code\":%d", q->code);
        if (q->delivery_code > 0)
            fprintf(f, ",\"delivery_code\":%d", q->delivery_code);
        places(f, (struct span[]){mail->asked, mail->answered, c->asked, c->answered}, 4);
        fputs("}", f);
    }
    fputs("]", f);
    if (t->has_message) {
        const struct fact_command *data = s->commands + t->data;

        fputs(",\"message\":", f);
        message(f, s, &t->message);
        if (t->final_code > 0) {
            fprintf(f, ",\"final_code\":%d,\"verdict\":{\"code\":%d", t->final_code, t->final_code);
            places(f, (struct span[]){t->message.content, data->asked, data->answered, data->finished}, 4);
            fputs("}", f);
        }
    }
    fputs("}", f);
}

static void end(FILE *f, const char *key, const struct conversation *c, enum side side)
{
    char text[INET6_ADDRSTRLEN] = "";

    inet_ntop(c->ipv6 ? AF_INET6 : AF_INET, c->ends[side].ip, text, sizeof(text));
    fprintf(f, "\"%s\":{\"ip\":\"%s\",\"port\":%u},", key, text, c->ends[side].port);
}

static void lists(FILE *f, const struct script *s)
{
    fputs(",\n \"commands\":[", f);
    for (size_t i = 0; i < s->command_count; i++) {
        fputs(i > 0 ? "," : "", f);
        command(f, s->commands + i, strcmp(s->protocol, "lmtp") == 0);
    }
    fputs("],\n \"auth\":[", f);
    for (size_t i = 0; i < s->auth_count; i++) {
        fputs(i > 0 ? "," : "", f);
        auth(f, s, s->auths + i);
    }
    fputs("],\n \"transactions\":[", f);
    for (size_t i = 0; i < s->transaction_count; i++) {
        fputs(i > 0 ? "," : "", f);
        transaction(f, s, s->transactions + i);
    }
    fputs("],\n \"messages\":[", f);
    for (size_t i = 0; i < s->message_count; i++) {
        fputs(i > 0 ? "," : "", f);
        message(f, s, s->messages + i);
    }
    fputs("]", f);
}

void truth_session(struct truth *t, const struct conversation *c)
{
    const struct script *s = &c->script;
    FILE *f = t->file;

    fprintf(f, "%s\n{\"protocol\":\"%s\",", t->sessions++ > 0 ? "," : "", s->protocol);
    end(f, "client", c, CLIENT);
    end(f, "server", c, SERVER);
    fprintf(f, "\"first_io\":%.6f,\"last_io\":%.6f", (double)c->began / 1e6, (double)c->ended / 1e6);
    if (s->flood)
        fputs(",\"flood\":true", f);
    if (s->helo[0] != '\0') {
        fputs(",", f);
        string(f, "helo", s->helo);
        places(f, (struct span[]){s->commands->asked, s->commands->answered}, 2);
    }
    if (s->extensions != NULL)
        fprintf(f, ",\"extensions\":%s", s->extensions);
    lists(f, s);
    fputs(",\n \"lost\":[", f);
    for (size_t i = 0; i < c->lost_count; i++)
        fprintf(f, "%s%d,%llu,%llu", i > 0 ? "," : "", c->lost[i].side, (unsigned long long)c->lost[i].from,
                (unsigned long long)c->lost[i].to);
    fputs("]}", f);
}
