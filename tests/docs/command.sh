#!/bin/sh
# What mailtap(1) promises of the command: exit codes, messages, outputs. command.sh PROGRAM
set -u
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sample=samples/smtp-plain.pcap
failures=0

# expect CODE TEXT WORDS...: the exit code, and TEXT on standard error (none where it is empty)
expect() {
    wanted=$1 text=$2
    shift 2
    "$program" "$@" >"$folder/out" 2>"$folder/err" </dev/null
    code=$?
    if [ $code != "$wanted" ]; then
        echo "mailtap $*: exit code $code, not $wanted"
        cat "$folder/err"
        failures=$((failures + 1))
    elif [ -z "$text" ] && [ -s "$folder/err" ]; then
        echo "mailtap $*: unexpected on standard error:"
        cat "$folder/err"
        failures=$((failures + 1))
    elif [ -n "$text" ] && ! grep -q "^mailtap: .*$text" "$folder/err"; then
        echo "mailtap $*: standard error does not say '$text':"
        cat "$folder/err"
        failures=$((failures + 1))
    fi
}

# check TEXT COMMAND...: a condition on what was written
check() {
    what=$1
    shift
    "$@" || { echo "$what: not so"; failures=$((failures + 1)); }
}

expect 0 '' -r $sample
check 'json is the format of a pipe' jq -e .type "$folder/out" >/dev/null
cp "$folder/out" "$folder/first"
expect 0 '' -r $sample -o json:"$folder/file" -o summary
check 'a file gets the same records' cmp "$folder/first" "$folder/file"
check 'the summary goes to standard output' test -s "$folder/out"
expect 0 '' -r $sample
check 'a second reading gives the same' cmp "$folder/first" "$folder/out"

# standard input, and all compressions
for tool in 'cat' 'gzip -c' 'zstd -qc' 'lz4 -qc' 'xz -c'; do
    $tool $sample >"$folder/packed"
    "$program" -r - <"$folder/packed" | grep -v '"type":"stats"' | sed 's/"pcap_file":"[^"]*",//' >"$folder/out"
    grep -v '"type":"stats"' "$folder/first" | sed 's/"pcap_file":"[^"]*",//' >"$folder/wanted"
    check "$tool through standard input" cmp "$folder/wanted" "$folder/out"
done

expect 0 '' -r $sample -c 3
check '-c counts packets' jq -e 'select(.type=="stats") | .capture.received == 3' "$folder/out" >/dev/null
expect 0 '' -r $sample port 1
check 'the filter chooses packets' test "$(jq -s 'map(select(.type=="session")) | length' "$folder/out")" = 0
expect 0 '' -r $sample -r samples/imap-tour.pcap
check 'records name their file' test "$(jq -r 'select(.proto=="imap" and .type=="session") | .pcap_file' "$folder/out")" = samples/imap-tour.pcap
expect 0 '' -r $sample --sensor edge --stats 1
check 'every record names the sensor' test "$(jq -r .sensor "$folder/out" | sort -u)" = edge
check 'one final record, at the end' test "$(tail -n 1 "$folder/out" | jq .final)" = true
check 'interval records end before it' test "$(jq -s 'map(select(.final)) | length' "$folder/out")" = 1

expect 1 'nothing to read'
expect 1 "unknown option '-Z'" -Z
expect 1 'there is no limit' -r $sample --limit nothing=1
expect 1 "nosuchfolder" -r $sample -o json:"$folder/nosuchfolder/x"
expect 1 'r before each' -r $sample samples/imap-tour.pcap
expect 2 'nosuchfile' -r "$folder/nosuchfile" -o summary
check 'nothing is said of nothing' test ! -s "$folder/out"
expect 2 'nosuchfile' -r "$folder/nosuchfile" -r $sample
check 'the other file is read all the same' grep -q '"type":"session"' "$folder/out"

head -c 2000 $sample >"$folder/cut.pcap"
expect 3 'cut.pcap' -r "$folder/cut.pcap" -r samples/imap-tour.pcap
check 'what was whole is analysed' test "$(jq -s 'map(select(.type=="session")) | length' "$folder/out")" = 2
expect 3 'No space left' -r $sample -o json:/dev/full
expect 3 'No space left' -r $sample -o json:"$folder/out" -w /dev/full

# persons
head -c 15 /dev/zero >"$folder/key"
expect 1 'keep, hash or drop' -r $sample --privacy some
expect 1 'no file of 16' -r $sample --privacy hash --privacy-key "$folder/key"
expect 1 'nosuchfile' -r $sample --privacy hash --privacy-key "$folder/nosuchfile"
expect 1 'is for --privacy hash' -r $sample --privacy drop --privacy-key "$folder/key"
expect 1 'as they are' -r $sample --privacy drop -w "$folder/x"
expect 0 '' -r $sample --privacy keep
check '--privacy keep changes nothing' cmp "$folder/first" "$folder/out"

