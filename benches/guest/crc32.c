// CRC-32 by a table, a byte at a time, over 256 MiB: one chain of dependent loads.
#include <stdint.h>
#include <stdio.h>
int main(void) {
    static uint32_t t[256];
    static uint8_t buf[1 << 20];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        t[i] = c;
    }
    for (unsigned i = 0; i < sizeof buf; i++) buf[i] = i * 31 + (i >> 9);
    uint32_t c = ~0u;
    for (int n = 0; n < 256; n++)
        for (unsigned i = 0; i < sizeof buf; i++) c = c >> 8 ^ t[(uint8_t)(c ^ buf[i])];
    printf("%08x\n", ~c);
}
