#!/bin/bash
# needs: gzip xz zstd bzip2 cmp
# work: 8 1
# Round trips of N megabytes.
set -e
ls -l bulk.bin | cut -d' ' -f5
for c in "gzip -6 -n" "bzip2 -1" "xz -0 -T1" "zstd -q -3 --single-thread"; do
  $c -c bulk.bin > packed
  set -- $c
  $1 -dc packed > unpacked
  cmp bulk.bin unpacked
  echo "$1 $(wc -c < packed) $(md5sum < packed)"
done
rm packed unpacked
