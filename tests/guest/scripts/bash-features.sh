#!/bin/bash
# needs: cat sort
# work: 300 100
# Loops, functions, arrays, here documents, arithmetic, string operations, substitution.
set -u
fib() { local n=$1; if ((n < 2)); then echo "$n"; else echo $(( $(fib $((n-1))) + $(fib $((n-2))) )); fi; }
echo "fib: $(fib 7)"
declare -A seen=([one]=1 [two]=2)
seen[three]=3
for k in one two three; do echo "$k=${seen[$k]}"; done
list=(delta alpha charlie bravo)
printf '%s\n' "${list[@]}" | sort
echo "${#list[@]} ${list[@]:1:2} ${list[-1]^^}"
cat <<EOF
here $((6 * 7)) $HOME/x
EOF
cat <<'EOF'
literal $HOME
EOF
cat <<<"a here string"
s="hello world"
echo "${s/o/0} ${s//o/0} ${s#* } ${s%% *} ${#s} ${s:3:5}"
i=0
while ((i < N)); do ((i++)); if ((i % 50 == 0)); then echo -n "$i "; fi; done
echo
case $s in hello*) echo matched;; *) echo no;; esac
[[ $s =~ ^(h.*o)\ (w.*)$ ]] && echo "${BASH_REMATCH[1]}|${BASH_REMATCH[2]}"
while read -r a b; do echo "$b-$a"; done < <(printf '1 2\n3 4\n')
mapfile -t lines < words.txt
echo "${#lines[@]} ${lines[5]}"
(exit 3); echo "status $?"
{ echo to stderr >&2; } 2>&1
exec 5>out.txt; echo fd five >&5; exec 5>&-; cat out.txt
