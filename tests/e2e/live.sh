#!/bin/bash
# Real servers, real clients, a live capture. Postfix and Dovecot run in a network namespace of their own, clients in
# another, a veth pair between them; mailtap watches the servers' end while tcpdump records the same packets. What was
# seen live must be what is read from the recording.
#   live.sh PROGRAM
# Needs root and `scripts/packages --install e2e`.
program=$(realpath "$1")
cd "$(dirname "$0")"
. ./servers.sh
need postfix dovecot swaks curl jq openssl
begin live

addresses() {
    ip -n $servers addr add 192.0.2.25/24 dev mail0 && ip -n $clients addr add 192.0.2.7/24 dev mail1 &&
        ip -n $servers -6 addr add 2001:db8:25::25/64 dev mail0 nodad &&
        ip -n $clients -6 addr add 2001:db8:25::7/64 dev mail1 nodad
}

dovecot_serves() {
    printf 'alice:{PLAIN}wonderland\nbob:{PLAIN}builder\n' >"$folder/users"
    dovecot_start '192.0.2.25, 2001:db8:25::25' </dev/null
}

postfix_receives() {
    printf 'alice@example.org x\nbob@example.org x\n' >"$folder/mailboxes"
    postfix_start $servers postfix <<END
inet_interfaces = 192.0.2.25, [2001:db8:25::25]
myhostname = mx.example.org
mynetworks = 127.0.0.0/8
$(mailboxes_here)
smtpd_tls_cert_file = $folder/cert.pem
smtpd_tls_key_file = $folder/key.pem
smtpd_tls_security_level = may
$(logins_here)
END
}

# What the clients do may fail, as it may in life: that is part of what is to be seen.
clients_talk() {
    local mail=(--silent 3 --timeout 10 --helo client.example.net --from carol@example.net)
    head -c 300000 /dev/urandom >"$folder/attachment.bin"
    on $clients swaks "${mail[@]}" -s 192.0.2.25 -t alice@example.org --h-Subject 'plain delivery'
    on $clients swaks "${mail[@]}" -s 192.0.2.25 -t alice@example.org,nobody@example.org,bob@example.org --pipeline
    on $clients swaks "${mail[@]}" -s 192.0.2.25 -t dave@example.com
    on $clients swaks "${mail[@]}" -s 192.0.2.25 -p 587 -t bob@example.org --attach @"$folder/attachment.bin" -a PLAIN -au alice -ap wonderland
    on $clients swaks "${mail[@]}" -s 192.0.2.25 -p 587 -t bob@example.org -a LOGIN -au alice -ap wrong
    on $clients swaks "${mail[@]}" -s 192.0.2.25 -t bob@example.org --tls
    printf 'Subject: over IPv6\n\n.a line with a dot\n' | on $clients curl -s -S --max-time 10 -T - --mail-from carol@example.net \
        --mail-rcpt alice@example.org 'smtp://[2001:db8:25::25]/client.example.net'
    on $clients swaks "${mail[@]}" -s 192.0.2.25 -p 24 --protocol LMTP -t alice@example.org,nobody@example.org,bob@example.org
    local get=(curl -s -S --max-time 10 --user alice:wonderland)
    on $clients "${get[@]}" imap://192.0.2.25/
    on $clients "${get[@]}" 'imap://192.0.2.25/INBOX;MAILINDEX=1'
    on $clients "${get[@]}" imap://192.0.2.25/INBOX -X 'UID SEARCH ALL'
    on $clients "${get[@]}" imap://192.0.2.25/INBOX -T "$folder/dovecot.conf"
    on $clients "${get[@]}" --ssl-reqd -k imap://192.0.2.25/INBOX
    on $clients "${get[@]}" 'pop3://[2001:db8:25::25]/'
    on $clients "${get[@]}" pop3://192.0.2.25/1
    on $clients "${get[@]}" --login-options AUTH=PLAIN pop3://192.0.2.25/1
    on $clients "${get[@]}" --login-options AUTH=LOGIN imap://192.0.2.25/
    on $clients "${get[@]}" --ssl-reqd -k pop3://192.0.2.25/1
    on $clients "${get[@]}" -k pop3s://192.0.2.25/1
    on $clients curl -s --max-time 10 --user bob:wrong pop3://192.0.2.25/
}

