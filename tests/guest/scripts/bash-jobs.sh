#!/bin/bash
# needs: cat sleep sort
# Traps, background jobs, wait, job control, signals between processes, pipes of six processes.
exec 2>/dev/null  # messages have process numbers in them
trap 'echo usr1' USR1
kill -USR1 $$
echo after the signal
sleep 0.1 & p=$!
wait $p; echo "waited: $?"
sleep 10 & p=$!
kill -TERM $p
wait $p; echo "killed: $?"
set -m
sleep 0.2 &
jobs | sed 's/[0-9]\{2,\}//g'
fg %1 >/dev/null; echo "fg: $?"
(trap 'echo child got int; exit 5' INT; kill -INT $BASHPID; sleep 1); echo "status $?"
cat words.txt | tr a-z A-Z | sort | uniq -c | sort -k2 | sed -n 1,20p | md5sum
echo "${PIPESTATUS[@]}"
coproc { read -r line; echo "coproc: $line"; }
echo hello >&"${COPROC[1]}"; read -r answer <&"${COPROC[0]}"; echo "$answer"
wait
for i in 1 2 3 4 5; do (echo "part $i" > part.$i) & done; wait; cat part.*
time_out() { read -r -t 0.1 x < <(sleep 2); echo "read: $(( $? > 128 ))"; }
time_out
ulimit -c 0
trap 'echo "exit trap $?"' EXIT
bash -c 'kill -SEGV $$'; echo "segv: $?"
exit 9