# settings
cat >"$folder/mailtap.yaml" <<'EOF'
local_nets: [192.0.2.0/24]
rules:
  enumeration: {names: 9}
suppress:
  - {rule: cleartext_auth}
EOF
expect 0 '' -F "$folder/mailtap.yaml" --check-config
check 'a file that is right is said to be' grep -q 'mailtap.yaml.* is right' "$folder/out"
expect 0 '' -F "$folder/mailtap.yaml" --check-config -v --set enumeration.names=7
check 'each setting has its origin' grep -q '    names: 7  # command line' "$folder/out"
check 'each setting of the file its line' grep -q "mailtap.yaml, line 5" "$folder/out"
check 'and the rest are defaults' grep -q '^memory: 512M  # default' "$folder/out"
expect 0 '' -r samples/smtp-auth.pcap -F "$folder/mailtap.yaml"
check 'suppressed alerts are not written' test "$(grep -c '"rule":"mail.cleartext_auth"' "$folder/out")" = 0
check 'but counted' jq -e 'select(.final) | .records.alerts_suppressed > 0' "$folder/out" >/dev/null
check 'and directions are told' jq -es 'map(select(.type=="session")) | length > 0 and all(.direction == "inbound")' "$folder/out" >/dev/null
expect 0 '' -r samples/smtp-auth.pcap -F "$folder/mailtap.yaml" -o summary
check 'the summary counts them' grep -q '(suppressed) *[1-9]' "$folder/out"
expect 0 '' -r samples/smtp-auth.pcap
check 'without the file they are' grep -q '"rule":"mail.cleartext_auth"' "$folder/out"
echo 'local_nets: [192.0.2.0/33]' >"$folder/wrong.yaml"
expect 1 "wrong.yaml', line 1: local_nets takes" -r $sample -F "$folder/wrong.yaml"
expect 0 '' -F "$folder/wrong.yaml" --help
expect 0 '' -F /dev/null --check-config
# the usual place, where we may make one that nobody else sees
if unshare -rm true 2>/dev/null; then
    unshare -rm sh -c 'mount -t tmpfs none /etc && mkdir /etc/mailtap && echo "rules: {cleartext_auth: off}" >/etc/mailtap/mailtap.yaml &&
        "$0" -r samples/smtp-auth.pcap && "$0" -F /dev/null -r samples/smtp-auth.pcap' "$program" >"$folder/out"
    check 'the usual file is read, unless -F names another' test "$(grep -c '"rule":"mail.cleartext_auth","rule_id' "$folder/out")" = \
        "$("$program" -F /dev/null -r samples/smtp-auth.pcap | grep -c '"rule":"mail.cleartext_auth","rule_id')"
else
    echo 'skipped: the usual file of settings, since we may not mount'
fi

# the packets of mail
expect 0 '' -r $sample -w "$folder/mail.pcapng" -o summary
check 'packets are nobody else'\''s' test "$(stat -c %a "$folder/mail.pcapng")" = 600
expect 0 '' -r $sample -w -
check '-w - alone writes packets alone' cmp "$folder/mail.pcapng" "$folder/out"
expect 1 'cannot both write' -r $sample -w - -o json
expect 1 'which is read' -r "$folder/mail.pcapng" -w "$folder/../$(basename "$folder")/mail.pcapng"
expect 1 'nosuchfolder' -r $sample -w "$folder/nosuchfolder/x"
expect 1 'given twice' -r $sample -w "$folder/a" -w "$folder/b"
"$program" -r samples/smtp-smuggling.pcap -w - 2>"$folder/err" | head -c 24 >/dev/null
check 'whoever stops reading packets is no error' test ! -s "$folder/err"

for option in --help --version --schema; do
    expect 0 '' $option
    check "$option prints" test -s "$folder/out"
done

# a reader that leaves is no error, a signal is a clean end
"$program" -r samples/smtp-smuggling.pcap 2>"$folder/err" | head -n 1 >/dev/null
check 'a closed pipe is silent' test ! -s "$folder/err"
mkfifo "$folder/pipe"
"$program" -r - <"$folder/pipe" >"$folder/out" 2>"$folder/err" &
pid=$!
exec 3>"$folder/pipe"
head -c 4000 $sample >&3
sleep 1
kill -TERM $pid
wait $pid
code=$?
exec 3>&-
check "SIGTERM ends with 143 (it was $code)" test $code = 143
check 'after a clean flush' jq -es 'map(select(.type=="session")) | .[0].close == "shutdown"' "$folder/out" >/dev/null

[ $failures = 0 ] && echo 'the command does what its manual says'
exit $((failures > 0))
