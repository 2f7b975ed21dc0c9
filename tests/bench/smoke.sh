#!/bin/sh
# Small captures of every sort: the same seed gives the same octets, libpcap reads them, and mailtap finds every fact,
# whatever the number of threads, in the same words.
#   smoke.sh GENERATE FLOOR MAILTAP
set -eu
generate=$1 floor=$2 mailtap=$3
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

check() {
    need=$1
    shift
    "$generate" "$@" --truth "$folder/truth.json" "$folder/a.pcap"
    "$generate" "$@" "$folder/b.pcap"
    cmp "$folder/a.pcap" "$folder/b.pcap"
    "$floor" "$folder/a.pcap"
    "$mailtap" -j 1 -r "$folder/a.pcap" -o "json:$folder/records"
    "$mailtap" -j 3 -r "$folder/a.pcap" -o "json:$folder/again"
    cmp "$folder/records" "$folder/again"
    "$here/check_facts.py" -v --need "$need" "$folder/truth.json" "$folder/records"
}

check 100 --kind mixed --size 2M --ipv6 30 --background 20
check 100 --seed 2 --kind mixed --sessions 40 --pcapng --vlan 7 --reorder 2 --duplicate 2 --overlap 2
check 100 --seed 3 --kind short --sessions 40 --tiny --reorder 1 --duplicate 1 --overlap 1
check 90 --seed 4 --kind mixed --sessions 100 --loss 0.5
for flood in syn:2000 idle-handshake:2000 idle-command:2000 one-octet:60000 endless-line:1M literal:20 recipients:2000 fragments:2000; do
    check 100 --flood "$flood" --sessions 10
done

# What is evicted when memory is short does not hang on threads or chance either.
"$generate" --flood one-octet:200000 --size 2M "$folder/a.pcap"
for jobs in 1 2 8 8; do
    "$mailtap" -j "$jobs" --memory 16M --stats 1 -r "$folder/a.pcap" -o "json:$folder/again"
    [ "$jobs" != 1 ] || mv "$folder/again" "$folder/records"
    [ "$jobs" = 1 ] || cmp "$folder/records" "$folder/again"
done
grep -q '"evicted":[1-9]' "$folder/records" || { echo 'nothing was evicted'; exit 1; }
