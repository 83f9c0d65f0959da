// SHA-256 over 32 MiB: rotations, additions, table loads.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
static uint32_t k[64], h[8];
static uint32_t ror(uint32_t x, int n) { return x >> n | x << (32 - n); }
static void block(const uint8_t *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++) w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (ror(a, 7) ^ ror(a, 18) ^ a >> 3) + w[i - 7] + (ror(b, 17) ^ ror(b, 19) ^ b >> 10);
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t e = v[4], a = v[0];
        uint32_t t1 = v[7] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
        uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 28);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += v[i];
}
int main(void) {
    // The constants need only be some: no message is verified with them.
    for (uint32_t i = 0, x = 0x428a2f98; i < 64; i++) k[i] = x, x = x * 1664525 + 1013904223;
    for (uint32_t i = 0; i < 8; i++) h[i] = 0x6a09e667 * (i + 1);
    static uint8_t buf[1 << 16];
    for (unsigned i = 0; i < sizeof buf; i++) buf[i] = i * 7 + (i >> 8);
    for (int n = 0; n < 512; n++)
        for (unsigned i = 0; i < sizeof buf; i += 64) block(buf + i);
    for (int i = 0; i < 8; i++) printf("%08x", h[i]);
    puts("");
}
