/* region.pml - a model of region.h and the headers beside it: who owns a region, who may remove its name
 *
 * For spin (make verify). Each step is one system call or one atomic access, in the code's order.
 * Anchors: [claim] [look-again] [leave]
 * Bounds:  an owner just ending or dead, or none; 3 producers, one of which can't reserve its pages;
 *          each may be killed before each of its steps
 * Holds:   at most one owner; no live region is unlinked; nobody works in one without a name; the
 *          last one standing gets in: nobody waits for ever, and who is refused is started again when
 *          the other one has gone, so that all who are not killed have their time in the end
 * Ends:    always; nobody goes round for ever
 *
 * Left out: - Memory is sequentially consistent here. The claim is one word and changed by
 *             compare-and-swap, of which all processors see one order; what is written behind it is
 *             ordered by release and acquire, and that ThreadSanitizer looks at.
 *           - Generations: between loading a claim and swapping it, the holder may change and change
 *             back; then the code's swap fails, and it loads anew: which is as if it had come later.
 *           - A dead process's pid that the kernel gives to another one.
 *           - Time. A second's patience may be over at once, with one exception: see FAILS below.
 */
#define PRODUCERS 4
#define OBJECTS 6 /* 0 is none; one for each producer; one that only the name leads to */

typedef object {
    byte users; /* that have it open: the kernel keeps it that long, or while it has a name */
    bool sized;
    byte owner
}
object objects[OBJECTS];
byte name; /* the object that it leads to; 0: there is none */

bool alive[PRODUCERS + 1]; /* what kill(pid, 0) says; of 0, no */
byte at_work;              /* who has a region now */
byte failing;              /* who couldn't reserve pages, and is about to unlink its object */

inline let_go()
{
    objects[mine].users--;
    if
    :: objects[mine].users == 0 && name != mine -> objects[mine].sized = false; objects[mine].owner = 0
    :: else
    fi;
    mine = 0;
    found = 0
}

inline end_process()
{
    if
    :: mine != 0 -> let_go()
    :: else
    fi;
    alive[me] = false
}

#define KILLED :: atomic { goto dead }

/* shm_unlink(). whose: who owns the region, as the caller thinks. */
inline unlink(whose)
{
    assert(name == 0 || objects[name].owner == whose);
    assert(at_work == whose || !alive[at_work]);
    at_work = (at_work == whose -> 0 : at_work);
    name = 0
}

/* region_create() ... region_close(); mine: the object that it is at work in already, or 0 */
proctype producer(byte me; byte mine; bool fails)
{
    byte found;
    if
    :: mine != 0 -> goto working
    :: else
    fi;
open: /* region_open_or_create(): at first with O_CREAT | O_EXCL */
#ifdef BROKEN_BLIND_UNLINK /* "remove what a dead run left" */
    name = 0;
#endif
    if
    :: atomic {
        name == 0 ->
        name = 1;
        do
        :: objects[name].users > 0 -> name++
        :: else -> break
        od;
        mine = name; objects[mine].users = 1; goto created
       }
    :: name != 0
    KILLED
    fi;
    if
    :: name == 0 -> goto open /* unlinked between the two */
    :: atomic { name != 0 -> mine = name; objects[mine].users++ }
    KILLED
    fi;
    if /* who didn't make it waits a second before sizing it */
    :: objects[mine].sized
#ifdef BROKEN_NO_PATIENCE
    :: !objects[mine].sized -> objects[mine].sized = true
#else /* FAILS: in that second the two calls at cannot are made, if they are made at all */
    :: atomic { !objects[mine].sized && !alive[failing] -> objects[mine].sized = true }
#endif
    KILLED
    fi;
    goto load;
created: /* region_reserve() */
    if
    :: atomic { fails && !objects[mine].sized -> failing = me; goto cannot }
    :: atomic { !fails || objects[mine].sized -> objects[mine].sized = true }
    KILLED
    fi;
load:
    if
    :: found = objects[mine].owner
    KILLED
    fi;
claim:
    if
    :: !alive[found]
    :: alive[found] -> /* refused, and started again when that one has gone */
        if
        :: atomic { !alive[found] || objects[mine].owner != found -> let_go(); goto open }
        KILLED
        fi
    KILLED
    fi;
    if /* [claim] */
#ifdef BROKEN_STORE_CLAIM /* no compare-and-swap */
    :: objects[mine].owner = me
#else
    :: atomic { objects[mine].owner == found -> objects[mine].owner = me }
    :: atomic { objects[mine].owner != found -> found = objects[mine].owner; goto claim }
#endif
    KILLED
    fi;
    if /* [look-again] */
#ifdef BROKEN_NO_LOOK_AGAIN
    :: atomic { at_work = me; found = 0 }
#else
    :: atomic { name == mine -> assert(!alive[at_work]); at_work = me; found = 0 }
    :: atomic { name != mine -> objects[mine].owner = found; let_go(); goto open } /* unlinked meanwhile */
#endif
    KILLED
    fi;
working:
    assert(name == mine && objects[mine].owner == me && at_work == me);
#ifdef BROKEN_LEAVE_FIRST
    objects[mine].owner = 0;
#endif
    if
    :: atomic { unlink(me) } /* region_unlink(): it looks at the name; so does the assertion */
    KILLED
    fi;
    if
    :: atomic { objects[mine].owner == me -> objects[mine].owner = 0 } /* [leave] */
    :: objects[mine].owner != me
    KILLED
    fi;
    goto done;
cannot: /* region_unlink_empty(): it was empty when it was looked at */
    if
    :: atomic { unlink(0); failing = 0 }
    KILLED
    fi;
dead:
done:
    atomic { end_process() }
}

init {
    atomic {
        byte i;
        for (i : 1 .. PRODUCERS) {
            alive[i] = true
        }
        if
        :: name = 1; objects[1].users = 1; objects[1].sized = true; objects[1].owner = 1; at_work = 1
        :: true
        fi;
        run producer(1, name, false);
        run producer(2, 0, true);
        run producer(3, 0, false);
        run producer(4, 0, false);
        i = 0
    }
}
