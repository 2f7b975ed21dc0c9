#!/bin/bash
# TLS of real servers and clients: Postfix and Dovecot (OpenSSL), Exim (GnuTLS); OpenSSL, GnuTLS and NSS as clients.
# tls_talk.py talks, tls_compare.py looks at what mailtap made of it, live and from the recording.
#   tls.sh PROGRAM
# Needs root and `scripts/packages --install e2e`.
program=$(realpath "$1")
cd "$(dirname "$0")"
. ./servers.sh
need postfix dovecot openssl gnutls-cli python3
begin tls

# Three kinds of certificates: one of an authority, with names; one that nobody signed, of another kind of key; one that
# is long over.
certificates() (
    cd "$folder" || return
    openssl req -x509 -newkey ed25519 -nodes -days 9 -subj '/O=Example Org/CN=Example CA' -keyout ca.key -out ca.pem &&
        openssl req -newkey rsa:2048 -nodes -subj '/C=DE/O=Müller \& Söhne, Inc./CN=mx.example.org' -utf8 -keyout key.pem -out mx.csr &&
        printf 'subjectAltName=DNS:mx.example.org,DNS:*.example.net,IP:192.0.2.25,IP:2001:db8::25,email:postmaster@example.org\n' >mx.ext &&
        openssl x509 -req -in mx.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 5 -extfile mx.ext -out mx.pem &&
        cat mx.pem ca.pem >cert.pem &&
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384 -nodes -days 2 -subj /CN=imap.example.org -keyout dovecot.key \
            -out dovecot.pem &&
        openssl req -newkey rsa:2048 -nodes -subj /CN=exim.example.org -keyout exim.key -out exim.csr &&
        openssl x509 -req -in exim.csr -signkey exim.key -days -1 -out exim.pem &&
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/O=Example Net/CN=carol@example.net' -keyout client.key -out client.crt &&
        cat client.key client.crt >client.pem &&
        chmod 644 ./*.key ./*.pem
)

# It takes everything and keeps nothing.
exim_start() {
    exim_run <<END
primary_hostname = exim.example.org
spool_directory = $folder/exim
log_file_path = $folder/exim/%s.log
local_interfaces = 192.0.2.26
daemon_smtp_ports = 25 : 465
tls_on_connect_ports = 465
tls_advertise_hosts = *
tls_certificate = $folder/exim.pem
tls_privatekey = $folder/exim.key
tls_try_verify_hosts = *
tls_verify_certificates = $folder/ca.pem
host_lookup =
rfc1413_query_timeout = 0s
queue_only = true
acl_smtp_rcpt = accept
acl_smtp_data = accept
acl_smtp_vrfy = accept
begin routers
all:
  driver = redirect
  data = :blackhole:
END
    until_true 20 answers 192.0.2.26 25 || fail 'Exim does not answer'
}

exim_unpack &
unpacks=$!
certificates >"$folder/openssl.err" 2>&1 || fail 'no certificates could be made'
network || skip 'no veth pair can be made here'
for address in 192.0.2.25 192.0.2.26; do
    ip -n $servers addr add $address/24 dev mail0
done
ip -n $clients addr add 192.0.2.7/24 dev mail1
printf 'alice:{PLAIN}wonderland\n' >"$folder/users"
dovecot_start 192.0.2.25 <<END
ssl_cert = <$folder/dovecot.pem
ssl_key = <$folder/dovecot.key
ssl_min_protocol = TLSv1.2
mail_max_userip_connections = 100
END
postfix_start $servers postfix <<END
inet_interfaces = 192.0.2.25
myhostname = mx.example.org
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.org
virtual_mailbox_maps = static:x
virtual_transport = discard:
smtpd_tls_chain_files = $folder/key.pem, $folder/cert.pem
smtpd_tls_security_level = may
smtpd_tls_ask_ccert = yes
smtpd_tls_session_cache_database = btree:$folder/postfix/data/sessions
$(logins_here)
smtpd_client_connection_rate_limit = 0
END
exim=
if wait $unpacks; then
    exim_start
    exim=--exim
else
    echo "skipped: Exim, $(tail -n 1 "$folder/exim-unpack.err")"
fi
postfix_started
for port in 25 587 143 110; do
    until_true 20 answers 192.0.2.25 $port || fail "no answer from port $port"
done

: >"$folder/growing.keys"
capture_start --keylog "$folder/growing.keys"
on $clients python3 "$PWD/tls_talk.py" "$folder" $exim >"$folder/talk.log" 2>&1 || fail "a client failed: $(tail -n 1 "$folder/talk.log")"
capture_end
[ -z "${MAILTAP_KEEP-}" ] || cp -r "$folder" "$MAILTAP_KEEP"
python3 ./tls_compare.py "$program" "$folder" || fail 'see above'
