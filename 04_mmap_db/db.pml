/* db.pml - a model of record.c, get.c, put.c and recover.c: a put, while its writer dies or the machine does
 *
 * For spin (make verify). Each step is one access to the file's memory, in the code's order; two are one
 * step where no other process can see the difference.
 * Anchors: [insert] [put] [newer] [read] [check] [look] [odd] [lock] [rebuild] [durable]
 * Bounds:  one name, new; 2 writers, each of which may be killed before each of its steps, with 2 puts each
 *          and a reader that gets; or with a put each, durable or not, and the machine may fail at any
 *          instant, whereupon a third writer puts, and it may fail again
 * Holds:   a get gives a value that was whole and counted at some time while it looked, and "none" only if
 *          there was none; whoever dies, the next writer gets the lock, and finds all in order; after a
 *          failure of the machine the record has the value of one put, and not of one before the last
 *          that was durable or was found after an earlier failure
 *
 * The disk: at any instant the kernel may write the record back, or never. Of the copy that was written last
 *          any of its words get there; the other copy is written whole: for a record lies in one sector,
 *          and a write-back of it is over before a second put comes by. Index and header: anything.
 * Left out: - Memory is sequentially consistent here; README.md's table says what orders it.
 *           - A CRC that fits by chance. Readers do without any here: it is for what the disk did.
 *           - Delete, growing, the seal (after a failure it is of another boot), other names, time.
 */
#define BUSY 128

typedef copy { byte sequence, a, b }; /* a, b: the words, by the put that wrote them: */
#define WORD (id * 8 + sequence)
#define PUT(word) ((word) / 8)
copy memory[2], disk[2];
byte index_sequence; bool slot;        /* the index has one */
byte owner;                            /* of the robust mutex */
bool alive[4];

byte last;                  /* seen from outside: the copy that was written last; */
byte begun, counts, durable /* the last put that has begun, that counts, that can't be lost */
byte boot = 1, failures;     /* of the machine, that may still come */

#define KILLED :: goto dead
#define STEP(...) if :: atomic { __VA_ARGS__ } KILLED fi

/* record_read(): which copy counts; 2: none */
#define IS_BUSY(i) (memory[i].sequence >= BUSY)
#define SECOND_IS_NEWER (!IS_BUSY(1) && (IS_BUSY(0) || memory[1].sequence > memory[0].sequence))
#define NEWEST (memory[SECOND_IS_NEWER].sequence == 0 -> 2 : SECOND_IS_NEWER)

/* [rebuild]; each writer that finds the number odd, and whoever comes first after a failure */
inline rebuild()
{
    STEP(slot = false);
    if
    :: atomic { NEWEST != 2 -> slot = true }
    :: NEWEST == 2
    KILLED
    fi;
    STEP(index_sequence++)
}

/* [put], [newer] */
inline write_record()
{
    atomic {
        begun++; id = begun;
        sequence = 1 + (newest == 2 -> 0 : memory[newest].sequence);
#ifdef BROKEN_SAME_COPY
        last = (newest == 1)
#else
        last = (newest == 0)
#endif
    };
#ifdef BROKEN_NUMBER_FIRST
    STEP(memory[last].sequence = sequence; counts = id);
#elif !defined BROKEN_NOT_BUSY
    STEP(memory[last].sequence = sequence + BUSY);
#endif
    STEP(memory[last].a = WORD);
    STEP(memory[last].b = WORD);
#ifndef BROKEN_NUMBER_FIRST
    STEP(memory[last].sequence = sequence; counts = id)
#endif
}

proctype writer(byte me, my_boot, puts)
{
    byte id, sequence, newest;
    bool is_new;
end_not_yet:
    boot >= my_boot;
    {
        do
        :: puts == 0 -> break
        :: puts > 0 ->
#ifdef BROKEN_NOT_ROBUST
            atomic { owner == 0 -> owner = me };
#else
            atomic { !alive[owner] -> owner = me }; /* [lock] */
#endif
#ifndef BROKEN_NO_REPAIR
            if
            :: index_sequence % 2 == 1 -> rebuild()
            :: else
            fi;
#endif
            atomic { is_new = !slot; newest = NEWEST };
            if /* [insert], [odd] */
            :: is_new ->
                assert(newest == 2); /* or there would be two records of this name */
#ifndef BROKEN_NO_ODD
                STEP(index_sequence = index_sequence | 1)
#endif
            :: !is_new
            fi;
            write_record();
            if
            :: is_new ->
                STEP(slot = true);
#ifndef BROKEN_NO_ODD
                STEP(index_sequence++)
#endif
            :: !is_new
            fi;
            STEP(owner = 0);
            if
            :: true
            :: failures > 0 -> /* [durable] */
#ifndef BROKEN_NO_SYNC
                STEP(
                    disk[0].sequence = memory[0].sequence; disk[0].a = memory[0].a; disk[0].b = memory[0].b;
                    disk[1].sequence = memory[1].sequence; disk[1].a = memory[1].a; disk[1].b = memory[1].b
                );
#endif
                atomic { durable = (durable < id -> id : durable) }
            fi;
            atomic { puts--; id = 0; sequence = 0; newest = 0; is_new = false }
        od
    } unless { boot != my_boot };
dead:
    atomic { alive[me] = false; puts = 0; id = 0; sequence = 0; newest = 0; is_new = false }
}

