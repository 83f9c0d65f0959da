// libc's string functions, on short and long strings.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
    static char a[1 << 16], b[1 << 16];
    unsigned long s = 0;
    for (int i = 0; i < 65535; i++) a[i] = 'a' + i * 7 % 23;
    for (int n = 0; n < 600000; n++) {
        int o = n % 61, l = 20 + n * 37 % 3000;
        memcpy(b, a + o, l);
        b[l] = 0;
        s += strlen(b) + (unsigned long)(strchr(b, 'z') != 0) + (memchr(b, '!', l) != 0);
        s += strcmp(b, a + o) != 0;
        s += strstr(b, "zzz") != 0;
        memset(b + l, n, 200);
        memmove(b + 3, b, l);
        s += b[l / 2] + memcmp(a, b, 64);
        char num[32];
        snprintf(num, sizeof num, "%d:%x:%s", n, n, "text");
        s += strtoul(num, 0, 10) + strcspn(num, ":") + strspn(num, "0123456789");
    }
    printf("%lu\n", s);
}
