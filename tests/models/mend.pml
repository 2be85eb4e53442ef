/* SPDX-License-Identifier: BSL-1.0
 *
 * Locks and mending: runtime/lock.hpp, runtime/step.cpp, runtime/mend.cpp, and the end of a carrier in
 * ports/thread.cpp.
 *
 * Two carriers change two words in steps, one of them twice, under one lock; between steps the words are
 * equal. A keeper ends the dead and gives their slots up, and a third carrier waits for such a slot. Carriers
 * and keepers are killed at any point, KILLS times in all; a successor takes a dead keeper's place.
 *
 * Holds: whoever gets the lock finds the words equal; no step of the living is taken back; nobody waits for
 * ever. PLANT=1..5 are mistakes, each of which breaks one of these.
 */
#ifndef KILLS
#define KILLS 2
#endif
#ifndef PLANT
#define PLANT 0
#endif

#define SLOTS 4
#define NAME(slot) (1 + (slot) + SLOTS * generation[slot])
#define SLOT(name) (((name) - 1) % SLOTS)
mtype = { vacant, living, dead };

mtype life[SLOTS] = vacant;
byte generation[SLOTS], mender[SLOTS];
byte lock;
byte word[2];
typedef Log { byte length; byte where[3]; byte before[3] };
Log log[SLOTS];
byte kills;
bool working[2] = true;     /* the two that make steps have not finished */

/* The operating system marks the life word in the same instant. */
#define MAY_DIE(slot) if :: atomic { kills < KILLS -> kills++; life[slot] = dead; goto killed } :: skip fi

#define HAS_ENDED(name) (life[SLOT(name)] != living || NAME(SLOT(name)) != (name))
#define BECOME_MENDER(me, d, its_name) \
    do \
    :: atomic { NAME(d) != its_name -> mine = false; break } \
    :: atomic { NAME(d) == its_name && (mender[d] == 0 || mender[d] == NAME(me) || REPLACES(mender[d])) -> \
                mender[d] = NAME(me); mine = true; break } \
    od
#if PLANT == 4
#define REPLACES(name) false
#else
#define REPLACES(name) HAS_ENDED(name)
#endif

inline mend(me, its_name) {
    d = SLOT(its_name);
    BECOME_MENDER(me, d, its_name);
    if
    :: mine ->
        MAY_DIE(me);
        left = 0;
        if :: NAME(d) == its_name && life[d] == dead -> left = log[d].length :: else fi;
        all = left;
        do
        :: left > 0 ->
            assert(life[d] == dead);
#if PLANT == 2
            word[log[d].where[all - left]] = log[d].before[all - left];
#else
            word[log[d].where[left - 1]] = log[d].before[left - 1];
#endif
            left--;
            MAY_DIE(me)
        :: else -> break
        od;
        if :: all > 0 -> log[d].length = 0 :: else fi;
        MAY_DIE(me);
        mender[d] = 0
    :: else
    fi
}

/* Only who finds the lock busy looks at its holder; the naps in between change nothing. */
inline take_lock(me) {
    do
    :: atomic { lock == 0 -> lock = NAME(me); break }
    :: atomic { lock != 0 && HAS_ENDED(lock) -> holder = lock }
#if PLANT != 1
        mend(me, holder);
#endif
        MAY_DIE(me);
        atomic { if :: lock == holder -> lock = 0 :: else fi; holder = 0 }
    od
}

inline set(me, index, value) {
    atomic { log[me].where[log[me].length] = index; log[me].before[log[me].length] = word[index] }
    MAY_DIE(me);
    log[me].length++;
    MAY_DIE(me);
    word[index] = value;
    MAY_DIE(me)
}

inline step(me) {
    take_lock(me);
    MAY_DIE(me);
    assert(word[0] == word[1] && log[me].length == 0);
    set(me, 0, 3);
    set(me, 0, 1 - word[1]);
    set(me, 1, word[0]);
#if PLANT == 3
    lock = 0;
    MAY_DIE(me);
    log[me].length = 0;
#else
    log[me].length = 0;
    MAY_DIE(me);
    lock = 0;
#endif
    MAY_DIE(me)
}

/* The end of a dead carrier. retire() takes the mender's word: nobody mends while the slot is given up. */
inline end_carrier(me, its_name) {
    mend(me, its_name);
    MAY_DIE(me);
    atomic { if :: lock == its_name -> lock = 0 :: else fi }
    MAY_DIE(me);
    d = SLOT(its_name);
#if PLANT == 5
    mine = true;
#else
    BECOME_MENDER(me, d, its_name);
#endif
    MAY_DIE(me);
    if
    :: mine ->
        generation[d]++;
        MAY_DIE(me);
        life[d] = vacant;
        MAY_DIE(me);
        mender[d] = 0
    :: else
    fi
}

proctype Worker(byte me) {
    byte d, left, all, holder;
    bool mine;
    life[me] = living;
    step(me);
    step(me);
killed:
    working[me] = false
}

/* Comes later, into the slot of one that has ended. */
proctype Newcomer() {
    byte me, d, left, all, holder;
    bool mine;
    if
    :: atomic { life[0] == vacant && generation[0] > 0 -> me = 0; life[0] = living }
    :: atomic { life[1] == vacant && generation[1] > 0 -> me = 1; life[1] = living }
    :: !working[0] && !working[1] && life[0] != dead && life[1] != dead -> goto killed
    fi;
    step(me);
killed:
    skip
}

proctype Keeper(byte me) {
    byte d, left, all, holder, its_name;
    bool mine;
    /* The second is there for the case that the first dies. */
end_waiting:
    if
    :: me == 2
    :: me == 3 && life[2] == dead
    fi;
    life[me] = living;
end_idle:
    do
    :: atomic { life[0] == dead -> its_name = NAME(0) } end_carrier(me, its_name)
    :: atomic { life[1] == dead -> its_name = NAME(1) } end_carrier(me, its_name)
    od;
killed:
    skip
}

init {
    atomic {
        life[0] = living;
        life[1] = living;
        life[2] = living;
        run Worker(0);
        run Worker(1);
        run Newcomer();
        run Keeper(2);
        run Keeper(3)
    }
}
