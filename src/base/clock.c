#include "clock.h"

#include "bytes.h"

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

/* So many digits at the front, and `behind` behind them. */
static bool take(struct bytes *text, unsigned width, char behind, int64_t *ret)
{
    int64_t n = 0;
    if (text->len <= width || text->data[width] != (uint8_t)behind)
        return false;
    for (unsigned i = 0; i < width; i++) {
        if (!byte_is_digit(text->data[i]))
            return false;
        n = n * 10 + (text->data[i] - '0');
    }
    *text = bytes_part(*text, width + 1, text->len);
    *ret = n;
    return true;
}

/* Days since 1970-01-01 of a civil date. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

bool clock_parse(struct bytes text, int64_t *ret)
{
    int64_t year, month, day, hour, minute, second, fraction = 0, unit = CLOCK_S;
    if (!take(&text, 4, '-', &year) || !take(&text, 2, '-', &month) || !take(&text, 2, 'T', &day) ||
        !take(&text, 2, ':', &hour) || !take(&text, 2, ':', &minute) || text.len < 3 || !byte_is_digit(text.data[0]) ||
        !byte_is_digit(text.data[1]))
        return false;
    second = (text.data[0] - '0') * 10 + (text.data[1] - '0');
    size_t at = 2;
    if (text.data[at] == '.')
        for (at++; at < text.len && byte_is_digit(text.data[at]); at++) {
            unit /= 10;
            fraction += (text.data[at] - '0') * unit;
        }
    if (at + 1 != text.len || text.data[at] != 'Z' || year < 1678 || year > 2261 || month < 1 || month > 12 ||
        day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    *ret = (days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * CLOCK_S + fraction;
    return true;
}
