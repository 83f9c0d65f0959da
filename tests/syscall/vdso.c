// The vdso: found by the auxiliary vector, an ELF file with the functions that libc looks for; they work.
#include "check.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/time.h>
typedef ElfW(Ehdr) Eh;
typedef ElfW(Phdr) Ph;
typedef ElfW(Dyn) Dy;
typedef ElfW(Sym) Sy;
static void *find(Eh *h, const char *want) {
    Ph *p = (void *)((char *)h + h->e_phoff);
    intptr_t bias = 0;
    Dy *dyn = 0;
    for (int i = 0; i < h->e_phnum; i++) {
        if (p[i].p_type == PT_LOAD) bias = (intptr_t)h - p[i].p_vaddr + p[i].p_offset;
        if (p[i].p_type == PT_DYNAMIC) dyn = (void *)((char *)h + p[i].p_offset);
    }
    CHECK(dyn);
    Sy *sym = 0;
    char *str = 0;
    unsigned *hash = 0, *gnu = 0;
    for (; dyn->d_tag; dyn++) {
        if (dyn->d_tag == DT_SYMTAB) sym = (void *)(bias + dyn->d_un.d_ptr);
        if (dyn->d_tag == DT_STRTAB) str = (void *)(bias + dyn->d_un.d_ptr);
        if (dyn->d_tag == DT_HASH) hash = (void *)(bias + dyn->d_un.d_ptr);
        if (dyn->d_tag == DT_GNU_HASH) gnu = (void *)(bias + dyn->d_un.d_ptr);
    }
    CHECK(sym && str && (hash || gnu));
    // Without DT_HASH: symbols lie before the strings.
    unsigned n = hash ? hash[1] : ((char *)str - (char *)sym) / sizeof *sym;
    for (unsigned i = 0; i < n; i++) if (sym[i].st_shndx && !strcmp(str + sym[i].st_name, want)) return (void *)(bias + sym[i].st_value);
    return 0;
}
int main(void) {
    Eh *h = (void *)getauxval(AT_SYSINFO_EHDR);
    CHECK(h && !memcmp(h->e_ident, "\177ELF", 4));
    EQ(h->e_ident[EI_CLASS], ABI64 ? ELFCLASS64 : ELFCLASS32);
    int (*gettime)(clockid_t, struct timespec *) = find(h, "__vdso_clock_gettime");
    int (*tod)(struct timeval *, void *) = find(h, "__vdso_gettimeofday");
    CHECK(gettime && tod && find(h, "__vdso_time"));
    struct timespec a, b;
    struct timeval v;
    EQ(gettime(CLOCK_MONOTONIC, &a), 0);
    OK(RAW(SYS_clock_gettime, CLOCK_MONOTONIC, &b));
    CHECK(b.tv_sec - a.tv_sec <= 1);
    EQ(tod(&v, 0), 0);
    CHECK(labs(time(0) - v.tv_sec) <= 1);
#if ABI64
    unsigned cpu;
    int (*getcpu)(unsigned *, unsigned *, void *) = find(h, "__vdso_getcpu");
    CHECK(getcpu);
    EQ(getcpu(&cpu, 0, 0), 0);
#else
    CHECK(getauxval(AT_SYSINFO));
    CHECK((void *)getauxval(AT_SYSINFO) == find(h, "__kernel_vsyscall"));
    CHECK(find(h, "__kernel_sigreturn") && find(h, "__kernel_rt_sigreturn"));
    long pid;
    __asm__ volatile("call *%1" : "=a"(pid) : "r"(getauxval(AT_SYSINFO)), "0"(SYS_getpid) : "memory");
    EQ(pid, getpid());
    __asm__ volatile("int $0x80" : "=a"(pid) : "0"(SYS_getpid) : "memory");
    EQ(pid, getpid());
#endif
    DONE();
}
