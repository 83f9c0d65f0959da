// Errors of calls on sockets, one and two at a time.
#include "sweep.h"
#include <netinet/tcp.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/uio.h>

static const Kind socks[] = {{"stream", STREAM}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"dir", DIRECTORY}, {"path", PATH_ONLY}, {"pipe", PIPE_R}, {"epoll", EPOLL}, {"dgram", DGRAM},
    {"tcp", TCP}, {"listening", LISTENING}, {"max", 0x7fffffff}, END};
static const Kind sources[] = {{"in", ROOM}, BAD_POINTERS, END};
static const Kind few[] = {{"16", 16}, {"0", 0}, {"1", 1}, {"-1", -1}, {"min", LONG_MIN}, {"2G-1", 0x7fffffff}, END};

static struct sockaddr_un unix_name = {AF_UNIX, "listening"}, nobody = {AF_UNIX, "nobody"}, empty = {AF_UNIX};
static struct sockaddr_in inet = {AF_INET, 0, {0x0100007f}}, inet_port = {AF_INET, 0x0100, {0x0100007f}}, any;
static struct sockaddr_in6 inet6 = {AF_INET6};
static const Kind addresses[] = {{"unix", P(&unix_name)}, BAD_POINTERS, {"nobody", P(&nobody)}, {"empty", P(&empty)}, {"inet", P(&inet)}, {"inet6", P(&inet6)}, {"unspec", P(&any)}, END};
static const Kind address_lengths[] = {{"12", 12}, {"0", 0}, {"1", 1}, {"2", 2}, {"3", 3}, {"16", 16}, {"28", 28}, {"110", 110}, {"111", 111}, {"128", 128}, {"129", 129}, {"-1", -1}, {"min", LONG_MIN}, END};

static int len16, len0, len_minus, len2, len128;
static const Kind room_lengths[] = {{"at 16", P(&len16)}, BAD_POINTERS, {"ro", RONLY}, {"at 0", P(&len0)}, {"at -1", P(&len_minus)}, {"at 2", P(&len2)}, {"at 128", P(&len128)}, END};

static const Kind families[] = {{"UNIX", AF_UNIX}, {"UNSPEC", 0}, {"INET", AF_INET}, {"45", 45}, {"1000", 1000}, {"-1", -1}, END};
static const Kind types[] = {{"STREAM", SOCK_STREAM}, {"DGRAM", SOCK_DGRAM}, {"SEQPACKET", SOCK_SEQPACKET}, {"0", 0}, {"9", 9}, {"15", 15}, {"STREAM|CLOEXEC", SOCK_STREAM | SOCK_CLOEXEC}, {"1|16", 17}, {"-1", -1}, END};
static const Kind protocols[] = {{"0", 0}, {"1", 1}, {"6", 6}, {"999", 999}, {"-1", -1}, END};
static const Kind backlogs[] = {{"5", 5}, {"-1", -1}, END};
static const Kind how[] = {{"3", 3}, {"-1", -1}, END};
static const Kind accept_flags[] = {{"0", 0}, {"NONBLOCK", SOCK_NONBLOCK}, {"1", 1}, {"-1", -1}, END};
static const Kind listeners[] = {{"listening", LISTENING}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"path", PATH_ONLY}, {"stream", STREAM}, {"dgram", DGRAM}, {"tcp", TCP}, END};
// MSG_ERRQUEUE is left out.
static const Kind message_flags[] = {{"DONTWAIT", MSG_DONTWAIT}, {"OOB", MSG_OOB | MSG_DONTWAIT}, {"PEEK", MSG_PEEK | MSG_DONTWAIT}, {"unknown", 0x00800000 | MSG_DONTWAIT}, {"COMPAT", (long)0x80000000}, {"PROBE", MSG_PROXY | MSG_DONTWAIT}, {"CONFIRM", MSG_CONFIRM | MSG_DONTWAIT}, END};

