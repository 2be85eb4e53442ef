/* SPDX-License-Identifier: BSL-1.0
 *
 * Rings: doze() in ports/wait.hpp, Kernel::pay_ring and ring_bell in ports/kernel.cpp, the futex doorbell,
 * and what the operating system does for a thread that dies (its robust list).
 *
 * Two carriers each owe a sleeper a ring, one for each of its two waits; a keeper pays for the dead, and is
 * the one who ends a wait when its ringer has died before it did. Anybody but the sleeper is killed at any
 * point, KILLS times in all. No slice ends here: a sleeper whom nobody wakes stays asleep, and the search
 * finds that nobody can go on.
 *
 * PLANT=1..4 are mistakes, each of which leaves it asleep. NO_SYSTEM_WAKE=1: the system wakes nobody for a
 * ringer that died with its robust list at the bell; that is for speed only, since the keeper rings again.
 */
#ifndef KILLS
#define KILLS 2
#endif
#ifndef PLANT
#define PLANT 0
#endif

#define CARRIERS 4          /* 0, 1 ring; 2, 3 keep */
mtype = { nothing, life_word, the_bell };

mtype pending[CARRIERS] = life_word;    /* where list_op_pending points */
bool dead[CARRIERS];                    /* the life word says so */
bool ended[CARRIERS];                   /* the pidfd does */
byte debt[CARRIERS];                    /* the epoch of the wait that was ended, 0: none */
byte epoch;                             /* of the sleeper's wait */
bool done;                              /* it was ended, by a commit */
byte rung;                              /* the latest epoch that was rung */
bool bell, asleep, in_futex;
byte kills;

/* A futex wake; the kernel's own too, for a dead thread whose list points to a word without owner. */
#define WAKE in_futex = false

#define MAY_DIE(me) \
    if \
    :: atomic { kills < KILLS -> \
        kills++; ended[me] = true; \
        if :: pending[me] == life_word -> dead[me] = true \
           :: pending[me] == the_bell -> WAKE_OF_SYSTEM \
           :: else fi; \
        goto killed } \
    :: skip \
    fi
#ifdef NO_SYSTEM_WAKE
#define WAKE_OF_SYSTEM skip
#else
#define WAKE_OF_SYSTEM WAKE
#endif

/* A carrier that keeps has the life word pointed to all the time: nobody watches its pidfd. */
inline point_to_bell(me) {
#if PLANT == 1
    pending[me] = the_bell
#else
    if :: me < 2 -> pending[me] = the_bell :: else fi
#endif
}

inline pay_ring(me, whose, for_the_dead) {
#if PLANT == 2
    owed = debt[whose];
    debt[whose] = 0;
    MAY_DIE(me);
#else
    owed = debt[whose];
#endif
    atomic { if :: owed > rung -> rung = owed :: else fi }
    MAY_DIE(me);
    if
    :: !for_the_dead && !asleep
    :: else ->
        point_to_bell(me);
        MAY_DIE(me);
        atomic { was_rung = bell; bell = true }
        MAY_DIE(me);
#if PLANT == 3
        if :: !was_rung -> WAKE :: else fi;
#else
        if :: for_the_dead || !was_rung -> WAKE :: else fi;
#endif
        MAY_DIE(me);
        pending[me] = life_word
    fi;
    MAY_DIE(me);
    debt[whose] = 0
}

/* The commit that ends the wait owes the ring. */
proctype Ringer(byte me) {
    byte owed, who = me;
    bool was_rung;
    MAY_DIE(me);
end_waiting:
    atomic { epoch == me + 1 && !done -> done = true; debt[me] = epoch }
    MAY_DIE(me);
    pay_ring(me, who, false);
    MAY_DIE(me);
killed:
    skip
}

/* doze(), and the look before it. */
inline sleep_until_rung() {
    do
    :: rung == epoch -> break
    :: else ->
        bell = false;
#if PLANT == 4
        if :: rung == epoch -> break :: else fi;
        asleep = true;
#else
        asleep = true;
        if :: rung == epoch -> asleep = false; break :: else fi;
#endif
        do
        :: bell -> break
        :: atomic { !bell -> in_futex = true }
           atomic { !in_futex -> skip }
        od;
        asleep = false
    od
}

proctype Sleeper() {
    epoch = 1;
    done = false;
    sleep_until_rung();
    atomic { epoch = 2; done = false }
    sleep_until_rung()
}

/* Learns of the others' deaths by their pidfds and pays what they owe; ends the wait for one that died before
 * it had. Its successor learns of its death by the life word alone. */
proctype Keeper(byte me) {
    byte owed, who;
    bool was_rung;
end_waiting:
    if
    :: me == 2
    :: me == 3 && dead[2]
    fi;
    who = 2;
    if :: me == 3 && debt[who] != 0 -> pay_ring(me, who, true) :: else fi;
end_idle:
    do
    :: atomic { ended[0] && debt[0] != 0 -> who = 0 } pay_ring(me, who, true)
    :: atomic { ended[1] && debt[1] != 0 -> who = 1 } pay_ring(me, who, true)
    :: atomic { epoch != 0 && ended[epoch - 1] && debt[epoch - 1] == 0 && !done ->
                done = true; debt[me] = epoch }
       MAY_DIE(me);
       who = me;
       pay_ring(me, who, false)
    od;
killed:
    skip
}

init {
    atomic {
        run Sleeper();
        run Ringer(0);
        run Ringer(1);
        run Keeper(2);
        run Keeper(3)
    }
}
