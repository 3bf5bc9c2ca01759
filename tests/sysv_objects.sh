# sysv_objects.sh - what has the System V key of the file $key
#
# shellcheck shell=bash disable=SC2154 # whoever sources this has a $key

# The number that ftok() makes of a file, as ipcs shows it.
key_of() {
    local device inode
    read -r device inode <<<"$(stat -c '%d %i' "$1")"
    printf '0x53%02x%04x' $((device & 255)) $((inode & 65535))
}

# Objects under the test's key. (A segment without a key goes when nobody is attached any more.)
sysv_leftovers() {
    { ipcs -m; ipcs -s; } | awk -v key="$(key_of "$key")" '$1 == key'
}

nothing_of_ours() {
    [ -z "$(sysv_leftovers)" ] || { sysv_leftovers | sed 's/^/#   left: /'; return 1; }
}

set_id() { # of the set that is there now
    ipcs -s | awk -v key="$(key_of "$key")" '$1 == key { print $2 }'
}

segment_id() {
    ipcs -m | awk -v key="$(key_of "$key")" '$1 == key { print $2 }'
}

remove_leftovers() {
    local id
    for id in $(set_id); do ipcrm -s "$id"; done
    for id in $(segment_id); do ipcrm -m "$id"; done
}