static void refill(long r) {
    char b[4096];
    len16 = 16, len0 = 0, len_minus = -1, len2 = 2, len128 = 128;
    while (recv(PEER, b, sizeof b, MSG_DONTWAIT) > 0) {}
    while (recv(STREAM, b, sizeof b, MSG_DONTWAIT) > 0) {}
    send(PEER, "some text in a socket", 21, MSG_DONTWAIT);
}
static void renew(long r) {
    len16 = 16, len0 = 0, len_minus = -1, len2 = 2, len128 = 128;
    unlink("nobody");
    unlink("listenin");
    unlink("listening");
    unlink("no");
    unlink("n");
    unlink("l");
    sockets();
    refill(0);
}
static void close_both(long r) {
    int *fds = (int *)ROOM;
    if (r == 0) {
        for (int i = 0; i < 2; i++) if (fds[i] > 2) close(fds[i]);
    }
    memset(fds, 0, 8);
}
static void accepted(long r) {
    len16 = 16, len0 = 0, len_minus = -1, len2 = 2, len128 = 128;
    if (r > 2) close(r);
}

static const Call names[] = {
    {"socket", SYS_socket, {families, types, protocols}, close_it},
    {"socketpair", SYS_socketpair, {families, types, protocols, out}, close_both},
    {"bind", SYS_bind, {socks, addresses, address_lengths}, renew},
    {"connect", SYS_connect, {socks, addresses, address_lengths}, renew},
    {"listen", SYS_listen, {socks, backlogs}, renew},
    {"accept4", SYS_accept4, {listeners, out, room_lengths, accept_flags}, accepted},
#if ABI64
    {"accept", SYS_accept, {listeners, out, room_lengths}, accepted},
#endif
    {"getsockname", SYS_getsockname, {socks, out, room_lengths}, refill},
    {"getpeername", SYS_getpeername, {socks, out, room_lengths}, refill},
    {"shutdown", SYS_shutdown, {socks, how}},
    {},
};

static struct iovec good[2] = {{(void *)ROOM, 16}, {(void *)ROOM, 16}}, negative[2] = {{(void *)ROOM, 16}, {(void *)ROOM, -1}}, second[2] = {{(void *)ROOM, 16}, {(void *)8, 16}},
    huge[2] = {{(void *)ROOM, LONG_MAX}, {(void *)ROOM, LONG_MAX}}, far[2] = {{(void *)KERNEL, 16}, {(void *)KERNEL, 0}};
static char rights[64] __attribute__((aligned(8)));
#define MSG(name, ...) static struct msghdr m_##name = {__VA_ARGS__}
MSG(good, 0, 0, good, 2);
MSG(name, &unix_name, 12, good, 2);
MSG(bad_name, (void *)8, 12, good, 2);
MSG(bad_name_0, (void *)8, 0, good, 2);
MSG(negative_name, &unix_name, -1, good, 2);
MSG(null_negative, 0, -1, good, 2);
MSG(long_name, &unix_name, 1000, good, 2);
MSG(bad_iov, 0, 0, (void *)8, 2);
MSG(bad_iov_0, 0, 0, (void *)8, 0);
MSG(many, 0, 0, good, 1025);
MSG(lots, 0, 0, good, -1);
MSG(negative, 0, 0, negative, 2);
MSG(second, 0, 0, second, 2);
MSG(huge, 0, 0, huge, 2);
MSG(far, 0, 0, far, 2);
MSG(bad_control, 0, 0, good, 2, (void *)8, 32);
MSG(null_control, 0, 0, good, 2, 0, 32);
MSG(bad_control_0, 0, 0, good, 2, (void *)8, 0);
MSG(zero_control, 0, 0, good, 2, rights, 32);
MSG(short_control, 0, 0, good, 2, rights, 3);
MSG(huge_control, 0, 0, good, 2, rights, LONG_MAX);
MSG(big_control, 0, 0, good, 2, rights, 0x80000000);
MSG(name_iov, (void *)8, 12, (void *)8, 2);
MSG(name_many, (void *)8, 12, good, 1025);
MSG(name_length_many, &unix_name, -1, good, 1025);
MSG(iov_control, 0, 0, (void *)8, 2, (void *)8, 32);
MSG(many_control, 0, 0, good, 1025, (void *)8, LONG_MAX);
#define M(name) {#name, P(&m_##name)}
static const Kind headers[] = {M(good), BAD_POINTERS, {"ro", RONLY}, M(name), M(bad_name), M(bad_name_0), M(negative_name), M(null_negative), M(long_name), M(bad_iov), M(bad_iov_0), M(many), M(lots),
    M(negative), M(second), M(huge), M(far), M(bad_control), M(null_control), M(bad_control_0), M(zero_control), M(short_control), M(huge_control), M(big_control), M(name_iov), M(name_many),
    M(name_length_many), M(iov_control), M(many_control), END};
