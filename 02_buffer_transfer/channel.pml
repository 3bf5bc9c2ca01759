/* channel.pml - a model of channel.h: turns, fragments, and who serves whom when somebody goes
 *
 * For spin (make verify). Each step is one system call or one access to the region, in the code's order;
 * two are one step where no other process can see the difference.
 * Anchors: [accept] [publish] [wait] [fragments] [unlike] [same run]
 * Bounds:  2 senders, the second one after the first one's death, with 2 messages each: one in 3 fragments,
 *          which go through 2 places, and one of one piece; 2 receivers, one of which comes twice; each may
 *          be killed before each of its steps, and may leave in order between two messages
 * Holds:   a message is read as it was sent, by whom it was sent, all its fragments in their order; none
 *          is lost, and none comes twice but at the beginning of a session; the sender's turn means that
 *          the message before was read; what a sender posted before it left is received; nobody waits
 *          for who isn't there
 *
 * Left out: - Inside a semaphore: that a wait which has begun sees a post that comes then is the kernel's
 *             and the C library's to do. [spin] and the slices of [wait] only choose when to look.
 *           - Memory is sequentially consistent here: a post is a release, a wait an acquire.
 *           - A receiver that attaches, but finds the semaphores of two runs: it doesn't get to use them.
 *           - Hostile values, time.
 */
#define PLACES 2
#define FRAGMENTS 3
#define MESSAGES 2
#ifdef BROKEN_ONE_TOO_MANY
#define TOKENS (PLACES + 1)
#else
#define TOKENS PLACES
#endif

#define CLAIM(run, pid) ((run) * 8 + (pid))
#define RUN(claim) ((claim) / 8 % 8)
#define PID(claim) ((claim) % 8)
#ifdef BROKEN_ACCEPTED_BEFORE
#define MINE CLAIM(my_run, me)
#else
#define MINE (CLAIM(my_run, me) + 64 * times) /* [unlike] */
#endif
#define CONTENT(run, message, fragment) ((run) * 32 + (message) * 8 + (fragment) + 1)

mtype = { BUILDING, READY, CLOSED };
byte owner, generation; mtype state; /* a sender's run is its pid */
byte peer = CLAIM(1, 0), accepted;
byte message; bool is_fragmented;
byte place[PLACES];                  /* the chunk */
byte writable[3], readable[3], free_places[3], filled_places[3]; /* each run makes its own */

bool alive[5]; /* what kill(pid, 0) says; of 0, no */
byte taken;    /* seen from outside: the last message that was read; */
bool again;    /* it may be read again; */
byte posted    /* the last one that was sent in this session */

#define KILLED :: goto dead
#define STEP(...) if :: atomic { __VA_ARGS__ } KILLED fi

/* [wait]: the session is over; for the receiver, if nothing was posted before, either. */
#ifdef BROKEN_NO_LOOK_AT_OTHER
#define SENDER_GONE false
#define SESSION_OVER false
#else
#define SENDER_GONE (owner != my_run || !alive[my_run])
#define SESSION_OVER (peer != session || !alive[PID(session)] || accepted != session)
#endif

#ifdef BROKEN_NO_LAST_LOOK
#define ALL_TAKEN(semaphore) true
#else
#define ALL_TAKEN(semaphore) (semaphore[my_run] == 0)
#endif

#define TAKE(semaphore) if :: atomic { semaphore[my_run] > 0 -> semaphore[my_run]-- }
#define TAKE_AS_SENDER(semaphore) TAKE(semaphore) \
    :: atomic { SESSION_OVER -> goto connect } fi
#define TAKE_AS_RECEIVER(semaphore, lost) TAKE(semaphore) \
    :: atomic { SENDER_GONE && ALL_TAKEN(semaphore) -> goto lost } fi

