#!/bin/bash
# Real tools attack real servers, and mailtap is to say what they did, no more and no less. nmap's scripts, swaks, and
# loops as smtp-user-enum makes them go against Postfix (closed, and open to all), Exim and Dovecot, each attacker from an
# address of its own, over a pair of interfaces between two network namespaces that lead nowhere else. attack_truth.py
# counts in the servers' logs and in what the tools print, and compares with the alerts: from the recording, live, and
# from the stored records.
#   attacks.sh PROGRAM
# Needs root and `scripts/packages --install e2e`.
program=$(realpath "$1")
cd "$(dirname "$0")"
. ./servers.sh
need postfix dovecot swaks nmap openssl python3
begin attacks

# Servers: .25 is closed and has users; .26 to .28 are one Postfix that relays for all: three servers for who looks from
# outside. Attackers have 198.51.100.0/24, and a server elsewhere 203.0.113.25.
closed=192.0.2.25 open=192.0.2.26 misused=192.0.2.27 kept=192.0.2.28 exim=192.0.2.29 ntlm=192.0.2.30
attacker=198.51.100
outside=203.0.113.25

addresses() {
    local a
    for a in $closed $open $misused $kept $exim $ntlm; do
        ip -n $servers addr add $a/24 dev mail0 || return 1
    done
    for a in {11..39}; do
        ip -n $clients addr add $attacker.$a/24 dev mail1 || return 1
    done
    ip -n $clients addr add $outside/24 dev mail1 && ip -n $clients route add 192.0.2.0/24 dev mail1 &&
        ip -n $servers route add $attacker.0/24 dev mail0 && ip -n $servers route add 203.0.113.0/24 dev mail0
}

# Without the pauses that Dovecot makes after failures: they are no part of what is to be seen.
dovecot_serves() {
    printf '%s:{PLAIN}%s\n' alice wonderland bob builder carol contrary >"$folder/users"
    dovecot_start $closed <<END
auth_verbose = yes
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
END
}

postfix_closed() {
    printf '%s@example.org x\n' alice bob carol dave erin frank >"$folder/mailboxes"
    postfix_start $servers closed <<END
inet_interfaces = $closed
myorigin = example.org
myhostname = mx.example.org
mynetworks = 127.0.0.0/8
$(mailboxes_here)
smtpd_error_sleep_time = 0
$(logins_here)
END
}

# The mistake that is made: mynetworks holds more than it should. Mail for far.example goes to the server outside, for
# near.example nowhere.
postfix_open() {
    printf 'far.example smtp:[%s]\nnear.example discard:\n* discard:\n' $outside >"$folder/transport"
    postfix_start $servers open <<END
inet_interfaces = $open, $misused, $kept
myhostname = relay.example.org
mynetworks = 0.0.0.0/0
$(mailboxes_here)
transport_maps = texthash:$folder/transport
smtp_dns_support_level = disabled
END
}

postfix_outside() {
    postfix_start $clients outside <<END
inet_interfaces = $outside
myhostname = mx.far.example
virtual_mailbox_domains = far.example
virtual_mailbox_maps = static:x
virtual_transport = discard:
END
}

# Exim answers VRFY and EXPN as no other does.
exim_start() {
    printf 'staff: alice, bob\noffice: carol, dave\nsales: erin\n' >"$folder/exim-lists"
    exim_run <<END
spool_directory = $folder/exim
log_file_path = $folder/exim/%s.log
log_selector = +smtp_no_mail +smtp_syntax_error
primary_hostname = exim.example.org
qualify_domain = example.org
domainlist ours = example.org : exim.example.org : [$exim]
allow_domain_literals
smtp_max_synprot_errors = 99
smtp_accept_max_nonmail = 99
local_interfaces = $exim
recipient_unqualified_hosts = *
daemon_smtp_ports = 25
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = rcpt
acl_smtp_vrfy = accept
acl_smtp_expn = accept

begin acl
rcpt:
  deny !domains = +ours
       message = relay not permitted
  require verify = recipient
  accept

begin routers
lists:
  driver = redirect
  domains = +ours
  data = \${lookup{\$local_part}lsearch{$folder/lists}}
users:
  driver = accept
  domains = +ours
  local_parts = alice : bob : carol : dave : erin : frank
  transport = nowhere

begin transports
nowhere:
  driver = appendfile
  file = /dev/null
  user = nobody

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{\$auth2}{alice}}{eq{\$auth3}{wonderland}}}}
  server_set_id = \$auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = \${if and{{eq{\$auth1}{alice}}{eq{\$auth2}{wonderland}}}}
  server_set_id = \$auth1