static struct mmsghdr two[2], one_bad[2], both_bad[2];
static const Kind arrays[] = {{"two", P(two)}, BAD_POINTERS, {"ro", RONLY}, {"second bad", P(one_bad)}, {"both bad", P(both_bad)}, END};
static const Kind array_lengths[] = {{"2", 2}, {"0", 0}, {"1", 1}, {"-1", -1}, {"1025", 1025}, END};
static struct timespec soon = {0, 1000}, minus = {-1, 0}, nanos = {0, 1000000000};
static const Kind times[] = {{"soon", P(&soon)}, BAD_POINTERS, {"ro", RONLY}, {"minus", P(&minus)}, {"nanos", P(&nanos)}, END};
static long long wide_soon[2] = {0, 1000}, wide_minus[2] = {-1, 0}, wide_nanos[2] = {0, 1000000000};
static const Kind wide_times[] = {{"soon", P(wide_soon)}, BAD_POINTERS, {"ro", RONLY}, {"minus", P(wide_minus)}, {"nanos", P(wide_nanos)}, END};
static const Kind mmsg_flags[] = {{"DONTWAIT", MSG_DONTWAIT}, {"WAITFORONE", MSG_WAITFORONE | MSG_DONTWAIT}, {"OOB", MSG_OOB | MSG_DONTWAIT}, {"COMPAT", (long)0x80000000}, END};

static void remake(long r) {
    refill(0);
    two[0].msg_hdr = two[1].msg_hdr = one_bad[0].msg_hdr = m_good;
    one_bad[1].msg_hdr = both_bad[0].msg_hdr = both_bad[1].msg_hdr = m_bad_iov;
    soon = (struct timespec){0, 1000}, minus = (struct timespec){-1, 0}, nanos = (struct timespec){0, 1000000000};
    wide_soon[0] = 0, wide_soon[1] = 1000;
    // What a call that fills headers changes.
    m_good.msg_flags = 0;
    m_name.msg_namelen = 12;
    memcpy(&unix_name, &(struct sockaddr_un){AF_UNIX, "listening"}, sizeof unix_name);
    m_bad_name.msg_namelen = m_name_iov.msg_namelen = m_name_many.msg_namelen = 12;
    m_bad_name_0.msg_namelen = 0;
    m_negative_name.msg_namelen = m_null_negative.msg_namelen = m_name_length_many.msg_namelen = -1;
    m_long_name.msg_namelen = 1000;
    m_bad_control.msg_controllen = m_null_control.msg_controllen = m_zero_control.msg_controllen = m_iov_control.msg_controllen = 32;
    m_short_control.msg_controllen = 3;
    m_huge_control.msg_controllen = m_many_control.msg_controllen = LONG_MAX;
    m_big_control.msg_controllen = 0x80000000;
}

static const Call messages[] = {
    {"sendto", SYS_sendto, {socks, sources, few, message_flags, addresses, address_lengths}, refill},
    {"recvfrom", SYS_recvfrom, {socks, out, few, message_flags, out, room_lengths}, refill},
    {"sendmsg", SYS_sendmsg, {socks, headers, message_flags}, remake},
    {"recvmsg", SYS_recvmsg, {socks, headers, message_flags}, remake},
    {"sendmmsg", SYS_sendmmsg, {socks, arrays, array_lengths, mmsg_flags}, remake},
    {"recvmmsg", SYS_recvmmsg, {socks, arrays, array_lengths, mmsg_flags, times}, remake},
#if !ABI64
    {"recvmmsg_time64", SYS_recvmmsg_time64, {socks, arrays, array_lengths, mmsg_flags, wide_times}, remake},
#endif
    {},
};

