/* The floor: what libpcap's own loop needs to read a file and look at nothing. Every benchmark is a ratio to it. */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>

struct sum {
    uint64_t packets, octets;
};

static void count(u_char *user, const struct pcap_pkthdr *header, const u_char *octets)
{
    struct sum *s = (struct sum *)(void *)user;

    (void)octets;
    s->packets++;
    s->octets += header->caplen;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    struct sum sum = {0, 0};
    pcap_t *p;
    int code;

    if (argc != 2) {
        fputs("usage: floor FILE\n", stderr);
        return 1;
    }
    p = pcap_open_offline(argv[1], error);
    if (p == NULL) {
        fprintf(stderr, "floor: %s\n", error);
        return 2;
    }
    code = pcap_loop(p, -1, count, (u_char *)&sum);
    if (code < 0)
        fprintf(stderr, "floor: %s\n", pcap_geterr(p));
    pcap_close(p);
    printf("%llu %llu\n", (unsigned long long)sum.packets, (unsigned long long)sum.octets);
    return code < 0 ? 3 : 0;
}
