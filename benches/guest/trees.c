// Binary trees: allocation, pointers, recursion.
#include <stdio.h>
#include <stdlib.h>
typedef struct T { struct T *l, *r; } T;
static T *make(int d) { T *t = malloc(sizeof *t); t->l = d ? make(d - 1) : 0; t->r = d ? make(d - 1) : 0; return t; }
static int count(T *t) { return 1 + (t->l ? count(t->l) + count(t->r) : 0); }
static void drop(T *t) { if (t->l) drop(t->l), drop(t->r); free(t); }
int main(void) {
    long s = 0;
    T *keep = make(18);
    for (int d = 4; d <= 16; d += 4)
        for (int n = 0; n < 1 << (22 - d); n++) { T *t = make(d); s += count(t); drop(t); }
    printf("%ld %d\n", s, count(keep));
}
