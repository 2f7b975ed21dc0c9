#!/bin/bash
# Real mail clients and Dovecot, each in a network namespace; what mailtap says that sessions did with the mailboxes is
# held against what doveadm says of them before and after, and against what the clients did (mailbox.py).
#   mailbox.sh PROGRAM
# Needs root and `scripts/packages --install e2e`.
set -u
program=$(realpath "$1")
cd "$(dirname "$0")"
. ./servers.sh

need dovecot doveadm mbsync offlineimap fetchmail curl openssl python3
begin mailbox

password='wonder land' # it must be quoted
users='imaplib deflate secure mbsync offlineimap poplib fetchmail fetchimap curl'

mail_server() {
    local user
    for user in $users; do
        echo "$user:{PLAIN}$password"
    done >"$folder/users"
    dovecot_start 192.0.2.25 <<END
mail_plugins = quota acl
namespace inbox {
  inbox = yes
  separator = /
}
plugin {
  quota = count:User quota
  quota_rule = *:storage=40M:messages=500
  quota_vsizes = yes
  acl = vfile
}
protocol imap {
  mail_plugins = quota acl imap_quota imap_acl imap_zlib
}
END
}

answers() { # PORT
    on $clients bash -c "exec 3<>/dev/tcp/192.0.2.25/$1 && read -t 2 -r line <&3"
}

certificate || fail 'no certificate could be made'
network || skip 'no veth pair can be made here'
ip -n $servers addr add 192.0.2.25/24 dev mail0
ip -n $clients addr add 192.0.2.7/24 dev mail1
mail_server
for port in 143 110; do
    until_true 20 answers $port || fail "no answer from port $port"
done
ip netns exec $servers tcpdump -i mail0 -U --immediate-mode -s 0 -B 16384 -w "$folder/all.pcap" 2>"$folder/tcpdump.err" &
processes="$processes $!"
until_true 10 grep -q 'listening on' "$folder/tcpdump.err" || fail 'the capture does not start'
TZ=UTC LC_ALL=C.UTF-8 on $clients ./mailbox.py "$program" "$folder" 192.0.2.25 "$password" || exit 1
