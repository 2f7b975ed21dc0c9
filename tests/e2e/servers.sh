# Read by the tests of this folder: network namespaces, real servers in them, and an end that leaves nothing behind.
# Everything lives in one temporary folder, $folder; only processes started here are ended, by their number.
# A test reads this file first, checks with need() that it can run, and then calls begin().
set -u

skip() {
    echo "skipped: $1"
    exit 0
}

fail() {
    echo "FAILED: $1"
    exit 1
}

need() { # TOOL...
    [ "$(id -u)" = 0 ] || skip 'live capture needs root'
    local tool
    for tool in ip tcpdump "$@"; do
        command -v "$tool" >/dev/null || skip "there is no $tool (scripts/packages --install e2e)"
    done
}

begin() { # NAME-OF-THE-TEST
    servers=mailtap-s$$ clients=mailtap-c$$
    ip netns add $servers 2>/dev/null || skip 'no network namespace can be made here'
    folder=$(mktemp -d "/tmp/mailtap-$1.XXXXXX")
    chmod 755 "$folder"
    processes= postfixes= starting=
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

finish() {
    code=$?
    trap - EXIT INT TERM
    for pid in $processes; do
        kill -TERM "$pid" 2>/dev/null
    done
    for instance in $postfixes; do # where its addresses are, for it looks at them before it stops
        on "${instance%%:*}" postfix -c "${instance#*:}" stop >/dev/null 2>&1
    done
    wait
    ip netns del $servers 2>/dev/null
    ip netns del $clients 2>/dev/null
    if [ $code != 0 ]; then
        tail -n 20 "$folder"/*.log "$folder"/*.err 2>/dev/null
    fi
    rm -rf "$folder"
    exit $code
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

# The servers' namespace and the clients', and a pair of interfaces between: mail0 at the servers' end, mail1.
network() {
    ip netns add $clients &&
        ip -n $servers link add mail0 type veth peer name mail1 netns $clients &&
        ip -n $servers link set lo up && ip -n $servers link set mail0 up &&
        ip -n $clients link set lo up && ip -n $clients link set mail1 up
}

certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mx.example.org -keyout "$folder/key.pem" \
        -out "$folder/cert.pem" 2>/dev/null
}

# IMAP, POP3 and LMTP for whoever is in $folder/users, and logins for Postfix. More settings come from standard input.
dovecot_start() { # ADDRESSES
    mkdir -p "$folder/dovecot" "$folder/mail"
    chown nobody:nogroup "$folder/mail"
    cat - >"$folder/dovecot.more"
    cat >"$folder/dovecot.conf" <<END
base_dir = $folder/dovecot
state_dir = $folder/dovecot
log_path = $folder/dovecot.log
protocols = imap pop3 lmtp
listen = $1
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
!include $folder/dovecot.more
END
    ip netns exec $servers dovecot -F -c "$folder/dovecot.conf" >"$folder/dovecot.err" 2>&1 &
    processes="$processes $!"
}

# One Postfix of any number, by its folder in $folder. Its addresses and what it serves come from standard input. They
# start side by side: postfix_started() waits for all.
postfix_start() { # NAMESPACE NAME
    local own=$folder/$2
    mkdir -p "$own/queue" "$own/data"
    chown postfix "$own/data"
    cat - >"$own/more"
    cat - "$own/more" >"$own/main.cf" <<END
compatibility_level = 3.6
queue_directory = $own/queue
data_directory = $own/data
maillog_file = $own.log
maillog_file_prefixes = $folder
mydestination =
alias_maps =
smtpd_peername_lookup = no
END
    cat >"$own/master.cf" <<END
smtp       inet  n - n - - smtpd
submission inet  n - n - - smtpd
smtps      inet  n - n - - smtpd -o smtpd_tls_wrappermode=yes
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
smtp       unix  - - n - - smtp
anvil      unix  - - n - 1 anvil
scache     unix  - - n - 1 scache
postlog    unix-dgram n - n - 1 postlogd
END
    postfixes="$postfixes $1:$own"
    ip netns exec "$1" postfix -c "$own" start >"$own.err" 2>&1 &
    starting="$starting $!"
}

postfix_started() {
    local pid
    for pid in $starting; do
        wait "$pid" || fail 'Postfix does not start'
    done
}

# Settings of a Postfix: mail for those in $folder/mailboxes is taken, and goes nowhere.
mailboxes_here() {
    cat <<END
virtual_mailbox_domains = example.org
virtual_mailbox_maps = texthash:$folder/mailboxes
virtual_transport = discard:
END
}

# Settings of a Postfix: it asks Dovecot about logins, and relays for nobody else.
logins_here() {
    cat <<END
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = $folder/dovecot/postfix-auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
END
}

# Exim cannot be installed beside Postfix: it is unpacked.
exim_unpack() {
    mkdir "$folder/exim-package"
    (cd "$folder/exim-package" && timeout 60 apt-get -qq download exim4-daemon-light && dpkg-deb -x exim4-daemon-light_*.deb . &&
        ! ldd usr/sbin/exim4 | grep 'not found') >"$folder/exim-unpack.err" 2>&1 || return 1
    { cat /etc/passwd; echo "Debian-exim:x:$(id -u nobody):$(id -g nobody)::/nonexistent:/usr/sbin/nologin"; } >"$folder/passwd"
    { cat /etc/group; echo "Debian-exim:x:$(id -g nobody):"; } >"$folder/group"
}

# Its configuration comes from standard input. It finds its user in a file of ours: what `ip netns exec` runs has its own
# mounts.
exim_run() {
    mkdir "$folder/exim"
    chown nobody:nogroup "$folder/exim"
    cat - >"$folder/exim.conf"
    ip netns exec $servers sh -c 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/group" /etc/group &&
        exec "$1/exim-package/usr/sbin/exim4" -C "$1/exim.conf" -bdf' exim "$folder" >"$folder/exim.err" 2>&1 &
    processes="$processes $!"
}

answers() { # ADDRESS PORT
    on $clients bash -c "exec 3<>/dev/tcp/$1/$2 && read -t 2 -r line <&3"
}

# tcpdump and mailtap, with the options given, see the same packets: recorded.pcap, and live.json in $folder.
capture_start() { # MAILTAP-OPTIONS...
    ip netns exec $servers tcpdump -i mail0 -U --time-stamp-precision=nano -s 0 -B 16384 -w "$folder/recorded.pcap" \
        >"$folder/tcpdump.err" 2>&1 &
    tcpdump_pid=$!
    ip netns exec $servers "$program" -i mail0 -o json:"$folder/live.json" "$@" >"$folder/live.out" 2>"$folder/live.err" &
    mailtap_pid=$!
    processes="$processes $tcpdump_pid $mailtap_pid"
    until_true 10 grep -q 'listening on' "$folder/tcpdump.err" && until_true 10 grep -q 'listening on' "$folder/live.err" && sleep 0.5
}

capture_end() {
    local code
    sleep 1 # the last segments, and what the kernel still holds
    kill -TERM $mailtap_pid
    wait $mailtap_pid
    code=$?
    kill -TERM $tcpdump_pid
    wait $tcpdump_pid
    [ $code = 143 ] || fail "mailtap ended with $code on SIGTERM, not 143"
    grep -q '^0 packets dropped by kernel' "$folder/live.err" || fail 'packets were dropped, there is nothing to compare'
}
