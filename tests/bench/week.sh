#!/bin/sh
# A small week of ordinary mail: above low the rules say what was planted and nothing else, of packets and of stored records
# alike; and nothing at all where nothing was planted.
#   week.sh GENERATE MAILTAP
set -eu
generate=$1 mailtap=$2
here=$(dirname "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

alerts() {
    "$mailtap" "$@" --local-nets 198.51.100.0/24,10.20.0.0/16,2001:db8:ffff::/48 \
        --local-domains example.org,second.example,third.example,neighbour.example --suppress client=10.20.9.9
}

"$generate" --kind week --sessions 20000 --truth "$folder/truth.json" "$folder/week.pcap"
alerts -j 2 -r "$folder/week.pcap" -o "json:$folder/records"
"$here/check_alerts.py" "$folder/truth.json" "$folder/records"
alerts --records "$folder/records" -o "json:$folder/again"
cmp "$folder/records" "$folder/again"

"$generate" --kind week --seed 2 --sessions 5000 "$folder/week.pcap"
alerts -r "$folder/week.pcap" -o "json:$folder/records"
"$here/check_alerts.py" '' "$folder/records"
