#!/bin/sh
# needs: sed grep find xargs tar
find tree -type f | sort | xargs grep -c e
find . -name '*.txt' -newermt 2019-01-01 | sort
find tree -depth -printf '%y %f\n'
sed -n '/ab/{=;p}' words.txt | head -n 10
sed 'N;s/\n/+/;P;D' numbers.txt | tail -n 3
grep -c . words.txt; grep -v a words.txt | wc -l; grep -il THREE -r tree
tar cf - tree | tar tvf - | awk '{print $1, $3, $6}'
mkdir x && tar cf - tree | tar xf - -C x && diff -r tree x/tree && echo same
tar czf t.tgz tree && tar xzOf t.tgz tree/one.txt && rm t.tgz