# Records without what depends on who watched: packet numbers, the name of the source, statistics, and the time stamps
# with what rests on them: the kernel stamps a packet for each watcher. Sorted, for a live capture writes when time passes.
comparable() {
    jq -cS 'select(.type != "stats") | walk(if type == "object" then with_entries(select(.key |
        IN("file", "frame", "frame_first", "frame_last", "iface", "pcap_file", "ts", "end_ts", "start_ts", "id", "uid", "alert_id") or endswith("_us") | not)) else . end)' "$1" | sort
}

# What was fetched, stored and delivered, against the files that Dovecot keeps: octet by octet but for line ends, which it
# keeps as LF; delivery puts header fields in front.
compare_stored() { # FOLDER RECORDS
    local name proto via size compared=0 octets
    find "$folder/mail" -path '*/cur/*' -o -path '*/new/*' | while read -r octets; do tr -d '\r' <"$octets" | sha256sum; done >"$folder/stored"
    while read -r name proto via; do
        octets=$folder/octets
        tr -d '\r' <"$1/$name" >"$octets"
        case $proto/$via in
        imap/* | pop3/RETR)
            grep -qFx "$(sha256sum <"$octets")" "$folder/stored" || fail "$proto $via: $name is not what the server keeps" ;;
        lmtp/*)
            size=$(stat -c %s "$octets")
            find "$folder/mail" -path '*/cur/*' -o -path '*/new/*' | while read -r kept; do
                ! tail -c "$size" "$kept" | tr -d '\r' | cmp -s "$octets" || echo found
            done | grep -q found || fail "$proto: $name is not what was delivered" ;;
        *) continue ;;
        esac
        compared=$((compared + 1))
    done < <(jq -r 'select(.type == "message" and .file and .complete and .verdict != "rejected") | [.file, .proto, .via] | @tsv' "$2")
    [ $compared -ge 5 ] || fail "only $compared messages could be compared with what the server keeps"
    echo "$compared extracted messages are what the server keeps"
}

certificate || fail 'no certificate could be made'
{ network && addresses; } || skip 'no veth pair can be made here'
dovecot_serves
postfix_receives
postfix_started
for port in 25 587 24 143 110; do
    until_true 20 answers 192.0.2.25 $port || fail "no answer from port $port"
done
capture_start -w "$folder/live.pcapng" --extract "$folder/live-files" || fail 'the capture does not start'
clients_talk >"$folder/clients.log" 2>&1
capture_end

"$program" -r "$folder/recorded.pcap" -o json:"$folder/file.json" --extract "$folder/files" || fail "reading the recording ended with $?"
"$program" -r "$folder/live.pcapng" -o json:"$folder/written.json" --extract "$folder/written-files" || fail "reading what -w wrote ended with $?"
comparable "$folder/live.json" >"$folder/live.txt"
comparable "$folder/file.json" >"$folder/file.txt"
sessions=$(grep -c '"type":"session"' "$folder/live.txt")
[ "$sessions" -ge 20 ] || fail "only $sessions sessions were seen live"
for proto in smtp lmtp imap pop3; do
    grep -q "\"proto\":\"$proto\".*\"type\":\"session\"" "$folder/live.txt" || fail "no $proto session was seen live"
done
diff "$folder/file.txt" "$folder/live.txt" >"$folder/difference.txt" ||
    { cut -c 1-600 "$folder/difference.txt" | head -n 20; fail 'the live records (>) differ from those of the recording (<)'; }
! grep -qE 'wonderland|builder' "$folder/live.json" || fail 'a password was written'
comparable "$folder/written.json" >"$folder/written.txt"
cmp -s "$folder/written.txt" "$folder/live.txt" || fail 'what -w wrote does not give the live records again'
(cd "$folder/live-files" && sha256sum -- *.* | grep -v index.ndjson) >"$folder/live.sums"
(cd "$folder/written-files" && sha256sum -- *.* | grep -v index.ndjson) >"$folder/written.sums"
cmp -s "$folder/live.sums" "$folder/written.sums" || fail 'files extracted live and from what -w wrote differ'
compare_stored "$folder/live-files" "$folder/live.json"
compare_stored "$folder/files" "$folder/file.json"
echo "live and recorded agree: $(wc -l <"$folder/live.txt") records of $sessions sessions"