proctype sender(byte my_run)
{
    byte session, sent, read, fragment;
    bool pieces;
end_first: /* the second one waits for the first one's end */
    if
    :: my_run == 1
    :: my_run == 2 && !alive[1] && owner == 1
    :: atomic { my_run == 2 && !alive[1] && owner != 1 -> goto gone } /* the region had its end */
    fi;
    STEP(owner = my_run; generation = my_run; state = BUILDING; taken = 0);
    STEP(peer = CLAIM(my_run, 0));
    STEP(accepted = 0; writable[my_run] = 1; free_places[my_run] = TOKENS; state = READY);
connect:
    STEP(sent = read; fragment = 0; session = 0; pieces = false);
end_connect: /* nobody comes: it waits */
    atomic { RUN(peer) == my_run && alive[PID(peer)] -> session = peer };
#ifndef BROKEN_NO_RESET /* [accept] */
    STEP(writable[my_run] = 0);
    STEP(writable[my_run] = 1);
    STEP(readable[my_run] = 0; free_places[my_run] = 0);
    STEP(free_places[my_run] = TOKENS; filled_places[my_run] = 0);
#endif
    STEP(accepted = session; again = true; posted = 0;
         place[0] = 0; place[1] = 0; message = 0; is_fragmented = false /* whatever they were */);
    do
    :: true ->
        TAKE_AS_SENDER(writable);
        assert(sent == read || taken == sent);
        read = sent;
        if
        :: sent == MESSAGES -> break
        :: sent < MESSAGES -> pieces = (sent % 2 == 0)
        fi;
        STEP(message = sent + 1; is_fragmented = pieces);
#ifdef BROKEN_POST_FIRST
        STEP(readable[my_run]++);
#endif
        if
        :: !pieces ->
            STEP(place[0] = CONTENT(my_run, sent + 1, 0))
        :: pieces
        fi;
#ifndef BROKEN_POST_FIRST
        STEP(readable[my_run]++; posted = (pieces -> posted : sent + 1)); /* [publish] */
#endif
        if
        :: !pieces
        :: pieces ->
            do /* [fragments] */
            :: fragment == FRAGMENTS -> break
            :: fragment < FRAGMENTS ->
                TAKE_AS_SENDER(free_places);
                STEP(place[fragment % PLACES] = CONTENT(my_run, sent + 1, fragment));
                STEP(filled_places[my_run]++; fragment++; posted = (fragment == FRAGMENTS -> sent + 1 : posted))
            od
        fi;
        atomic { sent++; fragment = 0; pieces = false };
        if
        :: true
        :: break /* a stop signal */
        fi
    od;
    STEP(owner = 0; state = CLOSED);
dead:
gone:
    atomic { alive[my_run] = false; session = 0; sent = 0; read = 0; fragment = 0; pieces = false }
}

proctype receiver(byte me, times)
{
    byte my_run, number, fragment;
    bool pieces, right;
end_attach: /* as long as another one has the place, it is refused, and started again */
    atomic { state == READY && alive[owner] && !alive[PID(peer)] -> my_run = generation };
    if
    :: atomic { RUN(peer) == my_run && !alive[PID(peer)] -> peer = MINE }
    :: atomic { RUN(peer) != my_run || alive[PID(peer)] -> my_run = 0; goto end_attach }
    KILLED
    fi;
#ifndef BROKEN_NOT_ACCEPTED
    if /* channel_connect() */
    :: accepted == MINE
    :: atomic { SENDER_GONE && accepted != MINE -> goto leave }
    fi;
#endif
    do
    :: true ->
        TAKE_AS_RECEIVER(readable, over);
        STEP(number = message; pieces = is_fragmented; right = true);
        if
        :: !pieces ->
            STEP(right = (place[0] == CONTENT(my_run, number, 0)))
        :: pieces ->
            do /* [fragments] */
            :: fragment == FRAGMENTS -> break
            :: fragment < FRAGMENTS ->
                TAKE_AS_RECEIVER(filled_places, broken);
                STEP(right = right && place[fragment % PLACES] == CONTENT(my_run, number, fragment));
                STEP(free_places[my_run]++; fragment++)
            od
        fi;
        if /* [same run] */
        :: atomic {
#ifndef BROKEN_ANY_RUN
            generation == my_run ->
#endif
            assert(right && (number == taken + 1 || (number == taken && again)));
            taken = number; again = false; number = 0; fragment = 0; pieces = false; right = false
           }
#ifndef BROKEN_ANY_RUN
        :: atomic { generation != my_run -> goto leave }
#endif
        KILLED
        fi;
        STEP(writable[my_run]++);
        if
        :: true
        :: goto leave /* a stop signal */
        fi
    od;
broken:
    atomic { assert(owner != 0 || generation != my_run); goto leave }; /* nobody leaves amid a message */
over:
    assert(owner != 0 || generation != my_run || posted == 0 || taken == posted);
leave:
    atomic { number = 0; fragment = 0; pieces = false; right = false };
    STEP(accepted = (accepted == MINE -> 0 : accepted));
    STEP(peer = (peer == MINE -> CLAIM(my_run, 0) : peer));
    atomic { times--; my_run = 0; if :: times > 0 -> goto end_attach :: else fi };
dead:
    atomic { alive[me] = false; number = 0; fragment = 0; pieces = false; right = false; times = 0 }
}

init {
    atomic {
        alive[1] = true; alive[2] = true; alive[3] = true; alive[4] = true;
        run sender(1); run sender(2);
        run receiver(3, 2); run receiver(4, 1)
    }
}