static const Kind levels[] = {{"SOCKET", SOL_SOCKET}, {"0", 0}, {"TCP", 6}, {"IPV6", 41}, {"UDP", 17}, {"unknown", 5555}, {"-1", -1}, END};
static const Kind options[] = {{"REUSEADDR", SO_REUSEADDR}, {"0", 0}, {"TYPE", SO_TYPE}, {"ERROR", SO_ERROR}, {"LINGER", SO_LINGER}, {"RCVTIMEO", SO_RCVTIMEO}, {"PASSCRED", SO_PASSCRED},
    {"PEERCRED", SO_PEERCRED}, {"RCVTIMEO_NEW", 66}, {"BINDTODEVICE", SO_BINDTODEVICE}, {"ATTACH_FILTER", SO_ATTACH_FILTER}, {"DETACH_FILTER", SO_DETACH_FILTER}, {"PEERNAME", 28}, {"PEERGROUPS", 59}, {"PEERSEC", 31},
    {"MARK", 36}, {"TIMESTAMPING", 37}, {"41", 41}, {"42", 42}, {"unknown", 5555}, {"-1", -1}, END};
static long values[16];
static struct sock_fprog no_code = {0, 0}, bad_code = {2, (void *)8}, many_code = {60000, (void *)8};
static const Kind option_values[] = {{"values", P(values)}, BAD_POINTERS, {"ro", RONLY}, {"no code", P(&no_code)}, {"bad code", P(&bad_code)}, {"many code", P(&many_code)}, END};
static const Kind option_lengths[] = {{"4", 4}, {"0", 0}, {"1", 1}, {"3", 3}, {"8", 8}, {"16", 16}, {"100", 100}, {"5000", 5000}, {"-1", -1}, {"min", LONG_MIN}, {"2G-1", 0x7fffffff}, END};
static const Kind get_lengths[] = {{"at 16", P(&len16)}, BAD_POINTERS, {"ro", RONLY}, {"at 0", P(&len0)}, {"at -1", P(&len_minus)}, {"at 2", P(&len2)}, {"at 128", P(&len128)}, END};
static void reset_options(long r) {
    memset(values, 0, sizeof values);
    len16 = 16, len0 = 0, len_minus = -1, len2 = 2, len128 = 128;
    struct timeval no = {0, 0};
    setsockopt(STREAM, SOL_SOCKET, SO_RCVTIMEO, &no, sizeof no);
}
static const Kind tcp[] = {{"TCP", TCP}, {"file", FILE_RW}, END};
static const Kind tcp_level[] = {{"TCP", IPPROTO_TCP}, {"IP", 0}, END};
// TCP_NODELAY, TCP_MAXSEG, TCP_INFO, TCP_CONGESTION, TCP_ULP, TCP_MD5SIG; for IP: IP_TOS, IP_TTL, IP_HDRINCL, IP_OPTIONS, …
static const Kind tcp_options[] = {{"1", 1}, {"2", 2}, {"3", 3}, {"4", 4}, {"11", 11}, {"13", 13}, {"14", 14}, {"31", 31}, {"32", 32}, {"35", 35}, {"41", 41}, {"42", 42}, {"43", 43}, {"46", 46}, {"47", 47}, {"48", 48}, {"99", 99}, END};

static const Call socket_options[] = {
    {"setsockopt", SYS_setsockopt, {socks, levels, options, option_values, option_lengths}, reset_options},
    {"getsockopt", SYS_getsockopt, {socks, levels, options, out, get_lengths}, reset_options},
    {"setsockopt", SYS_setsockopt, {tcp, tcp_level, tcp_options, option_values, option_lengths}, renew},
    {"getsockopt", SYS_getsockopt, {tcp, tcp_level, tcp_options, out, get_lengths}, reset_options},
    {},
};

