#!/bin/sh
# The messages in captures, extracted, through both parsers: samples.sh MAILTAP AGAINST_GMIME CAPTURE...
set -eu
mailtap=$1 against=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
for capture in "$@"; do
    n=$((n + 1))
    "$mailtap" -q --any-port -r "$capture" --extract "$work/$n" --extract-kinds messages -o json:/dev/null \
        2>/dev/null || [ $? -eq 3 ] # a damaged capture has messages, too
done
find "$work" -name '*.eml' -print0 | xargs -0 "$against"
