#!/bin/bash
# simd_pages.t - 05_simd: the pages that are asked for, got, and not got; and NEON on another processor

# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

producer=$root/05_simd/producer
consumer=$root/05_simd/consumer
producer_pid=
consumer_pid= # set by start

pair() { # PAGES: both halves with these, to their ends
    start consumer_pid "$consumer" --name "$name" --pages "$1" --verify all
    eventually is_waiting consumer_pid
    start producer_pid "$producer" --name "$name" --pages "$1" --batches 3000
    ends "$producer_pid" 0 && ends "$consumer_pid" 0
}

both_got() { # PAGES
    says producer_pid.err "^producer: 1024 slots in $1" && says consumer_pid.out ", $1, .* 0 wrong\$"
}

ok "--pages 4k" pair 4k
ok "... says 4 KiB (or this system's size)" both_got '[0-9]+ KiB pages'
ok "--pages auto" pair auto
ok "... says what it got" both_got '([0-9]+ of 6 MiB in )?(2 MiB|[0-9]+ KiB) pages'

# --- transparent huge pages --------------------------------------------------------------------

if "$producer" --name "$name" --pages thp --batches 0 2>err; then
    ok "--pages thp" pair thp
    ok "... gets them" both_got '2 MiB pages'
    ok "... auto gets them, too" pair auto
    ok "... and says so" both_got '2 MiB pages'
else
    ok "--pages thp is refused in one line" says err '^producer: --pages thp: the kernel gives [0-9]+ KiB pages'
    skip "--pages thp" "this kernel gives no transparent huge pages for shared memory"
fi

# Without them: prctl(PR_SET_THP_DISABLE) holds for what the program starts, too.
case $(uname -sm) in
    'Linux x86_64') prctl=157 ;;
    'Linux aarch64') prctl=167 ;;
    *) prctl= ;;
esac
without_thp() {
    # shellcheck disable=SC2016 # the variables are perl's
    perl -e 'syscall(shift, 41, 1, 0, 0, 0) == 0 or exit 99; exec @ARGV' "$prctl" "$@"
}
if [ -n "$prctl" ] && without_thp true; then
    start consumer_pid without_thp "$consumer" --name "$name"
    eventually is_waiting consumer_pid
    ok "no huge pages: the producer falls back" exits 0 without_thp "$producer" --name "$name" --batches 3000
    ok "... and says so" says err '^producer: 1024 slots in [0-9]+ KiB pages: the kernel gives no others$'
    ok "... the consumer ends" ends "$consumer_pid" 0
    ok "... and says so, too" says consumer_pid.out ', [0-9]+ KiB pages, .* 0 wrong$'
    ok "no huge pages: who insists is refused" exits 1 without_thp "$producer" --name "$name" --pages thp
    ok "... in one line" says err '^producer: --pages thp: the kernel gives [0-9]+ KiB pages'
else
    skip "no huge pages: the fallback" "prctl(PR_SET_THP_DISABLE) cannot be asked here"
fi
ok "nothing is left" nothing_is_left

# --- hugetlb -----------------------------------------------------------------------------------

free_pages() {
    awk '/^HugePages_Free/ { print $2 }' /proc/meminfo
}

mount=$(awk '$3 == "hugetlbfs" && /pagesize=2M/ { print $2 }' /proc/mounts 2>/dev/null | while read -r folder; do
    [ -w "$folder" ] && echo "$folder" && break; done)
if [ -n "$mount" ] && [ "$(free_pages)" -ge 4 ]; then
    before=$(free_pages)
    ok "--pages hugetlb" pair hugetlb
    ok "... gets them" both_got '2 MiB pages'
    ok "... and leaves none" test ! -e "$mount$name"
    is "... all of them are free again" "$(free_pages)" "$before"
    slots=4194304
    [ "${MACHINE:-}" != 32bit ] || slots=262144 # a ring of 1 GiB is as much as it takes
    ok "more than are free" exits 1 "$producer" --name "$name" --pages hugetlb --slots $slots
    ok "... says what to do" says err "^producer: cannot create $mount$name: no [0-9]+ free pages of 2 MiB; sudo sysctl vm.nr_hugepages=[0-9]+\$"
    ok "... and leaves nothing" test ! -e "$mount$name"
    start producer_pid "$producer" --name "$name" --pages hugetlb --slots 256
    eventually is_waiting producer_pid
    kill -9 "$producer_pid"
    wait "$producer_pid" 2>/dev/null
    ok "make clean-ipc removes what a dead one left" exits 0 "$root/tools/clean_ipc" "$name"
    ok "... there, too" test ! -e "$mount$name"
else
    skip "--pages hugetlb" "no writable hugetlbfs with 4 free pages of 2 MiB (see 05_simd/README.md)"
    if [ -z "$mount" ]; then
        ok "--pages hugetlb without a hugetlbfs" exits 1 "$producer" --name "$name" --pages hugetlb
        ok "... gives the commands" says err '^producer: --pages hugetlb: no hugetlbfs .* sudo sysctl vm.nr_hugepages=16 && .*mount -t hugetlbfs'
        is "... in one line" "$(wc -l <err)" 1
    fi
fi

# --- another processor -------------------------------------------------------------------------

cross=aarch64-linux-gnu-gcc
if ! command -v $cross >/dev/null; then
    skip "NEON" "no $cross (Debian: gcc-aarch64-linux-gnu)"
elif ! command -v qemu-aarch64 >/dev/null; then
    skip "NEON" "no qemu-aarch64 (Debian: qemu-user)"
else
    ok "the kernels build for arm64" $cross -std=c11 -O2 -static -o unit_simd "$root/tests/unit_simd.c" "$root"/05_simd/kernels*.c
    ok "... and pass their unit test there" exits 0 qemu-aarch64 ./unit_simd
    ok "... NEON among them" says out '^ok [0-9]+ - neon: lengths 0 to 257'
fi
