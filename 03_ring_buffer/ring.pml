/* ring.pml - a model of ring.h and handover.h: is each message read, and the name removed in the end?
 *
 * For spin (make verify). Each step is one system call or one atomic access, in the code's order; two
 * are one step where no other process can see the difference.
 * Anchors: [closing] [look-again] [adopt] [commit] [finish] [join] [release] [end] [close] [remove]
 * Bounds:  2 slots, 4 messages; 2 producers, who may be stopped before their second message, and
 *          2 consumers, who may be stopped after each; all come when they like, the second ones when the
 *          first ones have been there; each may be killed before each of its steps
 * Holds:   messages are read in order, none is lost or overwritten; one is read again only if its
 *          consumer was killed; who says that all is read is right; the name is removed only if the ring
 *          is closed, all is read, and no producer is there; nobody waits for who isn't there; and if
 *          nobody was killed, no drained ring is left behind
 *
 * Left out: - Memory is sequentially consistent here. Where the code relies on more than release and
 *             acquire, in [close], BROKEN_NO_FENCE makes a load before the store that precedes it. That
 *             [commit] and [release] keep their order is ThreadSanitizer's to see.
 *           - How the object comes into being: ../common/region.pml. A producer that finds no name
 *             makes a new ring, and there this tale begins anew.
 *           - Runs of more than one message, hostile values, time. A wait ends by --timeout only when
 *             nothing else can happen any more.
 */
#define SLOTS 2

mtype = { BUILDING, READY, CLOSED };
bool named = true;
byte owner; mtype state; /* one word, struct region_claim; at first nobody's */
bool same[5];            /* its generation is still the one that this process has seen */
byte peer, head, tail, slot[SLOTS];
bool initialised;

bool alive[5];      /* what kill(pid, 0) says; of 0, no */
byte consumers = 2; /* seen from outside: those that have not ended; */
byte read;          /* how many messages were read; */
bool again;         /* the last one may be read again; */
bool killed         /* somebody was */

#define KILLED :: goto dead
#define STEP(...) if :: atomic { __VA_ARGS__ } KILLED fi

inline claim(new_state)
{
    owner = me; state = new_state;
    same[1] = false; same[2] = false; same[3] = false; same[4] = false
}

/* [remove]: region_leave_drained(), after the caller has given up its place. */
inline remove_if_drained()
{
    if
    :: atomic { state == CLOSED && !alive[owner] && head == tail -> same[me] = true }
    :: atomic { else -> goto left }
    KILLED
    fi;
#ifndef BROKEN_REMOVE_UNCLAIMED
    if
    :: atomic { same[me] -> claim(CLOSED) }
    :: atomic { !same[me] -> goto left }
    KILLED
    fi;
#endif
    if /* region_unlink() */
    :: atomic {
        named ->
        assert(state == CLOSED && (owner == me || !alive[owner]) && head == tail);
        named = false
       }
    :: !named
    KILLED
    fi;
    STEP(owner = (owner == me -> 0 : owner)) /* region_close() */
}

proctype producer(byte me, count)
{
    byte copy; /* of tail, as last seen; after [close], how far this one has come */
    if
    :: me == 1
    :: me == 2 && (initialised || !alive[1])
    fi;
    if
    :: count = 1 /* then a stop signal comes */
    :: true
    fi;
    if /* [closing]: opens it, if it is there ... */
    :: named
    :: atomic { !named -> goto elsewhere }
    fi;
    /* ... and claims it; as long as another one lives in it, it is refused, and started again */
    atomic { !alive[owner] -> claim(BUILDING) };
    if /* [look-again] */
    :: named
#ifdef BROKEN_CLAIM_STAYS
    :: atomic { !named -> goto elsewhere }
#else
    :: atomic { !named -> owner = 0; state = CLOSED; goto elsewhere }
#endif
    KILLED
    fi;
#ifdef BROKEN_INIT_AGAIN
    STEP(head = 0; tail = 0);
#endif
    STEP(initialised = true); /* [adopt]: what is there stays */
    STEP(copy = tail; state = READY);
    do
    :: count == 0 -> break
    :: count > 0 ->
#ifndef BROKEN_NEVER_FULL
        if
        :: head - copy < SLOTS
        :: atomic { head - copy == SLOTS && tail != copy -> copy = tail }
        :: timeout -> assert(!alive[peer]); break /* no consumer came */
        fi;
#endif
#ifdef BROKEN_COMMIT_FIRST
        STEP(head++);
        STEP(slot[(head - 1) % SLOTS] = head; count--)
#else
        STEP(assert(owner == me); slot[head % SLOTS] = head + 1);
        STEP(head++; count--) /* [commit] */
#endif
    od;
    atomic { count = 0; copy = head };
#ifdef BROKEN_NO_FENCE /* the load of tail, in remove_if_drained(), is made too early */
    count = head - tail;
#endif
    STEP(owner = 0; state = CLOSED); /* [close] */
    if /* [finish]: stopped, or it waits till all is read */
    :: true
    :: true ->
        if
        :: tail >= copy -> count = 0
        :: timeout -> assert(!alive[peer])
        fi
    fi;
    copy = 0;
    if
    :: count == 0
    :: count != 0 -> goto left
    fi;
    remove_if_drained();
    goto left;
elsewhere:
    consumers == 0; /* it lives, but not here: nobody may wait for it */
    goto left;
dead:
    killed = true;
left:
    atomic { alive[me] = false; copy = 0; count = 0; same[me] = false }
}

