// System calls that never were answer ENOSYS; bad numbers too.
#include "check.h"
int main(void) {
    ERR(RAW(5000, 1, 2, 3), ENOSYS);
    ERR(RAW(100000), ENOSYS);
    ERR(RAW(-2), ENOSYS);
    ERR(RAW(600), ENOSYS);
#if ABI64
    ERR(RAW(181), ENOSYS);
    ERR(RAW(182), ENOSYS);
    ERR(RAW(183), ENOSYS);
    ERR(RAW(184), ENOSYS);
    ERR(RAW(185), ENOSYS);
    ERR(RAW(236), ENOSYS);
    ERR(RAW(180), ENOSYS);
#else
    ERR(RAW(17), ENOSYS);
    ERR(RAW(31), ENOSYS);
    ERR(RAW(32), ENOSYS);
    ERR(RAW(35), ENOSYS);
    ERR(RAW(44), ENOSYS);
    ERR(RAW(53), ENOSYS);
    ERR(RAW(56), ENOSYS);
    ERR(RAW(58), ENOSYS);
    ERR(RAW(98), ENOSYS);
    ERR(RAW(188), ENOSYS);
    ERR(RAW(222), ENOSYS);
    ERR(RAW(223), ENOSYS);
    ERR(RAW(251), ENOSYS);
#endif
    DONE();
}
