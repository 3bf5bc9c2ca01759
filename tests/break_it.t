#!/usr/bin/env bash
# break_it.t - what the READMEs say to break goes wrong, and in the way that they say
#
# Not here: what ThreadSanitizer sees (races.t), and SEM_UNDO on the counters of lesson 07 (sysv_keys.t).

. "$(dirname "$0")/lib.sh"

if [ -n "${MACHINE:-}" ]; then
    skip 'what the READMEs say to break' "they build with cc, and not for $MACHINE"
    exit
fi
(cd "$root" && tar cf - --exclude='*.[od]' common [0-9]*) | tar xf - -C .

# The first block of commands behind that heading of this folder's README, under this test's name.
commands() {
    awk '/^## Break it/ { there = 1 } there && /^```/ && ++fences == 2 { exit } fences && !/^```/' README.md |
        sed -E -e 's/^\$ //' -e "s|\./[a-z-]+|& --name $name|g"
}

breaks() { # LESSON: what all say, into out
    (cd "$1" && bash -c "$(commands)") >out 2>&1
}

breaks 01_countdown
ok '01, both halves in turn at once: a number that was never sent' says out '^received 0$'
ok '... is taken for the last one' says out '^liftoff$'
ok '... and the producer trusts its token' says out 'it has read 1 of 11 numbers'
ok 'nothing is left' nothing_is_left

breaks 02_buffer_transfer
ok '02, more fragments on their way than places: the file is another one' says out '^big got differ: '
ok '... the producer knows nothing of it' says out '^producer: 100000000 bytes received and stored'
ok '... nor does the consumer' says out '^consumer: 100000000 bytes stored in got$'
ok 'nothing is left' nothing_is_left

cd 04_mmap_db || exit 1
./writer put Alpha 1
./writer put Lima 2
eval "$(grep -o 'printf X | dd .* conv=notrunc' README.md)"
ok '04, a damaged byte: it is found' exits 1 ./reader check
ok '... said where' says out '^record 0 \(\?\): copy 0 is damaged: its CRC is wrong$'
is '... and costs one record' "$(./reader list --csv | cut -d , -f 1)" Lima