END
}


# attack NAME TOOL FROM SERVER PORT METHOD COMMAND...: what it prints is kept, under its name; all run at the same time.
attack() {
    echo "$1 $2 $attacker.$3 $4 $5 $6" >>"$folder/attacks.list"
    ip netns exec $clients timeout 40 "${@:7}" >"$folder/attacks/$1" 2>&1 &
    attacks="$attacks $!"
    processes="$processes $!"
}

scan() { # NAME FROM SERVER PORT SCRIPT METHOD ARGUMENTS
    attack "$1" nmap "$2" "$3" "$4" "$6" nmap -n -Pn -vv --script-trace -S $attacker.$2 -e mail1 -p "$4" --host-timeout 30s \
        --script "$5" --script-args "$7" "$3"
}

loop() { # NAME FROM SERVER METHOD NAME...
    attack "$1" loop "$2" "$3" 25 "$4" ./user_enum.py $attacker.$2 "$3" "$4" example.org "${@:5}"
}

mail() { # NAME FROM SERVER RECIPIENT
    attack "$1" swaks "$2" "$3" 25 MAIL swaks --silent 1 --timeout 10 --helo client.example.net --from carol@example.net \
        --local-interface $attacker.$2 -s "$3" -t "$4" --h-Subject "$1"
}

attacks_run() {
    local relay=smtp-open-relay.domain=far.example users="smtp-enum-users.domain=example.org,userdb=$folder/names-"
    local before=$processes
    attacks=
    mkdir "$folder/attacks"
    scan relay-scan-closed 11 $closed 25 smtp-open-relay RCPT $relay
    scan relay-scan-open 12 $open 25 smtp-open-relay RCPT $relay
    mail relay-used 14 $misused victim@far.example
    mail relay-kept 15 $kept victim@near.example
    mail relay-refused 16 $closed victim@far.example
    mail ordinary 17 $closed alice@example.org

    # nmap ends RCPT when the first name of all is none, and VRFY and EXPN at the first that is none.
    printf '%s\n' alice bob zed1 zed2 zed3 carol zed4 zed5 >"$folder/names-rcpt"
    printf '%s\n' alice bob carol dave erin zed1 frank >"$folder/names-vrfy"
    printf '%s\n' staff office alice sales bob zed1 frank >"$folder/names-expn"
    scan enum-rcpt 21 $closed 25 smtp-enum-users RCPT "${users}rcpt,smtp-enum-users.methods={RCPT}"
    loop loop-vrfy 22 $closed VRFY alice bob zed1 zed2 zed3 zed4 carol zed5
    loop loop-rcpt 23 $closed RCPT zed1 zed2 alice zed3 zed4 zed5 zed6 zed7 bob zed8 zed9 zed10
    if [ $have_exim = yes ]; then
        scan relay-scan-exim 13 $exim 25 smtp-open-relay RCPT $relay
        scan enum-rcpt-exim 24 $exim 25 smtp-enum-users RCPT "${users}rcpt,smtp-enum-users.methods={RCPT}"
        scan enum-vrfy-exim 25 $exim 25 smtp-enum-users VRFY "${users}vrfy,smtp-enum-users.methods={VRFY}"
        scan enum-expn-exim 26 $exim 25 smtp-enum-users EXPN "${users}expn,smtp-enum-users.methods={EXPN}"
        loop loop-vrfy-exim 27 $exim VRFY zed1 alice zed2 bob zed3 zed4
        loop loop-expn-exim 28 $exim EXPN zed1 staff zed2 office zed3 zed4 sales zed5
    fi

    # Dovecot tells of failures twice a second, whatever it is set to.
    printf '%s\n' alice bob >"$folder/logins"
    printf '%s\n' one two three four five wonderland six seven >"$folder/passwords"
    local brute="userdb=$folder/logins,passdb=$folder/passwords,brute.threads=1,brute.start=1,unpwdb.timelimit=20s"
    scan brute-smtp 31 $closed 25 smtp-brute AUTH "$brute"
    scan brute-pop3 32 $closed 110 pop3-brute USER "$brute"
    scan brute-imap 33 $closed 143 imap-brute LOGIN "$brute"
    scan ntlm 34 $ntlm 25 smtp-ntlm-info AUTH smtp.domain=client.example.net
    wait $attacks
    processes=$before
}