#if !ABI64
static unsigned long socket_args[6] = {AF_UNIX, SOCK_STREAM}, bad_socket[6] = {45, 99, 99, 8, 8, 8}, fd_first[6] = {-1, 8, -1, 8, 8, 8};
static const Kind doors[] = {{"1", 1}, {"0", 0}, {"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}, {"9", 9}, {"10", 10}, {"11", 11}, {"12", 12}, {"13", 13}, {"14", 14}, {"15", 15}, {"16", 16},
    {"17", 17}, {"18", 18}, {"19", 19}, {"20", 20}, {"21", 21}, {"-1", -1}, END};
static const Kind door_args[] = {{"args", P(socket_args)}, BAD_POINTERS, {"bad", P(bad_socket)}, {"fd", P(fd_first)}, END};
static const Call through[] = {{"socketcall", SYS_socketcall, {doors, door_args}, close_it}, {}};
#endif

static int interests[4];
static struct epoll_event event = {EPOLLIN, {0}}, exclusive_et = {EPOLLEXCLUSIVE | EPOLLONESHOT};
static const Kind polls[] = {{"epoll", EPOLL}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"path", PATH_ONLY}, {"pipe", PIPE_R}, END};
static const Kind epoll_ops[] = {{"ADD", 1}, {"DEL", 2}, {"MOD", 3}, {"0", 0}, {"4", 4}, {"-1", -1}, END};
static const Kind targets[] = {{"pipe", PIPE_R}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"dir", DIRECTORY}, {"path", PATH_ONLY}, {"self", EPOLL}, {"stream", STREAM}, END};
static const Kind events[] = {{"event", P(&event)}, BAD_POINTERS, {"exclusive", P(&exclusive_et)}, END};
static const Kind maxes[] = {{"4", 4}, {"0", 0}, {"-1", -1}, {"2G-1", 0x7fffffff}, {"178956970", 178956970}, {"178956971", 178956971}, END};
static const Kind none_ms[] = {{"0", 0}, END};
static sigset_t nothing;
static const Kind masks[] = {{"set", P(&nothing)}, BAD_POINTERS, END};
static const Kind mask_sizes[] = {{"8", 8}, {"0", 0}, {"4", 4}, {"-1", -1}, {"128", 128}, END};
static long long zero_time[2], minus_time[2] = {-1, 0}, nano_time[2] = {0, 1000000000};
static const Kind times64[] = {{"0", P(zero_time)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"minus", P(minus_time)}, {"nanos", P(nano_time)}, END};
static struct timespec old_zero, old_minus = {-1, 0}, old_nanos = {0, 1000000000};
static const Kind times_old[] = {{"0", P(&old_zero)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"minus", P(&old_minus)}, {"nanos", P(&old_nanos)}, {"ro", RONLY}, END};
static struct pollfd polled[5000] = {{PIPE_R, POLLIN}, {CLOSED, POLLIN}};
static const Kind pollfds[] = {{"fds", P(polled)}, BAD_POINTERS, {"ro", RONLY}, END};
static const Kind poll_counts[] = {{"2", 2}, {"0", 0}, {"1025", 1025}, {"5000", 5000}, {"-1", -1}, END};
static unsigned char sets[3][1024];
static const Kind set_counts[] = {{"8", 8}, {"0", 0}, {"60", 60}, {"66", 66}, {"5000", 5000}, {"-1", -1}, {"min", LONG_MIN}, END};
static const Kind rset[] = {{"set", P(sets[0])}, BAD_POINTERS, {"ro", RONLY}, END};
static const Kind wset[] = {{"set", P(sets[1])}, BAD_POINTERS, END};
static const Kind xset[] = {{"set", P(sets[2])}, BAD_POINTERS, END};
static struct timeval tv_zero, tv_minus = {-1, 0}, tv_micros = {0, 2000000}, tv_minus_us = {0, -1};
static const Kind timevals[] = {{"0", P(&tv_zero)}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"kernel", KERNEL}, {"minus", P(&tv_minus)}, {"us", P(&tv_minus_us)}, {"ro", RONLY}, END};
static long pair[2] = {P(&nothing), 8}, pair_bad[2] = {8, 8}, pair_size[2] = {P(&nothing), 7}, pair_null[2] = {0, 99}, pair_both[2] = {8, 7};
static const Kind pairs[] = {{"pair", P(pair)}, BAD_POINTERS, {"bad", P(pair_bad)}, {"size", P(pair_size)}, {"null set", P(pair_null)}, {"both", P(pair_both)}, END};
static void unpoll(long r) {
    epoll_ctl(EPOLL, EPOLL_CTL_DEL, PIPE_R, 0);
    epoll_ctl(EPOLL, EPOLL_CTL_DEL, STREAM, 0);
}
static void reset_poll(long r) {
    polled[0] = (struct pollfd){PIPE_R, POLLIN}, polled[1] = (struct pollfd){CLOSED, POLLIN};
    memset(sets, 0, sizeof sets);
    sets[0][0] = 1;
    sets[1][CLOSED / 8] = 1 << CLOSED % 8;
    old_zero = (struct timespec){0, 0}, old_minus = (struct timespec){-1, 0}, old_nanos = (struct timespec){0, 1000000000};
    tv_zero = (struct timeval){0, 0}, tv_minus = (struct timeval){-1, 0}, tv_minus_us = (struct timeval){0, -1};
    zero_time[0] = 0;
}

