#!/usr/bin/env bash
# sysv_keys.t - lesson 07: what has our key already, key files, limits, SEM_UNDO on a counter, make clean-ipc

. "$(dirname "$0")/sysv_lib.sh"

head -c 5000 /dev/urandom >sent
mkfifo typed

# --- what dead processes have left half made -------------------------------------------------

# of_a_dead_process PERL: run by a process that ends then; $key is the number, 512 is IPC_CREAT.
of_a_dead_process() {
    perl -e '$key = hex shift; sub set { semget($key, shift, 512 | 0600) // die } '"$1" "$(key_of "$key")"
}
of_a_dead_process 'set(5)'
ok 'a set whose creator died before it set a value' next_run_works
of_a_dead_process 'semctl(set(5), 0, 17, pack("s5", 4, 0, 0, 0, 0x5356))'
ok 'a set whose creator died before its first semop()' next_run_works
of_a_dead_process 'set(5)'
start_consumer c
unfinished_is_gone() {
    [ -z "$(set_id)" ]
}
ok 'a consumer that waits removes it, too' eventually unfinished_is_gone
start_producer p sent
ok 'and waits on' ends "$c" 0
ends "$p" 0
our_set='$set = set(5); semctl($set, 0, 17, pack("s5", 4, 0, 0, 0, 0x5356)); semop($set, pack("s3s3", 2, 0, 0, 2, 1, 0x1000));'
of_a_dead_process "$our_set"' shmget($key, 50000, 512 | 0600)'
ok 'a segment whose creator died before it wrote a byte' producer_first
of_a_dead_process "$our_set"
ok 'the consumer of a producer that died before it made a segment' exits 1 "$consumer" --key "$key"
ok 'says so' says err 'the producer \(pid [0-9]+\) has died before a consumer came'
ok 'nothing is left' nothing_of_ours

# --- what is none of ours --------------------------------------------------------------------

refused() { # DESCRIPTION PATTERN: by both halves, and nothing is changed
    local before after
    before=$(sysv_leftovers)
    ok "$1: the producer refuses" exits 1 "$producer" --key "$key" <sent
    ok 'and says why' says err "^producer: cannot send by $key: $2"
    [ -n "${3-}" ] || {
        ok 'so does the consumer' exits 1 "$consumer" --key "$key" --timeout 1
        ok 'and says why' says err "^consumer: cannot receive by $key: $2"
    }
    after=$(sysv_leftovers)
    is 'it is still there, and nothing else' "$after" "$before"
    ok 'make clean-ipc leaves it alone' exits 0 "$root/tools/clean_ipc" "$key"
    is 'as it is' "$(sysv_leftovers)" "$before"
}
contents() { # of the segment
    perl -e 'shmread(shift, $text, 0, 100) or die; print unpack("H*", $text)' "$(segment_id)"
}
of_a_dead_process '$id = shmget($key, 100, 512 | 0600); shmwrite($id, "precious", 0, 8)'
contents >before
refused 'a small segment of another program' 'a segment of another program has the key 0x53[0-9a-f]{6} of '
is 'its bytes are as they were' "$(contents)" "$(cat before)"
remove_leftovers
of_a_dead_process '$id = shmget($key, 1000000, 512 | 0600); shmwrite($id, "precious", 0, 8)'
contents >before
refused 'a large one' 'a segment of another program has the key 0x53[0-9a-f]{6} of .* ipcrm -m [0-9]+'
is 'its bytes are as they were' "$(contents)" "$(cat before)"
remove_leftovers
of_a_dead_process 'shmget($key, 1064960, 512 | 0600)'
refused 'one with nothing but zeros' 'a segment without a semaphore set has the key' producer_only
remove_leftovers
of_a_dead_process 'set(3)'
refused 'a set of another size' 'a semaphore set of another program has the key'
remove_leftovers
of_a_dead_process 'semop(set(5), pack("s3", 0, 1, 0))'
refused 'a set of our size, in use' 'a semaphore set of another program has the key'
remove_leftovers
of_a_dead_process 'semget($key, 5, 512 | 0666) // die'
refused 'a set of our size, unused, with a mode that is none of ours' 'a semaphore set of another program has the key'
remove_leftovers
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
    setpriv --reuid 65534 --clear-groups perl -e 'semget(hex shift, 5, 512 | 0600) // die' "$(key_of "$key")"
    refused "another user's set" 'the semaphore set with the key 0x53[0-9a-f]{6} of .* belongs to another user'
    remove_leftovers
    setpriv --reuid 65534 --clear-groups perl -e 'shmget(hex shift, 5000, 512 | 0600) // die' "$(key_of "$key")"
    refused "another user's segment" 'the segment with the key 0x53[0-9a-f]{6} of .* belongs to another user'
    remove_leftovers
