/* Dates of messages, RFC 5322 sections 3.3 and 4.3. The calendar is computed here: the C library's would depend on
   locale and time zone. */
#include "date.h"

#include "base/clock.h"
#include "lexical.h"

static bool character(struct bytes *rest, uint8_t c)
{
    *rest = lexical_skip(*rest);
    if (!rest->len || rest->data[0] != c)
        return false;
    *rest = bytes_part(*rest, 1, SIZE_MAX);
    return true;
}

static struct bytes letters(struct bytes *rest)
{
    *rest = lexical_skip(*rest);
    size_t n = 0;
    while (n < rest->len && byte_is_letter(rest->data[n]))
        n++;
    struct bytes word = bytes_part(*rest, 0, n);
    *rest = bytes_part(*rest, n, SIZE_MAX);
    return word;
}

/* A number of `least` to `most` digits; their number in *digits. */
static bool number(struct bytes *rest, size_t least, size_t most, unsigned *ret, size_t *digits)
{
    *rest = lexical_skip(*rest);
    size_t n = 0;
    *ret = 0;
    while (n < rest->len && n < most && byte_is_digit(rest->data[n]))
        *ret = *ret * 10 + (rest->data[n++] - '0');
    if (n < least || (n < rest->len && byte_is_digit(rest->data[n])))
        return false;
    *rest = bytes_part(*rest, n, SIZE_MAX);
    if (digits)
        *digits = n;
    return true;
}

/* 1 to 12, or 0 */
static unsigned month_number(struct bytes name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned m = 0; m < 12; m++)
        if (bytes_equal_nocase(name, bytes_of(names + 3 * m, 3)))
            return m + 1;
    return 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* Days since 1970-01-01; the year counted from March, so that the leap day comes last. */
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

/* Section 4.3: what two and three digits mean. */
static bool year_number(struct bytes *rest, unsigned *ret)
{
    size_t digits;
    if (!number(rest, 2, 4, ret, &digits))
        return false;
    if (digits == 2)
        *ret += *ret < 50 ? 2000 : 1900;
    else if (digits == 3)
        *ret += 1900;
    return *ret >= 1900 && *ret <= 2261;
}

/* Seconds east of UTC. A military letter other than Z was used with either sign, so it tells nothing. */
static bool zone_offset(struct bytes *rest, int64_t *ret)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
                 {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
    *ret = 0;
    bool minus = character(rest, '-');
    if (minus || character(rest, '+')) {
        unsigned value;
        if (!rest->len || !byte_is_digit(rest->data[0]) || !number(rest, 4, 4, &value, NULL) || value % 100 > 59)
            return false;
        *ret = (int64_t)(value / 100) * 3600 + (int64_t)(value % 100) * 60;
        *ret = minus ? -*ret : *ret;
        return true;
    }
    struct bytes name = letters(rest);
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        if (bytes_equal_nocase(name, bytes_of_string(zones[i].name)))
            *ret = zones[i].hours * INT64_C(3600);
    return true;
}

/* hour ":" minute [ ":" second ], as seconds of the day. */
static bool time_of_day(struct bytes *rest, int64_t *ret)
{
    unsigned hour, minute, second = 0;
    if (!number(rest, 1, 2, &hour, NULL) || !character(rest, ':') || !number(rest, 2, 2, &minute, NULL))
        return false;
    if (character(rest, ':') && !number(rest, 2, 2, &second, NULL))
        return false;
    *ret = (int64_t)hour * 3600 + (int64_t)minute * 60 + second;
    return hour <= 23 && minute <= 59 && second <= 60;
}

bool date_parse(struct bytes text, int64_t *ret_ns)
{
    unsigned day, year;
    int64_t seconds, offset;
    if (letters(&text).len) /* the day's name; the date counts */
        character(&text, ',');
    if (!number(&text, 1, 2, &day, NULL))
        return false;
    unsigned month = month_number(letters(&text));
    if (!month || !year_number(&text, &year) || !day || day > month_days(year, month))
        return false;
    if (!time_of_day(&text, &seconds) || !zone_offset(&text, &offset))
        return false;
    text = lexical_skip(text);
    if (text.len)
        return false;
    *ret_ns = (days_since_1970(year, month, day) * 86400 + seconds - offset) * CLOCK_S;
    return true;
}