static const Call waiting[] = {
    {"epoll_ctl", SYS_epoll_ctl, {polls, epoll_ops, targets, events}, unpoll},
    {"epoll_wait", SYS_epoll_wait, {polls, out, maxes, none_ms}},
    {"epoll_pwait", SYS_epoll_pwait, {polls, out, maxes, none_ms, masks, mask_sizes}},
    {"epoll_pwait2", SYS_epoll_pwait2, {polls, out, maxes, times64, masks, mask_sizes}},
    {"poll", SYS_poll, {pollfds, poll_counts, none_ms}, reset_poll},
    {"ppoll", SYS_ppoll, {pollfds, poll_counts, times_old, masks, mask_sizes}, reset_poll},
    {"select", ABI64 ? SYS_select : 142, {set_counts, rset, wset, xset, timevals}, reset_poll},
    {"pselect6", SYS_pselect6, {set_counts, rset, wset, xset, times_old, pairs}, reset_poll},
#if !ABI64
    {"ppoll_time64", SYS_ppoll_time64, {pollfds, poll_counts, times64, masks, mask_sizes}, reset_poll},
    {"pselect6_time64", SYS_pselect6_time64, {set_counts, rset, wset, xset, times64, pairs}, reset_poll},
#endif
    {},
};

static const Kind creation_sizes[] = {{"1", 1}, {"0", 0}, {"-1", -1}, END};
static const Kind creation_flags[] = {{"0", 0}, {"CLOEXEC", O_CLOEXEC}, {"NONBLOCK", O_NONBLOCK}, {"1", 1}, {"-1", -1}, END};
static const Kind signal_fds[] = {{"-1", -1}, {"signal", SIGNAL}, {"file", FILE_RW}, {"closed", CLOSED}, {"-2", -2}, {"path", PATH_ONLY}, END};
static const Kind clocks[] = {{"REALTIME", 0}, {"MONOTONIC", 1}, {"CPU", 2}, {"THREAD", 3}, {"RAW", 4}, {"BOOTTIME", 7}, {"10", 10}, {"11", 11}, {"TAI+1", 12}, {"99", 99}, {"-1", -1}, {"-6", -6}, END};
static const Kind timers[] = {{"timer", TIMER}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"event", EVENT}, {"path", PATH_ONLY}, END};
static const Kind timer_flags[] = {{"0", 0}, {"1", 1}, {"3", 3}, {"4", 4}, {"-1", -1}, END};
static struct itimerspec off, its_minus = {{0, 0}, {-1, 0}}, its_nanos = {{0, 1000000000}, {1, 0}}, its_on = {{0, 0}, {1000, 0}};
static const Kind its[] = {{"off", P(&off)}, BAD_POINTERS, {"minus", P(&its_minus)}, {"nanos", P(&its_nanos)}, {"on", P(&its_on)}, END};
static long long its64[4], its64_minus[4] = {0, 0, -1, 0}, its64_nanos[4] = {0, 1000000000, 1, 0};
static const Kind itimers64[] = {{"off", P(its64)}, BAD_POINTERS, {"minus", P(its64_minus)}, {"nanos", P(its64_nanos)}, END};
static const Kind old_its[] = {{"null", 0}, {"out", ROOM}, {"8", 8}, {"none", NONE}, {"edge", EDGE}, {"ro", RONLY}, END};
static const Kind inotifies[] = {{"inotify", INOTIFY}, {"-1", -1}, {"closed", CLOSED}, {"file", FILE_RW}, {"path", PATH_ONLY}, END};
static const Kind watched[] = {{"file", P("file")}, BAD_POINTERS, {"empty", P("")}, {"missing", P("missing")}, END};
static const Kind watch_masks[] = {{"ALL", IN_ALL_EVENTS}, {"0", 0}, {"MODIFY", IN_MODIFY}, {"CREATE", IN_MASK_CREATE | IN_MODIFY}, {"CREATEADD", IN_MASK_CREATE | IN_MASK_ADD | IN_MODIFY}, {"ONLYDIR", IN_ONLYDIR | IN_MODIFY}, {"-1", -1}, END};
static const Kind watches[] = {{"99", 99}, {"0", 0}, {"-1", -1}, END};
static const Kind names_[] = {{"name", P("name")}, BAD_POINTERS, {"long", P("0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678")}, END};
static const Kind memfd_flags[] = {{"0", 0}, {"CLOEXEC", 1}, {"SEAL", 2}, {"HUGE", 4}, {"EXEC", 0x10}, {"both", 0x18}, {"64", 64}, {"-1", -1}, END};

