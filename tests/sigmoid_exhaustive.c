/* sigmoid_exhaustive.c - all 2^32 floats through every sigmoid that this processor has
 *
 * Prints TAP. `make test-exhaustive` builds and runs it; it takes some minutes of every processor.
 * Look first at check_part(): the exact results are computed once, for all the instruction sets.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../05_simd/kernels.h"
#include "../common/check.h"
#include "sigmoid_error.h"
#include "tap.h"

const char program_name[] = "sigmoid_exhaustive";

enum { RUN = 4096, PARTS_MAX = 256 };

struct finding {
    double worst;
    uint64_t wrong;
    uint32_t first_wrong; /* its bits */
};

/* What each process found, by part and instruction set. */
typedef struct finding findings[PARTS_MAX][ISA_COUNT];

static void check_run(uint32_t first, struct finding found[ISA_COUNT])
{
    float x[RUN], got[RUN];
    double exact[RUN];
    for (uint32_t i = 0; i < RUN; i++) {
        x[i] = float_from_bits(first + i);
        exact[i] = exact_sigmoid((double)x[i]);
    }
    for (enum isa isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *kernels = kernels_select(isa);
        if (kernels == NULL)
            continue;
        memcpy(got, x, sizeof got);
        kernels->sigmoid(got, RUN);
        for (uint32_t i = 0; i < RUN; i++)
            if (!sigmoid_is_right(x[i], exact[i], got[i], &found[isa].worst) &&
                found[isa].wrong++ == 0)
                found[isa].first_wrong = first + i;
    }
}

static void check_part(long part, long parts, struct finding found[ISA_COUNT])
{
    for (uint64_t run = (uint64_t)part; run < (UINT64_C(1) << 32) / RUN; run += (uint64_t)parts)
        check_run((uint32_t)(run * RUN), found);
}

static void report(enum isa isa, findings *found, long parts)
{
    struct finding all = {0};
    for (long part = 0; part < parts; part++) {
        struct finding one = (*found)[part][isa];
        if (one.worst > all.worst)
            all.worst = one.worst;
        if (one.wrong > 0)
            all.first_wrong = one.first_wrong;
        all.wrong += one.wrong;
    }
    char text[128];
    snprintf(text, sizeof text, "%s: sigmoid of all floats: off by %.4g at most, %llu wrong",
             kernels_name(isa), all.worst, (unsigned long long)all.wrong);
    if (!ok(text, all.wrong == 0))
        printf("#   one of them: %a\n", (double)float_from_bits(all.first_wrong));
}

int main(void)
{
    long parts = sysconf(_SC_NPROCESSORS_ONLN);
    if (parts > PARTS_MAX)
        parts = PARTS_MAX;
    findings *found =
        mmap(NULL, sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED)
        die("cannot map: %s", strerror(errno));
    for (long part = 0; part < parts; part++)
        if (CHECK(fork()) == 0) {
            check_part(part, parts, (*found)[part]);
            _exit(0);
        }
    int status;
    bool all_ended = true;
    for (long part = 0; part < parts; part++)
        all_ended = CHECK(wait(&status)) > 0 && status == 0 && all_ended;
    ok("every process has come to its end", all_ended);
    for (enum isa isa = 0; isa < ISA_COUNT; isa++)
        if (kernels_select(isa) != NULL)
            report(isa, found, parts);
    return done_testing();
}
