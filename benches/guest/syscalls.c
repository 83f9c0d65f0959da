// System calls: the cheapest one, a pipe's bytes, a file's state.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
    int p[2], s = 0;
    char b[64] = {0};
    if (pipe(p)) return 1;
    for (int n = 0; n < 400000; n++) {
        s += syscall(SYS_getppid) != 0;
        if (write(p[1], b, 64) != 64 || read(p[0], b, 64) != 64) return 1;
        struct stat st;
        if (n % 4 == 0) s += fstat(p[0], &st) == 0 && lseek(p[0], 0, SEEK_CUR) == -1;
    }
    printf("%d\n", s);
}
