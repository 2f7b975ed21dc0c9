/* What certificates say, read by OpenSSL. */
#include "tls_certificate.h"

#include "base/buf.h"
#include "base/clock.h"
#include "tls_hello.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#define NAME_MOST    256
#define SECONDS_MOST (INT64_MAX / CLOCK_S) /* later, ns do not count any more: the year 2262 */

static void write_sha256(struct record *r, enum field f, struct bytes der)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[65];
    if (!EVP_Digest(der.data, der.len, digest, NULL, EVP_sha256(), NULL))
        return;
    for (unsigned i = 0; i < 32; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    record_word(r, f, hex);
}

/* As `openssl x509 -nameopt RFC2253,-esc_msb`. */
static void write_name(struct record *r, enum field f, const X509_NAME *name)
{
    BIO *text = BIO_new(BIO_s_mem());
    char *data;
    if (text && X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        long len = BIO_get_mem_data(text, &data);
        record_text(r, f, bytes_of(data, len > 0 ? (size_t)len : 0));
    }
    BIO_free(text);
}

static void write_serial(struct record *r, const X509 *cert)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *text = n ? BN_bn2hex(n) : NULL;
    if (text)
        record_text(r, F_cert_serial, bytes_of_string(text));
    OPENSSL_free(text);
    BN_free(n);
}

/* In seconds since 1970. */
static bool seconds_of(const ASN1_TIME *t, int64_t *ret)
{
    struct tm tm;
    if (!t || !ASN1_TIME_to_tm(t, &tm))
        return false;
    int64_t year = tm.tm_year + INT64_C(1900) - (tm.tm_mon < 2), month = (tm.tm_mon + 10) % 12;
    int64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + tm.tm_mday - 1;
    *ret = (days - 719468) * 86400 + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
    return true;
}

static void write_time(struct record *r, enum field f, int64_t seconds)
{
    if (seconds > -SECONDS_MOST && seconds < SECONDS_MOST)
        record_time(r, f, seconds * CLOCK_S);
}

static void write_validity(struct record *r, const X509 *cert, int64_t when)
{
    int64_t from, to, now = when / CLOCK_S;
    if (seconds_of(X509_get0_notBefore(cert), &from)) {
        write_time(r, F_cert_not_before, from);
        if (now < from)
            record_flag(r, F_cert_not_yet_valid);
    }
    if (seconds_of(X509_get0_notAfter(cert), &to)) {
        write_time(r, F_cert_not_after, to);
        record_boolean(r, F_cert_expired, now > to);
    }
}

static struct bytes octets_of(const ASN1_STRING *s)
{
    int len = ASN1_STRING_length(s);
    return bytes_of(ASN1_STRING_get0_data(s), len > 0 ? (size_t)len : 0);
}

static void write_ip(struct record *r, struct bytes ip)
{
    char text[INET6_ADDRSTRLEN];
    int family = ip.len == 4 ? AF_INET : AF_INET6;
    if ((ip.len != 4 && ip.len != 16) || !inet_ntop(family, ip.data, text, sizeof text))
        return;
    record_text(r, F_cert_san, bytes_of_string(text));
}

static void write_names(struct record *r, const X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI)
            record_text(r, F_cert_san, octets_of(name->d.ia5));
        else if (name->type == GEN_IPADD)
            write_ip(r, octets_of(name->d.iPAddress));
    }
    GENERAL_NAMES_free(names);
}

static void write_key(struct record *r, const X509 *cert)
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    if (!key)
        return;
    int type = EVP_PKEY_get_base_id(key), bits = EVP_PKEY_get_bits(key);
    const char *name = type == EVP_PKEY_RSA ? "RSA" : type == EVP_PKEY_EC ? "EC" : OBJ_nid2sn(type);
    if (name)
        record_word(r, F_cert_key, name);
    if (bits > 0)
        record_number(r, F_cert_bits, (uint64_t)bits);
}

static void write_certificate(struct record *r, X509 *cert, struct bytes der, int64_t when, struct bytes name)
{
    const char *signature = OBJ_nid2ln(X509_get_signature_nid(cert));
    write_name(r, F_cert_subject, X509_get_subject_name(cert));
    write_name(r, F_cert_issuer, X509_get_issuer_name(cert));
    write_serial(r, cert);
    write_validity(r, cert, when);
    write_names(r, cert);
    write_key(r, cert);
    if (signature)
        record_word(r, F_cert_sig, signature);
    write_sha256(r, F_cert_sha256, der);
    record_boolean(r, F_cert_self_signed, X509_self_signed(cert, 0) == 1);
    if (name.len)
        record_boolean(r, F_cert_name_match, X509_check_host(cert, (const char *)name.data, name.len, 0, NULL) == 1);
}

static void write_chain(struct record *r, enum field own, enum field chain, struct bytes list, bool with_extensions,
                        int64_t when, struct bytes name)
{
    struct bytes der, extensions;
    for (unsigned i = 0; tls_take_vector(&list, 3, &der); i++) {
        if (with_extensions)
            tls_take_vector(&list, 2, &extensions);
        if (i == TLS_CERTIFICATES_MOST) {
            record_cut(r, chain);
            break;
        }
        if (i) {
            write_sha256(r, chain, der);
            continue;
        }
        const unsigned char *at = der.data;
        X509 *cert = d2i_X509(NULL, &at, (long)der.len);
        record_begin(r, own);
        if (cert)
            write_certificate(r, cert, der, when, name);
        else
            write_sha256(r, F_cert_sha256, der);
        record_end(r);
        X509_free(cert);
    }
    ERR_clear_error(); /* what it stumbled over is nobody's error */
}

void tls_certificates_write(struct record *r, struct bytes list, bool with_extensions, int64_t when, struct bytes name)
{
    uint8_t copy[NAME_MOST]; /* the record may move */
    name = bytes_part(name, 0, sizeof copy);
    if (name.len)
        memcpy(copy, name.data, name.len);
    write_chain(r, F_tls_cert, F_tls_chain, list, with_extensions, when, bytes_of(copy, name.len));
}

void tls_client_certificates_write(struct record *r, struct bytes list, bool with_extensions, int64_t when)
{
    write_chain(r, F_tls_client_cert, F_tls_client_chain, list, with_extensions, when, (struct bytes){0});
}
