// A plugin of QEMU's (docs/devel/tcg-plugins): writes how many instructions have been executed to the file that its argument out= names: all, and those that lie in no file.
// They are counted when a block of them begins; one that a fault ends early counts whole.
#include <inttypes.h>
#include <qemu-plugin.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

// Of files, and of none: what was generated.
static qemu_plugin_u64 executed[2];
static char *file;

// Whether an address of the emulator's own lies in a mapping without a file. A file in memory is none.
static bool generated(const void *at) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];
    bool none = false;
    while (maps && fgets(line, sizeof line, maps)) {
        uintptr_t from, to;
        unsigned long inode;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %lu", &from, &to, &inode) != 3) continue;
        if ((uintptr_t)at < from || (uintptr_t)at >= to) continue;
        none = !inode || strstr(line, "/memfd:");
        break;
    }
    if (maps) fclose(maps);
    return none;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_u64 count = executed[generated(qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(block, 0)))];
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, QEMU_PLUGIN_INLINE_ADD_U64, count, qemu_plugin_tb_n_insns(block));
}

static void ends(qemu_plugin_id_t id, void *none) {
    (void)id, (void)none;
    FILE *f = fopen(file, "w");
    if (!f) return;
    uint64_t code = qemu_plugin_u64_sum(executed[1]);
    fprintf(f, "%" PRIu64 " %" PRIu64 "\n", qemu_plugin_u64_sum(executed[0]) + code, code);
    fclose(f);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int n, char **arguments) {
    (void)info;
    if (n != 1 || strncmp(arguments[0], "out=", 4)) return 1;
    file = strdup(arguments[0] + 4);
    for (int k = 0; k < 2; k++) executed[k] = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ends, NULL);
    return 0;
}
