#include "clock.h"

/* Civil date from days since 1970-01-01 (proleptic Gregorian), without the C library's time zones or locks. */
static void civil(int64_t days, int *year, unsigned *month, unsigned *day)
{
    days += 719468; /* from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (int)((int64_t)yoe + era * 400) + (*month <= 2);
}

/* So many digits, and what stands behind them. */
static char *digits(char *at, unsigned n, unsigned width, char behind)
{
    for (unsigned i = width; i-- > 0; n /= 10)
        at[i] = (char)('0' + n % 10);
    at[width] = behind;
    return at + width + 1;
}

void clock_format(int64_t ns, char text[static CLOCK_TEXT_SIZE])
{
    int64_t seconds = ns / CLOCK_S, rest = ns % CLOCK_S;
    if (rest < 0) {
        rest += CLOCK_S;
        seconds--;
    }
    int64_t days = seconds / 86400, in_day = seconds % 86400;
    if (in_day < 0) {
        in_day += 86400;
        days--;
    }
    int year;
    unsigned month, day; /* 64 bits of nanoseconds reach from 1677 to 2262: the year always has four digits */
    civil(days, &year, &month, &day);
    char *at = text;
    at = digits(at, (unsigned)year, 4, '-');
    at = digits(at, month, 2, '-');
    at = digits(at, day, 2, 'T');
    at = digits(at, (unsigned)(in_day / 3600), 2, ':');
    at = digits(at, (unsigned)(in_day / 60 % 60), 2, ':');
    at = digits(at, (unsigned)(in_day % 60), 2, '.');
    at = digits(at, (unsigned)(rest / CLOCK_US), 6, 'Z');
    *at = 0;
}
