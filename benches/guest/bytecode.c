// A register machine with computed goto, 400 million instructions: indirect branches.
#include <stdint.h>
#include <stdio.h>
enum { ADD, SUB, MUL, XOR, SHR, LOAD, STORE, LT, JNZ, DEC, END };
typedef struct { uint8_t op, a, b, c; } I;
int main(void) {
    static const I prog[] = {{ADD, 1, 1, 2}, {MUL, 3, 1, 4}, {XOR, 5, 5, 3}, {SHR, 6, 5, 7}, {STORE, 6, 1, 0}, {LOAD, 8, 1, 0},
                             {SUB, 9, 8, 1}, {LT, 10, 9, 5}, {ADD, 2, 2, 10}, {DEC, 0, 0, 0}, {JNZ, 0, 0, 0}, {END, 0, 0, 0}};
    static void *const to[] = {&&add, &&sub, &&mul, &&xor, &&shr, &&load, &&store, &&lt, &&jnz, &&dec, &&end};
    static uint32_t mem[256];
    uint32_t r[16] = {[0] = 40000000, [2] = 1, [4] = 2654435761u, [7] = 7};
    const I *p = prog;
#define NEXT do { I i_ = *p++; x = i_; goto *to[i_.op]; } while (0)
    I x;
    NEXT;
add: r[x.a] = r[x.b] + r[x.c]; NEXT;
sub: r[x.a] = r[x.b] - r[x.c]; NEXT;
mul: r[x.a] = r[x.b] * r[x.c]; NEXT;
xor: r[x.a] = r[x.b] ^ r[x.c]; NEXT;
shr: r[x.a] = r[x.b] >> (r[x.c] & 31); NEXT;
load: r[x.a] = mem[r[x.b] & 255]; NEXT;
store: mem[r[x.b] & 255] = r[x.a]; NEXT;
lt: r[x.a] = r[x.b] < r[x.c]; NEXT;
jnz: if (r[x.a]) p = prog; NEXT;
dec: r[x.a]--; NEXT;
end: printf("%08x %08x\n", r[5], r[2]);
}
