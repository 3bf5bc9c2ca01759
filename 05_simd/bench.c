/* bench.c - how fast the kernels are, beside plain C, libm, libmvec and the machine itself; and the pair
 *
 * Build:   cc bench.c kernels*.c -o bench -O2 -pthread -lrt     (macOS: without -lrt)
 * Run:     ./bench      or: make bench-simd
 * Look first at main and bench_kernel(), then at the rows in rows_of().
 */
#define _GNU_SOURCE
#include "bench_pages.h"
#include "bench_pair.h"
#include "bench_rivals.h"

const char program_name[] = "bench";

static const char help[] =
    "Usage: bench [--megabytes N]\n"
    "Measures every kernel by every instruction set that this processor has, plain C, libm and\n"
    "libmvec; then producer and consumer alone and together; then 4 KiB against 2 MiB pages.\n"
    "\n"
    "  --megabytes N      memory to go through for each figure, 1 to 100000 (default 1024)\n"
    "  -h, --help         show this text\n";

enum { SIZES = 4, ROWS_MAX = 16, ROUNDS_MIN = 5 };

static const size_t sizes[SIZES] = {16 << 10, 256 << 10, 8 << 20, 64 << 20};
static const char *const size_names[SIZES] = {"16 KiB", "256 KiB", "8 MiB", "64 MiB"};
static const double goals[KERNEL_COUNT] = {0.95, 0.95, 1.5}; /* times the best rival */
static long long megabytes = 1024;

enum who { OURS, RIVAL, MACHINE };

/* Exactly one of change and read. */
struct row {
    const char *name;
    void (*change)(float *floats, size_t count);
    float (*read)(const float *floats, size_t count);
    enum who who;
    double speeds[SIZES]; /* GB/s */
};

static struct row row_of(const struct kernels *kernels, enum kernel kernel)
{
    struct row row = {.name = kernels->name, .who = OURS};
    if (kernel == KERNEL_SUM)
        row.read = kernels->sum;
    else
        row.change = kernel == KERNEL_SQUARE ? kernels->square : kernels->sigmoid;
    return row;
}

static int rivals_of(enum kernel kernel, struct row *rows)
{
    int count = 0;
    if (kernel == KERNEL_SQUARE) {
        rows[count++] = (struct row){"plain C, -O2", .change = square_plain_o2, .who = RIVAL};
        rows[count++] = (struct row){"plain C, -O3", .change = square_plain_o3, .who = RIVAL};
#if defined __x86_64__
        if (kernels_select(ISA_AVX2) != NULL)
            rows[count++] =
                (struct row){"plain C, -O3 -mavx2", .change = square_plain_o3_avx2, .who = RIVAL};
#endif
    } else if (kernel == KERNEL_SUM) {
        rows[count++] = (struct row){"plain C, -O2", .read = sum_plain_o2, .who = RIVAL};
        rows[count++] = (struct row){"plain C, -O3", .read = sum_plain_o3, .who = RIVAL};
#if defined __x86_64__
        if (kernels_select(ISA_AVX2) != NULL)
            rows[count++] =
                (struct row){"plain C, -O3 -mavx2", .read = sum_plain_o3_avx2, .who = RIVAL};
#endif
    } else {
        if (libm_expf != NULL) {
            rows[count++] = (struct row){"libm, -O2", .change = sigmoid_plain_o2, .who = RIVAL};
            rows[count++] = (struct row){"libm, -O3", .change = sigmoid_plain_o3, .who = RIVAL};
        }
#if defined __x86_64__
        if (mvec_4 != NULL)
            rows[count++] =
                (struct row){"libmvec, 4 floats", .change = sigmoid_mvec_4, .who = RIVAL};
        if (mvec_8 != NULL)
            rows[count++] =
                (struct row){"libmvec, 8 floats", .change = sigmoid_mvec_8, .who = RIVAL};
#endif
    }
    return count;
}

