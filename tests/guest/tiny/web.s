# A web server that forks for each connection: `web PORT [CONNECTIONS]`, on 127.0.0.1. A connection's child answers every request on it with the same page
# until the peer closes. The server ends, with all its children, after that many connections; without the number, never.
.macro ident
    .ascii "forklift web"
.endm
.macro gap
    .long 0, 0
.endm
.include "header.inc"

.macro sys number
    push \number
    pop eax
    int 0x80
.endm
# socketcall(number, the arguments on the stack)
.macro socket_call number
    push \number
    pop ebx
    mov ecx, esp
    sys 102
.endm

# edi = the decimal number at esi; 0 if esi is null.
number:
    xor edi, edi
    test esi, esi
    jz number_end
digit:
    xor eax, eax
    lodsb
    sub al, '0'
    jb number_end
    imul edi, edi, 10
    add edi, eax
    jmp digit
number_end:
    ret

start:
    pop eax                     # argc
    pop eax                     # argv[0]
    pop esi
    call number
    mov ebp, edi                # the port
    pop esi
    call number                 # edi: connections
    push 17                     # signal(SIGCHLD, SIG_IGN): no zombies
    pop ebx
    push 1
    pop ecx
    sys 48

    push 0
    push 1                      # SOCK_STREAM
    push 2                      # AF_INET
    socket_call 1               # socket
    xchg esi, eax               # esi: the listening socket

    push 1
    mov edx, esp
    push 4
    push edx
    push 2                      # SO_REUSEADDR
    push 1                      # SOL_SOCKET
    push esi
    socket_call 14              # setsockopt

    push 0x0100007f             # 127.0.0.1
    mov eax, ebp
    xchg al, ah
    shl eax, 16
    mov al, 2
    push eax
    mov edx, esp
    push 16
    push edx
    push esi
    socket_call 2               # bind
    test eax, eax
    js fail

    push 128
    push esi
    socket_call 4               # listen

accept:
    push 0
    push 0
    push esi
    socket_call 5               # accept
    add esp, 12
    test eax, eax
    js accept
    xchg ebp, eax               # ebp: the connection
    sys 2                       # fork
    test eax, eax
    jz child
    mov ebx, ebp
    sys 6                       # close
    dec edi
    jnz accept
    xor eax, eax
wait:
    push -1
    pop ebx
    xor ecx, ecx
    xor edx, edx
    xor esi, esi
    sys 114                     # wait4
    test eax, eax
    jns wait
    xor ebx, ebx
    jmp exit

child:
    mov ebx, esi
    sys 6                       # close the listening socket
    mov ebx, ebp
    sub esp, 1024
request:
    mov ecx, esp
    mov edx, 1024
    sys 3                       # read
    test eax, eax
    jle close
    mov ecx, offset base + answer - elf
    mov edx, offset answer_size
    sys 4                       # write
    test eax, eax
    jns request
close:
    xor ebx, ebx
    jmp exit
fail:
    push 1
    pop ebx
exit:
    sys 1

answer:
    .ascii "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 136\r\n\r\n"
page:
    .ascii "<!doctype html><title>forklift</title><h1>Carried here</h1><p>This page comes from a few hundred bytes of i386 code, lifted by forklift."
.set page_size, . - page
.set answer_size, . - answer
.set file_size, . - elf
.set memory_size, . - elf
.if page_size - 136
.error "Content-Length is wrong"
.endif