else
    skip "another user's objects" 'needs root and setpriv'
fi

# [clash] On a tmpfs inode numbers count up: a file with the same 16 bits comes 65536 files later, unless another
# process gets that number.
shm_folder=/dev/shm/${name#/}
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && mkdir "$shm_folder"; then
    perl -e '$d = shift; open F, ">$d/a"; $low = (stat F)[1] & 65535;
        for (1 .. 5000000) { open G, ">$d/b" or die; last if ((stat G)[1] & 65535) == $low; unlink "$d/b" }' "$shm_folder"
    is 'two files with the same key' "$(key_of "$shm_folder/b")" "$(key_of "$shm_folder/a")"
    ok 'are two files' test "$(stat -c %i "$shm_folder/b")" != "$(stat -c %i "$shm_folder/a")"
    own_key=$key
    key=$shm_folder/a
    start_producer p typed
    exec 5>typed
    eventually is_waiting p
    key=$shm_folder/b
    clash='the key 0x53[0-9a-f]{6} of .* is also that of another file \(device [0-9]+, inode [0-9]+\)'
    refused 'a key that is also that of another file' "$clash"
    key=$shm_folder/a
    start_consumer c
    echo through >&5
    exec 5>&-
    ok 'the pair of that file works on' ends "$c" 0
    ends "$p" 0
    is 'and nothing else came to it' "$(cat c.out)" through
    ok 'nothing is left' nothing_of_ours
    key=$own_key
    rm -rf "$shm_folder"
else
    skip 'a clash of keys' 'needs a tmpfs in /dev/shm'
fi

# A process in a container that shares our System V objects sees those outside of it as pid 0.
start_producer p typed
exec 5>typed
eventually is_waiting p
start_consumer c
eventually is_connected
if unshare --pid --fork true 2>/dev/null; then
    ok 'from another pid namespace, too, a second producer is refused' \
        exits 1 unshare --pid --fork "$producer" --key "$key" --timeout 20 </dev/null
    ok 'at once' says err 'another producer \(pid 0\) is running'
    ok 'and a second consumer' exits 1 unshare --pid --fork "$consumer" --key "$key" --timeout 20
    ok 'at once' says err 'another consumer \(pid 0\) is connected'
else
    skip 'from another pid namespace' 'needs the right to make one'
fi
exec 5>&-
ends "$p" 0 && ends "$c" 0
ok 'nothing is left' nothing_of_ours

# --- key files -------------------------------------------------------------------------------

bad_key() { # DESCRIPTION PATH PATTERN
    for half in producer consumer; do
        ok "$1: the $half refuses" exits 1 "${!half}" --key "$2" </dev/null
        ok 'and says why' says err "^$half: $3"
    done
}
bad_key 'a key file that is missing' nowhere 'there is no file nowhere; make one: touch nowhere'
ln -s key link
bad_key 'a symbolic link' link 'link is a symbolic link; choose another file by --key PATH'
bad_key 'a folder' "$work" "$work is no regular file"
bad_key 'a FIFO' typed 'typed is no regular file'
if [ "$(id -u)" -eq 0 ]; then
    touch foreign && chown 65534 foreign
    bad_key "another user's file" foreign 'foreign belongs to user 65534'
else
    bad_key "another user's file" /etc/passwd '/etc/passwd belongs to user 0'
fi
default_key() { # COMMAND: with a runtime folder of its own
    XDG_RUNTIME_DIR=$work/runtime "$@"
}
mkdir runtime
umask 0
default_key "$consumer" >received 2>err &
consumer_pid=$!
default_key "$producer" <sent 2>err2
ok 'without --key a file is made' wait "$consumer_pid"
ok 'and used' cmp -s sent received
umask 022
is 'for this user only' "$(stat -c '%a %s' runtime/sysv-pipe.key)" '600 0'
rm runtime/sysv-pipe.key
ln -s target runtime/sysv-pipe.key
ok 'a link in its place is refused' exits 1 default_key "$producer" </dev/null
ok 'and named' says err 'runtime/sysv-pipe.key is a symbolic link'
ok 'and not followed' test ! -e runtime/target

# --- limits ----------------------------------------------------------------------------------

if unshare --ipc sh -c 'echo 1000000 >/proc/sys/kernel/shmmax' 2>/dev/null; then
    ok 'a segment beyond SHMMAX' exits 1 unshare --ipc sh -c \
        'echo 1000000 >/proc/sys/kernel/shmmax; "$@"; status=$?; ipcs -ms | grep 0x && exit 99; exit $status' \
        sh "$producer" --key "$key" --slot-bytes 1000000
    ok 'says the limit and how to look' says err 'a segment of 4016384 bytes is beyond the limit SHMMAX of 1000000; .* ipcs -l$'
    ok 'as many semaphore sets as there may be' exits 1 unshare --ipc sh -c \
        'echo 250 100 100 0 >/proc/sys/kernel/sem; exec "$@"' sh "$producer" --key "$key"
    ok 'says how to look' says err 'cannot make a semaphore set: No space left on device; see ipcs -l'
else
    skip 'limits' 'needs the right to change them in a namespace of its own'
fi

# --- what SEM_UNDO on the counters would do --------------------------------------------------

producer_with() { # PROGRAM OPTION ...
    local program=$1
    shift
    ${CC:-cc} -std=c11 "$@" -o "$program" "$root/07_sysv/producer.c" -pthread -lrt
}
after_death() { # PROGRAM: the values that a producer leaves which has filled all its slots
    start p "$1" --key "$key" </dev/zero
    eventually is_waiting p
    kill -9 "$p"
    ends "$p" 137
    semaphores
    remove_leftovers
}
producer_with ./undoing -DCOUNTER_FLAGS=SEM_UNDO
is 'what a dead producer had filled stays filled' "$(after_death "$producer")" '0 4 0 0 21334'
is 'with SEM_UNDO on the counters it is taken back: data is lost' "$(after_death ./undoing)" '4 0 0 0 21334'
start_consumer c
head -c 40000 /dev/zero >many
start p ./undoing --key "$key" --slot-bytes 1 <many
ok 'and after 32767 slots the kernel can count no further' ends "$p" 1
ok 'which is ERANGE' says p.err 'Numerical result out of range|Result not representable'
ends "$c" 1
ok 'nothing is left' nothing_of_ours

# --- make clean-ipc --------------------------------------------------------------------------

both_killed
ok 'make clean-ipc' exits 0 "$root/tools/clean_ipc" "$key"
ok 'removes the set that a killed pair left' says err "removed the semaphore set [0-9]+ of $key"
ok 'nothing is left' nothing_of_ours
start_producer p typed
exec 5>typed
eventually is_waiting p
ok 'a living pair is left alone' exits 0 "$root/tools/clean_ipc" "$key"
ok 'by pid' says err "left the semaphore set [0-9]+ of $key alone: producer \(pid $p\)"
start_consumer c
eventually is_connected
ok 'also when the segment has no key any more' exits 0 "$root/tools/clean_ipc" "$key"
exec 5>&-
ok 'and works on' ends "$c" 0
ends "$p" 0
start_producer p /dev/zero
eventually is_waiting p
kill -9 "$p"
ends "$p" 137
ok 'a killed producer left a segment, too' test -n "$(segment_id)"
ok 'make clean-ipc' exits 0 "$root/tools/clean_ipc" "$key"
ok 'removes both' nothing_of_ours