static int rows_of(enum kernel kernel, struct row *rows)
{
    int count = 0;
    for (enum isa isa = 0; isa < ISA_COUNT; isa++)
        if (kernels_select(isa) != NULL)
            rows[count++] = row_of(kernels_select(isa), kernel);
    count += rivals_of(kernel, rows + count);
    rows[count] = (struct row){"the machine: reading", .read = machine_read_16, .who = MACHINE};
#if defined __x86_64__
    if (kernels_select(ISA_AVX2) != NULL)
        rows[count].read = machine_read_32;
#endif
    count++;
    rows[count++] = (struct row){"the machine: copying", .change = machine_copy, .who = MACHINE};
    return count;
}

/* One round over all rows, so that a slow moment of the machine hits them alike; keeps the best. */
static void measure_round(struct row *rows, int count, int size, float *floats)
{
    static volatile float kept;
    size_t floats_count = sizes[size] / sizeof *floats;
    for (int i = 0; i < count; i++) {
        int64_t start = now_ns();
        if (rows[i].read != NULL)
            kept = rows[i].read(floats, floats_count);
        else
            rows[i].change(floats, floats_count);
        double speed = (double)sizes[size] / (double)(now_ns() - start);
        if (speed > rows[i].speeds[size])
            rows[i].speeds[size] = speed;
    }
    (void)kept;
}

static double best_of(const struct row *rows, int count, int size, enum who who)
{
    double best = 0;
    for (int i = 0; i < count; i++)
        if (rows[i].who == who && rows[i].speeds[size] > best)
            best = rows[i].speeds[size];
    return best;
}

static void print_rows(const char *title, const struct row *rows, int count)
{
    printf("\n%s, GB/s\n\n%-22s", title, "");
    for (int size = 0; size < SIZES; size++)
        printf(" %9s", size_names[size]);
    printf("\n");
    double fastest = larger(best_of(rows, count, 1, OURS), best_of(rows, count, 1, RIVAL));
    for (int i = 0; i < count; i++) {
        printf("%-22s", rows[i].name);
        for (int size = 0; size < SIZES; size++)
            printf(" %9.1f", rows[i].speeds[size]);
        printf("  ");
        for (int j = 0; rows[i].who != MACHINE && j + 0.5 < 30 * rows[i].speeds[1] / fastest; j++)
            putchar('#');
        putchar('\n');
    }
}

static void bench_kernel(enum kernel kernel, float *floats)
{
    struct row rows[ROWS_MAX] = {{.name = NULL}};
    int count = rows_of(kernel, rows);
    for (int size = 0; size < SIZES; size++) {
        size_t rounds = (size_t)megabytes * 1024 * 1024 / sizes[size];
        if (kernel == KERNEL_SIGMOID)
            rounds /= 8;
        for (size_t i = 0; i < sizes[SIZES - 1] / sizeof *floats; i++)
            floats[i] = 1; /* of which the squares don't become 0 or infinite */
        for (size_t round = 0; round < rounds || round < ROUNDS_MIN; round++)
            measure_round(rows, count, size, floats);
    }
    print_rows(kernel_names[kernel], rows, count);
    printf("best of ours / best rival:");
    for (int size = 0; size < SIZES; size++)
        printf("  %.2f at %s", best_of(rows, count, size, OURS) / best_of(rows, count, size, RIVAL),
               size_names[size]);
    printf("  (goal: %.2f)\n", goals[kernel]);
    fflush(stdout);
}

static float *new_floats(size_t bytes)
{
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED)
        die("cannot map %zu bytes: %s", bytes, strerror(errno));
    memset(address, 0, bytes);
    return address;
}

int main(int argc, char **argv)
{
    const struct option_rule rules[] = {
        {"megabytes", .number = &megabytes, .minimum = 1, .maximum = 100000},
        {.name = NULL},
    };
    reject_arguments(parse_options(argc, argv, help, rules), argv);
    catch_stop_signals();
    find_rivals();
    float *floats = new_floats(sizes[SIZES - 1]);
    copy_target = new_floats(sizes[SIZES - 1]);
    for (enum kernel kernel = 0; kernel < KERNEL_COUNT; kernel++)
        bench_kernel(kernel, floats);
    CHECK(munmap(floats, sizes[SIZES - 1])); /* or each fork() below would copy their page tables */
    CHECK(munmap(copy_target, sizes[SIZES - 1]));
    bench_pair();
    bench_pages();
    return fflush(stdout) == 0 ? exit_status() : 1;
}
