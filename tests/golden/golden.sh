#!/bin/sh
# golden.sh MAILTAP SAMPLE [--refresh]: the records of a sample against tests/golden/<sample's name>.ndjson, byte for
# byte. To be run in the repository's top folder, so that the path in the records is the same everywhere.
set -eu

mailtap=$1
sample=$2
name=$(basename "$sample")
name=${name%%.pcap*}
golden=tests/golden/$name.ndjson
got=$(mktemp)
trap 'rm -f "$got"' EXIT

# A damaged sample ends with 3 and still gives the records of what could be read.
status=0
"$mailtap" -r "$sample" -o json >"$got" || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
  echo "not ok $sample: mailtap ended with $status"
  exit 1
fi

if [ "${3:-}" = --refresh ]; then
  cp "$got" "$golden"
  echo "wrote $golden"
elif [ ! -e "$golden" ]; then
  echo "not ok $sample: no $golden (scripts/refresh-tests)"
  exit 1
elif cmp -s "$golden" "$got"; then
  echo "ok $sample"
else
  echo "not ok $sample"
  diff -u "$golden" "$got" | cut -c 1-2000
  exit 1
fi