alerts() { # NDJSON
    grep '"type":"alert"' "$1"
}

certificate || fail 'no certificate could be made'
{ network && addresses; } || skip 'no veth pair can be made here'
printf 'staff: alice, bob\noffice: carol, dave\nsales: erin\n' >"$folder/lists"
exim_unpack &
exim_unpacks=$!
dovecot_serves
ip netns exec $servers ./ntlm_server.py $ntlm >"$folder/ntlm.err" 2>&1 &
processes="$processes $!"
postfix_closed
postfix_open
postfix_outside
postfix_started
have_exim=no
if wait $exim_unpacks; then
    exim_start
    have_exim=yes
    until_true 20 answers $exim 25 || fail 'Exim does not answer'
else
    echo "skipped: the attacks on Exim, whose package is not to be had"
fi
for address in $closed $open $misused $kept $ntlm $outside; do
    until_true 20 answers $address 25 || fail "no answer from $address"
done
for port in 110 143; do
    until_true 20 answers $closed $port || fail "no answer from port $port"
done
for role in closed open misused kept exim ntlm; do
    echo "$role ${!role}"
done >"$folder/roles"
printf '%s\n' "$closed mx.example.org" "$open relay.example.org" "$exim exim.example.org" >"$folder/names"

settings='--local-nets 192.0.2.0/24 --local-domains example.org'
capture_start $settings || fail 'the capture does not start'
attacks_run
until_true 10 grep -q 'relay=203.*status=sent' "$folder/open.log"
capture_end

"$program" -r "$folder/recorded.pcap" -o json:"$folder/file.json" -j 1 $settings || fail "reading the recording ended with $?"
./attack_truth.py "$folder" "$folder/file.json" || fail 'the alerts are not what was done'
"$program" -r "$folder/recorded.pcap" -o json:"$folder/guessed.json" || fail "reading the recording ended with $?"
./attack_truth.py --guessed "$folder" "$folder/guessed.json" || fail 'the alerts without settings are not what was done'

# Of sessions at the same time, which ends first may differ live: the figures in the end may not.
./attack_truth.py "$folder" "$folder/live.json" || fail 'the live alerts are not what was done'

alerts "$folder/file.json" >"$folder/file.alerts"
for jobs in 1 4; do
    "$program" -r "$folder/recorded.pcap" -o json:"$folder/again.json" -j $jobs $settings || fail "reading with -j $jobs ended with $?"
    alerts "$folder/again.json" | cmp -s - "$folder/file.alerts" || fail "-j $jobs gives other alerts"
    "$program" --records "$folder/file.json" -o json:"$folder/stored.json" -j $jobs $settings || fail "--records with -j $jobs ended with $?"
    alerts "$folder/stored.json" | cmp -s - "$folder/file.alerts" || fail "the stored records give other alerts, with -j $jobs"
done
echo "packets and stored records agree, with any number of threads: $(wc -l <"$folder/file.alerts") alerts"
