// Matrix product of doubles, 320 x 320, eighty times.
#include <stdio.h>
#define N 320
static double a[N][N], b[N][N], c[N][N];
int main(void) {
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) a[i][j] = (i * 3 + j) % 17, b[i][j] = (i + j * 5) % 13;
    for (int n = 0; n < 80; n++) {
        for (int i = 0; i < N; i++) for (int k = 0; k < N; k++) for (int j = 0; j < N; j++) c[i][j] += a[i][k] * b[k][j];
        a[n][n] += c[n][n] * 1e-9;
    }
    double s = 0;
    for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) s += c[i][j];
    printf("%.6f\n", s);
}
