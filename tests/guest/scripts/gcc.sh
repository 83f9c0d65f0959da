#!/bin/bash
# needs: gcc make
# Compiles, links and runs C programs; then the same through make with two jobs.
set -e
cat > main.c <<'X'
#include <stdio.h>
#include <math.h>
int square(int); double root(double);
int main(int argc, char **argv) { for (int i = 0; i < 5; i++) printf("%d %.6f\n", square(i), root(i)); return argc + 6; }
X
echo 'int square(int x) { return x * x; }' > square.c
echo '#include <math.h>
double root(double x) { return sqrt(x) + cbrt(x); }' > root.c
gcc -O2 -Wall -c main.c && gcc -O1 -c square.c && gcc -c root.c && gcc -o prog main.o square.o root.o -lm
./prog || echo "status $?"
cat > Makefile <<'X'
prog2: main.o square.o root.o
	gcc -o $@ $^ -lm
%.o: %.c
	gcc -O1 -c -o $@ $<
X
rm ./*.o prog
make -s -j2 && { ./prog2 || echo "status $?"; }
make -s -j2 -q && echo up to date
echo 'int main(void) { return undeclared; }' > bad.c
gcc -c bad.c 2>&1 | head -n 3 || true
echo 'int f(int a) { return a * 9; }' | gcc -O2 -S -o - -x c - | grep -c lea
rm -f ./*.o prog prog2
