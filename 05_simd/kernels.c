/* kernels.c - which kernels can this processor run?
 *
 * Look first at processor_has(): on x86 the processor is asked, on arm64 every one has NEON.
 */
#include "kernels.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const names[ISA_COUNT] = {"scalar", "sse2", "avx2", "avx512", "neon"};

/* What this program was built with, the best last. */
static const struct kernels *const built[] = {
    &kernels_scalar,
#if defined __x86_64__
    &kernels_sse2,
    &kernels_avx2,
    &kernels_avx512,
#elif defined __aarch64__
    &kernels_neon,
#endif
};

enum { BUILT = sizeof built / sizeof built[0] };

/* [cpuid] The compiler's own look at cpuid. It also asks (xgetbv) whether the operating system saves
 * these registers when it switches processes: without that, their contents would be lost. */
static bool processor_has(enum isa isa)
{
#if defined __x86_64__
    __builtin_cpu_init();
    if (isa == ISA_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == ISA_AVX512)
        return __builtin_cpu_supports("avx512f");
#endif
    (void)isa;
    return true; /* SSE2 is part of x86-64, NEON of arm64 */
}

const struct kernels *kernels_select(enum isa isa)
{
    for (int i = BUILT - 1; i >= 0; i--)
        if ((isa == ISA_AUTO || built[i]->isa == isa) && processor_has(built[i]->isa))
            return built[i];
    errno = ENOTSUP;
    return NULL;
}

const char *kernels_name(enum isa isa)
{
    return isa < ISA_COUNT ? names[isa] : NULL;
}

const char *kernels_list(char text[KERNELS_LIST_BYTES])
{
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < BUILT; i++)
        if (processor_has(built[i]->isa))
            length += (size_t)snprintf(text + length, KERNELS_LIST_BYTES - length, "%s%s",
                                       i > 0 ? ", " : "", built[i]->name);
    return text;
}
