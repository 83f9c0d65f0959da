// link: dynamic
// A dynamically linked program: the guest's ld.so, dlopen, threads, constructors, locale, the math library's ifuncs.
#include "check.h"
#include <dlfcn.h>
#include <pthread.h>
static int built;
__attribute__((constructor)) static void build(void) { built = 1; }
static __thread int tls = 3;
static void *th(void *x) { return (void *)(intptr_t)(tls + (intptr_t)x); }
int main(void) {
    EQ(built, 1);
    pthread_t t;
    void *r;
    pthread_create(&t, 0, th, (void *)4);
    pthread_join(t, &r);
    EQ((intptr_t)r, 7);
    void *m = dlopen("libm.so.6", RTLD_NOW);
    CHECK(m);
    double (*cosine)(double) = (double (*)(double))dlsym(m, "cos");
    CHECK(cosine && cosine(0) == 1);
    CHECK(!dlopen("libnonesuch.so", RTLD_NOW) && dlerror());
    EQ(dlclose(m), 0);
    char b[64];
    snprintf(b, 64, "%.3f %Lg %s", 2.5, 1.25L, "s");
    STREQ(b, "2.500 1.25 s");
    char *big = malloc(1 << 24);
    CHECK(big);
    memset(big, 1, 1 << 24);
    free(big);
    DONE();
}
