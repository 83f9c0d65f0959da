// A plugin of QEMU's (docs/devel/tcg-plugins): writes how many instructions have been executed to the file that its argument out= names.
// They are counted when a block of them begins; one that a fault ends early counts whole.
#include <inttypes.h>
#include <qemu-plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static qemu_plugin_u64 executed;
static char *file;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(block, QEMU_PLUGIN_INLINE_ADD_U64, executed, qemu_plugin_tb_n_insns(block));
}

static void ends(qemu_plugin_id_t id, void *none) {
    (void)id, (void)none;
    FILE *f = fopen(file, "w");
    if (!f) return;
    fprintf(f, "%" PRIu64 "\n", qemu_plugin_u64_sum(executed));
    fclose(f);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int n, char **arguments) {
    (void)info;
    if (n != 1 || strncmp(arguments[0], "out=", 4)) return 1;
    file = strdup(arguments[0] + 4);
    executed = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ends, NULL);
    return 0;
}
