/* IMAP behind COMPRESS (RFC 4978): input as turns.h says, of which the first octet of each turn's text says whether it
   is sent as it stands or deflated first, and whether the stream goes on, or begins anew and so breaks; of the very
   first octet two bits say that COMPRESS was not captured, or nothing of the client. */
#include "base/memory.h"
#include "conversation.h"
#include <stdlib.h>
#include <zlib.h>

enum { HOW_RAW = 1, HOW_ANEW = 2, HOW_NO_FLUSH = 4, HOW_ENDS = 8 };

enum { UNSEEN_COMMAND = 32, UNSEEN_CLIENT = 64 }; /* beside TURNS_... */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(z_stream *z)
{
    *z = (z_stream){0};
    if (deflateInit2(z, 1, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
}

static void send_compressed(struct conversation *c, unsigned how, z_stream *z, struct bytes text)
{
    uint8_t *out = memory_get(deflateBound(z, text.len) + 64), *copy = memory_get(text.len + 1);
    int flush = (text.data[0] & HOW_ENDS) ? Z_FINISH : (text.data[0] & HOW_NO_FLUSH) ? Z_NO_FLUSH : Z_SYNC_FLUSH;

    if (text.data[0] & HOW_ANEW) {
        deflateEnd(z);
        begin(z);
    }
    memcpy(copy, text.data + 1, text.len - 1);
    z->next_in = copy;
    z->avail_in = (unsigned)(text.len - 1);
    z->next_out = out;
    z->avail_out = (unsigned)text.len + 64;
    deflate(z, flush);
    conversation_turn(c, how, bytes_of(out, (size_t)(z->next_out - out)));
    free(out);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conversation c;
    z_stream z[2];
    size_t at = 1;

    if (size == 0)
        return 0;
    conversation_begin(&c, 143, data[0] & ~(unsigned)TURNS_MIDSTREAM, NULL);
    begin(&z[0]);
    begin(&z[1]);
    conversation_turn(&c, TURN_SERVER, BYTES("* OK IMAP4rev1 ready\r\n"));
    bool unseen = (data[0] & UNSEEN_CLIENT) != 0;
    conversation_turn(&c, unseen || (data[0] & UNSEEN_COMMAND) ? TURN_LOST : 0, BYTES("a1 COMPRESS DEFLATE\r\n"));
    conversation_turn(&c, TURN_SERVER, BYTES("a1 OK on\r\n"));
    while (size - at >= 3) {
        size_t len = data[at + 1] | (size_t)data[at + 2] << 8, left = size - at - 3;
        unsigned how = data[at] | (unseen && !(data[at] & TURN_SERVER) ? TURN_LOST : 0u);
        struct bytes text = bytes_of(data + at + 3, len < left ? len : left);

        if (text.len && (text.data[0] & HOW_RAW))
            conversation_turn(&c, how, bytes_part(text, 1, text.len));
        else if (text.len)
            send_compressed(&c, how, &z[(how & TURN_SERVER) != 0], text);
        at += 3 + text.len;
    }
    deflateEnd(&z[0]);
    deflateEnd(&z[1]);
    conversation_end(&c);
    return 0;
}