proctype reader()
{
    byte index_before, sequence, a, b, from, before; /* before: what counted when the get began */
    before = counts;
look: /* [look] */
    index_before = index_sequence;
    if
    :: slot
    :: !slot -> /* looks at all records, or again, or there is none */
#ifndef BROKEN_MISS_BELIEVED
        if
        :: index_before % 2 == 1 -> goto read
        :: index_before % 2 == 0 && index_sequence != index_before -> goto look
        :: index_before % 2 == 0 && index_sequence == index_before
        fi;
#endif
        assert(before == 0);
        goto done
    fi;
read: /* [read] */
    sequence = memory[0].sequence;
    from = (memory[1].sequence < BUSY && (sequence >= BUSY || memory[1].sequence > sequence));
    sequence = memory[from].sequence;
    if
    :: sequence == 0 || sequence >= BUSY -> goto look
    :: else
    fi;
    a = memory[from].a;
    b = memory[from].b;
    if
    :: memory[from].sequence == sequence
    :: memory[from].sequence != sequence ->
#ifndef BROKEN_NO_SECOND_LOOK
        goto look
#endif
    fi;
    assert(a == b && before <= PUT(a) && PUT(a) <= counts);
done:
    atomic { before = 0; index_before = 0; sequence = 0; a = 0; b = 0; from = 0 }
}

/* [check] */
#ifdef BROKEN_NO_CRC
#define WHOLE(i) (memory[i].sequence != 0 && memory[i].sequence < BUSY)
#else
#define WHOLE(i) \
    (memory[i].sequence != 0 && memory[i].sequence < BUSY && \
     memory[i].a == memory[i].b && memory[i].a % 8 == memory[i].sequence)
#endif

#define MAYBE(statement) if :: statement :: true fi

proctype machine()
{
    byte newest, found;
    do
    :: failures == 0 -> break
    :: atomic { /* the kernel writes the record back */
        failures > 0 ->
        disk[!last].sequence = memory[!last].sequence;
        disk[!last].a = memory[!last].a;
        disk[!last].b = memory[!last].b;
        MAYBE(disk[last].sequence = memory[last].sequence);
        MAYBE(disk[last].a = memory[last].a);
        MAYBE(disk[last].b = memory[last].b)
       }
    :: atomic { /* the power fails */
        failures > 0 ->
        failures--; boot++; owner = 0;
        memory[0].sequence = disk[0].sequence; memory[0].a = disk[0].a; memory[0].b = disk[0].b;
        memory[1].sequence = disk[1].sequence; memory[1].a = disk[1].a; memory[1].b = disk[1].b;
        MAYBE(slot = !slot);
        /* whoever opens the file first: record_mend(), and [rebuild] */
        if
        :: memory[0].sequence != 0 && !WHOLE(0) -> memory[0].sequence = 0
        :: else
        fi;
        if
        :: memory[1].sequence != 0 && !WHOLE(1) -> memory[1].sequence = 0
        :: else
        fi;
        newest = NEWEST;
#ifndef BROKEN_INDEX_KEPT
        slot = (newest != 2);
#endif
        index_sequence = 0;
        if
        :: slot && newest != 2 ->
            found = PUT(memory[newest].a);
            assert(memory[newest].a == memory[newest].b && found <= begun)
        :: else -> found = 0
        fi;
        assert(found >= durable);
        durable = found; counts = found; newest = 0; found = 0;
        alive[1] = false; alive[2] = false
       }
    od
}

init {
    atomic {
        alive[1] = true; alive[2] = true; alive[3] = true;
        if
        :: run writer(1, 1, 2); run writer(2, 1, 2); run reader()
        :: failures = 2; run machine();
           run writer(1, 1, 1); run writer(2, 1, 1); run writer(3, 2, 1)
        fi
    }
}
