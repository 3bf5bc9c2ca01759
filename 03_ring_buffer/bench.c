/* bench.c - how fast the ring is with messages of 64 bytes, and what a round trip takes
 *
 * Build:   cc bench.c -o bench -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./bench      or both benches: make bench-ring_buffer
 * Look first at the rows, then at bench_loops.h: those loops are what is measured.
 */
#define _GNU_SOURCE /* sched_setaffinity() */
#include "bench_loops.h"

const char program_name[] = "bench";

static const char help[] =
    "Usage: bench [--messages N] [--rounds N]\n"
    "Measures the ring of ring.h between two processes, with messages of 64 bytes.\n"
    "\n"
    "  --messages N       messages in each round, 10000 to 10000000000 (default 10000000)\n"
    "  --rounds N         rounds, 1 to 25, of which the median is shown (default 5)\n"
    "  -h, --help         show this text\n";

int main(int argc, char **argv)
{
    uint64_t count = bench_options(argc, argv, help, 10000000);
    struct bench_arena *arena = bench_arena();
    struct bench_row rows[] = {
        {"one at a time, 65536 slots", 65536, count, produce_singly, consume_singly,
         .goal_ns = 1e3 / 20},
        {"one at a time, 1024 slots", 1024, count, produce_singly, consume_singly,
         .goal_ns = 1e3 / 20},
        {"runs of 64, 65536 slots", 65536, count, produce_runs, consume_runs, .goal_ns = 1e3 / 40},
        {"runs of 64, 1024 slots", 1024, count, produce_runs, consume_runs, .goal_ns = 1e3 / 40},
    };
    struct bench_row trip = {"round trip, two rings", 65536, count / 20, ask, answer, .goal_ns = 0};
    enum { ROWS = sizeof rows / sizeof rows[0] };

    bench_title("ring.h with messages of 64 bytes", "goal");
    for (int i = 0; i < ROWS; i++)
        bench_row(arena, &rows[i], rows[i].goal_ns);
    bench_row(arena, &trip, 0);
    bench_bars(rows, ROWS);

    double flag_ns = trip.bounces[0] + trip.bounces[1]; /* there and back */
    printf(
        "\nround trip: %.0f ns; a flag there and back: %.0f ns; ratio %.2f (goal: at most 1.5)\n",
        trip.ns, flag_ns, trip.ns / flag_ns);
    return fflush(stdout) == 0 ? 0 : 1;
}
