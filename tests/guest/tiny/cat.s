# cat: copies the files that it is given, or standard input, to standard output. Exits with 1 if one can't be opened or written.
.set buffer_size, 0x10000
.macro ident
    .ascii "forklift cat"
.endm
.macro gap
    .long 0, 0
.endm
.include "header.inc"
start:
    pop ecx                     # argc
    pop eax                     # argv[0]
    dec ecx
    jz copy                     # no arguments: ebx is zero, standard input
next_file:
    pop ebx
    test ebx, ebx
    jz end
    push 5                      # open
    pop eax
    xor ecx, ecx
    xor edx, edx
    int 0x80
    test eax, eax
    js failed
    xchg ebx, eax
copy:
    push 3                      # read
    pop eax
    mov ecx, offset base + buffer - elf
    mov edx, buffer_size
    int 0x80
    test eax, eax
    js failed
    jz end_of_file
    push ebx
    xchg edx, eax
    push 1
    pop ebx
write_rest:
    push 4                      # write
    pop eax
    int 0x80
    test eax, eax
    jle failed
    add ecx, eax
    sub edx, eax
    jnz write_rest
    pop ebx
    jmp copy
end_of_file:
    test ebx, ebx
    jz end
    push 6                      # close
    pop eax
    int 0x80
    jmp next_file
failed:
    inc ebp
end:
    mov ebx, ebp
    push 1                      # exit
    pop eax
    int 0x80
buffer:
.set file_size, . - elf
.set memory_size, . - elf + buffer_size
