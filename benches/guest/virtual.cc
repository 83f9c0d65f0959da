// Virtual calls over objects of eight classes in a mixed order.
#include <cstdint>
#include <cstdio>
#include <vector>
struct Shape { virtual uint32_t step(uint32_t x) const = 0; virtual ~Shape() {} };
template <uint32_t K> struct S : Shape { uint32_t step(uint32_t x) const override { return x * (2 * K + 1) + (x >> (K + 1)) + K; } };
int main() {
    std::vector<Shape *> v;
    uint32_t x = 7;
    for (int i = 0; i < 1000; i++) {
        x = x * 1664525 + 1013904223;
        switch (x >> 29) {
        case 0: v.push_back(new S<0>); break;
        case 1: v.push_back(new S<1>); break;
        case 2: v.push_back(new S<2>); break;
        case 3: v.push_back(new S<3>); break;
        case 4: v.push_back(new S<4>); break;
        case 5: v.push_back(new S<5>); break;
        case 6: v.push_back(new S<6>); break;
        default: v.push_back(new S<7>); break;
        }
    }
    for (int n = 0; n < 240000; n++)
        for (auto *s : v) x = s->step(x);
    std::printf("%08x\n", x);
}
