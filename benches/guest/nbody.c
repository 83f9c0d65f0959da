// Five bodies under gravity, 8 million steps: scalar doubles, square roots, divisions.
#include <math.h>
#include <stdio.h>
typedef struct { double p[3], v[3], m; } Body;
static Body b[5];
int main(void) {
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 3; k++) b[i].p[k] = i * 3.7 + k * 1.3 * (i % 2 ? -1 : 1), b[i].v[k] = 0.1 * (i - 2) * (k + 1);
        b[i].m = i ? 0.01 * i : 39.4;
    }
    for (int n = 0; n < 8000000; n++) {
        for (int i = 0; i < 5; i++)
            for (int j = i + 1; j < 5; j++) {
                double d[3], r = 0;
                for (int k = 0; k < 3; k++) d[k] = b[i].p[k] - b[j].p[k], r += d[k] * d[k];
                double f = 0.001 / (r * sqrt(r));
                for (int k = 0; k < 3; k++) b[i].v[k] -= d[k] * b[j].m * f, b[j].v[k] += d[k] * b[i].m * f;
            }
        for (int i = 0; i < 5; i++) for (int k = 0; k < 3; k++) b[i].p[k] += 0.001 * b[i].v[k];
    }
    printf("%.9f %.9f %.9f\n", b[0].p[0], b[1].p[1], b[4].v[2]);
}
