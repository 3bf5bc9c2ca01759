# writer_reader_lib.sh - what the tests of lesson 06 have in common; sourced behind lib.sh
#
# shellcheck shell=bash disable=SC2034 # it is sourced; what it sets is used there

writer=$root/06_writer_reader_bench/writer
reader=$root/06_writer_reader_bench/reader

# POSIX message queues, which are seen where their file system is mounted: if nowhere, then here.
queues() {
    if mountpoint -q /dev/mqueue; then
        ls /dev/mqueue
    else
        unshare --mount sh -c 'mount -t mqueue none /mnt && ls /mnt' 2>/dev/null
    fi
}

# What a writer has made for a transport: the names hold its pid.
names_of() { # PID
    find /tmp /dev/shm -maxdepth 1 -name "*myshm-$1-*" 2>/dev/null
    ipcs -m -p | awk -v pid="$1" '$3 == pid'
    queues | grep "^myshm-$1-"
}

# Whatever either half made is gone.
nothing_of_its() { # PID
    local left
    left=$(leftovers; names_of "$1")
    [ -z "$left" ] || { printf '#   left: %s\n' "$left"; return 1; }
}
