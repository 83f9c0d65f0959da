#!/bin/dash
# needs: sed cut sort
# work: 400 100
i=0; t=0
while [ $i -lt $N ]; do i=$((i + 1)); t=$((t + i % 7)); done
echo $t
f() { echo "f: $1 ${2:-default}"; return 4; }
f a; echo $?
set -- x y z; shift; echo "$# $*"
for w in $(cut -d' ' -f1 words.txt | sort -u | sed 5q); do echo "<$w>"; done
x=$(cat <<END | sed s/b/B/
abc
END
)
echo "$x"
trap 'echo bye' 0
eval 'y=$((1<<20))'; echo $y
IFS=:; for p in a:b:c; do echo $p; done