static void close_above_signal(long r) {
    if (r > 2 && r < CLOSED) close(r);
}
static void unwatch(long r) {
    if (r > 0) inotify_rm_watch(INOTIFY, r);
}

static const Call creating[] = {
    {"epoll_create", SYS_epoll_create, {creation_sizes}, close_it},
    {"epoll_create1", SYS_epoll_create1, {creation_flags}, close_it},
    {"eventfd", SYS_eventfd, {creation_sizes}, close_it},
    {"eventfd2", SYS_eventfd2, {creation_sizes, creation_flags}, close_it},
    {"signalfd", SYS_signalfd, {signal_fds, masks, mask_sizes}, close_above_signal},
    {"signalfd4", SYS_signalfd4, {signal_fds, masks, mask_sizes, creation_flags}, close_above_signal},
    {"timerfd_create", SYS_timerfd_create, {clocks, creation_flags}, close_it},
    {"timerfd_settime", ABI64 ? SYS_timerfd_settime : 325, {timers, timer_flags, its, old_its}},
    {"timerfd_gettime", ABI64 ? SYS_timerfd_gettime : 326, {timers, out}},
#if !ABI64
    {"timerfd_settime64", SYS_timerfd_settime64, {timers, timer_flags, itimers64, old_its}},
    {"timerfd_gettime64", SYS_timerfd_gettime64, {timers, out}},
#endif
    {"inotify_init", SYS_inotify_init, {}, close_it},
    {"inotify_init1", SYS_inotify_init1, {creation_flags}, close_it},
    {"inotify_add_watch", SYS_inotify_add_watch, {inotifies, watched, watch_masks}, unwatch, 1},
    {"inotify_rm_watch", SYS_inotify_rm_watch, {inotifies, watches}},
    {"memfd_create", SYS_memfd_create, {names_, memfd_flags}, close_it},
    {"pipe2", SYS_pipe2, {out, creation_flags}, close_both},
    {"pipe", SYS_pipe, {out}, close_both},
    {},
};

// Names without a path are those of all processes: one at a time, natively and elsewhere.
static void alone(void) {
    int lock = open("/tmp/forklift-errnos-sockets", O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (dup2(lock, 1000) == 1000) flock(1000, LOCK_EX);
    close(lock);
}

int main(void) {
    alone();
    setup();
    renew(0);
    sweep(names);
    remake(0);
    sweep(messages);
    renew(0);
    reset_options(0);
    sweep(socket_options);
#if !ABI64
    sweep(through);
#endif
    reset_poll(0);
    sweep(waiting);
    sweep(creating);
    DONE();
}
