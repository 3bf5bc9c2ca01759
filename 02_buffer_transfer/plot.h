/* plot.h - a live scatter plot in a terminal: the newest points bright, older ones fading
 *
 * plot_begin() once, plot_add() for each point, plot_draw() as often as one likes. The screen comes
 * back as it was when the program exits, on every path but SIGKILL: plot_begin() gives plot_end()
 * to atexit().
 */
#ifndef PLOT_H
#define PLOT_H

#include <sys/ioctl.h>

#include "points.h"

enum { PLOT_POINTS = 1000, PLOT_SHADES = 4 };

static struct {
    struct point points[PLOT_POINTS]; /* the newest ones, point n at n % PLOT_POINTS */
    uint64_t count;                   /* of all points so far */
    double sum_x, sum_y;
    int64_t start_ns;
    bool is_on;
} plot;

/* How the four ages look: a letter for all, a grey for terminals that may have colour. */
static const struct {
    char letter;
    const char *colour;
} plot_shades[PLOT_SHADES] = {{'@', "\033[1;97m"}, {'o', "\033[37m"}, {'.', "\033[90m"}, {' ', ""}};

static inline void plot_end(void)
{
    if (plot.is_on)
        fputs("\033[0m\033[?25h\033[?1049l", stdout); /* cursor on, the screen from before */
    fflush(stdout);
    plot.is_on = false;
}

static inline void plot_begin(void)
{
    CHECK(atexit(plot_end));
    fputs("\033[?1049h\033[?25l", stdout); /* a screen of its own, cursor off */
    plot.is_on = true;
    plot.start_ns = now_ns();
}

static inline void plot_add(struct point point)
{
    plot.points[plot.count++ % PLOT_POINTS] = point;
    plot.sum_x += point.x;
    plot.sum_y += point.y;
}

static inline void plot_title(int columns)
{
    char title[160];
    double n = plot.count > 0 ? (double)plot.count : 1;
    double seconds = seconds_since(plot.start_ns);
    snprintf(title, sizeof title, "%llu points, %.0f/s, mean (%.1f, %.1f) - Ctrl-C ends",
             (unsigned long long)plot.count, (double)plot.count / (seconds > 0 ? seconds : 1),
             plot.sum_x / n, plot.sum_y / n);
    printf("\033[H\033[0m%-*.*s", columns, columns, title);
}

/* Marks, for each cell of the window, the shade of the newest point in it. */
static inline void plot_mark(unsigned char *cells, int columns, int rows)
{
    uint64_t shown = plot.count < PLOT_POINTS ? plot.count : PLOT_POINTS;
    memset(cells, PLOT_SHADES - 1, (size_t)columns * (size_t)rows);
    for (uint64_t age = shown; age-- > 0;) {
        struct point point = plot.points[(plot.count - 1 - age) % PLOT_POINTS];
        int column = (int)(point.x / POINT_MAX * (columns - 1) + 0.5);
        int row = rows - 1 - (int)(point.y / POINT_MAX * (rows - 1) + 0.5);
        cells[row * columns + column] = (unsigned char)(age < shown / 10 + 1 ? 0
                                                        : age < shown / 2    ? 1
                                                                             : 2);
    }
}

/* Draws the whole window, whatever its size is now. */
static inline void plot_draw(void)
{
    struct winsize window = {.ws_row = 24, .ws_col = 80};
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &window); /* asked each time: windows are resized */
    int columns = window.ws_col > 0 ? window.ws_col : 80;
    int rows = window.ws_row > 2 ? window.ws_row - 1 : 1;
    unsigned char *cells = malloc((size_t)columns * (size_t)rows);
    if (cells == NULL)
        die("no memory for a window of %d x %d", columns, rows);
    bool in_colour = getenv("NO_COLOR") == NULL;

    plot_mark(cells, columns, rows);
    plot_title(columns);
    for (int row = 0; row < rows; row++) {
        printf("\033[%d;1H", row + 2);
        for (int column = 0; column < columns; column++) {
            unsigned char shade = cells[row * columns + column];
            if (in_colour && (column == 0 || shade != cells[row * columns + column - 1]))
                fputs(plot_shades[shade].colour, stdout);
            putchar(plot_shades[shade].letter);
        }
    }
    fputs("\033[0m", stdout);
    fflush(stdout);
    free(cells);
}

#endif