proctype consumer(byte me)
{
    byte copy; /* of head, as last seen */
    bool ends;
    if
    :: me == 3
    :: me == 4 && (peer == 3 || !alive[3] || read > 0)
    fi;
join: /* [join]: is_worth_joining() */
    if
    :: named && !alive[peer] && state == READY && alive[owner]
    :: named && !alive[peer] && (state == CLOSED || !alive[owner]) && head != tail
    :: atomic { named && state == CLOSED && !alive[owner] && head == tail -> goto leave_again }
    :: atomic { timeout -> goto gone } /* no producer came */
    fi;
    if
    :: atomic { !alive[peer] -> peer = me; copy = tail }
    :: atomic { alive[peer] -> goto leave_again } /* refused, and started again */
    KILLED
    fi;
    if /* once more: before the place was taken, another one may have read the rest */
    :: state == READY && alive[owner]
    :: (state == CLOSED || !alive[owner]) && head != tail
    :: atomic { else -> goto leave }
    KILLED
    fi;
    do
    :: copy != tail ->
#ifdef BROKEN_RELEASE_FIRST
        tail++;
        STEP(assert(slot[(tail - 1) % SLOTS] == tail); read = tail);
#else
        STEP(
            assert(slot[tail % SLOTS] == tail + 1);
            assert(tail == read || (tail + 1 == read && again));
            read = tail + 1; again = false
        );
        STEP(tail++); /* [release] */
#endif
        if
        :: true
        :: atomic { ends = true; goto leave } /* a stop signal */
        fi
    :: atomic { copy == tail && head != tail -> copy = head }
    :: atomic { copy == tail && head != tail -> goto dead }
#ifdef BROKEN_EMPTY_THEN_GONE
    :: copy == tail && head == tail ->
        if
        :: head != tail
        :: atomic { state == CLOSED || !alive[owner] -> ends = (state == CLOSED); same[me] = true; goto ended }
        fi
#endif
    :: atomic {
        copy == tail && head == tail && (state == CLOSED || !alive[owner]) -> /* [end] */
        ends = (state == CLOSED); same[me] = true
       };
        if /* the producer is gone: now, and not before, is it empty? */
        :: atomic { head != tail -> copy = head; ends = false; same[me] = false }
        :: atomic { head == tail -> goto ended }
        KILLED
        fi
    od;
ended:
    atomic { assert(head == tail || !same[me]); same[me] = false };
leave:
    copy = 0;
    STEP(peer = 0);
leave_again:
    remove_if_drained();
left:
    atomic { same[me] = false; if :: !ends -> goto join :: ends -> goto gone fi };
dead:
    atomic { killed = true; again = again || (peer == me && read > tail) };
gone:
    atomic { alive[me] = false; consumers--; copy = 0; ends = true; same[me] = false }
}

init {
    atomic {
        alive[1] = true; alive[2] = true; alive[3] = true; alive[4] = true;
        run producer(1, 2); run producer(2, 2);
        run consumer(3); run consumer(4)
    }
    _nr_pr == 1;
    assert(killed || !named || head != tail)
}
