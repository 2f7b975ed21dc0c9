#!/bin/bash
# Real servers, real clients, a live capture. Postfix and Dovecot run in a network namespace of their own, clients in
# another, a veth pair between them; mailtap watches the servers' end while tcpdump records the same packets. What was
# seen live must be what is read from the recording.
#   live.sh PROGRAM
# Needs root and `scripts/packages --install e2e`. Everything lives in one temporary folder; only processes started here
# are ended, by their number.
set -u
program=$(realpath "$1")
cd "$(dirname "$0")"

skip() {
    echo "skipped: $1"
    exit 0
}
[ "$(id -u)" = 0 ] || skip 'live capture needs root'
for tool in postfix dovecot swaks curl tcpdump ip jq openssl; do
    command -v $tool >/dev/null || skip "there is no $tool (scripts/packages --install e2e)"
done

servers=mailtap-s$$ clients=mailtap-c$$
ip netns add $servers 2>/dev/null || skip 'no network namespace can be made here'
folder=$(mktemp -d /tmp/mailtap-live.XXXXXX)
chmod 755 "$folder"
processes=

finish() {
    code=$?
    trap - EXIT INT TERM
    for pid in $processes; do
        kill -TERM "$pid" 2>/dev/null
    done
    [ ! -e "$folder/postfix/main.cf" ] || on $servers postfix -c "$folder/postfix" stop >/dev/null 2>&1
    wait
    ip netns del $servers 2>/dev/null
    ip netns del $clients 2>/dev/null
    if [ $code != 0 ]; then
        tail -n 20 "$folder"/*.log "$folder"/*.err 2>/dev/null
    fi
    rm -rf "$folder"
    exit $code
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "FAILED: $1"
    exit 1
}

# In the background `ip` is called itself: $! must be what runs there, not a shell of ours.
on() { # NAMESPACE COMMAND...
    ip netns exec "$@"
}

# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

network() {
    ip netns add $clients &&
        ip -n $servers link add mail0 type veth peer name mail1 netns $clients &&
        ip -n $servers addr add 192.0.2.25/24 dev mail0 && ip -n $clients addr add 192.0.2.7/24 dev mail1 &&
        ip -n $servers -6 addr add 2001:db8:25::25/64 dev mail0 nodad &&
        ip -n $clients -6 addr add 2001:db8:25::7/64 dev mail1 nodad &&
        ip -n $servers link set lo up && ip -n $servers link set mail0 up &&
        ip -n $clients link set lo up && ip -n $clients link set mail1 up
}

certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mx.example.org -keyout "$folder/key.pem" \
        -out "$folder/cert.pem" 2>/dev/null
}

dovecot_start() {
    mkdir -p "$folder/dovecot" "$folder/mail"
    chown nobody:nogroup "$folder/mail"
    printf 'alice:{PLAIN}wonderland\nbob:{PLAIN}builder\n' >"$folder/users"
    cat >"$folder/dovecot.conf" <<END
base_dir = $folder/dovecot
state_dir = $folder/dovecot
log_path = $folder/dovecot.log
protocols = imap pop3 lmtp
listen = 192.0.2.25, 2001:db8:25::25
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
ssl = yes
ssl_cert = <$folder/cert.pem
ssl_key = <$folder/key.pem
mail_location = maildir:$folder/mail/%n
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = username_format=%n $folder/users
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$folder/mail/%n allow_all_users=no
}
service lmtp {
  inet_listener lmtp {
    port = 24
  }
}
service auth {
  unix_listener postfix-auth {
    mode = 0666
  }
}
protocol lmtp {
  postmaster_address = postmaster@example.org
}
END
    ip netns exec $servers dovecot -F -c "$folder/dovecot.conf" >"$folder/dovecot.err" 2>&1 &
    processes="$processes $!"
}

postfix_start() {
    mkdir -p "$folder/postfix" "$folder/queue" "$folder/data"
    chown postfix "$folder/data"
    cat >"$folder/postfix/main.cf" <<END
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/postfix.log
maillog_file_prefixes = $folder
inet_interfaces = 192.0.2.25, [2001:db8:25::25]
myhostname = mx.example.org
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
virtual_mailbox_domains = example.org
virtual_mailbox_maps = texthash:$folder/postfix/mailboxes
virtual_transport = discard:
smtpd_tls_cert_file = $folder/cert.pem
smtpd_tls_key_file = $folder/key.pem
smtpd_tls_security_level = may
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = $folder/dovecot/postfix-auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
END
    printf 'alice@example.org x\nbob@example.org x\n' >"$folder/postfix/mailboxes"
    cat >"$folder/postfix/master.cf" <<END
smtp       inet  n - n - - smtpd
submission inet  n - n - - smtpd
pickup     unix  n - n 60 1 pickup
cleanup    unix  n - n - 0 cleanup
qmgr       unix  n - n 300 1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - - trivial-rewrite
bounce     unix  - - n - 0 bounce
defer      unix  - - n - 0 bounce
trace      unix  - - n - 0 bounce
verify     unix  - - n - 1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n - - proxymap
error      unix  - - n - - error
retry      unix  - - n - - error
discard    unix  - - n - - discard
anvil      unix  - - n - 1 anvil
scache     unix  - - n - 1 scache
postlog    unix-dgram n - n - 1 postlogd
END
    on $servers postfix -c "$folder/postfix" start >"$folder/postfix.err" 2>&1
}

answers() { # PORT
    on $clients bash -c "exec 3<>/dev/tcp/192.0.2.25/$1 && read -t 2 -r line <&3"
}

capture_start() {
    ip netns exec $servers tcpdump -i mail0 -U --time-stamp-precision=nano -s 0 -B 16384 -w "$folder/recorded.pcap" \
        >"$folder/tcpdump.err" 2>&1 &
    tcpdump_pid=$!
    ip netns exec $servers "$program" -i mail0 -o json:"$folder/live.json" \
        -w "$folder/live.pcapng" --extract "$folder/live-files" >"$folder/live.out" 2>"$folder/live.err" &
    mailtap_pid=$!
    processes="$processes $tcpdump_pid $mailtap_pid"
    until_true 10 grep -q 'listening on' "$folder/tcpdump.err" && until_true 10 grep -q 'listening on' "$folder/live.err" && sleep 0.5
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
        IN("file", "frame", "frame_first", "frame_last", "iface", "pcap_file", "ts", "end_ts", "id", "uid") or endswith("_us") | not)) else . end)' "$1" | sort
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
network || skip 'no veth pair can be made here'
dovecot_start
postfix_start || fail 'postfix does not start'
for port in 25 587 24 143 110; do
    until_true 20 answers $port || fail "no answer from port $port"
done
capture_start || fail 'the capture does not start'
clients_talk >"$folder/clients.log" 2>&1
sleep 1 # the last segments, and what the kernel still holds

kill -TERM $mailtap_pid
wait $mailtap_pid
code=$?
kill -TERM $tcpdump_pid
wait $tcpdump_pid
[ $code = 143 ] || fail "mailtap ended with $code on SIGTERM, not 143"
grep -q '^0 packets dropped by kernel' "$folder/live.err" || fail 'packets were dropped, there is nothing to compare'

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
