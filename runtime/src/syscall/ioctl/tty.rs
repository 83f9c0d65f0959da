//! Terminals, consoles and serial lines. `struct termios` is the generic one on x86 and on aarch64.

use super::{Call, Request, input, output, own, value};
use crate::errno::SysResult;
use crate::syscall::flags;
use crate::task::Task;

/// Size of `struct termios`, `struct termios2` and `struct termio`. Unit: bytes.
const TERMIOS: u16 = 36;
const TERMIOS2: u16 = 44;
const TERMIO: u16 = 18;

pub(super) const REQUESTS: &[Request] = &[
    output(0x5401, "TCGETS", TERMIOS),
    input(0x5402, "TCSETS", TERMIOS),
    input(0x5403, "TCSETSW", TERMIOS),
    input(0x5404, "TCSETSF", TERMIOS),
    output(0x5405, "TCGETA", TERMIO),
    input(0x5406, "TCSETA", TERMIO),
    input(0x5407, "TCSETAW", TERMIO),
    input(0x5408, "TCSETAF", TERMIO),
    value(0x5409, "TCSBRK"),
    value(0x540a, "TCXONC"),
    value(0x540b, "TCFLSH"),
    value(0x540c, "TIOCEXCL"),
    value(0x540d, "TIOCNXCL"),
    value(0x540e, "TIOCSCTTY"),
    output(0x540f, "TIOCGPGRP", 4),
    input(0x5410, "TIOCSPGRP", 4),
    output(0x5411, "TIOCOUTQ", 4),
    input(0x5412, "TIOCSTI", 1),
    output(0x5413, "TIOCGWINSZ", 8),
    input(0x5414, "TIOCSWINSZ", 8),
    output(0x5415, "TIOCMGET", 4),
    input(0x5416, "TIOCMBIS", 4),
    input(0x5417, "TIOCMBIC", 4),
    input(0x5418, "TIOCMSET", 4),
    output(0x5419, "TIOCGSOFTCAR", 4),
    input(0x541a, "TIOCSSOFTCAR", 4),
    output(0x541b, "FIONREAD", 4),
    value(0x541d, "TIOCCONS"),
    input(0x5420, "TIOCPKT", 4),
    input(0x5421, "FIONBIO", 4),
    value(0x5422, "TIOCNOTTY"),
    input(0x5423, "TIOCSETD", 4),
    output(0x5424, "TIOCGETD", 4),
    value(0x5425, "TCSBRKP"),
    value(0x5427, "TIOCSBRK"),
    value(0x5428, "TIOCCBRK"),
    output(0x5429, "TIOCGSID", 4),
    output(0x802c_542a, "TCGETS2", TERMIOS2),
    input(0x402c_542b, "TCSETS2", TERMIOS2),
    input(0x402c_542c, "TCSETSW2", TERMIOS2),
    input(0x402c_542d, "TCSETSF2", TERMIOS2),
    output(0x8004_5430, "TIOCGPTN", 4),
    input(0x4004_5431, "TIOCSPTLCK", 4),
    output(0x8004_5432, "TIOCGDEV", 4),
    value(0x5436, "TIOCSIG_OLD"),
    input(0x4004_5436, "TIOCSIG", 4),
    value(0x5437, "TIOCVHANGUP"),
    output(0x8004_5438, "TIOCGPKT", 4),
    output(0x8004_5439, "TIOCGPTLCK", 4),
    output(0x8004_5440, "TIOCGEXCL", 4),
    own(0x5441, "TIOCGPTPEER", peer),
    output(0x5456, "TIOCGLCKTRMIOS", TERMIOS),
    input(0x5457, "TIOCSLCKTRMIOS", TERMIOS),
    value(0x545c, "TIOCMIWAIT"),
    output(0x545d, "TIOCGICOUNT", 80),
    // Consoles.
    output(0x4b33, "KDGKBTYPE", 1),
    value(0x4b2f, "KIOCSOUND"),
    value(0x4b30, "KDMKTONE"),
    output(0x4b31, "KDGETLED", 1),
    value(0x4b32, "KDSETLED"),
    value(0x4b3a, "KDSETMODE"),
    output(0x4b3b, "KDGETMODE", 4),
    output(0x4b44, "KDGKBMODE", 4),
    value(0x4b45, "KDSKBMODE"),
    output(0x4b64, "KDGKBLED", 1),
    value(0x4b65, "KDSKBLED"),
    output(0x5600, "VT_OPENQRY", 4),
    output(0x5601, "VT_GETMODE", 8),
    input(0x5602, "VT_SETMODE", 8),
    output(0x5603, "VT_GETSTATE", 6),
    value(0x5605, "VT_RELDISP"),
    value(0x5606, "VT_ACTIVATE"),
    value(0x5607, "VT_WAITACTIVE"),
];

/// TIOCGPTPEER: the argument has flags of open(2).
fn peer(_: &mut Task, c: Call) -> SysResult {
    c.host(flags::to_host(c.arg as u32))
}
