# ring_lib.sh - what the tests of lessons 03 and 05 share: their rings as they lie in memory
#
# shellcheck shell=bash
# Numbers of 64 bits at an offset, the same in both: 128 is head, 256 is tail. (In 05, 264 is in_hand.)

number_at() { # OFFSET
    od -A n -t u8 -j "$1" -N 8 "/dev/shm$name" | tr -d ' '
}

scribble() { # OFFSET BYTES, as printf writes them
    printf '%b' "$2" | dd of="/dev/shm$name" bs=1 seek="$1" conv=notrunc status=none
}

head_is() {
    [ "$(number_at 128)" -eq "$1" ]
}

head_passes() {
    [ "$(number_at 128)" -gt "$1" ]
}

tail_passes() {
    [ "$(number_at 256)" -gt "$1" ]
}

is_drained() {
    [ "$(number_at 128)" -gt 0 ] && [ "$(number_at 128)" = "$(number_at 256)" ]
}
