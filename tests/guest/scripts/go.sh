#!/bin/bash
# needs: shfmt gosu
# Two static Go programs: the runtime's threads, its signal stacks, SIGURG, and setgroups of all threads by signal 33.
cp "$0" script.sh
shfmt -i 3 -ci script.sh | cksum
shfmt -tojson < /dev/null | head -c 100
for i in 1 2 3 4; do
    echo 'if a; then b; fi' | shfmt -mn
done
shfmt missing.sh
echo 'if a; then' | shfmt
gosu root id -u
gosu nobody sh -c 'id -un; id -G'
gosu no-such-user true
