/* kernels.c - which kernels can this processor run?
 *
 * Look first at processor_has(): on x86 the processor is asked, on arm64 every one has NEON.
 */
#include "kernels.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#if defined __x86_64__
#include <cpuid.h>
#endif

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

#if defined __x86_64__

/* [xgetbv] XCR0: a bit for each set of registers that the operating system saves when it switches
 * processes. Without that, their contents would be lost. */
enum { SAVES_AVX = 0x06, SAVES_AVX512 = 0xe6 }; /* xmm, ymm; also k, zmm 0-15, zmm 16-31 */

/* [cpuid] Does the processor have it (AVX2's kernels need FMA, too; who has AVX-512, has that), and does
 * the system save its registers? macOS saves AVX-512's from their first use on, and XCR0 doesn't show
 * them before: there it is AVX2. */
static bool has_avx(unsigned features, unsigned saved)
{
    unsigned eax, ebx, ecx, edx, low, high;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE) || !(ecx & bit_FMA))
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & saved) == saved && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
           (ebx & features) == features;
}

#endif

static bool processor_has(enum isa isa)
{
#if defined __x86_64__
    if (isa == ISA_AVX2)
        return has_avx(bit_AVX2, SAVES_AVX);
    if (isa == ISA_AVX512)
        return has_avx(bit_AVX512F, SAVES_AVX512);
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
